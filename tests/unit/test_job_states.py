"""What may follow what, for jobs and their files, whatever order things happen in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import JobRefused
from ingestion.jobs.states import (
    BEGUN_ITEMS,
    ENDED,
    FINAL_ITEMS,
    WORKABLE,
    item_after,
    item_recovered,
    item_retried,
    job_after,
    job_after_work,
)
from ingestion.jobs.types import Command, ItemState, JobState
from ingestion.types import FileStage


@pytest.mark.parametrize(
    ("state", "command", "after"),
    [
        ("queued", "pause", "paused"),
        ("running", "pause", "paused"),
        ("paused", "resume", "queued"),
        ("running", "resume", "running"),
        ("running", "cancel", "cancelled"),
        ("paused", "cancel", "cancelled"),
        ("failed", "cancel", "cancelled"),
        ("done", "retry", "queued"),
        ("failed", "retry", "queued"),
        ("cancelled", "retry", "queued"),
        ("paused", "retry", "paused"),
        ("running", "retry", "running"),
    ],
)
def test_what_a_command_does(state, command, after):
    assert job_after(7, JobState(state), Command(command)) is JobState(after)


@pytest.mark.parametrize(
    ("state", "command"),
    [("done", "pause"), ("done", "cancel"), ("done", "resume"), ("cancelled", "resume")],
)
def test_what_a_job_that_has_ended_does_not_take(state, command):
    with pytest.raises(JobRefused, match=rf"job 7 is {state}: {command} does not apply; `retry`"):
        job_after(7, JobState(state), Command(command))


@given(st.sampled_from(JobState), st.sampled_from(Command))
def test_the_same_command_twice_is_the_same_as_once(state, command):
    try:
        once = job_after(1, state, command)
    except JobRefused:
        return
    assert job_after(1, once, command) is once


@given(st.sampled_from(JobState), st.integers(0, 3))
def test_who_lets_go_of_a_job_never_undoes_what_somebody_asked_for(state, left):
    after = job_after_work(state, queued_items=left)
    if state is JobState.RUNNING:
        assert after is (JobState.QUEUED if left else JobState.DONE)
    else:
        assert after is state


def test_every_state_is_waiting_or_ended_or_paused():
    assert {JobState.PAUSED} == set(JobState) - WORKABLE - ENDED
    assert FINAL_ITEMS | BEGUN_ITEMS | {ItemState.QUEUED} == set(ItemState)


STAGES_OF_A_RUN = st.sampled_from(
    [
        [FileStage.READING],
        [FileStage.READING, FileStage.EMBEDDING],
        [FileStage.READING, FileStage.REJECTED],
        [FileStage.READING, FileStage.FAILED],
        *(
            [FileStage.READING, FileStage.EMBEDDING, end]
            for end in (FileStage.ADDED, FileStage.CHANGED, FileStage.UNCHANGED)
        ),
    ]
)


@given(st.lists(st.tuples(STAGES_OF_A_RUN, st.booleans(), st.booleans()), max_size=6))
def test_an_item_is_begun_only_from_the_queue_and_ends_only_once(runs):
    """Any number of runs, each broken off anywhere by a killed process, with retries between."""
    state = ItemState.QUEUED
    for stages, is_retried, rejected in runs:
        if state is ItemState.QUEUED:
            for stage in stages:
                state = item_after(state, stage)
        before = state
        state = item_recovered(state)  # the process is gone, or has let go
        assert state not in BEGUN_ITEMS
        assert (state is before) == (before not in BEGUN_ITEMS)
        if is_retried:
            again = item_retried(state, rejected=rejected)
            if state in {ItemState.INDEXED, ItemState.UNCHANGED}:
                assert again is state
            if state is ItemState.REJECTED:
                assert (again is ItemState.QUEUED) == rejected
            state = again


@pytest.mark.parametrize(
    ("state", "stage"),
    [("indexed", "reading"), ("queued", "embedding"), ("queued", "added"), ("rejected", "reading")],
)
def test_an_item_does_not_jump(state, stage):
    with pytest.raises(ValueError, match=f"from {state}"):
        item_after(ItemState(state), FileStage(stage))
