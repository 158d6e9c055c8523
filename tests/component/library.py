"""A home folder wired as `app.bootstrap` wires it, around a `WordEncoder`; the rest is real."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from retrieval.access import AccessList
from retrieval.database import open_database
from retrieval.lexical import LexicalIndex
from retrieval.maintenance import Maintenance
from retrieval.originals import Originals
from retrieval.schema import metadata
from retrieval.search import Searcher
from retrieval.sentences import sentence_spans
from retrieval.store import Outcome, Store
from retrieval.types import PassageSpan, Revision, embedded_text
from retrieval.vectors.projection import VectorProjection
from tests.fakes import WordEncoder


class Library:
    """Store, indexes and search over one folder. Several may share it, in several processes."""

    def __init__(self, home: Path, encoder: WordEncoder | None = None) -> None:
        self.home = home
        self.encoder = encoder or WordEncoder()
        self.engine = open_database(home / "assay.db")
        metadata.create_all(self.engine)
        self.originals = Originals(home / "originals")
        self.store = Store(self.engine, self.originals)
        self.access = AccessList(self.engine)
        self.lexical = self.new_lexical()
        self.maintenance = Maintenance(self.engine)
        self.index = home / "projections" / "vectors"
        self.vectors = self.new_projection()
        self.searcher = Searcher(self.store, self.encoder, self.vectors, self.lexical)

    def new_lexical(self) -> LexicalIndex:
        """The full-text index as a process that starts now would open it."""
        return LexicalIndex(self.engine, self.home / "projections" / "lexical.json")

    def new_projection(self, encoder: WordEncoder | None = None) -> VectorProjection:
        """The vector index as a process that starts now would open it."""
        return VectorProjection(self.store, self.index, encoder or self.encoder)

    def publish(self, collection: str, path: str, text: str, *, title: str = "") -> Outcome:
        """Publish a text, each of its sentences a passage."""
        return self.store.publish(
            self.store.ensure_collection(collection),
            revision_of(path, text, self.encoder, title=title),
            text.encode(),
            encoder=self.encoder.fingerprint,
        )

    def remove(self, collection: str, *paths: str) -> int:
        known = self.store.known_files(self.store.collection(collection))
        return self.store.remove([known[path].document_id for path in paths])

    def everything(self) -> frozenset[int]:
        return self.access.everything()

    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with self.engine.begin() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql, values)]

    def execute(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def opened(home: Path, encoder: WordEncoder | None = None) -> Iterator[Library]:
    library = Library(home, encoder)
    try:
        yield library
    finally:
        library.close()


def revision_of(path: str, text: str, encoder: WordEncoder, *, title: str = "") -> Revision:
    spans = tuple(PassageSpan(start, end, None, title) for start, end in sentence_spans(text))
    vectors = encoder.encode([embedded_text(title, text[s.start : s.end]) for s in spans])
    return Revision(
        path=path,
        name=path.rsplit("/", 1)[-1],
        title=title,
        media_type="text/plain",
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        text=text,
        passages=spans,
        vectors=vectors.reshape(len(spans), encoder.dimension),
    )


def texts(hits) -> list[str]:
    return [hit.passage.text.strip() for hit in hits]


def bytes_under(folder: Path) -> bytes:
    """Everything kept below a folder, file after file."""
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def unit(*coordinates: float) -> np.ndarray:
    vector = np.array(coordinates, dtype=np.float32)
    return vector / np.linalg.norm(vector)
