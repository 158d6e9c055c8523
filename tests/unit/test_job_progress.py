"""How long it will take: worked by hand, and never a number without ground."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.jobs_wire import job_json
from app.cli.job_text import duration_text, left_text, progress_text, size_text
from ingestion.jobs.progress import JobProgress, Pace, Tally, TimeLeft, progress_of, time_left
from ingestion.jobs.types import ItemState, Job, JobState, Source, SourceKind
from retrieval.types import Collection

STANDING = Pace(60.0, 0, 0, 0)


def test_time_left_worked_by_hand():
    """16 files of 4,096 bytes count 8,192 each: 131,072 in 16 s, that is 8,192 a second."""
    pace = Pace(16.0, 16, 16 * 4096, 160)
    left = time_left(pace, pace, files=4, size=4 * 4096)
    assert left == TimeLeft(4.0, 4.0 * 0.75, 4.0 * 1.25)  # doubt: 1 / sqrt(16)


def test_the_present_pace_gives_the_guess_and_both_give_the_bounds():
    overall, recent = Pace(100.0, 100, 0, 0), Pace(60.0, 30, 0, 0)
    left = time_left(overall, recent, files=50, size=0)
    assert left == TimeLeft(100.0, 50.0 * 0.9, 100.0 * 1.1)


def test_a_job_that_stands_still_is_guessed_by_what_it_did_before():
    left = time_left(Pace(100.0, 100, 0, 0), STANDING, files=10, size=0)
    assert left is not None
    assert left.seconds == 10.0


@pytest.mark.parametrize(
    "overall", [Pace(0.0, 0, 0, 0), Pace(60.0, 2, 10**6, 5), Pace(4.9, 50, 10**6, 5)]
)
def test_nothing_is_said_while_nothing_is_known(overall):
    assert time_left(overall, overall, files=1, size=1) is None


def test_nothing_left_takes_no_time():
    assert time_left(STANDING, STANDING, files=0, size=0) == TimeLeft(0.0, 0.0, 0.0)


paces = st.builds(
    Pace,
    st.floats(5.0, 1e6),
    st.integers(3, 10**6),
    st.integers(0, 10**12),
    st.integers(0, 10**9),
)


@given(paces, paces, st.integers(1, 10**6), st.integers(0, 10**12))
def test_the_guess_lies_within_its_bounds_and_is_a_number(overall, recent, files, size):
    left = time_left(overall, recent, files=files, size=size)
    assert left is not None
    assert 0 <= left.low <= left.seconds <= left.high < math.inf


@given(paces, st.integers(1, 1000), st.integers(0, 10**9))
def test_less_to_do_never_takes_longer(pace, files, size):
    more = time_left(pace, pace, files=files + 1, size=size + 1)
    less = time_left(pace, pace, files=files, size=size)
    assert more is not None
    assert less is not None
    assert less.seconds <= more.seconds


def test_progress_counts_what_has_ended():
    tally = Tally(
        files={ItemState.INDEXED: 2, ItemState.REJECTED: 1, ItemState.READING: 1},
        sizes={ItemState.INDEXED: 200, ItemState.REJECTED: 50, ItemState.READING: 70},
        passages=40,
        overall=Pace(2.0, 3, 250, 40),
        recent=Pace(2.0, 3, 250, 40),
    )
    assert progress_of(tally) == JobProgress(3, 4, 250, 320, 40, 20.0, None)


def test_a_job_without_items_has_no_pace():
    tally = Tally({}, {}, 0, Pace(3.0, 0, 0, 0), Pace(3.0, 0, 0, 0))
    assert progress_of(tally) == JobProgress(0, 0, 0, 0, 0, None, TimeLeft(0.0, 0.0, 0.0))


def test_a_job_that_stopped_half_way_says_no_time_left():
    tally = Tally(
        {ItemState.INDEXED: 9, ItemState.QUEUED: 9},
        {ItemState.INDEXED: 90, ItemState.QUEUED: 90},
        9,
        Pace(30.0, 9, 90, 9),
        Pace(30.0, 9, 90, 9),
    )
    now = datetime(2026, 11, 30, tzinfo=UTC)

    def left(state: JobState) -> object:
        source = Source(SourceKind.PATHS, paths=("/a",))
        job = Job(1, Collection(1, "docs"), source, state, "", None, now, None, True, 0, 0, 30.0)
        return job_json(job, tally, with_paths=False)["progress"]["left"]

    assert left(JobState.RUNNING) is not None
    assert left(JobState.PAUSED) is not None
    assert left(JobState.CANCELLED) is left(JobState.FAILED) is None


def test_progress_in_words():
    far = JobProgress(3, 40, 1_500_000, 9_000_000, 1200, 99.6, TimeLeft(400, 300, 500))
    assert progress_text(far) == (
        "3 of 40 files, 1.5 MB of 9.0 MB, 1,200 passages, 100 a second, about 5 min to 8 min left"
    )
    assert progress_text(far, has_ended=True).endswith("1,200 passages, 100 a second")
    pages = JobProgress(3, 40, 0, 0, 5, None, None)
    assert progress_text(pages) == "3 of 40 files, 5 passages, time left not known yet"
    assert left_text(None) == "time left not known yet"
    assert [size_text(size) for size in (0, 999, 1000, 2 * 10**12)] == [
        "0 bytes", "999 bytes", "1.0 kB", "2.0 TB"
    ]  # fmt: skip
    assert [duration_text(s) for s in (0, 89, 91, 5400, 86_400)] == [
        "1 s", "89 s", "2 min", "1.5 h", "24.0 h"
    ]  # fmt: skip
