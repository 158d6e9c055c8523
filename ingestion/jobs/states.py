"""What may follow what: the states of jobs and of their files. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from ingestion.errors import JobRefused
from ingestion.jobs.types import Command, ItemState, JobState
from ingestion.types import FileStage

# Nothing happens to such an item until somebody asks for it to be tried again.
FINAL_ITEMS = frozenset(
    {ItemState.INDEXED, ItemState.UNCHANGED, ItemState.REJECTED, ItemState.FAILED}
)
BEGUN_ITEMS = frozenset({ItemState.READING, ItemState.EMBEDDING})
# Jobs that a worker may take: a running one when its process is gone.
WORKABLE = frozenset({JobState.QUEUED, JobState.RUNNING})
ENDED = frozenset({JobState.DONE, JobState.CANCELLED, JobState.FAILED})

_AFTER: Mapping[tuple[JobState, Command], JobState] = MappingProxyType(
    {
        (JobState.QUEUED, Command.PAUSE): JobState.PAUSED,
        (JobState.RUNNING, Command.PAUSE): JobState.PAUSED,
        (JobState.PAUSED, Command.PAUSE): JobState.PAUSED,
        (JobState.PAUSED, Command.RESUME): JobState.QUEUED,
        (JobState.QUEUED, Command.RESUME): JobState.QUEUED,
        (JobState.RUNNING, Command.RESUME): JobState.RUNNING,
        (JobState.QUEUED, Command.CANCEL): JobState.CANCELLED,
        (JobState.RUNNING, Command.CANCEL): JobState.CANCELLED,
        (JobState.PAUSED, Command.CANCEL): JobState.CANCELLED,
        (JobState.FAILED, Command.CANCEL): JobState.CANCELLED,
        (JobState.CANCELLED, Command.CANCEL): JobState.CANCELLED,
        (JobState.QUEUED, Command.RETRY): JobState.QUEUED,
        (JobState.RUNNING, Command.RETRY): JobState.RUNNING,
        (JobState.PAUSED, Command.RETRY): JobState.PAUSED,
        (JobState.CANCELLED, Command.RETRY): JobState.QUEUED,
        (JobState.DONE, Command.RETRY): JobState.QUEUED,
        (JobState.FAILED, Command.RETRY): JobState.QUEUED,
    }
)
_ADVICE: Mapping[JobState, str] = MappingProxyType(
    {
        JobState.DONE: "`retry` tries its failed files again",
        JobState.CANCELLED: "`retry` goes on with what is left of it",
        JobState.FAILED: "`retry` goes on with it once the cause is mended",
    }
)
_FROM_STAGE: Mapping[FileStage, ItemState] = MappingProxyType(
    {
        FileStage.READING: ItemState.READING,
        FileStage.EMBEDDING: ItemState.EMBEDDING,
        FileStage.ADDED: ItemState.INDEXED,
        FileStage.CHANGED: ItemState.INDEXED,
        FileStage.UNCHANGED: ItemState.UNCHANGED,
        FileStage.REJECTED: ItemState.REJECTED,
        FileStage.FAILED: ItemState.FAILED,
    }
)
_BEFORE: Mapping[ItemState, frozenset[ItemState]] = MappingProxyType(
    {
        ItemState.QUEUED: frozenset(),
        ItemState.READING: frozenset({ItemState.QUEUED}),
        ItemState.EMBEDDING: frozenset({ItemState.READING}),
        ItemState.INDEXED: frozenset({ItemState.EMBEDDING}),
        ItemState.UNCHANGED: frozenset({ItemState.QUEUED, *BEGUN_ITEMS}),
        ItemState.REJECTED: frozenset({ItemState.QUEUED, ItemState.READING}),
        ItemState.FAILED: frozenset({ItemState.QUEUED, *BEGUN_ITEMS}),
    }
)


def job_after(job_id: int, state: JobState, command: Command) -> JobState:
    """Where a command takes a job. Asking twice for the same changes nothing the second time.

    Raises:
        JobRefused: it has ended, and cannot be paused, resumed, or (when done) cancelled.
    """
    after = _AFTER.get((state, command))
    if after is None:
        raise JobRefused(job_id, command.value, state.value, _ADVICE[state])
    return after


def item_after(state: ItemState, stage: FileStage) -> ItemState:
    """Where a stage that a file has come to takes its item.

    Raises:
        ValueError: a file does not come from there to here.
    """
    after = _FROM_STAGE[stage]
    if state not in _BEFORE[after]:
        raise ValueError(f"an item cannot come from {state.value} to {after.value}")
    return after


def item_recovered(state: ItemState) -> ItemState:
    """Where an item stands once the process that worked on it is gone."""
    return ItemState.QUEUED if state in BEGUN_ITEMS else state


def item_retried(state: ItemState, *, rejected: bool) -> ItemState:
    """Where an item stands after a retry.

    Args:
        rejected: rejected files are tried again too: worthwhile after Assay was changed.
    """
    again = {ItemState.FAILED, ItemState.REJECTED} if rejected else {ItemState.FAILED}
    return ItemState.QUEUED if state in again else state


def job_after_work(state: JobState, *, queued_items: int) -> JobState:
    """Where a job stands when its worker has let go of it without an error."""
    if state is not JobState.RUNNING:
        return state  # somebody paused or cancelled it meanwhile
    return JobState.QUEUED if queued_items else JobState.DONE
