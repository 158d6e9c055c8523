"""Collections, made, renamed and removed. What is in them, and for whom, stands elsewhere."""

from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Engine, case, delete, func, insert, select, update

from retrieval.access import usable_name
from retrieval.database import writing
from retrieval.errors import CollectionNotEmpty, NameTaken
from retrieval.schema import collections, documents
from retrieval.types import Collection


class CollectionSize(NamedTuple):
    """A collection and how much it holds; in `textless` of its documents there is no text."""

    collection: Collection
    documents: int
    passages: int
    textless: int


class Collections:
    """Reads see the last committed state. Each write is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, name: str) -> Collection:
        """Make a collection. It is private to administrators.

        Raises:
            NameTaken: there is one of this name.
            NameUnusable: it is blank, too long, or has characters that cannot be seen.
        """
        name = usable_name(name)
        with writing(self._engine) as sql:
            if sql.execute(select(collections.c.id).where(collections.c.name == name)).first():
                raise NameTaken("collection", name)
            row = {"name": name, "created_at": datetime.now(UTC).replace(tzinfo=None)}
            made = insert(collections).values(row).returning(collections.c.id)
            return Collection(int(sql.execute(made).scalar_one()), name)

    def rename(self, collection: Collection, name: str) -> Collection:
        """Give a collection another name. Grants and documents stay as they are.

        Raises:
            NameTaken: another has this name.
            NameUnusable: it is blank, too long, or has characters that cannot be seen.
        """
        name = usable_name(name)
        with writing(self._engine) as sql:
            other = select(collections.c.id).where(collections.c.name == name)
            if sql.execute(other.where(collections.c.id != collection.id)).first():
                raise NameTaken("collection", name)
            sql.execute(
                update(collections).where(collections.c.id == collection.id).values(name=name)
            )
        return Collection(collection.id, name)

    def remove(self, collection: Collection) -> None:
        """Delete an empty collection with its grants. Nothing to do twice.

        Raises:
            CollectionNotEmpty: documents are in it; deleting them is another step, which forgets
                their originals and takes them out of the indexes.
        """
        with writing(self._engine) as sql:
            inside = select(func.count()).where(documents.c.collection_id == collection.id)
            if count := sql.execute(inside).scalar_one():
                raise CollectionNotEmpty(collection.name, count)
            sql.execute(delete(collections).where(collections.c.id == collection.id))

    def find(self, number: int) -> Collection | None:
        """The collection of this number; None when there is none."""
        with self._engine.begin() as sql:
            row = sql.execute(select(collections).where(collections.c.id == number)).one_or_none()
        return None if row is None else Collection(row.id, row.name)

    def document_ids(self, collection: Collection) -> list[int]:
        """Numbers of the documents in it."""
        query = select(documents.c.id).where(documents.c.collection_id == collection.id)
        with self._engine.begin() as sql:
            return list(sql.execute(query).scalars())

    def sizes(self, among: frozenset[int]) -> list[CollectionSize]:
        """These collections with how much they hold, by name."""
        held = (
            select(
                documents.c.collection_id,
                func.count().label("documents"),
                func.sum(documents.c.passages).label("passages"),
                func.sum(case((documents.c.passages == 0, 1), else_=0)).label("textless"),
            )
            .where(documents.c.collection_id.in_(among))
            .group_by(documents.c.collection_id)
            .subquery()
        )
        query = (
            select(collections, held.c.documents, held.c.passages, held.c.textless)
            .outerjoin(held, held.c.collection_id == collections.c.id)
            .where(collections.c.id.in_(among))
            .order_by(collections.c.name)
        )
        with self._engine.begin() as sql:
            return [
                CollectionSize(
                    Collection(row.id, row.name),
                    row.documents or 0,
                    row.passages or 0,
                    row.textless or 0,
                )
                for row in sql.execute(query)
            ]
