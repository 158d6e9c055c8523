"""Keeps a vector index in step with SQL: loads it, catches up, rebuilds it, says what is wrong."""

import logging
from pathlib import Path
from threading import Lock

import numpy as np

from retrieval.encoder import Encoder
from retrieval.errors import EncoderChanged, ProjectionError, ProjectionMismatch
from retrieval.store import Store
from retrieval.vectors.flat import FlatVectors

_logger = logging.getLogger(__name__)


class VectorProjection:
    """The vector index of one process, always as new as the last committed change."""

    def __init__(self, store: Store, folder: Path, encoder: Encoder) -> None:
        self._store = store
        self._folder = folder
        self._encoder = encoder
        self._lock = Lock()
        self._vectors: FlatVectors | None = None

    def current(self) -> FlatVectors:
        """The index, caught up with SQL. An unusable file is reported and replaced, never served.

        Raises:
            EncoderChanged: the store holds passages this encoder has no vectors for.
        """
        with self._lock:
            if self._vectors is None:
                self._vectors = self._load_or_rebuild()
            elif self._vectors.change_number != self._store.change_number():
                # Kept only when complete: the search after one that was refused is refused too.
                vectors, self._vectors = self._vectors, None
                self._catch_up(vectors)
                self._vectors = vectors
            return self._vectors

    def save(self) -> None:
        """Write the caught-up index, so that the next start need not read every vector from SQL."""
        self._save(self.current())

    def rebuild(self) -> None:
        """Make the index again from SQL, without embedding anything, and save it."""
        with self._lock:
            self._vectors = self._from_sql()
            self._save(self._vectors)

    def problem(self) -> str | None:
        """Compare the file, row for row, with SQL; None when they agree. Reads every vector."""
        try:
            vectors = self._loaded()
        except ProjectionError as error:
            return str(error)
        self._catch_up(vectors)
        ids, rows = vectors.rows()
        expected = self._store.vector_delta(0, encoder=self._encoder.fingerprint)
        if not np.array_equal(ids, expected.passage_ids):
            return str(self._mismatch("passages", len(ids), len(expected.passage_ids)))
        if len(ids) and not np.array_equal(rows, expected.vectors):
            return f"index {self._folder} holds a vector that is not the one in SQL"
        return None

    def _load_or_rebuild(self) -> FlatVectors:
        try:
            vectors = self._loaded()
        except ProjectionError as error:
            if self._folder.exists():
                _logger.warning("%s (rebuilt from SQL now)", error)
            vectors = self._from_sql()
            if len(vectors):
                self._save(vectors)
        self._catch_up(vectors)
        return vectors

    def _loaded(self) -> FlatVectors:
        vectors = FlatVectors.load(
            self._folder, encoder=self._encoder.fingerprint, dimension=self._encoder.dimension
        )
        known = self._store.change_number()
        if vectors.change_number > known:
            raise self._mismatch("change number", vectors.change_number, f"at most {known}")
        # The same number means something else after the database was restored from a backup.
        mark = self._store.change_mark(vectors.change_number)
        if vectors.change_mark != mark:
            raise self._mismatch("last change", vectors.change_mark, mark)
        return vectors

    def _save(self, vectors: FlatVectors) -> None:
        vectors.save(self._folder, change_mark=self._store.change_mark(vectors.change_number))

    def _from_sql(self) -> FlatVectors:
        vectors = FlatVectors(self._encoder.fingerprint, self._encoder.dimension)
        vectors.apply(self._store.vector_delta(0, encoder=self._encoder.fingerprint))
        return vectors

    def _catch_up(self, vectors: FlatVectors) -> None:
        if vectors.change_number != self._store.change_number():
            delta = self._store.vector_delta(
                vectors.change_number, encoder=self._encoder.fingerprint
            )
            vectors.apply(delta)
        missing = self._store.count_without_vectors(encoder=self._encoder.fingerprint)
        if missing:
            raise EncoderChanged(missing, self._encoder.fingerprint, self._store.encoders())

    def _mismatch(self, what: str, found: object, expected: object) -> ProjectionMismatch:
        return ProjectionMismatch(self._folder, what, found, expected)
