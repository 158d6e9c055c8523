"""Principals, groups and grants: who may read which collection.

Search takes the set `readable` returns and filters inside the indexes: nothing outside it is a
candidate. (How rare a word is, which BM25 weighs, is counted over all passages.)
"""

from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, delete, insert, select, update

from retrieval.database import writing
from retrieval.errors import NameTaken, NameUnusable, UnknownName
from retrieval.schema import collections, grants, memberships, principals
from retrieval.types import Access, Collection, Principal

NAME_LIMIT_CHARACTERS = 200


class AccessList:
    """Reads and writes who may do what. New collections are private to administrators."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_user(self, name: str, *, is_administrator: bool = False) -> Principal:
        """Make a user.

        Raises:
            NameTaken: a user or group of that name exists.
        """
        return self._add(name, "user", is_administrator=is_administrator)

    def ensure_administrator(self, name: str) -> Principal:
        """Make the user `name` an administrator, and first of all a user if there is none."""
        with writing(self._engine) as sql:
            known = principals.c.name == name
            if sql.execute(select(principals.c.id).where(known)).first() is None:
                sql.execute(insert(principals).values(_row(name, "user", is_administrator=True)))
            sql.execute(update(principals).where(known).values(is_administrator=1))
        return self.principal(name)

    def add_group(self, name: str) -> Principal:
        """Make a group; what is granted to it is granted to its members.

        Raises:
            NameTaken: a user or group of that name exists.
        """
        return self._add(name, "group", is_administrator=False)

    def join(self, member: Principal, group: Principal) -> None:
        """Make `member` a member of `group`. Nothing to do twice.

        Raises:
            UnknownName: `group` is not a group: joining a user would share that user's grants.
        """
        with writing(self._engine) as sql:
            kind = select(principals.c.kind).where(principals.c.id == group.id)
            if sql.execute(kind).scalar() != "group":
                raise UnknownName("group", group.name, "members join groups only")
            pair = {"group_id": group.id, "member_id": member.id}
            known = select(memberships).filter_by(**pair)
            if sql.execute(known).one_or_none() is None:
                sql.execute(insert(memberships).values(**pair))

    def principals(self) -> list[Principal]:
        """Every user and group, by name."""
        with self._engine.begin() as sql:
            rows = sql.execute(select(principals).order_by(principals.c.name))
            return [Principal(row.id, row.name, bool(row.is_administrator)) for row in rows]

    def principal(self, name: str) -> Principal:
        """Return the user or group of this name.

        Raises:
            UnknownName: there is none.
        """
        with self._engine.begin() as sql:
            row = sql.execute(select(principals).where(principals.c.name == name)).one_or_none()
        if row is None:
            raise UnknownName("user or group", name, f"add one with `assay user add {name}`")
        return Principal(row.id, row.name, bool(row.is_administrator))

    def grant(self, principal: Principal, collection: Collection, access: Access) -> None:
        """Set what `principal` may do with `collection`, in place of what was granted before."""
        with writing(self._engine) as sql:
            _revoke(sql, principal, collection)
            sql.execute(
                insert(grants).values(
                    principal_id=principal.id, collection_id=collection.id, access=access.value
                )
            )

    def revoke(self, principal: Principal, collection: Collection) -> None:
        """Take away what was granted. Nothing to do twice."""
        with writing(self._engine) as sql:
            _revoke(sql, principal, collection)

    def readable(self, principal: Principal) -> frozenset[int]:
        """Ids of the collections `principal` may read, by itself or through its groups."""
        with self._engine.begin() as sql:
            administrator = sql.execute(
                select(principals.c.is_administrator).where(principals.c.id == principal.id)
            ).scalar()
            if administrator:
                return frozenset(sql.execute(select(collections.c.id)).scalars())
            groups = select(memberships.c.group_id).where(memberships.c.member_id == principal.id)
            allowed = select(grants.c.collection_id).where(
                (grants.c.principal_id == principal.id) | grants.c.principal_id.in_(groups)
            )
            return frozenset(sql.execute(allowed).scalars())

    def everything(self) -> frozenset[int]:
        """Ids of all collections: what the operator at the command line reads."""
        with self._engine.begin() as sql:
            return frozenset(sql.execute(select(collections.c.id)).scalars())

    def _add(self, name: str, kind: str, *, is_administrator: bool) -> Principal:
        name = name.strip()
        if not 0 < len(name) <= NAME_LIMIT_CHARACTERS:
            raise NameUnusable(name, NAME_LIMIT_CHARACTERS)
        with writing(self._engine) as sql:
            if sql.execute(select(principals.c.id).where(principals.c.name == name)).first():
                raise NameTaken("user or group", name)
            row = _row(name, kind, is_administrator=is_administrator)
            made = insert(principals).values(row).returning(principals.c.id)
            principal_id = sql.execute(made).scalar_one()
        return Principal(principal_id, name, is_administrator)


def _row(name: str, kind: str, *, is_administrator: bool) -> dict[str, object]:
    return {
        "kind": kind,
        "name": name,
        "is_administrator": int(is_administrator),
        "created_at": datetime.now(UTC).replace(tzinfo=None),
    }


def _revoke(sql: Connection, principal: Principal, collection: Collection) -> None:
    sql.execute(
        delete(grants)
        .where(grants.c.principal_id == principal.id)
        .where(grants.c.collection_id == collection.id)
    )
