"""Links that log somebody in once: how whoever runs the server gets in without a password."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, insert, select

from app.errors import LoginLinkRefused
from app.keys import require_user
from app.passwords import secret_hash
from app.schema import login_links
from retrieval.database import writing
from retrieval.schema import principals
from retrieval.types import Principal

LINK_MINUTES = 15


class LoginLinks:
    """Makes and takes links. Times in SQL are naive UTC; `now` returns one of those."""

    def __init__(self, engine: Engine, *, now: Callable[[], datetime] | None = None) -> None:
        self._engine = engine
        self._now = now or (lambda: datetime.now(UTC).replace(tzinfo=None))

    def make(self, user: Principal) -> str:
        """A token that logs `user` in once within 15 minutes. Only its hash is kept.

        Raises:
            NotAUser: the principal is a group.
        """
        token, now = secrets.token_urlsafe(32), self._now()
        with writing(self._engine) as sql:
            require_user(sql, user)
            sql.execute(delete(login_links).where(login_links.c.expires_at <= now))
            sql.execute(
                insert(login_links).values(
                    token_hash=secret_hash(token),
                    principal_id=user.id,
                    expires_at=now + timedelta(minutes=LINK_MINUTES),
                )
            )
        return token

    def owner(self, token: str) -> Principal:
        """Whom a token logs in.

        Raises:
            LoginLinkRefused: it was used, is older than 15 minutes, or its user is disabled.
        """
        query = (
            select(principals)
            .join(login_links, login_links.c.principal_id == principals.c.id)
            .where(login_links.c.token_hash == secret_hash(token))
            .where(login_links.c.expires_at > self._now())
            .where(principals.c.disabled_at.is_(None))
        )
        with self._engine.begin() as sql:
            row = sql.execute(query).one_or_none()
        if row is None:
            raise LoginLinkRefused(LINK_MINUTES)
        return Principal(row.id, row.name, bool(row.is_administrator))

    def use(self, token: str) -> Principal:
        """Whom a token logs in, this once. Raises as `owner`."""
        owner = self.owner(token)
        taken = delete(login_links).where(login_links.c.token_hash == secret_hash(token))
        with writing(self._engine) as sql:
            if sql.execute(taken).rowcount == 0:  # somebody was faster
                raise LoginLinkRefused(LINK_MINUTES)
        return owner
