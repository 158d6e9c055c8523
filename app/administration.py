"""What administrators do to users, groups, sessions and keys; each of it is in the audit log."""

from typing import NamedTuple

from app.accounts import Accounts
from app.audit import Actor, AuditLog, Object, object_of
from app.errors import UnknownEntry
from app.identities import Identities, Identity
from app.passwords import generate_password
from app.people import People
from retrieval.access import AccessList
from retrieval.types import Principal


class NewUser(NamedTuple):
    """A user who was added, and the password, which is known only now."""

    principal: Principal
    password: str


class Administration:
    """Acts for somebody who may: whether they may, the callers see to."""

    def __init__(
        self,
        access: AccessList,
        people: People,
        accounts: Accounts,
        identities: Identities,
        audit: AuditLog,
    ) -> None:
        self._access = access
        self._people = people
        self._accounts = accounts
        self._identities = identities
        self._audit = audit

    # Users

    def add_user(self, actor: Actor, name: str, *, is_administrator: bool = False) -> NewUser:
        """Add a user with a generated password.

        Raises:
            NameTaken, NameUnusable: see `AccessList.add_user`.
        """
        principal = self._access.add_user(name, is_administrator=is_administrator)
        password = generate_password()
        self._accounts.set_password(principal, password)
        self._audit.record(
            actor,
            "user.added",
            object_of(principal),
            name=principal.name,
            administrator=is_administrator,
        )
        return NewUser(principal, password)

    def new_password(self, actor: Actor, user: Principal, password: str | None = None) -> str:
        """Give a user a new password, a generated one unless given; the sessions end.

        Raises:
            NotAUser: the principal is a group.
            PasswordUnusable: too short or too long.
        """
        chosen = generate_password() if password is None else password
        self._accounts.set_password(user, chosen)
        self._audit.record(actor, "user.password_set", object_of(user), name=user.name)
        return chosen

    def disable(self, actor: Actor, user: Principal) -> None:
        """Let a user neither log in nor read.

        Raises:
            LastAdministrator: nobody would be left.
        """
        self._people.disable(user)
        self._audit.record(actor, "user.disabled", object_of(user), name=user.name)

    def enable(self, actor: Actor, user: Principal) -> None:
        """Let a user in again."""
        self._people.enable(user)
        self._audit.record(actor, "user.enabled", object_of(user), name=user.name)

    def set_administrator(self, actor: Actor, user: Principal, *, is_administrator: bool) -> None:
        """Make a user an administrator, or not one any more.

        Raises:
            LastAdministrator: nobody would be left.
        """
        self._people.set_administrator(user, is_administrator=is_administrator)
        action = "user.made_administrator" if is_administrator else "user.made_reader"
        self._audit.record(actor, action, object_of(user), name=user.name)

    def remove_user(self, actor: Actor, user: Principal) -> None:
        """Delete a user with sessions, keys and grants.

        Raises:
            LastAdministrator: nobody would be left.
        """
        self._people.remove(user)
        self._audit.record(actor, "user.removed", object_of(user), name=user.name)

    def ties(self, user: Principal) -> list[Identity]:
        """Who at a provider logs in as this user, in the order they were tied."""
        return self._identities.of(user)

    def tie(self, actor: Actor, user: Principal, issuer: str, subject: str) -> None:
        """Have somebody at a provider log in as this user.

        Raises:
            ParameterRefused: see `Identities.tie`.
        """
        self._identities.tie(user, issuer, subject)
        self._audit.record(actor, "user.tied", object_of(user), name=user.name, subject=subject)

    def untie(self, actor: Actor, user: Principal) -> int:
        """Have nobody at a provider log in as this user; sessions end. Returns how many could."""
        gone = self._identities.untie(user)
        self._accounts.sessions.revoke_all(user)
        self._audit.record(actor, "user.untied", object_of(user), name=user.name, ties=gone)
        return gone

    # Groups

    def add_group(self, actor: Actor, name: str) -> Principal:
        """Make a group.

        Raises:
            NameTaken, NameUnusable: see `AccessList.add_group`.
        """
        group = self._access.add_group(name)
        self._audit.record(actor, "group.added", object_of(group, "group"), name=group.name)
        return group

    def remove_group(self, actor: Actor, group: Principal) -> None:
        """Delete a group; its members lose what they had through it."""
        self._people.remove(group)
        self._audit.record(actor, "group.removed", object_of(group, "group"), name=group.name)

    def join(self, actor: Actor, user: Principal, group: Principal) -> None:
        """Make a user a member of a group."""
        self._access.join(user, group)
        self._member(actor, "group.joined", user, group)

    def leave(self, actor: Actor, user: Principal, group: Principal) -> None:
        """End a membership."""
        self._access.leave(user, group)
        self._member(actor, "group.left", user, group)

    def _member(self, actor: Actor, action: str, user: Principal, group: Principal) -> None:
        self._audit.record(
            actor, action, object_of(group, "group"), group=group.name, user=user.name
        )

    # Sessions and keys

    def end_session(self, actor: Actor, owner: Principal, session_id: int) -> None:
        """End one session of a user.

        Raises:
            UnknownEntry: the user has none of this number.
        """
        if not self._accounts.sessions.revoke(session_id, owner=owner):
            raise UnknownEntry("session", session_id)
        self._audit.record(actor, "session.ended", Object("session", session_id), owner=owner.name)

    def end_sessions(self, actor: Actor, owner: Principal, *, but: int | None = None) -> int:
        """End all sessions of a user, except one. Returns how many there were."""
        ended = self._accounts.sessions.revoke_all(owner, but=but)
        self._audit.record(
            actor, "session.all_ended", object_of(owner), owner=owner.name, sessions=ended
        )
        return ended

    def revoke_key(self, actor: Actor, owner: Principal, key_id: int) -> None:
        """Make a key of a user useless.

        Raises:
            UnknownKey: the user has none of this number.
        """
        self._accounts.keys.revoke(key_id, owner=owner)
        self._audit.record(actor, "key.revoked", Object("key", key_id), owner=owner.name)

    def view_as(self, actor: Actor, session_id: int, other: Principal | None) -> None:
        """Have a session see Assay as another user, or, with None, as its owner again."""
        self._accounts.sessions.view_as(session_id, other)
        if other is None:
            self._audit.record(actor, "view.ended")
        else:
            self._audit.record(actor, "view.began", object_of(other), name=other.name)
