"""Jobs and their items in SQL. Rows never leave this module.

Whoever works on a job is its only writer of items, but for `retry`, which takes only items that
have ended. The state of a job may be changed by anybody at any time: a worker looks now and then.
"""

import json
from collections.abc import Collection as AnyOf
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, bindparam, delete, func, insert, select, update
from sqlalchemy import and_ as both

from ingestion.errors import UnknownJob
from ingestion.jobs.progress import RECENT_SECONDS, JobProgress, Pace, Tally, progress_of
from ingestion.jobs.schema import ingest_items, ingest_jobs
from ingestion.jobs.states import (
    BEGUN_ITEMS,
    ENDED,
    FINAL_ITEMS,
    WORKABLE,
    item_recovered,
    item_retried,
    job_after,
    job_after_work,
)
from ingestion.jobs.types import (
    Command,
    Item,
    ItemState,
    ItemUpdate,
    Job,
    JobState,
    NewItem,
    Source,
    SourceKind,
)
from retrieval.database import writing
from retrieval.schema import collections, documents, principals
from retrieval.store import DocumentSize
from retrieval.types import Collection

# Jobs that have ended are kept so many, the newest; older ones go, with their items.
KEPT_JOBS = 500
# An item is tried no more when it was begun so often without an end: it brings its process down.
MOST_ATTEMPTS = 5
_UNFINISHED = tuple(state.value for state in ItemState if state not in FINAL_ITEMS)
_ITEMS_AT_ONCE = 5_000


class Created(NamedTuple):
    """A job; `is_new` is false when the same request had made it before."""

    job: Job
    is_new: bool


class ItemPage(NamedTuple):
    """Some items of a job, and how many there are of the kind that was asked for."""

    items: list[Item]
    total: int


class JobStore:
    """The jobs of a home folder. Each write is one transaction. Times are UTC without zone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self,
        collection: Collection,
        source: Source,
        items: Sequence[NewItem] = (),
        *,
        principal_id: int | None = None,
        request_key: str | None = None,
    ) -> Created:
        """Make a job, queued. One that brings its items need not look at any folder.

        Args:
            request_key: a name for the request; the same from the same principal makes no second
                job, whatever else it says.
        """
        with writing(self._engine) as sql:
            if request_key is not None:
                known = _requested(sql, principal_id, request_key)
                if known is not None:
                    return Created(_job(sql, known), is_new=False)
            row = {
                "collection_id": collection.id,
                "principal_id": principal_id,
                "source": json.dumps(asdict(source)),
                "state": JobState.QUEUED.value,
                "request_key": request_key,
                "created_at": _now(),
                "is_listed": int(bool(items) or source.kind is SourceKind.UPLOAD),
            }
            job_id = int(
                sql.execute(
                    insert(ingest_jobs).values(**row).returning(ingest_jobs.c.id)
                ).scalar_one()
            )
            _insert_items(sql, job_id, items)
            _prune(sql)
            return Created(_job(sql, job_id), is_new=True)

    def requested(self, principal_id: int, request_key: str) -> Job | None:
        """The job that a request of this name has made already; None if it has not."""
        with self._engine.begin() as sql:
            known = _requested(sql, principal_id, request_key)
            return None if known is None else _job(sql, known)

    def job(self, job_id: int) -> Job:
        """A job by its number.

        Raises:
            UnknownJob: there is none.
        """
        with self._engine.begin() as sql:
            return _job(sql, job_id)

    def jobs(
        self,
        *,
        collection_ids: AnyOf[int] | None = None,
        states: AnyOf[JobState] = (),
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Job]:
        """Jobs, newest first; of some collections, in some states, older than job `before`."""
        query = _jobs().order_by(ingest_jobs.c.id.desc()).limit(limit)
        if collection_ids is not None:
            query = query.where(ingest_jobs.c.collection_id.in_(collection_ids))
        if states:
            query = query.where(ingest_jobs.c.state.in_([state.value for state in states]))
        if before is not None:
            query = query.where(ingest_jobs.c.id < before)
        with self._engine.begin() as sql:
            return [_job_of(row) for row in sql.execute(query)]

    def reading_again(self, collection: Collection, path: str) -> Job | None:
        """The newest job not ended that reads the document of this path again; None without one."""
        query = (
            _jobs()
            .join(ingest_items, ingest_items.c.job_id == ingest_jobs.c.id)
            .where(ingest_jobs.c.state.not_in([state.value for state in ENDED]))
            .where(ingest_jobs.c.collection_id == collection.id)
            .where(ingest_items.c.path == path)
            .where(ingest_items.c.state.in_(_UNFINISHED))
            .order_by(ingest_jobs.c.id.desc())
        )
        with self._engine.begin() as sql:
            found = [_job_of(row) for row in sql.execute(query)]
        again = (job for job in found if job.source.kind is SourceKind.ORIGINALS)
        return next(again, None)

    def unread(self, collection: Collection, *, limit: int) -> ItemPage:
        """Files that could not be read and of which there is no document, the newest first.

        A file counts once, with what became of it last.
        """
        there = (
            select(documents.c.id)
            .where(documents.c.collection_id == collection.id)
            .where(documents.c.path == ingest_items.c.path)
        )
        last = (
            select(func.max(ingest_items.c.id))
            .join(ingest_jobs, ingest_jobs.c.id == ingest_items.c.job_id)
            .where(ingest_jobs.c.collection_id == collection.id)
            .where(ingest_items.c.state.in_([ItemState.REJECTED.value, ItemState.FAILED.value]))
            .where(~there.exists())
            .group_by(ingest_items.c.path)
        )
        page = (
            select(ingest_items)
            .where(ingest_items.c.id.in_(last))
            .order_by(ingest_items.c.id.desc())
            .limit(limit)
        )
        with self._engine.begin() as sql:
            total = sql.execute(select(func.count()).select_from(last.subquery())).scalar_one()
            return ItemPage([_item(row) for row in sql.execute(page)], total)

    def workable(self) -> list[int]:
        """The numbers of jobs that a worker may take, the oldest first."""
        states = [state.value for state in WORKABLE]
        query = select(ingest_jobs.c.id).where(ingest_jobs.c.state.in_(states))
        with self._engine.begin() as sql:
            return list(sql.execute(query.order_by(ingest_jobs.c.id)).scalars())

    def items(
        self,
        job_id: int,
        *,
        states: AnyOf[ItemState] = (),
        offset: int = 0,
        limit: int | None = None,
    ) -> ItemPage:
        """The items of a job in order, those in some states."""
        query = select(ingest_items).where(ingest_items.c.job_id == job_id)
        if states:
            query = query.where(ingest_items.c.state.in_([state.value for state in states]))
        page = query.order_by(ingest_items.c.position).offset(offset).limit(limit)
        with self._engine.begin() as sql:
            total = sql.execute(select(func.count()).select_from(query.subquery())).scalar_one()
            return ItemPage([_item(row) for row in sql.execute(page)], total)

    def tally(self, job_id: int) -> Tally:
        """What the items of a job add up to.

        Raises:
            UnknownJob: there is no such job.
        """
        with self._engine.begin() as sql:
            return _tally(sql, job_id)

    def progress(self, job_id: int) -> JobProgress:
        """How far a job has come.

        Raises:
            UnknownJob: there is no such job.
        """
        return progress_of(self.tally(job_id))

    # What people ask for

    def command(self, job_id: int, command: Command, *, rejected: bool = False) -> Job:
        """Pause, resume, cancel or retry a job.

        Args:
            rejected: have `RETRY` try rejected files again too, not only failed ones.

        Raises:
            UnknownJob: there is no such job.
            JobRefused: a job in its state does not take this.
        """
        with writing(self._engine) as sql:
            job = _job(sql, job_id)
            after = job_after(job_id, job.state, command)
            if command is Command.RETRY:
                retried = _retry_items(sql, job_id, rejected=rejected)
                left = retried or _count(sql, job_id, _UNFINISHED)
                if not left and job.is_listed and job.state is not JobState.FAILED:
                    return job  # nothing to try again
            _set_state(sql, job_id, after)
            return _job(sql, job_id)

    def supersede(self, job: Job, abandoned: Sequence[int]) -> None:
        """Cancel those of the abandoned jobs that bring in the same as `job`, which goes on."""
        with writing(self._engine) as sql:
            for other_id in abandoned:
                other = _job(sql, other_id)
                if other.state is not JobState.RUNNING or not _is_same(other, job):
                    continue
                reason = f"left half-way; job {job.id} goes on with it"
                _set_state(sql, other_id, JobState.CANCELLED, reason)
                _recover_items(sql, other_id)

    # For who works on a job

    def begin(self, job_id: int) -> Job:
        """Take a queued job, or one whose process is gone; the caller has its lock.

        Returns:
            The job, running; or as it is, when there is nothing to do.
        """
        with writing(self._engine) as sql:
            job = _job(sql, job_id)
            if job.state not in WORKABLE:
                return job
            _set_state(sql, job_id, JobState.RUNNING)
            return _job(sql, job_id)

    def list_items(
        self,
        job_id: int,
        items: Sequence[NewItem],
        *,
        unchanged: int,
        removals: Sequence[int],
        ignored: int = 0,
    ) -> None:
        """Write down what looking at a job's folders has found, all of it or nothing."""
        with writing(self._engine) as sql:
            found = {"removals": list(removals), "ignored": ignored}
            source = asdict(_job(sql, job_id).source) | found
            _insert_items(sql, job_id, items)
            sql.execute(
                update(ingest_jobs)
                .where(ingest_jobs.c.id == job_id)
                .values(is_listed=1, unchanged=unchanged, source=json.dumps(source))
            )

    def record(
        self, job_id: int, updates: Sequence[ItemUpdate], *, active_seconds: float
    ) -> JobState:
        """Write down what happened to items, and learn where the job stands now."""
        with writing(self._engine) as sql:
            if updates:
                sql.execute(
                    update(ingest_items)
                    .where(ingest_items.c.id == bindparam("item"))
                    .values(
                        {
                            name: bindparam(f"new_{name}")
                            for name in ItemUpdate.__dataclass_fields__
                            if name != "item_id"
                        }
                    ),
                    [
                        {
                            "item": one.item_id,
                            **{
                                f"new_{name}": value
                                for name, value in asdict(one).items()
                                if name != "item_id"
                            },
                        }
                        for one in updates
                    ],
                )
            sql.execute(
                update(ingest_jobs)
                .where(ingest_jobs.c.id == job_id)
                .values(active_seconds=active_seconds)
            )
            return JobState(
                sql.execute(
                    select(ingest_jobs.c.state).where(ingest_jobs.c.id == job_id)
                ).scalar_one()
            )

    def recover(self, job_id: int, *, indexed: Mapping[int, DocumentSize], given_up: str) -> None:
        """Put items back that a process was working on when it went.

        Args:
            indexed: by id those items whose bytes turned out to be published, and how they are.
            given_up: why an item is tried no more, once it has been begun `MOST_ATTEMPTS` times.
        """
        with writing(self._engine) as sql:
            for item_id, size in indexed.items():
                change = "added" if size.revisions == 1 else "changed"
                sql.execute(
                    update(ingest_items)
                    .where(ingest_items.c.id == item_id)
                    .values(state=ItemState.INDEXED.value, change=change, passages=size.passages)
                )
            sql.execute(
                update(ingest_items)
                .where(ingest_items.c.job_id == job_id)
                .where(ingest_items.c.state.in_([state.value for state in BEGUN_ITEMS]))
                .where(ingest_items.c.attempts >= MOST_ATTEMPTS)
                .values(state=ItemState.FAILED.value, reason=given_up)
            )
            _recover_items(sql, job_id)

    def let_go(self, job_id: int, *, removed: int = 0) -> Job:
        """End the work on a job: it is done, or stands where somebody put it meanwhile."""
        with writing(self._engine) as sql:
            _recover_items(sql, job_id)
            job = _job(sql, job_id)
            left = _count(sql, job_id, _UNFINISHED) if job.is_listed else 1
            after = job_after_work(job.state, queued_items=left)
            if after is not job.state:
                _set_state(sql, job_id, after)
            sql.execute(
                update(ingest_jobs)
                .where(ingest_jobs.c.id == job_id)
                .values(removed=job.removed + removed)
            )
            return _job(sql, job_id)

    def fail(self, job_id: int, reason: str) -> None:
        """End the work on a job that cannot go on; its files wait for a retry."""
        with writing(self._engine) as sql:
            _recover_items(sql, job_id)
            if _job(sql, job_id).state is JobState.RUNNING:
                _set_state(sql, job_id, JobState.FAILED, reason)

    def staged(self) -> dict[str, JobState]:
        """The staging folders that jobs refer to, with where the job stands."""
        with self._engine.begin() as sql:
            found = [_job_of(row) for row in sql.execute(_jobs())]
        return {job.source.staging: job.state for job in found if job.source.staging}


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _jobs() -> Any:  # noqa: ANN401 - a SQL expression
    return (
        select(ingest_jobs, collections.c.name, principals.c.name.label("started_by"))
        .join(collections, collections.c.id == ingest_jobs.c.collection_id)
        .outerjoin(principals, principals.c.id == ingest_jobs.c.principal_id)
    )


def _job(sql: Connection, job_id: int) -> Job:
    row = sql.execute(_jobs().where(ingest_jobs.c.id == job_id)).one_or_none()
    if row is None:
        raise UnknownJob(job_id)
    return _job_of(row)


def _job_of(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        collection=Collection(row.collection_id, row.name),
        source=_source(row.source),
        state=JobState(row.state),
        reason=row.reason,
        started_by=row.started_by,
        created_at=row.created_at,
        finished_at=row.finished_at,
        is_listed=bool(row.is_listed),
        unchanged=row.unchanged,
        removed=row.removed,
        active_seconds=row.active_seconds,
    )


def _is_same(one: Job, other: Job) -> bool:
    if one.collection != other.collection or not one.source.paths:
        return False
    return all(
        getattr(one.source, name) == getattr(other.source, name)
        for name in ("kind", "paths", "include", "exclude")
    )


def _source(text: str) -> Source:
    fields = json.loads(text)
    fields = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    return Source(**{**fields, "kind": SourceKind(fields["kind"])})


def _item(row: Row[Any]) -> Item:
    return Item(
        id=row.id,
        position=row.position,
        path=row.path,
        name=row.name,
        location=row.location,
        size=row.size,
        state=ItemState(row.state),
        change=row.change,
        reason=row.reason,
        attempts=row.attempts,
        seconds=row.seconds,
        passages=row.passages,
    )


def _requested(sql: Connection, principal_id: int | None, request_key: str) -> int | None:
    return sql.execute(
        select(ingest_jobs.c.id).where(
            both(
                ingest_jobs.c.principal_id == principal_id,
                ingest_jobs.c.request_key == request_key,
            )
        )
    ).scalar()


def _insert_items(sql: Connection, job_id: int, items: Sequence[NewItem]) -> None:
    for start in range(0, len(items), _ITEMS_AT_ONCE):
        rows = [
            {"job_id": job_id, "position": position, **asdict(item), "state": item.state.value}
            for position, item in enumerate(items[start : start + _ITEMS_AT_ONCE], start)
        ]
        sql.execute(insert(ingest_items), rows)


def _set_state(sql: Connection, job_id: int, state: JobState, reason: str = "") -> None:
    ended = _now() if state in ENDED else None
    sql.execute(
        update(ingest_jobs)
        .where(ingest_jobs.c.id == job_id)
        .values(state=state.value, reason=reason, finished_at=ended)
    )


def _count(sql: Connection, job_id: int, states: Sequence[str]) -> int:
    return sql.execute(
        select(func.count())
        .where(ingest_items.c.job_id == job_id)
        .where(ingest_items.c.state.in_(states))
    ).scalar_one()


def _recover_items(sql: Connection, job_id: int) -> None:
    for state in BEGUN_ITEMS:
        _move(sql, job_id, state, item_recovered(state))


def _retry_items(sql: Connection, job_id: int, *, rejected: bool) -> int:
    return sum(
        _move(sql, job_id, state, ItemState.QUEUED)
        for state in ItemState
        if state in FINAL_ITEMS and item_retried(state, rejected=rejected) is ItemState.QUEUED
    )


def _move(sql: Connection, job_id: int, before: ItemState, after: ItemState) -> int:
    return sql.execute(
        update(ingest_items)
        .where(ingest_items.c.job_id == job_id)
        .where(ingest_items.c.state == before.value)
        .values(state=after.value, reason="", at_seconds=None)
    ).rowcount


def _tally(sql: Connection, job_id: int) -> Tally:
    active = _job(sql, job_id).active_seconds
    items = ingest_items.c
    by_state = sql.execute(
        select(
            items.state,
            func.count().label("files"),
            func.sum(items.size).label("bytes"),
            func.sum(items.passages).label("passages"),
        )
        .where(items.job_id == job_id)
        .group_by(items.state)
    ).all()

    def pace(since: float, seconds: float) -> Pace:
        row = sql.execute(
            select(
                func.count().label("files"),
                func.coalesce(func.sum(items.size), 0).label("bytes"),
                func.coalesce(func.sum(items.passages), 0).label("passages"),
            )
            .where(items.job_id == job_id)
            .where(items.at_seconds >= since)
        ).one()
        return Pace(seconds, row.files, row.bytes, row.passages)

    return Tally(
        files={ItemState(row.state): row.files for row in by_state},
        sizes={ItemState(row.state): row.bytes for row in by_state},
        passages=sum(row.passages for row in by_state),
        overall=pace(0.0, active),
        recent=pace(active - RECENT_SECONDS, min(active, RECENT_SECONDS)),
    )


def _prune(sql: Connection) -> None:
    """Forget the oldest of the jobs that have ended."""
    ended = (
        select(ingest_jobs.c.id)
        .where(ingest_jobs.c.state.in_([state.value for state in ENDED]))
        .order_by(ingest_jobs.c.id.desc())
        .offset(KEPT_JOBS)
    )
    old = list(sql.execute(ended).scalars())
    if old:
        sql.execute(delete(ingest_jobs).where(ingest_jobs.c.id.in_(old)))
