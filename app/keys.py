"""API keys: for whom a program acts, and what it may do."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, bindparam, insert, select, update

from app.errors import NotAUser, UnknownKey
from app.passwords import secret_hash
from app.schema import api_keys
from app.scopes import LEAST, Scope, scopes_of, scopes_text
from app.sessions import TOUCH_EVERY
from retrieval.database import writing
from retrieval.schema import principals
from retrieval.types import Principal

KEY_MARK = "assay_"
_KEY_PREFIX_LENGTH = len(KEY_MARK) + 6
# Every request of a program asks this: made once, it need not be put together each time.
_HOLDER = (
    select(
        api_keys.c.id.label("key_id"),
        api_keys.c.last_used_at,
        api_keys.c.scopes,
        principals.c.id,
        principals.c.name,
        principals.c.is_administrator,
    )
    .join(principals, principals.c.id == api_keys.c.principal_id)
    .where(api_keys.c.key_hash == bindparam("hash"))
    .where(api_keys.c.revoked_at.is_(None))
    .where(api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > bindparam("now")))
    .where(principals.c.disabled_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it may be shown: its text is known only to whoever made it."""

    id: int
    name: str
    prefix: str
    owner: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class KeyHolder(NamedTuple):
    """For whom a key speaks, and what it may be used for."""

    key_id: int
    principal: Principal
    scopes: frozenset[Scope]


class ApiKeys:
    """Makes, finds and revokes keys. Times are naive UTC; `now` returns one of those."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def create(
        self,
        principal: Principal,
        name: str,
        *,
        scopes: frozenset[Scope] = LEAST,
        expires_at: datetime | None = None,
    ) -> str:
        """Make an API key for a program that acts as `principal`.

        Returns:
            The key. It is shown this once: only its SHA-256 is kept, which is enough for a
            random text of 256 bits.

        Raises:
            NotAUser: the principal is a group.
        """
        key = KEY_MARK + secrets.token_urlsafe(32)
        with writing(self._engine) as sql:
            require_user(sql, principal)
            sql.execute(
                insert(api_keys).values(
                    name=name,
                    key_hash=secret_hash(key),
                    prefix=key[:_KEY_PREFIX_LENGTH],
                    principal_id=principal.id,
                    scopes=scopes_text(scopes),
                    created_at=self._now(),
                    expires_at=expires_at,
                )
            )
        return key

    def holder(self, key: str) -> KeyHolder | None:
        """For whom a program with this key acts.

        None when the key is unknown, revoked or expired, or its user is disabled.
        """
        now = self._now()
        with self._engine.begin() as sql:
            asked = {"hash": secret_hash(key), "now": now}
            row = sql.execute(_HOLDER, asked).one_or_none()
        if row is None:
            return None
        if row.last_used_at is None or now - row.last_used_at >= TOUCH_EVERY:
            with writing(self._engine) as sql:
                touch = update(api_keys).where(api_keys.c.id == row.key_id)
                sql.execute(touch.values(last_used_at=now))
        principal = Principal(row.id, row.name, bool(row.is_administrator))
        return KeyHolder(row.key_id, principal, scopes_of(row.scopes))

    def revoke(self, key_id: int, *, owner: Principal | None = None) -> None:
        """Make an API key useless from now on. Nothing to do twice.

        Args:
            owner: whose key it must be; None for anybody's.

        Raises:
            UnknownKey: there is none of this number, or it is another's.
        """
        known = select(api_keys.c.id).where(api_keys.c.id == key_id)
        if owner is not None:
            known = known.where(api_keys.c.principal_id == owner.id)
        with writing(self._engine) as sql:
            if sql.execute(known).first() is None:
                raise UnknownKey(key_id)
            sql.execute(
                update(api_keys)
                .where(api_keys.c.id == key_id)
                .where(api_keys.c.revoked_at.is_(None))
                .values(revoked_at=self._now())
            )

    def all(self, principal: Principal | None = None) -> list[ApiKey]:
        """API keys in the order they were made, revoked ones too: of one user, or of all."""
        query = (
            select(api_keys, principals.c.name.label("owner"))
            .join(principals, principals.c.id == api_keys.c.principal_id)
            .order_by(api_keys.c.id)
        )
        if principal is not None:
            query = query.where(api_keys.c.principal_id == principal.id)
        with self._engine.begin() as sql:
            return [_key(row) for row in sql.execute(query)]


def require_user(sql: Connection, principal: Principal) -> None:
    """Refuse a group.

    Raises:
        NotAUser: it is one, or there is nobody of this number.
    """
    kind = sql.execute(select(principals.c.kind).where(principals.c.id == principal.id)).scalar()
    if kind != "user":
        raise NotAUser(principal.name)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        owner=row.owner,
        scopes=scopes_of(row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
