"""Who is asking: names and passwords, and the sessions and API keys of those who have one.

What somebody may then read is not decided here but by `retrieval.access`.
"""

import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Engine, delete, insert, select

from app.errors import LogInRefused, PasswordUnusable
from app.keys import ApiKeys, require_user
from app.passwords import (
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    normalised,
)
from app.schema import credentials, sessions
from app.sessions import Sessions
from app.throttle import Caller, Throttle
from retrieval.access import NAME_LIMIT_CHARACTERS
from retrieval.database import writing
from retrieval.schema import principals
from retrieval.types import Principal

# Each verification takes 64 MiB for a while; more at once only queue for the same cores.
_VERIFICATIONS_AT_ONCE = 2
NOWHERE = Caller()


class Accounts:
    """Tells who logs in, whose session it is and whose API key.

    Times in SQL are naive UTC. `now` returns the time as one of those. `hasher` is argon2id with
    the library's parameters (RFC 9106, low memory) unless given. `throttle_key` gives what
    `Throttle` hashes with.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        now: Callable[[], datetime] | None = None,
        hasher: PasswordHasher | None = None,
        throttle_key: Callable[[], bytes] = bytes,
    ) -> None:
        self._engine = engine
        self.now = now or _utc_now
        self._hasher = hasher or PasswordHasher()
        self._verifying = threading.BoundedSemaphore(_VERIFICATIONS_AT_ONCE)
        self._throttle = Throttle(engine, throttle_key)
        self.sessions = Sessions(engine, self.now)
        self.keys = ApiKeys(engine, self.now)

    def set_password(
        self, principal: Principal, password: str, *, keep_session: int | None = None
    ) -> None:
        """Set or change a user's password. Every session of that user ends but `keep_session`.

        API keys stay: they are revoked one by one.

        Raises:
            PasswordUnusable: fewer than 8 or more than 1024 characters.
            NotAUser: the principal is a group.
        """
        password = normalised(password)
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise PasswordUnusable(len(password), SHORTEST_PASSWORD, LONGEST_PASSWORD)
        password_hash = self._hasher.hash(password)
        with writing(self._engine) as sql:
            require_user(sql, principal)
            sql.execute(delete(credentials).where(credentials.c.principal_id == principal.id))
            sql.execute(
                insert(credentials).values(
                    principal_id=principal.id, password_hash=password_hash, changed_at=self.now()
                )
            )
            ending = delete(sessions).where(sessions.c.principal_id == principal.id)
            if keep_session is not None:
                ending = ending.where(sessions.c.id != keep_session)
            sql.execute(ending)

    def has_password(self, principal: Principal) -> bool:
        """Whether somebody can log in with a password: those who came from a provider cannot."""
        known = select(credentials.c.principal_id).where(credentials.c.principal_id == principal.id)
        with self._engine.begin() as sql:
            return sql.execute(known).first() is not None

    def change_password(
        self, principal: Principal, current: str, new: str, *, keep_session: int | None = None
    ) -> None:
        """Change a password by whoever knows the present one.

        Raises:
            LogInRefused: the present one is another.
            TooManyAttempts: it was guessed too often.
            PasswordUnusable: the new one is too short or too long.
        """
        # An allowance of its own: guesses at the door must not keep anybody from changing it.
        self._verified(principal.name, current, Caller(browser="account", knows=principal.id))
        self.set_password(principal, new, keep_session=keep_session)

    def log_in(self, name: str, password: str, *, agent: str = "", caller: Caller = NOWHERE) -> str:
        """Begin a session.

        An unknown name takes as long as a wrong password and is refused in the same words, and so
        is a user who is disabled.

        Args:
            agent: what the browser says it is, for the list of sessions.
            caller: where the attempt comes from.

        Returns:
            The session's token. Only its hash is kept.

        Raises:
            LogInRefused: there is no such user with such a password.
            TooManyAttempts: too many failed; see `Throttle`. Also for the right password, or the
                refusals would tell a guesser when to stop.
        """
        return self.sessions.begin(self._verified(name, password, caller), agent)

    def session(self, token: str) -> Principal | None:
        """Whose session this is, as that user is now. None when there is none, or it has ended."""
        session = self.sessions.find(token)
        return None if session is None else session.owner

    def log_out(self, token: str) -> None:
        """End a session. Nothing to do twice."""
        self.sessions.end(token)

    def _verified(self, name: str, password: str, caller: Caller) -> Principal:
        if len(name) > NAME_LIMIT_CHARACTERS:
            raise LogInRefused
        principal, password_hash = self._credentials(name)
        user_id = None if principal is None else principal.id
        begun = self._throttle.begin(name, caller, user_id, self.now())
        is_right = self._verifies(password_hash or self._hash_of_nothing, password)
        if principal is None or password_hash is None or not is_right:
            raise LogInRefused
        self._throttle.succeeded(begun)
        return principal

    def _credentials(self, name: str) -> tuple[Principal | None, str | None]:
        query = (
            select(principals, credentials.c.password_hash)
            .join(credentials, credentials.c.principal_id == principals.c.id)
            .where(principals.c.name == name)
            .where(principals.c.disabled_at.is_(None))
        )
        with self._engine.begin() as sql:
            row = sql.execute(query).one_or_none()
        if row is None:
            return None, None
        return Principal(row.id, row.name, bool(row.is_administrator)), row.password_hash

    def _verifies(self, password_hash: str, password: str) -> bool:
        password = normalised(password)
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


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
