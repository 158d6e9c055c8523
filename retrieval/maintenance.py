"""Looks over the whole store: what it holds, whether it agrees with itself, what it lacks."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Engine, delete, func, insert, select, text
from sqlalchemy.exc import DatabaseError

from retrieval.database import open_database, writing
from retrieval.schema import (
    collections,
    documents,
    encoders,
    passages,
    principals,
    revisions,
    vectors,
)
from retrieval.store import encoder_id, has_vector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TORN_PASSAGES = text(
    """
    SELECT count(*) FROM passages JOIN revisions ON revisions.id = passages.revision_id
    WHERE substr(revisions.text, passages.start + 1, passages."end" - passages.start)
          <> passages.text
    """
)
_GAPS = text(
    """
    SELECT count(*) FROM (
        SELECT passages.start AS start, lag(passages."end", 1, 0)
               OVER (PARTITION BY passages.revision_id ORDER BY passages.start) AS expected
        FROM passages
    ) WHERE start <> expected
    """
)
_UNCOVERED = text(
    """
    SELECT count(*) FROM documents LEFT JOIN revisions ON revisions.id = documents.revision_id
    WHERE revisions.id IS NULL OR length(revisions.text) <> (
        SELECT coalesce(max(passages."end"), 0) FROM passages
        WHERE passages.revision_id = revisions.id
    )
    """
)
_MISCOUNTED = text(
    """
    SELECT count(*) FROM documents WHERE passages <> (
        SELECT count(*) FROM passages AS cut WHERE cut.document_id = documents.id
    )
    """
)


class CollectionSize(NamedTuple):
    """How much one collection holds."""

    name: str
    documents: int
    passages: int


class Counts(NamedTuple):
    """How much there is in all."""

    documents: int
    passages: int
    users: int


class KeptOriginal(NamedTuple):
    """Where the current original of a document was ingested from, and what it must be."""

    name: str
    path: str
    sha256: str


class BarePassage(NamedTuple):
    """A passage an encoder has no vector for."""

    id: int
    context: str
    text: str


class Maintenance:
    """Whole-store reads and repairs, for `assay status` and `assay doctor`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def sizes(self) -> list[CollectionSize]:
        """Every collection by name, empty ones too."""
        counts = []
        with self._engine.begin() as sql:
            for row in sql.execute(select(collections).order_by(collections.c.name)).all():
                of = [
                    sql.execute(
                        select(func.count())
                        .select_from(table)
                        .where(table.c.collection_id == row.id)
                    ).scalar_one()
                    for table in (documents, passages)
                ]
                counts.append(CollectionSize(row.name, *of))
        return counts

    def counts(self) -> Counts:
        """How many documents, passages and users there are."""
        users = select(func.count()).select_from(principals).where(principals.c.kind == "user")
        with self._engine.begin() as sql:
            return Counts(
                sql.execute(select(func.count()).select_from(documents)).scalar_one(),
                sql.execute(select(func.count()).select_from(passages)).scalar_one(),
                sql.execute(users).scalar_one(),
            )

    def problem(self) -> str | None:
        """The first thing wrong with the database or what is in it; None when all is well."""
        with self._engine.begin() as sql:
            check = sql.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if check != "ok":
                return f"the database file is damaged: {check}"
            if sql.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                return "a row refers to one that is not there"
            torn = sql.execute(_TORN_PASSAGES).scalar_one()
            if torn:
                return f"{torn} passages are not the text of their revision at their offsets"
            gaps = sql.execute(_GAPS).scalar_one()
            if gaps:
                return f"{gaps} passages do not begin where the one before ends"
            uncovered = sql.execute(_UNCOVERED).scalar_one()
            if uncovered:
                return f"{uncovered} documents lack passages at their end"
            miscounted = sql.execute(_MISCOUNTED).scalar_one()
            if miscounted:
                return f"{miscounted} documents do not have as many passages as they say"
        return None

    def original_hashes(self) -> frozenset[str]:
        """SHA-256 of every original that some revision refers to."""
        with self._engine.begin() as sql:
            return frozenset(sql.execute(select(revisions.c.sha256)).scalars())

    def document_ids(self) -> frozenset[int]:
        """The numbers of all documents."""
        with self._engine.begin() as sql:
            return frozenset(sql.execute(select(documents.c.id)).scalars())

    def originals_among(self, hashes: Iterable[str]) -> list[KeptOriginal]:
        """The originals with these hashes, of earlier revisions too, by name of the document."""
        found = []
        with self._engine.begin() as sql:
            for sha256 in hashes:
                rows = sql.execute(
                    select(documents.c.name, documents.c.path, revisions.c.sha256)
                    .join(revisions, revisions.c.document_id == documents.c.id)
                    .where(revisions.c.sha256 == sha256)
                )
                found += [KeptOriginal(*row) for row in rows]
        return sorted(found)

    def originals_of_documents(self) -> list[KeptOriginal]:
        """The current original of every document, by name."""
        with self._engine.begin() as sql:
            rows = sql.execute(
                select(documents.c.name, documents.c.path, revisions.c.sha256)
                .join(revisions, revisions.c.id == documents.c.revision_id)
                .order_by(documents.c.name)
            )
            return [KeptOriginal(*row) for row in rows]

    def without_vectors(self, *, encoder: str, limit: int) -> list[BarePassage]:
        """Up to `limit` passages this encoder has no vector for, by id."""
        with self._engine.begin() as sql:
            rows = sql.execute(
                select(passages.c.id, passages.c.context, passages.c.text)
                .where(~has_vector(encoder))
                .order_by(passages.c.id)
                .limit(limit)
            )
            return [BarePassage(*row) for row in rows]

    def add_vectors(
        self, passage_ids: Sequence[int], rows: "NDArray[np.float32]", *, encoder: str
    ) -> None:
        """Keep vectors for passages that lack them; passages that have gone are left out.

        Args:
            rows: (n, dimension) float32 of length 1, row i for passage i.
        """
        with writing(self._engine) as sql:
            model = encoder_id(sql, encoder, rows.shape[1])
            here = set(
                sql.execute(select(passages.c.id).where(passages.c.id.in_(passage_ids))).scalars()
            )
            values = [
                {"passage_id": i, "encoder_id": model, "vector": row.astype("<f4").tobytes()}
                for i, row in zip(passage_ids, rows, strict=True)
                if i in here
            ]
            if values:
                sql.execute(insert(vectors).prefix_with("OR IGNORE", dialect="sqlite"), values)

    def remove_vectors(self, *, encoder: str) -> int:
        """Remove every vector of an encoder, and the encoder. Returns how many there were."""
        with writing(self._engine) as sql:
            known = select(encoders.c.id).where(encoders.c.fingerprint == encoder)
            removed = sql.execute(delete(vectors).where(vectors.c.encoder_id.in_(known))).rowcount
            sql.execute(delete(encoders).where(encoders.c.fingerprint == encoder))
        return removed


def counts_at(database: Path) -> Counts | None:
    """How much a database file holds that nobody has opened; None when that cannot be read."""
    engine = open_database(database)
    try:
        return Maintenance(engine).counts()
    except (DatabaseError, sqlite3.DatabaseError):  # the second while opening
        return None
    finally:
        engine.dispose()
