"""Users and groups, administered: who there is, who is a member of what, who may log in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from sqlalchemy import Connection, Engine, delete, func, select, update

from app.errors import LastAdministrator, UnknownEntry
from app.schema import api_keys, sessions
from retrieval.database import writing
from retrieval.errors import UnknownName
from retrieval.schema import memberships, principals
from retrieval.types import Principal

Kind: TypeAlias = Literal["user", "group"]


@dataclass(frozen=True, slots=True)
class User:
    """A user as administrators see one. Times are naive UTC.

    `last_seen_at` is the last use of a session that still is; None without one.
    """

    principal: Principal
    created_at: datetime
    disabled_at: datetime | None
    groups: tuple[str, ...]
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Group:
    """A group, with the names of its members."""

    principal: Principal
    created_at: datetime
    members: tuple[str, ...]


class People:
    """Lists, disables and removes users and groups. One administrator always remains."""

    def __init__(self, engine: Engine, *, now: Callable[[], datetime] | None = None) -> None:
        self._engine = engine
        self._now = now or (lambda: datetime.now(UTC).replace(tzinfo=None))

    def users(self) -> list[User]:
        """Every user, by name."""
        seen = (
            select(sessions.c.principal_id, func.max(sessions.c.last_seen_at).label("at"))
            .group_by(sessions.c.principal_id)
            .subquery()
        )
        query = (
            select(principals, seen.c.at.label("last_seen_at"))
            .outerjoin(seen, seen.c.principal_id == principals.c.id)
            .where(principals.c.kind == "user")
            .order_by(principals.c.name)
        )
        group = principals.alias("group")
        member_of = (
            select(memberships.c.member_id, group.c.name)
            .join(group, group.c.id == memberships.c.group_id)
            .order_by(group.c.name)
        )
        with self._engine.begin() as sql:
            groups: dict[int, list[str]] = {}
            for row in sql.execute(member_of):
                groups.setdefault(row.member_id, []).append(row.name)
            return [
                User(
                    Principal(row.id, row.name, bool(row.is_administrator)),
                    row.created_at,
                    row.disabled_at,
                    tuple(groups.get(row.id, ())),
                    row.last_seen_at,
                )
                for row in sql.execute(query)
            ]

    def groups(self) -> list[Group]:
        """Every group, by name."""
        member = principals.alias("member")
        members = (
            select(memberships.c.group_id, member.c.name)
            .join(member, member.c.id == memberships.c.member_id)
            .order_by(member.c.name)
        )
        query = select(principals).where(principals.c.kind == "group").order_by(principals.c.name)
        with self._engine.begin() as sql:
            names: dict[int, list[str]] = {}
            for row in sql.execute(members):
                names.setdefault(row.group_id, []).append(row.name)
            return [
                Group(
                    Principal(row.id, row.name, bool(row.is_administrator)),
                    row.created_at,
                    tuple(names.get(row.id, ())),
                )
                for row in sql.execute(query)
            ]

    def find(self, kind: Kind, number: int) -> Principal:
        """The user or group of this number.

        Raises:
            UnknownEntry: there is none.
        """
        query = select(principals).where(principals.c.id == number)
        with self._engine.begin() as sql:
            row = sql.execute(query.where(principals.c.kind == kind)).one_or_none()
        if row is None:
            raise UnknownEntry(kind, number)
        return Principal(row.id, row.name, bool(row.is_administrator))

    def named(self, kind: Kind, name: str) -> Principal:
        """The user or group of this name.

        Raises:
            UnknownName: there is none of this kind.
        """
        query = select(principals).where(principals.c.name == name.strip())
        with self._engine.begin() as sql:
            row = sql.execute(query.where(principals.c.kind == kind)).one_or_none()
        if row is None:
            raise UnknownName(kind, name[:50], f"add one with `assay {kind} add`")
        return Principal(row.id, row.name, bool(row.is_administrator))

    def is_disabled(self, principal: Principal) -> bool:
        """Whether somebody may not log in, and reads nothing."""
        query = select(principals.c.disabled_at).where(principals.c.id == principal.id)
        with self._engine.begin() as sql:
            return sql.execute(query).scalar() is not None

    def disable(self, user: Principal) -> None:
        """Let a user neither log in nor read, and end the sessions. Keys are of no use meanwhile.

        Raises:
            LastAdministrator: nobody would be left.
        """
        with writing(self._engine) as sql:
            _require_another_administrator(sql, user)
            sql.execute(
                update(principals)
                .where(principals.c.id == user.id)
                .where(principals.c.disabled_at.is_(None))
                .values(disabled_at=self._now())
            )
            sql.execute(delete(sessions).where(sessions.c.principal_id == user.id))

    def enable(self, user: Principal) -> None:
        """Let a user in again."""
        with writing(self._engine) as sql:
            sql.execute(
                update(principals).where(principals.c.id == user.id).values(disabled_at=None)
            )

    def set_administrator(self, user: Principal, *, is_administrator: bool) -> None:
        """Make a user an administrator, or not one any more.

        Raises:
            LastAdministrator: nobody would be left.
        """
        with writing(self._engine) as sql:
            if not is_administrator:
                _require_another_administrator(sql, user)
            sql.execute(
                update(principals)
                .where(principals.c.id == user.id)
                .where(principals.c.kind == "user")
                .values(is_administrator=int(is_administrator))
            )

    def remove(self, principal: Principal) -> None:
        """Delete a user or group with what belongs to it: grants, sessions, keys, memberships.

        Raises:
            LastAdministrator: nobody would be left.
        """
        with writing(self._engine) as sql:
            _require_another_administrator(sql, principal)
            sql.execute(delete(api_keys).where(api_keys.c.principal_id == principal.id))
            sql.execute(delete(principals).where(principals.c.id == principal.id))


def _require_another_administrator(sql: Connection, leaving: Principal) -> None:
    """Refuse when `leaving` is the only administrator who may log in."""
    able = (
        select(principals.c.id)
        .where(principals.c.is_administrator == 1)
        .where(principals.c.disabled_at.is_(None))
    )
    able_ids = set(sql.execute(able).scalars())
    if able_ids == {leaving.id}:
        raise LastAdministrator(leaving.name)
