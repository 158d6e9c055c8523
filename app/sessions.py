"""Sessions of browsers: whose they are, how long they last, how they are ended."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, bindparam, delete, insert, select, update

from app.passwords import secret_hash
from app.schema import sessions
from retrieval.database import writing
from retrieval.schema import principals
from retrieval.types import Principal

IDLE_LIMIT = timedelta(hours=12)
SESSION_LIMIT = timedelta(days=7)
# Reading must not mean writing: "last seen" and "last used" move in steps of this.
TOUCH_EVERY = timedelta(minutes=5)
_LONGEST_AGENT = 200
_other = principals.alias("other")
# Every request of a browser asks this: made once, it need not be put together each time.
_GOING_ON = (
    select(
        sessions,
        principals.c.name,
        principals.c.is_administrator,
        _other.c.name.label("other_name"),
        _other.c.is_administrator.label("other_is_administrator"),
    )
    .join(principals, principals.c.id == sessions.c.principal_id)
    .outerjoin(_other, _other.c.id == sessions.c.viewed_as_id)
    .where(sessions.c.expires_at > bindparam("now"))
    .where(sessions.c.last_seen_at > bindparam("idle_since"))
    .where(principals.c.disabled_at.is_(None))
    .order_by(sessions.c.id.desc())
)


@dataclass(frozen=True, slots=True)
class Session:
    """A session that goes on.

    `viewed_as` is whom an administrator sees Assay as; None nearly always. `agent` is what the
    browser says it is.
    """

    id: int
    owner: Principal
    viewed_as: Principal | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    agent: str


class Sessions:
    """Begins, finds and ends sessions. Times are naive UTC; `now` returns one of those."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def begin(self, principal: Principal, agent: str = "") -> str:
        """Begin a session; those that have ended are swept away.

        Returns:
            The session's token. Only its hash is kept.
        """
        now = self._now()
        token = secrets.token_urlsafe(32)
        with writing(self._engine) as sql:
            sql.execute(delete(sessions).where(sessions.c.expires_at <= now))
            sql.execute(
                insert(sessions).values(
                    token_hash=secret_hash(token),
                    principal_id=principal.id,
                    created_at=now,
                    last_seen_at=now,
                    expires_at=now + SESSION_LIMIT,
                    agent=agent[:_LONGEST_AGENT],
                )
            )
        return token

    def find(self, token: str) -> Session | None:
        """The session of this token, its people as they are now; None when it has ended.

        A session ends 12 hours after it was last used and 7 days after it began, and when its
        owner is disabled. Viewing as somebody ends when that one is gone, or the owner is no
        administrator any more.
        """
        now = self._now()
        found = self._found(sessions.c.token_hash == secret_hash(token))
        if not found:
            return None
        [session] = found
        if now - session.last_seen_at >= TOUCH_EVERY:
            with writing(self._engine) as sql:
                touch = update(sessions).where(sessions.c.id == session.id)
                sql.execute(touch.values(last_seen_at=now))
        return session

    def of(self, principal: Principal) -> list[Session]:
        """The sessions of a user that go on, the newest first."""
        return self._found(sessions.c.principal_id == principal.id)

    def end(self, token: str) -> None:
        """End a session. Nothing to do twice."""
        with writing(self._engine) as sql:
            sql.execute(delete(sessions).where(sessions.c.token_hash == secret_hash(token)))

    def revoke(self, session_id: int, *, owner: Principal) -> bool:
        """End a session by its number; False when `owner` has none of it."""
        with writing(self._engine) as sql:
            ended = sql.execute(
                delete(sessions)
                .where(sessions.c.id == session_id)
                .where(sessions.c.principal_id == owner.id)
            )
        return ended.rowcount > 0

    def revoke_all(self, principal: Principal, *, but: int | None = None) -> int:
        """End every session of a user, except that of the number `but`. Returns how many."""
        ending = delete(sessions).where(sessions.c.principal_id == principal.id)
        if but is not None:
            ending = ending.where(sessions.c.id != but)
        with writing(self._engine) as sql:
            return sql.execute(ending).rowcount

    def end_all(self) -> None:
        """End every session there is: all must log in again."""
        with writing(self._engine) as sql:
            sql.execute(delete(sessions))

    def view_as(self, session_id: int, other: Principal | None) -> None:
        """Have a session see Assay as `other` does, or, with None, as its owner again."""
        with writing(self._engine) as sql:
            sql.execute(
                update(sessions)
                .where(sessions.c.id == session_id)
                .values(viewed_as_id=None if other is None else other.id)
            )

    def _found(self, condition: ColumnElement[bool]) -> list[Session]:
        now = self._now()
        query = _GOING_ON.where(condition)
        asked = {"now": now, "idle_since": now - IDLE_LIMIT}
        with self._engine.begin() as sql:
            rows = sql.execute(query, asked).all()
        found = []
        for row in rows:
            owner = Principal(row.principal_id, row.name, bool(row.is_administrator))
            viewed_as = None
            if row.other_name is not None and owner.is_administrator:
                viewed_as = Principal(
                    row.viewed_as_id, row.other_name, bool(row.other_is_administrator)
                )
            found.append(
                Session(
                    row.id,
                    owner,
                    viewed_as,
                    row.created_at,
                    row.last_seen_at,
                    row.expires_at,
                    row.agent or "",
                )
            )
        return found
