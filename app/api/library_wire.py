"""Documents, passages and receipts as JSON. No server paths, unless an administrator asks."""

from datetime import datetime
from typing import TypedDict

from app.deletion import Receipt
from retrieval.alike import Alike
from retrieval.catalog import Listed, PassageText
from retrieval.hidden import HiddenText


class ListedJson(TypedDict):
    """A document. `bytes` is the size of the original; None when it is not there."""

    id: int
    collection: str
    collection_id: int
    name: str
    title: str
    media_type: str
    revision: int
    bytes: int | None
    passages: int
    pages: int | None
    hidden_characters: int
    language: str | None
    tags: list[str]
    added_at: str
    changed_at: str
    path: str | None


class StoredPassageJson(TypedDict):
    """A passage of a document. `start` and `end` are code points of its text.

    `commands` are [start, end) in `text` of orders to a model, which no prompt is given.
    """

    id: int
    start: int
    end: int
    page: int | None
    context: str
    text: str
    commands: list[list[int]]


class AlikeJson(TypedDict):
    """A document that is nearly the same as another; `likeness` is 0.8 to 1."""

    id: int
    name: str
    collection: str
    collection_id: int
    likeness: float


class HiddenTextJson(TypedDict):
    """Text that a file keeps from human eyes: how, where, its beginning, and how long it is.

    `commands` are [start, end) in `text` of orders to a model.
    """

    by: str
    page: int | None
    text: str
    characters: int
    commands: list[list[int]]


class CheckJson(TypedDict):
    """A place that was asked after a deletion. `found` None: it could not be asked."""

    place: str
    looked_for: int
    found: int | None
    detail: str


class RemovedJson(TypedDict):
    """How much went."""

    documents: int
    revisions: int
    passages: int
    vectors: int
    originals: int


class ReceiptJson(TypedDict):
    """That something was deleted, and what was found of it afterwards."""

    id: int
    at: str
    actor: str
    object: str
    object_id: int
    name: str
    collection: str
    collection_id: int
    change_number: int
    removed: RemovedJson
    clean: bool
    checks: list[CheckJson]
    not_reached: list[str]


def listed_json(document: Listed, size: int | None, *, with_path: bool) -> ListedJson:
    """A document; where its file lay only `with_path`."""
    return {
        "id": document.id,
        "collection": document.collection.name,
        "collection_id": document.collection.id,
        "name": document.name,
        "title": document.title,
        "media_type": document.media_type,
        "revision": document.revision_id,
        "bytes": size,
        "passages": document.passages,
        "pages": document.pages,
        "hidden_characters": document.hidden_characters,
        "language": document.language or None,
        "tags": list(document.tags),
        "added_at": _moment(document.added_at),
        "changed_at": _moment(document.changed_at),
        "path": document.path if with_path else None,
    }


def stored_passage_json(passage: PassageText, commands: list[tuple[int, int]]) -> StoredPassageJson:
    """A passage with the orders in it."""
    return {
        "id": passage.id,
        "start": passage.start,
        "end": passage.end,
        "page": passage.page,
        "context": passage.context,
        "text": passage.text,
        "commands": [[start, end] for start, end in commands],
    }


def alike_json(alike: Alike) -> AlikeJson:
    """A document that is nearly the same."""
    return {
        "id": alike.id,
        "name": alike.name,
        "collection": alike.collection.name,
        "collection_id": alike.collection.id,
        "likeness": round(alike.likeness, 3),
    }


def hidden_text_json(piece: HiddenText, commands: list[tuple[int, int]]) -> HiddenTextJson:
    """Hidden text with the orders in it."""
    return {
        "by": piece.by.value,
        "page": piece.page,
        "text": piece.text,
        "characters": piece.characters,
        "commands": [[start, end] for start, end in commands],
    }


def receipt_json(receipt: Receipt) -> ReceiptJson:
    """A receipt."""
    removed = receipt.removed
    return {
        "id": receipt.id,
        "at": _moment(receipt.at),
        "actor": receipt.actor,
        "object": receipt.object.kind,
        "object_id": receipt.object.id,
        "name": receipt.name,
        "collection": receipt.collection,
        "collection_id": receipt.collection_id,
        "change_number": receipt.change_number,
        "removed": {
            "documents": removed.documents,
            "revisions": removed.revisions,
            "passages": removed.passages,
            "vectors": removed.vectors,
            "originals": removed.originals,
        },
        "clean": receipt.is_clean,
        "checks": [
            {
                "place": check.place,
                "looked_for": check.looked_for,
                "found": check.found,
                "detail": check.detail,
            }
            for check in receipt.checks
        ],
        "not_reached": list(receipt.not_reached),
    }


def _moment(at: datetime) -> str:
    return f"{at.isoformat(timespec='seconds')}Z"
