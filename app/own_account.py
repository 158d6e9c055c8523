"""What people do with their own account: log in and out, password, sessions, keys. It is logged."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from app.accounts import Accounts
from app.audit import STRANGER, Actor, AuditLog, Object, object_of
from app.errors import (
    LoginLinkRefused,
    LogInRefused,
    ParameterRefused,
    TooManyAttempts,
    UnknownEntry,
)
from app.keys import ApiKey
from app.login_links import LoginLinks
from app.people import People
from app.scopes import Scope, scopes_text
from app.throttle import Caller
from retrieval.errors import UnknownName
from retrieval.types import Principal

LONGEST_KEY_DAYS = 3650
LONGEST_KEY_NAME = 200
MOST_KEYS = 50
# A stranger who tries names must not be able to make the log grow without end.
_STRANGERS_NOTED = 20
_WITHIN = timedelta(minutes=1)


class OwnAccount:
    """Acts for whoever the account is of."""

    def __init__(
        self,
        accounts: Accounts,
        people: People,
        audit: AuditLog,
        links: LoginLinks,
        *,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._accounts = accounts
        self._people = people
        self._audit = audit
        self._links = links
        self._now = now or (lambda: datetime.now(UTC).replace(tzinfo=None))
        self._lock = threading.Lock()
        self._strangers: deque[datetime] = deque(maxlen=_STRANGERS_NOTED)
        self._unnoted = 0

    def log_in(
        self, name: str, password: str, *, agent: str, caller: Caller, request: str | None
    ) -> str:
        """Begin a session; see `Accounts.log_in`. Refusals stand in the log as well.

        What was typed as the name of nobody is not kept: it may have been a password.
        """
        try:
            token = self._accounts.log_in(name, password, agent=agent, caller=caller)
        except (LogInRefused, TooManyAttempts) as error:
            had_to_wait = isinstance(error, TooManyAttempts)
            self.note_refusal(request, self._known(name), had_to_wait=had_to_wait)
            raise
        user = self._people.named("user", name)
        self._audit.record(Actor(user.id, user.name, request=request), "login.succeeded")
        return token

    def make_login_link(self, actor: Actor, user: Principal) -> str:
        """A token that logs `user` in once, shown this once; see `LoginLinks.make`."""
        token = self._links.make(user)
        self._audit.record(actor, "login.link_made", object_of(user), name=user.name)
        return token

    def of_login_link(self, token: str) -> Principal:
        """Whom a link logs in, without using it up; see `LoginLinks.owner`."""
        return self._links.owner(token)

    def log_in_once(self, token: str, *, agent: str, request: str | None) -> str:
        """Begin a session with the token of a link.

        Raises:
            LoginLinkRefused: see `LoginLinks.owner`.
        """
        try:
            user = self._links.use(token)
        except LoginLinkRefused:
            self.note_refusal(request, None, reason="link")
            raise
        session = self._accounts.sessions.begin(user, agent)
        actor = Actor(user.id, user.name, request=request)
        self._audit.record(actor, "login.succeeded", by="link")
        return session

    def log_out(self, token: str, *, request: str | None) -> None:
        """End a session. Nothing to do twice."""
        session = self._accounts.sessions.find(token)
        self._accounts.log_out(token)
        if session is not None:
            owner = session.owner
            self._audit.record(Actor(owner.id, owner.name, request=request), "login.ended")

    def change_password(
        self, actor: Actor, user: Principal, current: str, new: str, *, keep_session: int
    ) -> None:
        """Change one's password; see `Accounts.change_password`. Other sessions end."""
        try:
            self._accounts.change_password(user, current, new, keep_session=keep_session)
        except LogInRefused as error:
            self._audit.record(actor, "login.failed", object_of(user))
            raise ParameterRefused(
                "current", "this is not your present password", status=403, code="wrong_password"
            ) from error
        self._audit.record(actor, "user.password_changed", object_of(user))

    def create_key(
        self,
        actor: Actor,
        owner: Principal,
        name: str,
        scopes: frozenset[Scope],
        days: int | None,
    ) -> str:
        """Make an API key, shown this once.

        Args:
            days: after how many it expires; None for never.

        Raises:
            ParameterRefused: no name, no scope, a time out of range, or too many keys in use.
        """
        name = name.strip()
        if not 0 < len(name) <= LONGEST_KEY_NAME or not name.isprintable():
            raise ParameterRefused(
                "name", f"a key needs a name of 1 to {LONGEST_KEY_NAME} characters", status=422
            )
        if not scopes:
            raise ParameterRefused("scopes", "choose what the key may do", status=422)
        if days is not None and not 1 <= days <= LONGEST_KEY_DAYS:
            raise ParameterRefused(
                "days", f"a key expires after 1 to {LONGEST_KEY_DAYS} days, or never", status=422
            )
        now = self._now()
        if sum(is_in_use(key, now) for key in self._accounts.keys.all(owner)) >= MOST_KEYS:
            raise ParameterRefused(
                "name", f"{MOST_KEYS} keys are in use; revoke one of them first", status=409
            )
        expires_at = None if days is None else now + timedelta(days=days)
        secret = self._accounts.keys.create(owner, name, scopes=scopes, expires_at=expires_at)
        made = self._accounts.keys.all(owner)[-1]
        self._audit.record(
            actor,
            "key.created",
            Object("key", made.id),
            owner=owner.name,
            scopes=scopes_text(scopes),
            days=days,
        )
        return secret

    def end_session(self, actor: Actor, owner: Principal, session_id: int) -> None:
        """End one of one's sessions.

        Raises:
            UnknownEntry: there is none of this number, or it is another's.
        """
        if not self._accounts.sessions.revoke(session_id, owner=owner):
            raise UnknownEntry("session", session_id)
        self._audit.record(actor, "session.ended", Object("session", session_id))

    def revoke_key(self, actor: Actor, key_id: int, *, owner: Principal) -> None:
        """Make one of one's keys useless.

        Raises:
            UnknownKey: there is none of this number, or it is another's.
        """
        self._accounts.keys.revoke(key_id, owner=owner)
        self._audit.record(actor, "key.revoked", Object("key", key_id))

    def note_refusal(
        self,
        request: str | None,
        user: Principal | None,
        **details: Any,  # noqa: ANN401 - whatever JSON holds
    ) -> None:
        """Have the log say that somebody was not let in. Of many within a minute, how many only.

        Args:
            user: whose account it was about, if anybody's.
        """
        with self._lock:
            now = self._now()
            is_full = len(self._strangers) == _STRANGERS_NOTED
            if is_full and now - self._strangers[0] < _WITHIN:
                self._unnoted += 1
                return
            self._strangers.append(now)
            unnoted, self._unnoted = self._unnoted, 0
        self._audit.record(
            Actor(STRANGER.id, STRANGER.name, request=request),
            "login.failed",
            None if user is None else object_of(user),
            name=None if user is None else user.name,
            others_not_noted=unnoted,
            **details,
        )

    def _known(self, name: str) -> Principal | None:
        try:
            return self._people.named("user", name)
        except UnknownName:
            return None


def is_in_use(key: ApiKey, now: datetime) -> bool:
    """Whether a key still works."""
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
