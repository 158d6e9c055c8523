"""Principals, groups and grants: who may read which collection.

Search takes the set `readable` returns and filters inside the indexes: nothing outside it is a
candidate. (How rare a word is, which BM25 weighs, is counted over all passages.)
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, update

from retrieval.database import writing
from retrieval.errors import NameTaken, NameUnusable, UnknownName
from retrieval.schema import collections, grants, memberships, principals
from retrieval.types import Access, Collection, Principal

NAME_LIMIT_CHARACTERS = 200
# Every request asks these: made once, they need not be put together and looked up again.
_PERSON = select(principals.c.is_administrator, principals.c.disabled_at).where(
    principals.c.id == bindparam("principal")
)
_GRANTED = select(grants.c.collection_id, grants.c.access).where(
    (grants.c.principal_id == bindparam("principal"))
    | grants.c.principal_id.in_(
        select(memberships.c.group_id).where(memberships.c.member_id == bindparam("principal"))
    )
)
_COLLECTIONS = select(collections.c.id)


class Grant(NamedTuple):
    """What a user or group was granted on a collection."""

    principal: Principal
    is_group: bool
    collection: Collection
    access: Access


class AccessList:
    """Reads and writes who may do what. New collections are private to administrators."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_user(self, name: str, *, is_administrator: bool = False) -> Principal:
        """Make a user.

        Raises:
            NameTaken: a user or group of that name exists.
            NameUnusable: it is blank, too long, or has characters that cannot be seen.
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
            NameUnusable: it is blank, too long, or has characters that cannot be seen.
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

    def leave(self, member: Principal, group: Principal) -> None:
        """End a membership. Nothing to do twice."""
        with writing(self._engine) as sql:
            sql.execute(delete(memberships).filter_by(group_id=group.id, member_id=member.id))

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

    # Grants

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

    def grants(
        self, *, collection: Collection | None = None, principal: Principal | None = None
    ) -> list[Grant]:
        """What was granted, on one collection or to one principal, by names.

        What members have through a group is listed once, at the group.
        """
        query = (
            select(
                grants.c.access,
                principals,
                collections.c.id.label("collection_id"),
                collections.c.name.label("collection"),
            )
            .join(principals, principals.c.id == grants.c.principal_id)
            .join(collections, collections.c.id == grants.c.collection_id)
            .order_by(collections.c.name, principals.c.name)
        )
        if collection is not None:
            query = query.where(grants.c.collection_id == collection.id)
        if principal is not None:
            query = query.where(grants.c.principal_id == principal.id)
        with self._engine.begin() as sql:
            return [
                Grant(
                    Principal(row.id, row.name, bool(row.is_administrator)),
                    row.kind == "group",
                    Collection(row.collection_id, row.collection),
                    Access(row.access),
                )
                for row in sql.execute(query)
            ]

    # Decisions

    def levels(self, principal: Principal) -> Mapping[int, Access]:
        """What `principal` may do, by collection id: the most of its own grants and its groups'.

        Administrators manage every collection. Who is disabled or gone may do nothing.
        """
        of = {"principal": principal.id}
        with self._engine.begin() as sql:
            person = sql.execute(_PERSON, of).one_or_none()
            if person is None or person.disabled_at is not None:
                return {}
            if person.is_administrator:
                return dict.fromkeys(sql.execute(_COLLECTIONS).scalars(), Access.MANAGE)
            rows = sql.execute(_GRANTED, of).all()
        found: dict[int, Access] = {}
        for row in rows:
            access = Access(row.access)
            if access.includes(found.get(row.collection_id, Access.READ)):
                found[row.collection_id] = access
        return found

    def allowed(self, principal: Principal, access: Access) -> frozenset[int]:
        """Ids of the collections with which `principal` may do this, or more."""
        levels = self.levels(principal)
        return frozenset(number for number in levels if levels[number].includes(access))

    def readable(self, principal: Principal) -> frozenset[int]:
        """Ids of the collections `principal` may read, by itself or through its groups."""
        return self.allowed(principal, Access.READ)

    def everything(self) -> frozenset[int]:
        """Ids of all collections: what the operator at the command line reads."""
        with self._engine.begin() as sql:
            return frozenset(sql.execute(_COLLECTIONS).scalars())

    def _add(self, name: str, kind: str, *, is_administrator: bool) -> Principal:
        name = usable_name(name)
        with writing(self._engine) as sql:
            if sql.execute(select(principals.c.id).where(principals.c.name == name)).first():
                raise NameTaken("user or group", name)
            row = _row(name, kind, is_administrator=is_administrator)
            made = insert(principals).values(row).returning(principals.c.id)
            principal_id = sql.execute(made).scalar_one()
        return Principal(principal_id, name, is_administrator)


def usable_name(name: str) -> str:
    """A name without white space around it.

    Raises:
        NameUnusable: nothing is left, it is too long, or it has characters that cannot be seen: a
            name with one could pass for another.
    """
    name = name.strip()
    if not 0 < len(name) <= NAME_LIMIT_CHARACTERS or not name.isprintable():
        raise NameUnusable(name, NAME_LIMIT_CHARACTERS)
    return name


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
