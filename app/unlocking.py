"""Reads a file of a job again with its password. The password is in memory meanwhile, nowhere else.

The server does it itself: a password for the process that works on jobs would have to be written
down somewhere.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import RequestRefused
from app.job_locks import JobLocks
from ingestion.changes import FoundFile
from ingestion.errors import NEEDS_PASSWORD
from ingestion.jobs.states import ENDED, item_after
from ingestion.jobs.types import Item, ItemState, ItemUpdate, Job
from ingestion.types import FileEvent, FileStage

if TYPE_CHECKING:
    from app.uploads.staging import Staging
    from ingestion.jobs.store import JobStore
    from ingestion.pipeline import Ingester

_CHANGES = {FileStage.ADDED: "added", FileStage.CHANGED: "changed"}


def needs_password(item: Item) -> bool:
    """Whether a file was refused for want of a password."""
    return item.state is ItemState.REJECTED and item.reason.startswith(NEEDS_PASSWORD)


class Unlocking:
    """Brings in files that were refused for want of a password, one at a time each."""

    def __init__(
        self,
        jobs: "JobStore",
        staging: "Staging",
        home: Path,
        ingester: "Callable[[str], Ingester]",
    ) -> None:
        """Take what makes an ingester that reads with a password."""
        self._jobs, self._staging, self._home, self._ingester = jobs, staging, home, ingester

    def read(self, job: Job, item_id: int, password: str) -> Item:
        """Read a file of a job with its password. What became of it is written down.

        Raises:
            RequestRefused: no such file of the job waits for a password, its bytes are gone, or
                somebody works on the job.
        """
        with ExitStack() as held:
            if not held.enter_context(JobLocks(self._home).held(job.id)):
                raise RequestRefused(409, "the job is being worked on; try again when it has ended")
            job, item = self._jobs.job(job.id), self._waiting(job, item_id)
            if job.state not in ENDED:
                raise RequestRefused(409, "the job has not ended; try again when it has")
            where = Path(item.location or item.path)
            if not where.is_file():
                raise RequestRefused(410, "its bytes are not kept any more; bring the file again")
            file = FoundFile(item.path, item.name, item.size, "", item.location)
            events: list[FileEvent] = []
            self._ingester(password).bring_in(
                [file], collection=job.collection, on_event=events.append
            )
            last = events[-1]
            self._jobs.record(job.id, [_update(item, events)], active_seconds=job.active_seconds)
            if last.stage not in {FileStage.REJECTED, FileStage.FAILED} and item.location:
                self._staging.forget(item.location)
            return self._found(job, item_id)

    def _waiting(self, job: Job, item_id: int) -> Item:
        item = self._found(job, item_id)
        if not needs_password(item):
            raise RequestRefused(409, f"{item.name!r} does not wait for a password")
        return item

    def _found(self, job: Job, item_id: int) -> Item:
        for item in self._jobs.items(job.id).items:
            if item.id == item_id:
                return item
        raise RequestRefused(404, f"job {job.id} has no file {item_id}")


def _update(item: Item, events: list[FileEvent]) -> ItemUpdate:
    state = ItemState.QUEUED
    for event in events:
        state = item_after(state, event.stage)
    last = events[-1]
    return ItemUpdate(
        item_id=item.id,
        state=state,
        change=_CHANGES.get(last.stage, ""),
        reason=last.reason,
        attempts=item.attempts + 1,
        seconds=item.seconds,
        passages=last.passages,
        at_seconds=None,
    )
