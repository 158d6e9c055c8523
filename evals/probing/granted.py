"""Who was granted what, read row by row: the yardstick of the leak probe.

On purpose not `AccessList.readable`, which is what the probe holds against it: one mistake in both
would go unseen.
"""

from dataclasses import dataclass

from sqlalchemy import Engine, select

from retrieval.schema import collections, grants, memberships, principals


@dataclass(frozen=True, slots=True)
class Granted:
    """The tables of access, as they were at one moment. All are ids.

    `members` are (group, member), `grants` (principal, collection): what is not in them is denied.
    """

    names: dict[int, str]
    groups: frozenset[int]
    administrators: frozenset[int]
    disabled: frozenset[int]
    members: frozenset[tuple[int, int]]
    grants: frozenset[tuple[int, int]]
    collections: dict[int, str]

    def expected(self, principal_id: int) -> frozenset[int]:
        """The collections a principal may read.

        Who is disabled reads nothing. An administrator may read all. Anybody else what was
        granted to itself, and what was granted to a group it is a member of; a group in a group
        hands nothing on.
        """
        if principal_id in self.disabled:
            return frozenset()
        if principal_id in self.administrators:
            return frozenset(self.collections)
        holders = {principal_id}
        holders |= {group for group, member in self.members if member == principal_id}
        return frozenset(
            collection for holder, collection in self.grants if holder in holders
        ) & frozenset(self.collections)


def read_granted(engine: Engine) -> Granted:
    """Read the tables of access in one transaction."""
    with engine.begin() as sql:
        people = sql.execute(select(principals)).all()
        return Granted(
            names={row.id: row.name for row in people},
            groups=frozenset(row.id for row in people if row.kind == "group"),
            administrators=frozenset(row.id for row in people if row.is_administrator),
            disabled=frozenset(row.id for row in people if row.disabled_at is not None),
            members=frozenset(
                (row.group_id, row.member_id) for row in sql.execute(select(memberships))
            ),
            grants=frozenset(
                (row.principal_id, row.collection_id) for row in sql.execute(select(grants))
            ),
            collections={row.id: row.name for row in sql.execute(select(collections))},
        )
