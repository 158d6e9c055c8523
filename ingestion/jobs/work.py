"""Does the work of a job: looks at its folders, brings its files in, writes down what happens."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ingestion.changes import FoundFile
from ingestion.errors import IngestionError
from ingestion.finding import read_whole
from ingestion.ignoring import Selection
from ingestion.jobs.states import BEGUN_ITEMS, item_after
from ingestion.jobs.store import MOST_ATTEMPTS, JobStore
from ingestion.jobs.types import Item, ItemState, ItemUpdate, Job, JobState, NewItem, SourceKind
from ingestion.pipeline import Ingester, Listing
from ingestion.types import FileEvent, FileStage
from retrieval.errors import RetrievalError
from retrieval.originals import sha256_of
from retrieval.store import DocumentSize, Store

# So often is written down what happened, and looked whether somebody paused or cancelled the job.
_WRITE_SECONDS = 0.5
_WRITE_EVENTS = 500
_GIVEN_UP = (
    f"given up: it was begun {MOST_ATTEMPTS} times and the process that worked on it ended each "
    "time; is there enough memory?"
)
_CHANGES = {FileStage.ADDED: "added", FileStage.CHANGED: "changed"}


class JobWork:
    """Works on jobs, one at a time. Whoever calls it has the job's lock."""

    def __init__(
        self,
        jobs: JobStore,
        store: Store,
        ingester: Ingester,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take a `clock` that never goes back, in seconds."""
        self._jobs, self._store, self._ingester, self._clock = jobs, store, ingester, clock

    def run(self, job_id: int, *, on_written: Callable[[Job], None] = lambda _: None) -> Job:
        """Work on a job until it is done, or somebody pauses or cancels it.

        Args:
            on_written: told now and then that there is news in the store.

        Raises:
            IngestionError, RetrievalError, OSError: the job cannot go on; it has failed, with the
                reason, and can be retried.
        """
        was_left = self._jobs.job(job_id).state is JobState.RUNNING
        job = self._jobs.begin(job_id)
        if job.state is not JobState.RUNNING:
            return job
        try:
            return self._run(job, on_written, was_left=was_left)
        except Exception as error:
            # What the disk or the database does not take now is found out by the next worker.
            with suppress(Exception):
                self._jobs.fail(job_id, _told(error))
            raise

    def _run(self, job: Job, on_written: Callable[[Job], None], *, was_left: bool) -> Job:
        if job.is_listed:
            self._recover(job, was_left=was_left)
        else:
            listing = self._ingester.look(
                [Path(path) for path in job.source.paths],
                collection=job.collection,
                sync=job.source.sync,
                allow_mass_removal=job.source.allow_mass_removal,
                selection=Selection(job.source.include, job.source.exclude),
            )
            plan = listing.plan
            self._jobs.list_items(
                job.id,
                items_of(listing),
                unchanged=len(plan.unchanged),
                removals=plan.to_remove,
                ignored=len(listing.found.ignored),
            )
        job = self._jobs.job(job.id)
        on_written(job)
        items = self._jobs.items(job.id, states=[ItemState.QUEUED]).items
        log = _Log(self._jobs, job, items, self._clock, on_written)
        try:
            self._ingester.bring_in(
                [_file_of(item) for item in items],
                collection=job.collection,
                on_event=log.take,
                should_stop=log.should_stop,
                anew=job.source.kind is SourceKind.ORIGINALS,
                gone=job.source.removals,
            )
        except BaseException:
            with suppress(Exception):  # the first error is the one to tell
                log.write()
            raise
        state = log.write()
        removed = 0
        if state is JobState.RUNNING and job.source.removals:
            here = [item.path for item in self._jobs.items(job.id).items]
            removed = self._ingester.remove_gone(job.collection, job.source.removals, here)
        return self._jobs.let_go(job.id, removed=removed)

    def _recover(self, job: Job, *, was_left: bool) -> None:
        """Find out what became of files that a process was working on when it went.

        What was published may not have been written down. A file of a folder differed from the
        store when the folder was looked at: if it does not now, this job has brought it in. Of an
        upload nobody knows, unless it was begun. Of an original nobody knows at all, and reading it
        once more does no harm.
        """
        if job.source.kind is SourceKind.ORIGINALS:
            self._jobs.recover(job.id, indexed={}, given_up=_GIVEN_UP)
            return
        states = BEGUN_ITEMS
        if was_left and job.source.kind is SourceKind.PATHS:
            states = BEGUN_ITEMS | {ItemState.QUEUED}
        left = self._jobs.items(job.id, states=states).items
        known = self._store.known_files(job.collection) if left else {}
        indexed: dict[int, DocumentSize] = {}
        for item in left:
            found = known.get(item.path)
            with suppress(OSError, IngestionError):
                if found and found.sha256 == sha256_of(read_whole(_where(item))):
                    indexed[item.id] = self._store.size_of(found.document_id)
        self._jobs.recover(job.id, indexed=indexed, given_up=_GIVEN_UP)


@dataclass(slots=True)
class _Doing:
    """An item that is being worked on."""

    item: Item
    begun: float = 0.0


class _Log:
    """Gathers what happens to files and writes it down now and then."""

    def __init__(
        self,
        jobs: JobStore,
        job: Job,
        items: Sequence[Item],
        clock: Callable[[], float],
        on_written: Callable[[Job], None],
    ) -> None:
        self._jobs, self._job, self._clock, self._on_written = jobs, job, clock, on_written
        self._doing = {item.path: _Doing(item) for item in items}
        self._unwritten: dict[int, ItemUpdate] = {}
        self._written = clock()
        # Counted from the first file: how long the models take to load says nothing of the pace.
        self._begun: float | None = None
        self._state = job.state

    def take(self, event: FileEvent) -> None:
        """Note what happened to a file."""
        doing = self._doing[event.path]
        now = self._clock()
        if self._begun is None:
            self._begun = now
        if event.stage is FileStage.READING:
            doing.begun = now
            doing.item = replace(doing.item, attempts=doing.item.attempts + 1)
        is_final = event.stage.is_final
        doing.item = replace(
            doing.item,
            state=item_after(doing.item.state, event.stage),
            change=_CHANGES.get(event.stage, ""),
            reason=event.reason,
            seconds=now - doing.begun if is_final else None,
            passages=event.passages,
        )
        item = doing.item
        self._unwritten[item.id] = ItemUpdate(
            item_id=item.id,
            state=item.state,
            change=item.change,
            reason=item.reason,
            attempts=item.attempts,
            seconds=item.seconds,
            passages=item.passages,
            at_seconds=self._active(now) if is_final else None,
        )
        if now - self._written >= _WRITE_SECONDS or len(self._unwritten) >= _WRITE_EVENTS:
            self.write()

    def should_stop(self) -> bool:
        """Whether somebody paused or cancelled the job, or removed it."""
        if self._clock() - self._written >= _WRITE_SECONDS:
            self.write()
        return self._state is not JobState.RUNNING

    def write(self) -> JobState:
        """Write down what is not yet; says where the job stands."""
        self._written = self._clock()
        updates, self._unwritten = list(self._unwritten.values()), {}
        self._state = self._jobs.record(
            self._job.id, updates, active_seconds=self._active(self._written)
        )
        self._on_written(self._job)
        return self._state

    def _active(self, now: float) -> float:
        return self._job.active_seconds + (0.0 if self._begun is None else now - self._begun)


def items_of(listing: Listing) -> list[NewItem]:
    """The files that a job over a listing has to do, and those whose fate is known already."""
    found = listing.found
    return [
        *(NewItem(file.path, file.name, file.size) for file in listing.plan.to_read),
        *(_ended(path, ItemState.REJECTED, reason) for path, reason in found.rejected.items()),
        *(_ended(path, ItemState.FAILED, reason) for path, reason in found.failed.items()),
    ]


def _ended(path: str, state: ItemState, reason: str) -> NewItem:
    return NewItem(path, Path(path).name, 0, state=state, reason=reason)


def _file_of(item: Item) -> FoundFile:
    return FoundFile(item.path, item.name, item.size, "", item.location)


def _where(item: Item) -> Path:
    return Path(item.location or item.path)


def _told(error: Exception) -> str:
    """Why a job failed, for people: our own errors say it, others name themselves."""
    if isinstance(error, IngestionError | RetrievalError):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
