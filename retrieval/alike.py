"""Documents that are nearly the same: found through the bands that their signatures share.

Nothing is compared with everything: a document's page costs a few look-ups, whatever there is.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, select

from retrieval.database import writing
from retrieval.schema import collections, document_bands, document_traits, documents, revisions
from retrieval.traits import bands_of, likeness, traits_of
from retrieval.types import Collection, Traits

LEAST = 0.8
_MOST_COMPARED = 200
_MOST_SHOWN = 20
_MOST_AT_ONCE = 500


class Alike(NamedTuple):
    """A document, and how much of it is the same as that of another, 0 to 1."""

    id: int
    name: str
    collection: Collection
    likeness: float


class AlikeDocuments:
    """Says which documents are nearly the same, among those that somebody may read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, document_id: int, among: frozenset[int]) -> list[Alike]:
        """Documents of these collections that are like one, the most alike first; 20 at most."""
        with self._engine.begin() as sql:
            own = sql.execute(
                select(document_traits.c.signature).where(
                    document_traits.c.document_id == document_id
                )
            ).scalar()
            if not own:
                return []
            shared = (
                select(document_bands.c.document_id)
                .join(documents, documents.c.id == document_bands.c.document_id)
                .where(document_bands.c.band.in_(bands_of(own)))
                .where(document_bands.c.document_id != document_id)
                .where(documents.c.collection_id.in_(among))
                .group_by(document_bands.c.document_id)
                .order_by(func.count().desc(), document_bands.c.document_id)
                .limit(_MOST_COMPARED)
            )
            numbers = list(sql.execute(shared).scalars())
            found = [
                one._replace(likeness=likeness(own, signature))
                for one, signature in _described(sql, numbers)
            ]
        alike = [one for one in found if one.likeness >= LEAST]
        return sorted(alike, key=lambda one: (-one.likeness, one.id))[:_MOST_SHOWN]

    def groups(self, among: frozenset[int]) -> list[list[Alike]]:
        """All documents of these collections that are like another, the largest groups first.

        Likeness is to the first of a group, which has the lowest number. Whatever is like one of a
        group belongs to it.
        """
        with self._engine.begin() as sql:
            shared = (
                select(document_bands.c.band)
                .join(documents, documents.c.id == document_bands.c.document_id)
                .where(documents.c.collection_id.in_(among))
                .group_by(document_bands.c.band)
                .having(func.count() > 1)
            )
            rows = sql.execute(
                select(document_bands.c.band, document_bands.c.document_id)
                .join(documents, documents.c.id == document_bands.c.document_id)
                .where(documents.c.collection_id.in_(among))
                .where(document_bands.c.band.in_(shared))
                .order_by(document_bands.c.band, document_bands.c.document_id)
            ).all()
            numbers = sorted({row.document_id for row in rows})
            known = {one.id: (one, signature) for one, signature in _described(sql, numbers)}
        joined = _Joined()
        for before, row in pairwise(rows):
            a, b = before.document_id, row.document_id
            if before.band == row.band and likeness(known[a][1], known[b][1]) >= LEAST:
                joined.join(a, b)
        groups = []
        for members in joined.groups():
            first = known[members[0]][1]
            groups.append(
                [known[m][0]._replace(likeness=likeness(first, known[m][1])) for m in members]
            )
        return sorted(groups, key=lambda group: (-len(group), group[0].id))

    def count_unknown(self) -> int:
        """How many documents were brought in before their traits were kept."""
        with self._engine.begin() as sql:
            return sql.execute(
                select(func.count()).select_from(documents).where(_is_unknown())
            ).scalar_one()

    def look_at_unknown(self) -> int:
        """Look at the texts of those documents. Returns how many."""
        done = 0
        while True:
            with self._engine.begin() as sql:
                row = sql.execute(
                    select(documents.c.id, documents.c.revision_id, revisions.c.text)
                    .join(revisions, revisions.c.id == documents.c.revision_id)
                    .where(_is_unknown())
                    .limit(1)
                ).one_or_none()
            if row is None:
                return done
            traits = traits_of(row.text)
            with writing(self._engine) as sql:
                current = sql.execute(
                    select(documents.c.revision_id).where(documents.c.id == row.id)
                ).scalar()
                if current == row.revision_id:  # not changed or deleted meanwhile
                    keep_traits(sql, row.id, traits)
            done += 1


def forget_traits(sql: Connection, document_id: int) -> None:
    """Remove what is known of a document."""
    sql.execute(delete(document_bands).where(document_bands.c.document_id == document_id))
    sql.execute(delete(document_traits).where(document_traits.c.document_id == document_id))


def keep_traits(sql: Connection, document_id: int, traits: Traits) -> None:
    """Write what is known of a document in place of what was."""
    forget_traits(sql, document_id)
    sql.execute(insert(document_traits).values(document_id=document_id, **traits._asdict()))
    if traits.signature:
        bands = [{"band": b, "document_id": document_id} for b in bands_of(traits.signature)]
        sql.execute(insert(document_bands), bands)


def _is_unknown() -> ColumnElement[bool]:
    known = select(document_traits.c.document_id)
    return documents.c.id.notin_(known)


def _described(sql: Connection, numbers: Sequence[int]) -> Iterator[tuple[Alike, bytes]]:
    for start in range(0, len(numbers), _MOST_AT_ONCE):
        query = (
            select(
                documents.c.id,
                documents.c.name,
                documents.c.collection_id,
                collections.c.name.label("collection"),
                document_traits.c.signature,
            )
            .join(collections, collections.c.id == documents.c.collection_id)
            .join(document_traits, document_traits.c.document_id == documents.c.id)
            .where(documents.c.id.in_(numbers[start : start + _MOST_AT_ONCE]))
            .order_by(documents.c.id)
        )
        for row in sql.execute(query):
            collection = Collection(row.collection_id, row.collection)
            yield Alike(row.id, row.name, collection, 1.0), row.signature


class _Joined:
    """Numbers that belong together because each is joined to another."""

    def __init__(self) -> None:
        self._of: dict[int, int] = {}

    def join(self, one: int, other: int) -> None:
        """Put the groups of two numbers together."""
        first, second = sorted((self._first(one), self._first(other)))
        self._of[second] = first

    def groups(self) -> list[list[int]]:
        """Numbers that were joined, ascending in each group."""
        found: dict[int, list[int]] = {}
        for number in sorted(self._of):
            found.setdefault(self._first(number), []).append(number)
        return list(found.values())

    def _first(self, number: int) -> int:
        path = []
        while self._of.setdefault(number, number) != number:
            path.append(number)
            number = self._of[number]
        for passed in path:
            self._of[passed] = number
        return number
