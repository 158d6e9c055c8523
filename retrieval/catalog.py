"""What there is: documents page by page, and the passages of one. Quick at 100,000 documents.

Programs go on below the last row they were given, which costs the same wherever it is. People want
to turn to any page: rows are counted then, in an index, and only those of the page are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Engine, Row, Select, func, select, tuple_

from retrieval.hidden import HiddenBy, HiddenText
from retrieval.schema import (
    collections,
    document_tags,
    document_traits,
    documents,
    hidden_texts,
    passages,
    revisions,
)
from retrieval.types import Collection


class Order(StrEnum):
    """How documents are listed; equal ones by number. By name as people order names."""

    NEWEST = "newest"
    OLDEST = "oldest"
    NAME = "name"
    NAME_DOWN = "name-down"
    LARGEST = "largest"
    SMALLEST = "smallest"
    FEWEST = "fewest"
    MOST = "most"


# Where a list goes on: the number of the last document, and what the list is in order of.
Place: TypeAlias = tuple[int, str | int]


class _Along(NamedTuple):
    """What a list is in order of, and which way. `attribute` is its name in `Listed`."""

    column: Any
    attribute: str
    is_down: bool


_ALONG: Mapping[Order, _Along] = MappingProxyType(
    {
        Order.NEWEST: _Along(documents.c.id, "id", is_down=True),
        Order.OLDEST: _Along(documents.c.id, "id", is_down=False),
        Order.NAME: _Along(documents.c.name_key, "name_key", is_down=False),
        Order.NAME_DOWN: _Along(documents.c.name_key, "name_key", is_down=True),
        Order.LARGEST: _Along(documents.c.size, "size", is_down=True),
        Order.SMALLEST: _Along(documents.c.size, "size", is_down=False),
        Order.FEWEST: _Along(documents.c.passages, "passages", is_down=False),
        Order.MOST: _Along(documents.c.passages, "passages", is_down=True),
    }
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A document as lists show it. Times are naive UTC.

    `pages` is the last page that a passage stands on; None for formats without pages. `passages`
    is 0 for a document in which there was no text. `size` is -1 when nobody has measured it.
    `hidden_characters` is how much its file keeps from human eyes. `language` is "" where none is
    likely, None where nobody looked yet.
    """

    id: int
    collection: Collection
    path: str
    name: str
    name_key: str
    title: str
    media_type: str
    revision_id: int
    sha256: str
    size: int
    passages: int
    pages: int | None
    added_at: datetime
    changed_at: datetime
    hidden_characters: int = 0
    language: str | None = None
    tags: tuple[str, ...] = ()

    def place(self, order: Order) -> Place:
        """Where a list in this order that ends with this one goes on."""
        return self.id, getattr(self, _ALONG[order].attribute)


@dataclass(frozen=True, slots=True)
class PassageText:
    """A passage of a document: its words and where they stand, in code points."""

    id: int
    start: int
    end: int
    page: int | None
    context: str
    text: str


class Kept(NamedTuple):
    """A revision that is kept: the present one, or one that old answers point into."""

    id: int
    sha256: str
    created_at: datetime


class DocumentPage(NamedTuple):
    """Documents of a page, and how many there are on all pages."""

    documents: list[Listed]
    total: int


class Catalog:
    """Reads the last committed state. What somebody may read, the callers say."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def documents(
        self,
        among: frozenset[int],
        *,
        order: Order = Order.NEWEST,
        after: Place | None = None,
        named: str = "",
        tag: str = "",
        limit: int = 50,
    ) -> list[Listed]:
        """Documents of these collections.

        Args:
            after: the `place` of the last one of the page before.
            named: what the name must contain; capitals of ASCII count like small letters.
            tag: what they must be tagged with, from `tag_of`.
        """
        query = _ordered(_LISTED, order).where(_within(among, named, tag)).limit(limit)
        if after is not None:
            query = query.where(_after(order, after))
        with self._engine.begin() as sql:
            return [_row(row) for row in sql.execute(query)]

    def page(
        self,
        collection: Collection,
        *,
        order: Order,
        number: int,
        size: int,
        named: str = "",
        tag: str = "",
        only_textless: bool = False,
    ) -> DocumentPage:
        """A page of a collection's documents, `size` long and counted from 1.

        A page behind the last is empty; `total` says how many documents all pages have.

        Args:
            named, tag: see `documents`.
            only_textless: only those in which there was no text.
        """
        wanted = _within(frozenset({collection.id}), named, tag)
        if only_textless:
            wanted &= documents.c.passages == 0
        chosen = _ordered(select(documents.c.id), order).where(wanted)
        chosen = chosen.limit(size).offset((number - 1) * size)
        with self._engine.begin() as sql:
            total = sql.execute(select(func.count(documents.c.id)).where(wanted)).scalar_one()
            ids = list(sql.execute(chosen).scalars())
            rows = sql.execute(_LISTED.where(documents.c.id.in_(ids))).all()
        found = {row.id: _row(row) for row in rows}
        return DocumentPage([found[id_] for id_ in ids], total)

    def document(self, number: int, among: frozenset[int]) -> Listed | None:
        """A document of one of these collections; None when there is none."""
        query = _LISTED.where(documents.c.id == number)
        query = query.where(documents.c.collection_id.in_(among))
        with self._engine.begin() as sql:
            row = sql.execute(query).one_or_none()
        return None if row is None else _row(row)

    def passages(
        self, document: Listed, *, after: int | None = None, limit: int = 50
    ) -> list[PassageText]:
        """The passages of a document in the order of its text; `after` is the last one's start."""
        query = (
            select(passages)
            .where(passages.c.document_id == document.id)
            .where(passages.c.revision_id == document.revision_id)
            .order_by(passages.c.start)
            .limit(limit)
        )
        if after is not None:
            query = query.where(passages.c.start > after)
        with self._engine.begin() as sql:
            return [
                PassageText(row.id, row.start, row.end, row.page, row.context, row.text)
                for row in sql.execute(query)
            ]

    def hidden(self, document: Listed) -> list[HiddenText]:
        """What a document's file keeps from human eyes, in the order of the file."""
        query = (
            select(hidden_texts)
            .where(hidden_texts.c.document_id == document.id)
            .where(hidden_texts.c.revision_id == document.revision_id)
            .order_by(hidden_texts.c.id)
        )
        with self._engine.begin() as sql:
            return [_hidden_text(row) for row in sql.execute(query)]

    def revisions(self, document: Listed) -> list[Kept]:
        """The revisions that are kept, the present one first."""
        query = (
            select(revisions.c.id, revisions.c.sha256, revisions.c.created_at)
            .where(revisions.c.document_id == document.id)
            .order_by(revisions.c.id.desc())
        )
        with self._engine.begin() as sql:
            return [Kept(row.id, row.sha256, row.created_at) for row in sql.execute(query)]


def _hidden_text(row: Row[Any]) -> HiddenText:
    return HiddenText(HiddenBy(row.hidden_by), row.text, row.page, row.characters)


def _select_listed() -> Select[Any]:
    of_document = passages.c.document_id == documents.c.id
    return (
        select(
            documents.c.id,
            documents.c.collection_id,
            collections.c.name.label("collection"),
            documents.c.path,
            documents.c.name,
            documents.c.name_key,
            documents.c.size,
            documents.c.passages,
            documents.c.revision_id,
            documents.c.created_at.label("added_at"),
            revisions.c.title,
            revisions.c.media_type,
            revisions.c.sha256,
            revisions.c.created_at.label("changed_at"),
            select(func.max(passages.c.page)).where(of_document).scalar_subquery().label("pages"),
            select(func.coalesce(func.sum(hidden_texts.c.characters), 0))
            .where(hidden_texts.c.document_id == documents.c.id)
            .scalar_subquery()
            .label("hidden_characters"),
            document_traits.c.language,
            select(func.group_concat(document_tags.c.tag, ","))
            .where(document_tags.c.document_id == documents.c.id)
            .scalar_subquery()
            .label("tags"),
        )
        .outerjoin(document_traits, document_traits.c.document_id == documents.c.id)
        .join(collections, collections.c.id == documents.c.collection_id)
        .join(revisions, revisions.c.id == documents.c.revision_id)
    )


# Made once: putting it together takes longer than SQLite does for a page of it.
_LISTED = _select_listed()


def _within(among: frozenset[int], named: str, tag: str) -> ColumnElement[bool]:
    wanted: ColumnElement[bool] = documents.c.collection_id.in_(among)
    if named:
        wanted &= documents.c.name.icontains(named, autoescape=True)
    if tag:
        tagged = select(document_tags.c.document_id).where(document_tags.c.tag == tag)
        wanted &= documents.c.id.in_(tagged)
    return wanted


def _ordered(query: Select[Any], order: Order) -> Select[Any]:
    along = _ALONG[order]
    columns = dict.fromkeys([along.column, documents.c.id])
    return query.order_by(*(column.desc() if along.is_down else column for column in columns))


def _after(order: Order, place: Place) -> ColumnElement[bool]:
    along, (number, key) = _ALONG[order], place
    # As one value: an index is then entered where the page before ended, and not gone through.
    here, there = tuple_(along.column, documents.c.id), tuple_(key, number)
    after: ColumnElement[bool] = here < there if along.is_down else here > there
    return after


def _row(row: Row[Any]) -> Listed:
    return Listed(
        id=row.id,
        collection=Collection(row.collection_id, row.collection),
        path=row.path,
        name=row.name,
        name_key=row.name_key,
        title=row.title,
        media_type=row.media_type,
        revision_id=row.revision_id,
        sha256=row.sha256,
        size=row.size,
        passages=row.passages,
        pages=row.pages,
        added_at=row.added_at,
        changed_at=row.changed_at,
        hidden_characters=row.hidden_characters,
        language=row.language,
        tags=tuple(sorted(row.tags.split(","))) if row.tags else (),
    )
