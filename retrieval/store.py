"""Documents, revisions, passages and vectors in SQL: the one truth of the corpus.

Rows never leave this module: values of `retrieval.types` do.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from retrieval.alike import forget_traits, keep_traits
from retrieval.database import write_back, writing
from retrieval.errors import UnknownName
from retrieval.hidden import HiddenText
from retrieval.moving import moved_document
from retrieval.names import name_key
from retrieval.narrowing import Narrowing
from retrieval.originals import Originals
from retrieval.schema import (
    changes,
    collections,
    document_tags,
    document_traits,
    documents,
    encoders,
    hidden_texts,
    passages,
    revisions,
    vectors,
)
from retrieval.types import (
    Collection,
    Document,
    KnownFile,
    Passage,
    Revision,
    VectorDelta,
)
from retrieval.wording import language_by_little_words, words_beside

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Outcome(StrEnum):
    """What publishing a revision did."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    STALE = "stale"


# Documents that are deleted in one transaction.
_REMOVED_AT_ONCE = 50


class Located(NamedTuple):
    """A passage and the document it is in."""

    passage: Passage
    document: Document


class KeptRevision(NamedTuple):
    """A revision as it is kept; `sha256` names its original bytes, `name` its document."""

    id: int
    document_id: int
    sha256: str
    media_type: str
    name: str
    text: str


class DocumentSize(NamedTuple):
    """How many passages a document's current revision has, and how many revisions there are."""

    passages: int
    revisions: int


class Store:
    """Reads see the last committed state. Each write is one transaction."""

    def __init__(self, engine: Engine, originals: Originals) -> None:
        self._engine = engine
        self._originals = originals

    # Collections

    def ensure_collection(self, name: str) -> Collection:
        """Return the collection of this name, making it when it is not there."""
        with writing(self._engine) as sql:
            found = sql.execute(select(collections.c.id).where(collections.c.name == name)).scalar()
            if found is None:
                row = {"name": name, "created_at": _now()}
                found = _new_id(sql, collections, row)
        return Collection(found, name)

    def collection(self, name: str) -> Collection:
        """Return the collection of this name.

        Raises:
            UnknownName: there is none.
        """
        for known in self.collections():
            if known.name == name:
                return known
        names = ", ".join(repr(known.name) for known in self.collections()) or "none yet"
        raise UnknownName("collection", name, f"the collections are: {names}")

    def collections(self) -> list[Collection]:
        """All collections, by name."""
        with self._engine.begin() as sql:
            rows = sql.execute(
                select(collections.c.id, collections.c.name).order_by(collections.c.name)
            )
            return [Collection(row.id, row.name) for row in rows]

    # Writing

    def publish(
        self,
        collection: Collection,
        revision: Revision,
        original: bytes,
        *,
        encoder: str,
        anew: bool = False,
        moved_from: Sequence[str] = (),
    ) -> Outcome:
        """Make a file's new revision the current one, all of it or nothing.

        Args:
            original: the bytes `revision.sha256` is of.
            encoder: fingerprint of what made `revision.vectors`.
            anew: the bytes of the current revision were read once more: replace it.
            moved_from: paths that have gone. A document at one of them with the same bytes gets the
                new path and name, and stays the one that answers have quoted.

        Returns:
            CHANGED for a moved one, too. UNCHANGED when the same bytes were published meanwhile by
            another process; STALE, with `anew`, when the document is gone or its current revision
            is of other bytes.
        """
        with writing(self._engine) as sql:
            known = sql.execute(
                select(documents.c.id, documents.c.revision_id, revisions.c.sha256)
                .join(revisions, revisions.c.id == documents.c.revision_id)
                .where(documents.c.collection_id == collection.id)
                .where(documents.c.path == revision.path)
            ).one_or_none()
            is_known = known is not None and known.sha256 == revision.sha256
            if is_known is not anew:
                return Outcome.STALE if anew else Outcome.UNCHANGED
            self._originals.put(original)
            now = _now()
            moved = None
            if known is None and moved_from:
                moved = moved_document(sql, collection, revision, moved_from)
                if moved is not None and moved.says_the_same:
                    return Outcome.CHANGED
            earlier = known or moved
            if earlier is None:
                document_id = _new_id(
                    sql,
                    documents,
                    {
                        "collection_id": collection.id,
                        "path": revision.path,
                        "name": revision.name,
                        "revision_id": 0,
                        "created_at": now,
                    },
                )
            else:
                document_id = earlier.id
                _retire(sql, document_id, earlier.revision_id, now)
            revision_id = _new_id(
                sql,
                revisions,
                {
                    "document_id": document_id,
                    "sha256": revision.sha256,
                    "title": revision.title,
                    "media_type": revision.media_type,
                    "text": revision.text,
                    "created_at": now,
                },
            )
            sql.execute(
                update(documents)
                .where(documents.c.id == document_id)
                .values(
                    revision_id=revision_id,
                    name=revision.name,
                    name_key=name_key(revision.name),
                    size=len(original),
                    passages=len(revision.passages),
                )
            )
            _insert_passages(sql, collection.id, document_id, revision_id, revision, encoder)
            _insert_hidden(sql, document_id, revision_id, revision.hidden)
            if revision.traits is not None:
                keep_traits(sql, document_id, revision.traits)
            else:
                forget_traits(sql, document_id)
            _record(sql, "published", document_id, revision_id, now)
        return Outcome.ADDED if earlier is None else Outcome.CHANGED

    def remove(self, document_ids: Sequence[int]) -> int:
        """Delete documents with all their revisions, vectors and original bytes.

        Many go in portions, so that others can write in between. The index of words is written
        anew, so that no word of theirs is left in it, once: with the last that is there.

        Returns:
            How many were there. What is not there is not an error.
        """
        removed = 0
        for start in range(0, len(document_ids), _REMOVED_AT_ONCE):
            portion = document_ids[start : start + _REMOVED_AT_ONCE]
            later = document_ids[start + _REMOVED_AT_ONCE :]
            with writing(self._engine) as sql:
                gone = _remove_documents(sql, portion)
                # Without a change of the corpus that index may not change: it is sealed. So this
                # is done with a portion, not after all.
                if gone.hashes and not _any_left(sql, later):
                    # Terms of deleted passages stay in the lexical index until it is merged.
                    sql.execute(
                        text("INSERT INTO passages_lexical(passages_lexical) VALUES ('optimize')")
                    )
            self.remove_unreferenced(gone.hashes)
            removed += gone.documents
        # Until then the database's file holds the pages as they were, and the log perhaps too.
        write_back(self._engine)
        return removed

    def measure(self) -> None:
        """Find out the sizes of originals that an earlier version did not write down."""
        unknown = (
            select(documents.c.id, revisions.c.sha256)
            .join(revisions, revisions.c.id == documents.c.revision_id)
            .where(documents.c.size < 0)
        )
        with self._engine.begin() as sql:
            rows = sql.execute(unknown).all()
        sizes = [(row.id, self._originals.size(row.sha256)) for row in rows]
        if found := [{"document": id_, "bytes": size} for id_, size in sizes if size is not None]:
            with writing(self._engine) as sql:
                sql.execute(
                    update(documents)
                    .where(documents.c.id == bindparam("document"))
                    .values(size=bindparam("bytes")),
                    found,
                )

    def remove_unreferenced(self, hashes: Iterable[str]) -> int:
        """Remove those originals that no revision refers to any more. Returns how many."""
        removed = 0
        with writing(self._engine) as sql:
            for sha256 in hashes:
                used = select(revisions.c.id).where(revisions.c.sha256 == sha256).limit(1)
                if sql.execute(used).scalar() is None:
                    self._originals.remove(sha256)
                    removed += 1
        return removed

    # Reading

    def change_number(self) -> int:
        """The number of the last committed change; 0 for a new store."""
        with self._engine.begin() as sql:
            return _change_number(sql)

    def change_mark(self, number: int) -> str:
        """What tells this change from one of the same number in another store; empty if none."""
        with self._engine.begin() as sql:
            row = sql.execute(select(changes).where(changes.c.number == number)).one_or_none()
        return f"{row.kind} {row.revision_id} {row.at.isoformat()}" if row else ""

    def known_files(self, collection: Collection) -> dict[str, KnownFile]:
        """The documents of a collection by path."""
        with self._engine.begin() as sql:
            rows = sql.execute(
                select(documents.c.path, documents.c.id, revisions.c.sha256)
                .join(revisions, revisions.c.id == documents.c.revision_id)
                .where(documents.c.collection_id == collection.id)
            )
            return {row.path: KnownFile(row.id, row.sha256) for row in rows}

    def size_of(self, document_id: int) -> DocumentSize:
        """How much a document holds; nothing when it is not there."""
        with self._engine.begin() as sql:
            counts = (
                sql.execute(
                    select(func.count()).where(table.c.document_id == document_id)
                ).scalar_one()
                for table in (passages, revisions)
            )
            return DocumentSize(*counts)

    def located(self, passage_ids: Sequence[int]) -> dict[int, Located]:
        """Load passages with their documents. Ids that are gone are absent from the result."""
        with self._engine.begin() as sql:
            rows = sql.execute(
                select(
                    passages,
                    documents.c.path,
                    documents.c.name,
                    revisions.c.title,
                    revisions.c.media_type,
                )
                .join(documents, documents.c.id == passages.c.document_id)
                .join(revisions, revisions.c.id == passages.c.revision_id)
                .where(passages.c.id.in_(passage_ids))
            ).all()
        return {row.id: _located(row) for row in rows}

    def revision_slice(self, revision_id: int, start: int, end: int) -> str | None:
        """The characters [start, end) of a revision's text; None when the revision is gone."""
        query = select(revisions.c.text).where(revisions.c.id == revision_id)
        with self._engine.begin() as sql:
            # Cut here and not in SQL, where text ends at a null character.
            whole: str | None = sql.execute(query).scalar()
        return None if whole is None else whole[start:end]

    def kept_revision(self, revision_id: int) -> KeptRevision | None:
        """A revision, the current one of its document or not; None when it is gone."""
        query = (
            select(revisions, documents.c.name)
            .join(documents, documents.c.id == revisions.c.document_id)
            .where(revisions.c.id == revision_id)
        )
        with self._engine.begin() as sql:
            row = sql.execute(query).one_or_none()
        if row is None:
            return None
        return KeptRevision(row.id, row.document_id, row.sha256, row.media_type, row.name, row.text)

    def vector_delta(self, since: int, *, encoder: str) -> VectorDelta:
        """What a vector index at change number `since` lacks, read in one snapshot.

        Args:
            since: 0 for an empty index: everything there is.
            encoder: fingerprint; vectors of other encoders are left out.
        """
        with self._engine.begin() as sql:
            number = _change_number(sql)
            retired = _retired_revisions(sql, since) if since else frozenset()
            rows = _vector_rows(sql, encoder, since)
        return _delta(number, retired, rows)

    def revisions_within(self, narrowing: Narrowing, *, readable: frozenset[int]) -> frozenset[int]:
        """The current revisions of the wanted documents in these collections."""
        query = (
            select(documents.c.revision_id, documents.c.name)
            .join(revisions, revisions.c.id == documents.c.revision_id)
            .where(documents.c.collection_id.in_(sorted(readable)))
        )
        if narrowing.languages:
            query = query.join(document_traits, document_traits.c.document_id == documents.c.id)
            query = query.where(document_traits.c.language.in_(narrowing.languages))
        if narrowing.tags:
            tagged = select(document_tags.c.document_id)
            query = query.where(
                documents.c.id.in_(tagged.where(document_tags.c.tag.in_(narrowing.tags)))
            )
        if narrowing.begin is not None:
            query = query.where(revisions.c.created_at >= narrowing.begin)
        if narrowing.end is not None:
            query = query.where(revisions.c.created_at < narrowing.end)
        with self._engine.begin() as sql:
            rows = sql.execute(query).all()
        # Here and not in SQL: SQLite folds the case of ASCII only.
        return frozenset(row.revision_id for row in rows if narrowing.wants(row.name))

    def vector_batches(self, *, encoder: str, rows: int) -> Iterator[VectorDelta]:
        """Everything an empty index lacks, `rows` at a time and in order, of one snapshot.

        As `vector_delta(0)`, for more vectors than should be in memory twice.
        """
        with self._engine.begin() as sql:
            number, last = _change_number(sql), 0
            while batch := sql.execute(
                _vectors_by(encoder).where(passages.c.id > last).limit(rows)
            ).all():
                last = batch[-1].id
                yield _delta(number, frozenset(), batch)
            if not last:
                yield _delta(number, frozenset(), [])

    def vector_sample(self, *, encoder: str, rows: int) -> "NDArray[np.float32]":
        """About so many vectors, (n, dimension) float32, from all over the store; the same again.

        Every m-th passage is taken, so that a sample is neither the oldest nor one collection.
        """
        with self._engine.begin() as sql:
            total = sql.execute(select(func.count()).select_from(passages)).scalar_one()
            step = max(1, total // max(rows, 1))
            query = _vectors_by(encoder).where(passages.c.id % step == 0)
            return _delta(0, frozenset(), sql.execute(query).all()).vectors

    def vectors_of(
        self, passage_ids: Sequence[int], *, encoder: str
    ) -> "tuple[NDArray[np.int64], NDArray[np.float32]]":
        """Ids, ascending, and vectors of those of the passages that are there and have one."""
        with self._engine.begin() as sql:
            rows = sql.execute(
                _vectors_by(encoder).where(passages.c.id.in_([int(i) for i in passage_ids]))
            ).all()
        delta = _delta(0, frozenset(), rows)
        return delta.passage_ids, delta.vectors

    def count_published(self, since: int) -> int:
        """How many passages there are of what was published after change number `since`."""
        published = select(changes.c.revision_id).where(changes.c.number > since)
        with self._engine.begin() as sql:
            return sql.execute(
                select(func.count()).where(passages.c.revision_id.in_(published))
            ).scalar_one()

    def count_with_vectors(self, *, encoder: str) -> int:
        """How many passages this encoder has a vector for."""
        with self._engine.begin() as sql:
            return _count_with_vectors(sql, encoder)

    def count_without_vectors(self, *, encoder: str, since: int = 0) -> int:
        """How many passages this encoder has no vector for.

        Args:
            since: only passages of what was published after this change number; takes as long as
                these are many. 0: all there are.
        """
        with self._engine.begin() as sql:
            if since:
                published = select(changes.c.revision_id).where(changes.c.number > since)
                bare = passages.c.revision_id.in_(published) & ~has_vector(encoder)
                return sql.execute(select(func.count()).where(bare)).scalar_one()
            # A vector is of a passage that is there, once: nothing need be looked up in between.
            total = sql.execute(select(func.count()).select_from(passages)).scalar_one()
            return total - _count_with_vectors(sql, encoder)

    def encoders(self) -> list[str]:
        """Fingerprints of the encoders whose vectors are kept."""
        with self._engine.begin() as sql:
            return list(sql.execute(select(encoders.c.fingerprint)).scalars())


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _new_id(sql: Connection, table: Any, row: dict[str, object]) -> int:  # noqa: ANN401
    return int(sql.execute(insert(table).values(**row).returning(table.c.id)).scalar_one())


def _record(sql: Connection, kind: str, document_id: int, revision_id: int, at: datetime) -> None:
    sql.execute(
        insert(changes).values(kind=kind, document_id=document_id, revision_id=revision_id, at=at)
    )


class _Gone(NamedTuple):
    """How many documents were deleted, and the originals that they had."""

    documents: int
    hashes: set[str]


def _remove_documents(sql: Connection, document_ids: Sequence[int]) -> _Gone:
    hashes: set[str] = set()
    removed = 0
    for document_id in document_ids:
        rows = sql.execute(
            select(revisions.c.id, revisions.c.sha256).where(revisions.c.document_id == document_id)
        ).all()
        hashes.update(row.sha256 for row in rows)
        for row in rows:
            _retire(sql, document_id, row.id, _now())
        sql.execute(delete(revisions).where(revisions.c.document_id == document_id))
        removed += sql.execute(delete(documents).where(documents.c.id == document_id)).rowcount
    return _Gone(removed, hashes)


def _any_left(sql: Connection, document_ids: Sequence[int]) -> bool:
    """Whether one of the documents is still there with a revision."""
    for start in range(0, len(document_ids), _REMOVED_AT_ONCE):
        some = revisions.c.document_id.in_(document_ids[start : start + _REMOVED_AT_ONCE])
        if sql.execute(select(revisions.c.id).where(some).limit(1)).scalar() is not None:
            return True
    return False


def _retire(sql: Connection, document_id: int, revision_id: int, at: datetime) -> None:
    """Take a revision's passages out of every index; its text stays for old answers."""
    sql.execute(delete(passages).where(passages.c.revision_id == revision_id))
    sql.execute(delete(hidden_texts).where(hidden_texts.c.revision_id == revision_id))
    _record(sql, "retired", document_id, revision_id, at)


def _insert_hidden(
    sql: Connection, document_id: int, revision_id: int, pieces: Sequence[HiddenText]
) -> None:
    if pieces:
        rows = [
            {
                "revision_id": revision_id,
                "document_id": document_id,
                "hidden_by": piece.by.value,
                "page": piece.page,
                "text": piece.text,
                "characters": piece.characters,
            }
            for piece in pieces
        ]
        sql.execute(insert(hidden_texts), rows)


def _insert_passages(
    sql: Connection,
    collection_id: int,
    document_id: int,
    revision_id: int,
    revision: Revision,
    encoder: str,
) -> None:
    if not revision.passages:
        return
    language = language_by_little_words(revision.text)
    rows = [
        {
            "revision_id": revision_id,
            "document_id": document_id,
            "collection_id": collection_id,
            "start": span.start,
            "end": span.end,
            "page": span.page,
            "context": span.context,
            "text": revision.text[span.start : span.end],
            "words": words_beside(span.context, revision.text[span.start : span.end], language),
        }
        for span in revision.passages
    ]
    sql.execute(insert(passages), rows)
    ids = sql.execute(
        select(passages.c.id)
        .where(passages.c.revision_id == revision_id)
        .order_by(passages.c.start)
    ).scalars()
    model = encoder_id(sql, encoder, revision.vectors.shape[1])
    blobs = (vector.astype("<f4").tobytes() for vector in revision.vectors)
    sql.execute(
        insert(vectors),
        [
            {"passage_id": passage_id, "encoder_id": model, "vector": blob}
            for passage_id, blob in zip(ids, blobs, strict=True)
        ],
    )


def encoder_id(sql: Connection, fingerprint: str, dimension: int) -> int:
    """The number of an encoder, which it gets with its first vector."""
    known = sql.execute(
        select(encoders.c.id).where(encoders.c.fingerprint == fingerprint)
    ).scalar_one_or_none()
    if known is not None:
        return int(known)
    return _new_id(sql, encoders, {"fingerprint": fingerprint, "dimension": dimension})


def _change_number(sql: Connection) -> int:
    return sql.execute(select(func.max(changes.c.number))).scalar() or 0


def _retired_revisions(sql: Connection, since: int) -> frozenset[int]:
    retired = select(changes.c.revision_id).where(changes.c.kind == "retired")
    return frozenset(sql.execute(retired.where(changes.c.number > since)).scalars())


def _delta(number: int, retired: frozenset[int], rows: Sequence[Any]) -> VectorDelta:
    import numpy as np

    dimension = len(rows[0].vector) // 4 if rows else 0
    joined = b"".join(row.vector for row in rows)
    return VectorDelta(
        change_number=number,
        retired_revisions=retired,
        passage_ids=_column(rows, "id"),
        revision_ids=_column(rows, "revision_id"),
        collection_ids=_column(rows, "collection_id"),
        vectors=np.frombuffer(joined, dtype="<f4").reshape(len(rows), dimension),
    )


def _vectors_by(encoder: str) -> Any:  # noqa: ANN401 - a SQL expression
    """Passages with the vector an encoder made of them, in the order of their ids."""
    return (
        select(passages.c.id, passages.c.revision_id, passages.c.collection_id, vectors.c.vector)
        .join(vectors, vectors.c.passage_id == passages.c.id)
        .join(encoders, encoders.c.id == vectors.c.encoder_id)
        .where(encoders.c.fingerprint == encoder)
        .order_by(passages.c.id)
    )


def _vector_rows(sql: Connection, encoder: str, since: int) -> Sequence[Any]:
    """Vectors of what was published after `since`; a revision since retired has no passages."""
    query = _vectors_by(encoder)
    if since:
        # A subquery: a database takes only so many values in a statement.
        published = select(changes.c.revision_id).where(changes.c.number > since)
        query = query.where(passages.c.revision_id.in_(published))
    return sql.execute(query).all()


def _count_with_vectors(sql: Connection, encoder: str) -> int:
    known = select(encoders.c.id).where(encoders.c.fingerprint == encoder).scalar_subquery()
    # Over the key alone: the rows, with their vectors, are large.
    counted = select(func.count()).where(vectors.c.encoder_id == known)
    return sql.execute(counted).scalar_one()


def has_vector(encoder: str) -> Any:  # noqa: ANN401 - a SQL expression
    """Condition on `passages`: the encoder has a vector for it."""
    return (
        select(vectors.c.passage_id)
        .join(encoders, encoders.c.id == vectors.c.encoder_id)
        .where(vectors.c.passage_id == passages.c.id)
        .where(encoders.c.fingerprint == encoder)
        .exists()
    )


def _column(rows: Sequence[Row[Any]], name: str) -> "NDArray[np.int64]":
    import numpy as np

    return np.array([row._mapping[name] for row in rows], dtype=np.int64)


def _located(row: Row[Any]) -> Located:
    passage = Passage(
        id=row.id,
        document_id=row.document_id,
        revision_id=row.revision_id,
        collection_id=row.collection_id,
        start=row.start,
        end=row.end,
        page=row.page,
        context=row.context,
        text=row.text,
    )
    document = Document(
        id=row.document_id,
        collection_id=row.collection_id,
        path=row.path,
        name=row.name,
        title=row.title,
        media_type=row.media_type,
        revision_id=row.revision_id,
    )
    return Located(passage, document)
