"""Works through jobs: each by one process at a time, which has a lock on it meanwhile."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from app.audit import COMMAND_LINE
from app.background_child import BackgroundChild, start_command
from app.errors import UrlRefused
from app.job_commands import note_new_job
from app.job_locks import JobLocks
from ingestion.jobs.states import WORKABLE
from ingestion.jobs.store import JobStore
from ingestion.jobs.types import Command, ItemState, Job, JobState, NewItem, Source, SourceKind
from ingestion.jobs.work import JobWork
from retrieval.types import Collection

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from ingestion.pipeline import Ingester

# An upload should not wait long; a look is one small query.
LOOK_SECONDS = 1.0
# So long a worker that has nothing left to do keeps its models loaded.
WAIT_SECONDS = 60.0
_ITEMS_AT_ONCE = 1_000
_logger = logging.getLogger(__name__)


class ToDo(NamedTuple):
    """What looking at folders has found; as `JobStore.list_items` takes it."""

    items: Sequence[NewItem]
    unchanged: int
    removals: Sequence[int]
    ignored: int


def work_on(
    assay: "Assay",
    job_id: int,
    *,
    on_written: Callable[[Job], None],
    ingester: "Ingester | None" = None,
) -> Job:
    """Work on a job, whose lock the caller has, and put the rest of the home in order after it.

    Raises:
        IngestionError, RetrievalError, OSError: as `JobWork.run`.
    """
    try:
        # Before anything is written to it: what changes afterwards is this job's doing.
        assay.lexical.look_over()
        work = JobWork(assay.jobs, assay.store, ingester or _ingester_for(assay, job_id))
        job = work.run(job_id, on_written=on_written)
    finally:
        forget_staged(assay, job_id)
    if job.removed or assay.jobs.tally(job_id).passages:
        assay.save_vectors(has_removed=bool(job.removed))
        assay.lexical.seal()
    return job


def _ingester_for(assay: "Assay", job_id: int) -> "Ingester":
    job = assay.jobs.job(job_id)
    if job.source.kind is not SourceKind.URLS:
        return assay.ingester()
    try:
        return assay.url_ingester(job.collection)
    except UrlRefused as refusal:
        assay.jobs.begin(job_id)
        assay.jobs.fail(job_id, str(refusal))
        raise


def make_and_work(
    assay: "Assay",
    collection: Collection,
    source: Source,
    items: Sequence[NewItem] = (),
    *,
    on_written: Callable[[Job], None],
    found: "ToDo | None" = None,
    ingester: "Ingester | None" = None,
) -> Job:
    """Make a job and work on it at once; interrupted, it is cancelled.

    Jobs that bring in the same and were left half-way by a killed process end: this one goes on.

    Args:
        found: all there is to do; None: look for it.

    Raises:
        IngestionError, RetrievalError, OSError: as `JobWork.run`.
    """
    locks = JobLocks(assay.settings.home)
    with ExitStack() as held:
        with ExitStack() as others, locks.choosing():
            job = assay.jobs.create(collection, source, items).job
            note_new_job(assay.audit, COMMAND_LINE, job)
            held.enter_context(locks.held(job.id))
            abandoned = [
                one
                for one in assay.jobs.workable()
                if one != job.id and others.enter_context(locks.held(one))
            ]
            assay.jobs.supersede(job, abandoned)
        if found is not None:
            assay.jobs.list_items(job.id, **found._asdict())
        try:
            return work_on(assay, job.id, on_written=on_written, ingester=ingester)
        except KeyboardInterrupt:
            assay.jobs.command(job.id, Command.CANCEL)
            assay.jobs.let_go(job.id)
            raise


class Worked(NamedTuple):
    """What a worker did: jobs it came to an end with, that failed, and that it could not even mark
    as failed, because the disk is full or the database cannot be written.
    """

    ended: list[Job]
    failed: list[Job]
    stuck: list[int]


def work_through(assay: "Assay") -> Worked:
    """Work on jobs, the oldest first, until nobody has any left to take."""
    worked = Worked([], [], [])
    while True:
        with taken(assay.jobs, assay.settings.home, frozenset(worked.stuck)) as job_id:
            if job_id is None:
                return worked
            try:
                worked.ended.append(work_on(assay, job_id, on_written=lambda _: None))
            except Exception as error:  # noqa: BLE001 - written down; the next job may go well
                _logger.warning("job %d: %s", job_id, error)
                job = assay.jobs.job(job_id)
                if job.state in WORKABLE:
                    worked.stuck.append(job_id)
                else:
                    worked.failed.append(job)


def work_and_wait(assay: "Assay", *, wait_seconds: float = WAIT_SECONDS) -> Worked:
    """Work on jobs, and then wait for more: the models are loaded, and the next need not wait."""
    while True:
        worked = work_through(assay)
        until = time.monotonic() + wait_seconds
        while worked.stuck or not has_work(assay.jobs, assay.settings.home):
            if worked.stuck or time.monotonic() > until:
                return worked
            time.sleep(LOOK_SECONDS)


@contextmanager
def taken(jobs: JobStore, home: Path, passed_over: frozenset[int]) -> Iterator[int | None]:
    """The oldest job that waits, or that a killed process left, for as long as the context lasts.

    Yields:
        None when there is none.
    """
    locks = JobLocks(home)
    with ExitStack() as held:
        found = None
        with locks.choosing():
            for job_id in jobs.workable():
                if job_id not in passed_over and held.enter_context(locks.held(job_id)):
                    found = job_id
                    break
        yield found


def has_work(jobs: JobStore, home: Path) -> bool:
    """Whether a worker would find a job that nobody works on."""
    locks = JobLocks(home)
    return any(not locks.is_held(job_id) for job_id in jobs.workable())


def is_left(job: Job, home: Path) -> bool:
    """Whether a job seems to run, and the process that worked on it is gone."""
    return job.state is JobState.RUNNING and not JobLocks(home).is_held(job.id)


def job_worker(jobs: JobStore, home: Path) -> BackgroundChild:
    """Has a child process of lower priority do what waits."""
    return BackgroundChild(
        "jobs",
        has_work=lambda: has_work(jobs, home),
        start=lambda: start_command("jobs", "work", "--background"),
        look_seconds=LOOK_SECONDS,
        expected_codes=frozenset({0}),
    )


def forget_staged(assay: "Assay", job_id: int) -> None:
    """Remove uploaded bytes that are kept as originals now."""
    if assay.jobs.job(job_id).source.kind is not SourceKind.UPLOAD:
        return
    offset = 0
    states = [ItemState.INDEXED, ItemState.UNCHANGED]
    while page := assay.jobs.items(job_id, states=states, offset=offset, limit=_ITEMS_AT_ONCE)[0]:
        for item in page:
            assay.staging.forget(item.location)
        offset += len(page)


def sweep_staging(assay: "Assay") -> int:
    """Remove uploads that no job refers to, and those that have waited too long."""
    return assay.staging.sweep(assay.jobs.staged().keys())
