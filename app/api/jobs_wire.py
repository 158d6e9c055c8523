"""Jobs as JSON."""

from typing import TypedDict

from app.unlocking import needs_password
from ingestion.jobs.progress import Tally, progress_of
from ingestion.jobs.types import Item, ItemState, Job, JobState


class TimeLeftJson(TypedDict):
    """Seconds of work that are left: a guess, and between what it may well turn out to be."""

    seconds: float
    low: float
    high: float


class JobProgressJson(TypedDict):
    """How far a job has come."""

    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    passages: int
    passages_per_second: float | None
    left: TimeLeftJson | None


class JobJson(TypedDict):
    """A job. `files` counts them by state."""

    job: int
    collection: str
    source: str
    state: str
    reason: str
    started_by: str | None
    created_at: str
    finished_at: str | None
    active_seconds: float
    files: dict[str, int]
    unchanged: int
    removed: int
    ignored: int
    progress: JobProgressJson


class OperatorsJobJson(JobJson):
    """What an administrator sees: with the files and folders of this server that it looks at."""

    paths: list[str]


class ItemJson(TypedDict):
    """A file of a job."""

    item: int
    name: str
    size: int
    state: str
    change: str | None
    reason: str
    needs_password: bool
    attempts: int
    seconds: float | None
    passages: int


class OperatorsItemJson(ItemJson):
    """What an administrator sees: with where the file lies, or as what an upload is known."""

    path: str


def job_json(job: Job, tally: Tally, *, with_paths: bool) -> JobJson | OperatorsJobJson:
    """A job with what its items add up to.

    Args:
        with_paths: say which folders of this server it looks at.
    """
    far = progress_of(tally)
    # What was cancelled or has failed does not go on by itself.
    left = None if job.state in {JobState.CANCELLED, JobState.FAILED} else far.left
    rate = far.passages_per_second
    shown: JobJson = {
        "job": job.id,
        "collection": job.collection.name,
        "source": job.source.kind.value,
        "state": job.state.value,
        "reason": job.reason,
        "started_by": job.started_by,
        "created_at": f"{job.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "finished_at": None if job.finished_at is None else f"{job.finished_at:%Y-%m-%dT%H:%M:%SZ}",
        "active_seconds": round(job.active_seconds, 2),
        "files": {state.value: tally.files.get(state, 0) for state in ItemState},
        "unchanged": job.unchanged,
        "removed": job.removed,
        "ignored": job.source.ignored,
        "progress": {
            "files_done": far.files_done,
            "files_total": far.files_total,
            "bytes_done": far.bytes_done,
            "bytes_total": far.bytes_total,
            "passages": far.passages,
            "passages_per_second": None if rate is None else round(rate, 1),
            "left": None
            if left is None
            else {
                "seconds": round(left.seconds, 1),
                "low": round(left.low, 1),
                "high": round(left.high, 1),
            },
        },
    }
    return {**shown, "paths": list(job.source.paths)} if with_paths else shown


def item_json(item: Item, *, with_path: bool) -> ItemJson | OperatorsItemJson:
    """A file of a job."""
    shown: ItemJson = {
        "item": item.id,
        "name": item.name,
        "size": item.size,
        "state": item.state.value,
        "change": item.change or None,
        "reason": item.reason,
        "needs_password": needs_password(item),
        "attempts": item.attempts,
        "seconds": None if item.seconds is None else round(item.seconds, 2),
        "passages": item.passages,
    }
    return {**shown, "path": item.path} if with_path else shown
