"""The audit log: who did what, and when. Added to, never changed.

It holds names of people, numbers of what was touched, and counts; never words of documents,
questions or answers, and no secrets. Changes are written before their request is answered. Reads
are written by a thread, within about a second: a reader does not wait for a disk.
"""

import json
import logging
import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock, Thread
from typing import Any, NamedTuple

from sqlalchemy import Engine, delete, insert, select

from app.schema import audit, audit_retention
from retrieval.database import writing
from retrieval.types import Principal

_MOST_WAITING = 10_000
_BATCH = 500
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something. `request` is the number of the request that had it done."""

    id: int | None
    name: str
    viewed_as: str | None = None
    key_id: int | None = None
    request: str | None = None


COMMAND_LINE = Actor(None, "command line")
STRANGER = Actor(None, "somebody unknown")


class Object(NamedTuple):
    """What something was done to: a kind, such as `document`, and its number."""

    kind: str
    id: int


def object_of(principal: Principal, kind: str = "user") -> Object:
    """A user, or with `kind` a group, as the object of an entry."""
    return Object(kind, principal.id)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done. `at` is naive UTC; `details` are names, numbers and counts."""

    id: int
    at: datetime
    actor: Actor
    action: str
    object: Object | None
    collection_id: int | None
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries; None and empty mean any. `action` may be the first word of several."""

    actor: str | None = None
    action: str | None = None
    object: Object | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Note:
    at: datetime
    actor: Actor
    action: str
    object: Object | None = None
    collection_id: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class AuditLog:
    """Writes and reads the log. `now` returns naive UTC."""

    def __init__(self, engine: Engine, *, now: Callable[[], datetime] | None = None) -> None:
        self._engine = engine
        self._now = now or _utc_now
        self._waiting: queue.Queue[_Note] = queue.Queue(_MOST_WAITING)
        self._starting = Lock()
        self._thread: Thread | None = None

    def record(
        self,
        actor: Actor,
        action: str,
        of: Object | None = None,
        *,
        collection_id: int | None = None,
        **details: Any,  # noqa: ANN401 - whatever JSON holds
    ) -> None:
        """Write an entry now."""
        self._write([_Note(self._now(), actor, action, of, collection_id, details)])

    def note(
        self,
        actor: Actor,
        action: str,
        of: Object | None = None,
        *,
        collection_id: int | None = None,
        **details: Any,  # noqa: ANN401 - whatever JSON holds
    ) -> None:
        """Have an entry written soon: for reads. Waits only when 10,000 others wait."""
        note = _Note(self._now(), actor, action, of, collection_id, details)
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()
        self._waiting.put(note)

    def flush(self, seconds: float) -> bool:
        """Wait until all that was noted is written, at most so long. Whether it is."""
        deadline = time.monotonic() + seconds
        while self._waiting.unfinished_tasks:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def entries(
        self, wanted: Wanted, *, before: int | None = None, limit: int = 100
    ) -> list[Entry]:
        """The newest entries that are wanted, newest first; with numbers below `before` only."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.id < before)
        if wanted.actor:
            query = query.where(audit.c.actor == wanted.actor)
        if wanted.action:
            query = query.where(
                (audit.c.action == wanted.action)
                | audit.c.action.startswith(f"{wanted.action}.", autoescape=True)
            )
        if wanted.object is not None:
            query = query.where(audit.c.object_kind == wanted.object.kind)
            query = query.where(audit.c.object_id == wanted.object.id)
        if wanted.since is not None:
            query = query.where(audit.c.at >= wanted.since)
        if wanted.until is not None:
            query = query.where(audit.c.at < wanted.until)
        with self._engine.begin() as sql:
            return [_entry(row) for row in sql.execute(query)]

    def every(self, wanted: Wanted) -> Iterator[Entry]:
        """All entries that are wanted, newest first, a page at a time."""
        before: int | None = None
        while page := self.entries(wanted, before=before, limit=_BATCH):
            yield from page
            before = page[-1].id

    def forget(self, keep: timedelta) -> int:
        """Delete entries older than this, which is noted in the log itself. Returns how many."""
        older_than = self._now() - keep
        with writing(self._engine) as sql:
            if sql.execute(select(audit.c.id).where(audit.c.at < older_than)).first() is None:
                return 0
            # The trigger lets go of what is older than this, and of nothing else.
            sql.execute(delete(audit_retention))
            sql.execute(insert(audit_retention).values(id=1, older_than=older_than))
            gone = sql.execute(delete(audit).where(audit.c.at < older_than)).rowcount
            sql.execute(delete(audit_retention))
        self.record(COMMAND_LINE, "audit.forgotten", entries=gone, days=keep.days)
        return gone

    def _write(self, notes: Sequence[_Note]) -> None:
        rows = [
            {
                "at": note.at,
                "actor_id": note.actor.id,
                "actor": note.actor.name,
                "viewed_as": note.actor.viewed_as,
                "key_id": note.actor.key_id,
                "action": note.action,
                "object_kind": note.object.kind if note.object else None,
                "object_id": note.object.id if note.object else None,
                "collection_id": note.collection_id,
                "details": json.dumps(note.details, ensure_ascii=True, sort_keys=True),
                "request": note.actor.request,
            }
            for note in notes
        ]
        with writing(self._engine) as sql:
            sql.execute(insert(audit), rows)

    def _run(self) -> None:
        while True:
            notes = [self._waiting.get()]
            while len(notes) < _BATCH:
                try:
                    notes.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            try:
                self._write(notes)
            except Exception as error:  # noqa: BLE001 - the thread must go on; the loss is told
                _logger.error(
                    "%d entries of the audit log were lost: %s", len(notes), type(error).__name__
                )
            finally:
                for _ in notes:
                    self._waiting.task_done()


def _entry(row: Any) -> Entry:  # noqa: ANN401 - a row
    of = None if row.object_kind is None else Object(row.object_kind, row.object_id)
    actor = Actor(row.actor_id, row.actor, row.viewed_as, row.key_id, row.request)
    return Entry(row.id, row.at, actor, row.action, of, row.collection_id, json.loads(row.details))


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
