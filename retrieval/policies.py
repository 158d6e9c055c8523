"""What each collection wants done with sentences that its documents do not support."""

from collections.abc import Iterable

from sqlalchemy import Engine, select, update

from retrieval.database import writing
from retrieval.schema import collections
from retrieval.types import Collection, Policy


class Policies:
    """Reads see the last committed state. Each write is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def among(self, collection_ids: Iterable[int]) -> dict[int, Policy]:
        """The policies of these collections, by id; what is not there is absent."""
        query = select(collections.c.id, collections.c.policy)
        with self._engine.begin() as sql:
            rows = sql.execute(query.where(collections.c.id.in_(sorted(set(collection_ids)))))
            return {row.id: Policy(row.policy) for row in rows}

    def choose(self, collection: Collection, policy: Policy) -> None:
        """Have answers over a collection follow a policy from now on."""
        with writing(self._engine) as sql:
            sql.execute(
                update(collections)
                .where(collections.c.id == collection.id)
                .values(policy=policy.value)
            )
