"""Deletes documents, and proves by query that nothing of them is left where a query can reach.

The proof is kept as a receipt: what was asked of which place, what was found, and what no query
of ours can reach. It has the document's name, and none of its words.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Engine, Row, func, insert, select

from app.audit import Actor, AuditLog, Object
from app.errors import UnknownEntry
from app.schema import deletion_receipts
from retrieval.catalog import Listed
from retrieval.collections import Collections
from retrieval.database import writing
from retrieval.erasure import Check, Erasure, Traces
from retrieval.errors import CollectionNotEmpty, RetrievalError
from retrieval.store import Store
from retrieval.types import Collection, Hit

if TYPE_CHECKING:
    from retrieval.vectors.projection import VectorProjection

_TRIES = 3
# What no query of ours can reach. Said in every receipt.
NOT_REACHED = (
    "backups, snapshots of the file system, and copies that were exported or downloaded",
    "blocks of the disk that the original file and older index files lay on: they are unlinked, "
    "not overwritten",
    "pieces of it, other than the sentences looked for, where SQLite moved rows between pages of "
    "the database: `assay backup` copies none of them",
    "pages of the database's write-ahead log, while another process still reads from before the "
    "deletion",
    "other running processes' vector indexes, until their next search; they catch up before it",
    "what the chat models of other running servers have read, until their next question, and what "
    "was being written at that moment: only a prompt with the same words could use it",
    "memory that a chat model computed in: nothing finds it again, and it is overwritten when room "
    "is needed",
    "pages that are open in a browser",
)


class Search(Protocol):
    """Find passages; see `Searcher.search`."""

    def __call__(self, question: str, /, *, readable: frozenset[int], k: int) -> Sequence[Hit]: ...


@dataclass(frozen=True, slots=True)
class Removed:
    """How much went."""

    documents: int
    revisions: int
    passages: int
    vectors: int
    originals: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was deleted, by whom, and what was found of it afterwards. `at` is naive UTC."""

    id: int
    at: datetime
    actor: str
    object: Object
    collection_id: int
    name: str
    collection: str
    change_number: int
    removed: Removed
    checks: tuple[Check, ...]
    not_reached: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether every place was asked, and nothing was found in any."""
        return all(check.found == 0 for check in self.checks)


class Deletions:
    """Deletes for somebody who may: whether they may, the callers see to.

    Args:
        projection: loads the vector index; may raise, and then the receipt says so.
        search: the search that readers use.
        forget: has the chat model forget what it has read; whether it has. None without a model.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        erasure: Erasure,
        collections: Collections,
        audit: AuditLog,
        *,
        projection: "Callable[[], VectorProjection]",
        search: Search,
        forget: Callable[[], bool | None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._store = store
        self._erasure = erasure
        self._collections = collections
        self._audit = audit
        self._projection = projection
        self._search = search
        self._forget = forget

    def delete(self, actor: Actor, document: Listed) -> Receipt:
        """Delete a document with all its revisions, and look for what is left of it."""
        traces = self._erasure.traces([document.id])
        self._store.remove([document.id])
        of = Object("document", document.id)
        return self._receipt(actor, of, document.collection, document.name, traces)

    def delete_collection(self, actor: Actor, collection: Collection) -> Receipt:
        """Delete a collection with everything in it, and look for what is left.

        Raises:
            CollectionNotEmpty: documents kept coming in meanwhile.
        """
        first = self._collections.document_ids(collection)
        traces = self._erasure.traces(first)
        for tried in range(_TRIES):
            self._store.remove(self._collections.document_ids(collection))
            try:
                self._collections.remove(collection)
            except CollectionNotEmpty:
                if tried == _TRIES - 1:
                    raise
            else:
                break
        of = Object("collection", collection.id)
        return self._receipt(actor, of, collection, collection.name, traces)

    def receipt(self, number: int, among: frozenset[int] | None) -> Receipt:
        """A receipt about one of these collections; None for any, those that are gone too.

        Raises:
            UnknownEntry: there is none.
        """
        query = select(deletion_receipts).where(deletion_receipts.c.id == number)
        if among is not None:
            query = query.where(deletion_receipts.c.collection_id.in_(among))
        with self._engine.begin() as sql:
            row = sql.execute(query).one_or_none()
        if row is None:
            raise UnknownEntry("receipt", number)
        return _receipt(row)

    def receipts(
        self, among: frozenset[int] | None, *, before: int | None = None, limit: int = 50
    ) -> list[Receipt]:
        """Receipts, newest first; those with numbers below `before` only."""
        query = select(deletion_receipts).order_by(deletion_receipts.c.id.desc()).limit(limit)
        if among is not None:
            query = query.where(deletion_receipts.c.collection_id.in_(among))
        if before is not None:
            query = query.where(deletion_receipts.c.id < before)
        with self._engine.begin() as sql:
            return [_receipt(row) for row in sql.execute(query)]

    def _receipt(
        self, actor: Actor, of: Object, collection: Collection, name: str, traces: Traces
    ) -> Receipt:
        # Before the other questions: what it waits for may free pages that these look at.
        searched = [self._vectors(traces), self._asked(traces), self._forgotten()]
        checks = (*self._erasure.checks(traces), *searched)
        removed = Removed(
            len(traces.document_ids),
            len(traces.revision_ids),
            len(traces.passage_ids),
            traces.vectors,
            len(traces.hashes),
        )
        body = {
            "collection": collection.name,
            "change_number": self._store.change_number(),
            "removed": asdict(removed),
            "checks": [check._asdict() for check in checks],
            "not_reached": list(NOT_REACHED),
        }
        row = {
            "at": datetime.now(UTC).replace(tzinfo=None),
            "actor": actor.name,
            "object_kind": of.kind,
            "object_id": of.id,
            "collection_id": collection.id,
            "name": name,
            "body": json.dumps(body),
        }
        with writing(self._engine) as sql:
            made = insert(deletion_receipts).values(row).returning(deletion_receipts.c.id)
            number = int(sql.execute(made).scalar_one())
        receipt = self.receipt(number, None)
        self._audit.record(
            actor,
            f"{of.kind}.deleted",
            of,
            collection_id=collection.id,
            receipt=number,
            documents=removed.documents,
            clean=receipt.is_clean,
        )
        return receipt

    def _vectors(self, traces: Traces) -> Check:
        looked_for = len(traces.passage_ids)
        try:
            projection = self._projection()
            kept, _ = projection.current().rows()
            projection.save()
        except RetrievalError as error:
            return Check("vector index", looked_for, None, f"not asked: {error}")
        found = len(frozenset(kept.tolist()) & frozenset(traces.passage_ids))
        return Check("vector index", looked_for, found, "its entries by number; saved without them")

    def _asked(self, traces: Traces) -> Check:
        """Search as readers do, with its own sentences, in everything."""
        try:
            gone = frozenset(traces.document_ids)
            everything = frozenset(one.id for one in self._store.collections())
            found = sum(
                hit.document.id in gone
                for sentence in traces.sentences
                for hit in self._search(sentence, readable=everything, k=20)
            )
        except RetrievalError as error:
            return Check("search", len(traces.sentences), None, f"not asked: {error}")
        return Check(
            "search", len(traces.sentences), found, "its own sentences, asked in all collections"
        )

    def _forgotten(self) -> Check:
        """After the last search: a question that came meanwhile cannot have found it any more."""
        is_forgotten = self._forget()
        place = "what the chat model has read"
        if is_forgotten is None:
            return Check(place, 0, 0, "no chat model is loaded in this process")
        if not is_forgotten:
            return Check(place, 1, None, "not asked: the model was busy; restart the server")
        return Check(place, 1, 0, "all of it was forgotten: no later prompt uses any")

    def newest_receipt(self) -> int:
        """The number of the newest receipt; 0 without one."""
        with self._engine.begin() as sql:
            return int(sql.execute(select(func.max(deletion_receipts.c.id))).scalar() or 0)


def _receipt(row: Row[Any]) -> Receipt:
    body: Mapping[str, Any] = json.loads(row.body)
    return Receipt(
        id=row.id,
        at=row.at,
        actor=row.actor,
        object=Object(row.object_kind, row.object_id),
        collection_id=row.collection_id,
        name=row.name,
        collection=body["collection"],
        change_number=body["change_number"],
        removed=Removed(**body["removed"]),
        checks=tuple(Check(**check) for check in body["checks"]),
        not_reached=tuple(body["not_reached"]),
    )
