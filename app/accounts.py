"""Passwords, sessions and API keys: who is asking.

What somebody may then read is not decided here but by `retrieval.access`.
"""

import hashlib
import math
import secrets
import threading
import unicodedata
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Engine, delete, insert, select, update

from app.errors import LogInRefused, NotAUser, PasswordUnusable, TooManyAttempts, UnknownKey
from app.schema import api_keys, credentials, sessions
from retrieval.access import AccessList
from retrieval.database import writing
from retrieval.errors import UnknownName
from retrieval.schema import principals
from retrieval.types import Principal

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024  # hashing something longer would be work that anybody can order

IDLE_LIMIT = timedelta(hours=12)
SESSION_LIMIT = timedelta(days=7)
# Reading must not mean writing: "last seen" and "last used" move in steps of this.
TOUCH_EVERY = timedelta(minutes=5)

ATTEMPTS_ALLOWED = 5
ATTEMPTS_WINDOW = timedelta(minutes=1)
_NAMES_WATCHED = 10_000
_LONGEST_NAME = 200  # as in SQL

KEY_MARK = "assay_"
_KEY_PREFIX_LENGTH = len(KEY_MARK) + 6

# Each verification takes 64 MiB for a while; more at once only queue for the same cores.
_VERIFICATIONS_AT_ONCE = 2

# Without letters and digits that look alike: it is read from a screen and typed.
_PASSWORD_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105 - not a password


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it may be shown: its text is known only to whoever made it."""

    id: int
    name: str
    prefix: str
    owner: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class Accounts:
    """Tells who logs in, whose session it is and whose API key.

    Failed attempts are counted in memory, not in SQL: a stranger who guesses must not be able to
    make the database grow or wait, and a restart that forgets a minute of failures gives nobody
    more than five guesses. Several replicas each count for themselves.

    Times in SQL are naive UTC. `now` returns the time as one of those. `hasher` is argon2id with
    the library's parameters (RFC 9106, low memory) unless given.
    """

    def __init__(
        self,
        engine: Engine,
        access: AccessList,
        *,
        now: Callable[[], datetime] | None = None,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._engine = engine
        self._access = access
        self._now = now or _utc_now
        self._hasher = hasher or PasswordHasher()
        self._verifying = threading.BoundedSemaphore(_VERIFICATIONS_AT_ONCE)
        self._attempts = _Attempts()

    # Passwords

    def set_password(self, principal: Principal, password: str) -> None:
        """Set or change a user's password. Every session of that user ends.

        API keys stay: they are revoked one by one.

        Raises:
            PasswordUnusable: fewer than 8 or more than 1024 characters.
            NotAUser: the principal is a group.
        """
        password = _normalised(password)
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise PasswordUnusable(len(password), SHORTEST_PASSWORD, LONGEST_PASSWORD)
        password_hash = self._hasher.hash(password)
        with writing(self._engine) as sql:
            _require_user(sql, principal)
            sql.execute(delete(credentials).where(credentials.c.principal_id == principal.id))
            sql.execute(
                insert(credentials).values(
                    principal_id=principal.id, password_hash=password_hash, changed_at=self._now()
                )
            )
            sql.execute(delete(sessions).where(sessions.c.principal_id == principal.id))

    # Sessions

    def log_in(self, name: str, password: str) -> str:
        """Begin a session.

        An unknown name takes as long as a wrong password and is refused in the same words.

        Returns:
            The session's token. Only its hash is kept.

        Raises:
            LogInRefused: there is no such user with such a password.
            TooManyAttempts: the name failed five times within a minute. Also for the right
                password, or the refusals would tell a guesser when to stop.
        """
        if len(name) > _LONGEST_NAME:
            raise LogInRefused
        now = self._now()
        # Counted before the password is looked at: guesses sent all at once count as well.
        wait = self._attempts.wait_or_count(name, now)
        if wait is not None:
            raise TooManyAttempts(ATTEMPTS_ALLOWED, max(1, math.ceil(wait.total_seconds())))
        principal, password_hash = self._credentials(name)
        is_right = self._verifies(password_hash or self._hash_of_nothing, password)
        if principal is None or password_hash is None or not is_right:
            raise LogInRefused
        self._attempts.forget(name)
        token = secrets.token_urlsafe(32)
        with writing(self._engine) as sql:
            sql.execute(delete(sessions).where(sessions.c.expires_at <= now))
            sql.execute(
                insert(sessions).values(
                    token_hash=_sha256(token),
                    principal_id=principal.id,
                    created_at=now,
                    last_seen_at=now,
                    expires_at=now + SESSION_LIMIT,
                )
            )
        return token

    def session(self, token: str) -> Principal | None:
        """Whose session this is, as that user is now. None when there is none, or it has ended.

        A session ends 12 hours after it was last used and 7 days after it began.
        """
        now = self._now()
        with self._engine.begin() as sql:
            row = sql.execute(
                select(
                    sessions.c.id.label("session_id"),
                    sessions.c.last_seen_at,
                    principals.c.id,
                    principals.c.name,
                    principals.c.is_administrator,
                )
                .join(principals, principals.c.id == sessions.c.principal_id)
                .where(sessions.c.token_hash == _sha256(token))
                .where(sessions.c.expires_at > now)
                .where(sessions.c.last_seen_at > now - IDLE_LIMIT)
            ).one_or_none()
        if row is None:
            return None
        if now - row.last_seen_at >= TOUCH_EVERY:
            with writing(self._engine) as sql:
                touch = update(sessions).where(sessions.c.id == row.session_id)
                sql.execute(touch.values(last_seen_at=now))
        return Principal(row.id, row.name, bool(row.is_administrator))

    def log_out(self, token: str) -> None:
        """End a session. Nothing to do twice."""
        with writing(self._engine) as sql:
            sql.execute(delete(sessions).where(sessions.c.token_hash == _sha256(token)))

    def end_all_sessions(self) -> None:
        """End every session there is: all must log in again."""
        with writing(self._engine) as sql:
            sql.execute(delete(sessions))

    # API keys

    def create_key(self, principal: Principal, name: str) -> str:
        """Make an API key for a program that acts as `principal`.

        Returns:
            The key. It is shown this once: only its SHA-256 is kept, which is enough for a
            random text of 256 bits.

        Raises:
            NotAUser: the principal is a group.
        """
        key = KEY_MARK + secrets.token_urlsafe(32)
        with writing(self._engine) as sql:
            _require_user(sql, principal)
            sql.execute(
                insert(api_keys).values(
                    name=name,
                    key_hash=_sha256(key),
                    prefix=key[:_KEY_PREFIX_LENGTH],
                    principal_id=principal.id,
                    created_at=self._now(),
                )
            )
        return key

    def principal_of_key(self, key: str) -> Principal | None:
        """For whom a program with this key acts. None when the key is unknown or revoked."""
        now = self._now()
        with self._engine.begin() as sql:
            row = sql.execute(
                select(
                    api_keys.c.id.label("key_id"),
                    api_keys.c.last_used_at,
                    principals.c.id,
                    principals.c.name,
                    principals.c.is_administrator,
                )
                .join(principals, principals.c.id == api_keys.c.principal_id)
                .where(api_keys.c.key_hash == _sha256(key))
                .where(api_keys.c.revoked_at.is_(None))
            ).one_or_none()
        if row is None:
            return None
        if row.last_used_at is None or now - row.last_used_at >= TOUCH_EVERY:
            with writing(self._engine) as sql:
                touch = update(api_keys).where(api_keys.c.id == row.key_id)
                sql.execute(touch.values(last_used_at=now))
        return Principal(row.id, row.name, bool(row.is_administrator))

    def revoke_key(self, key_id: int) -> None:
        """Make an API key useless from now on. Nothing to do twice.

        Raises:
            UnknownKey: there is none of this number.
        """
        with writing(self._engine) as sql:
            if sql.execute(select(api_keys.c.id).where(api_keys.c.id == key_id)).first() is None:
                raise UnknownKey(key_id)
            sql.execute(
                update(api_keys)
                .where(api_keys.c.id == key_id)
                .where(api_keys.c.revoked_at.is_(None))
                .values(revoked_at=self._now())
            )

    def list_keys(self, principal: Principal | None = None) -> list[ApiKey]:
        """API keys in the order they were made, revoked ones too: of one user, or of all."""
        query = (
            select(api_keys, principals.c.name.label("owner"))
            .join(principals, principals.c.id == api_keys.c.principal_id)
            .order_by(api_keys.c.id)
        )
        if principal is not None:
            query = query.where(api_keys.c.principal_id == principal.id)
        with self._engine.begin() as sql:
            return [
                ApiKey(
                    id=row.id,
                    name=row.name,
                    prefix=row.prefix,
                    owner=row.owner,
                    created_at=row.created_at,
                    last_used_at=row.last_used_at,
                    revoked_at=row.revoked_at,
                )
                for row in sql.execute(query)
            ]

    def _credentials(self, name: str) -> tuple[Principal | None, str | None]:
        try:
            principal = self._access.principal(name)
        except UnknownName:
            return None, None
        with self._engine.begin() as sql:
            password_hash = sql.execute(
                select(credentials.c.password_hash).where(
                    credentials.c.principal_id == principal.id
                )
            ).scalar_one_or_none()
        return principal, password_hash

    def _verifies(self, password_hash: str, password: str) -> bool:
        password = _normalised(password)
        if len(password) > LONGEST_PASSWORD:
            return False
        try:
            with self._verifying:
                return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    @cached_property
    def _hash_of_nothing(self) -> str:
        """What the password of an unknown name is compared with: the time is that of a real one."""
        return self._hasher.hash(secrets.token_urlsafe(32))


class _Attempts:
    """Attempts to log in by name, until one succeeds. Forgets the oldest of too many names."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[str, deque[datetime]] = {}

    def wait_or_count(self, name: str, now: datetime) -> timedelta | None:
        """How long `name` must wait; None when it may try, which is then counted."""
        with self._lock:
            # Taken out and put back at the end: the name tried longest ago is always the first.
            times = self._times.pop(name, deque[datetime](maxlen=ATTEMPTS_ALLOWED))
            self._times[name] = times
            if len(times) == ATTEMPTS_ALLOWED and times[-1] - times[0] <= ATTEMPTS_WINDOW:
                wait = times[-1] + ATTEMPTS_WINDOW - now
                if wait > timedelta(0):
                    return wait
            times.append(now)
            if len(self._times) > _NAMES_WATCHED:
                del self._times[next(iter(self._times))]
            return None

    def forget(self, name: str) -> None:
        with self._lock:
            self._times.pop(name, None)


def generate_password() -> str:
    """A password of 79 bits that can be read out and typed, like `kf3p-x7qw-mm2t-9hze`."""
    return "-".join("".join(secrets.choice(_PASSWORD_ALPHABET) for _ in range(4)) for _ in range(4))


def _require_user(sql: Connection, principal: Principal) -> None:
    kind = sql.execute(select(principals.c.kind).where(principals.c.id == principal.id)).scalar()
    if kind != "user":
        raise NotAUser(principal.name)


def _normalised(password: str) -> str:
    """One form for what keyboards send in several, like é (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
