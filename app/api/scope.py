"""Which collections a request is about: those it names, of those the requester may read."""

from typing import Annotated

from pydantic import Field, StringConstraints

from app.errors import ParameterRefused
from retrieval.store import Store
from retrieval.types import Collection

_MOST_NAMES = 100

CollectionNames = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=200)]] | None,
    Field(min_length=1, max_length=_MOST_NAMES),
]


def readable_collections(store: Store, readable: frozenset[int]) -> list[Collection]:
    """The collections behind these numbers, by name."""
    return [collection for collection in store.collections() if collection.id in readable]


def searched(store: Store, readable: frozenset[int], names: list[str] | None) -> frozenset[int]:
    """Numbers of the collections to search: the named ones, or all that are readable.

    Raises:
        ParameterRefused: a name is of none that is readable. Whether there is one is not said.
    """
    if names is None:
        return readable
    known = {collection.name: collection.id for collection in readable_collections(store, readable)}
    for name in names:
        if name not in known:
            raise ParameterRefused(
                "collections",
                f"collections: you can read no collection named {name!r}; leave the field out to "
                "search all you can read",
                status=422,
            )
    return frozenset(known[name] for name in names)
