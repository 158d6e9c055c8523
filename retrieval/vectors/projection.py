"""Keeps a vector index in step with SQL: loads it, catches up, renews it, says what is wrong."""

import logging
from pathlib import Path
from threading import Lock, Thread

import numpy as np
from numpy.typing import NDArray

from retrieval.encoder import Encoder
from retrieval.errors import EncoderChanged, ProjectionError, ProjectionMismatch
from retrieval.store import Store
from retrieval.vectors.index import PassageVectors
from retrieval.vectors.kinds import FLAT_UP_TO, Kind, kind_for
from retrieval.vectors.structures import sample_size

_logger = logging.getLogger(__name__)
_ROWS_AT_ONCE = 20_000
# Rows of an index that are compared with SQL before it is served.
_SPOT_CHECKS = 64
# Vectors that must find themselves, of those `problem` asks for, in a kind that approximates.
_SELF_SEARCHES, _LEAST_FOUND = 64, 0.9


class VectorProjection:
    """The vector index of one process, always as new as the last committed change.

    Args:
        chosen: the kind of index, whatever there is to hold; None for what suits it.
    """

    def __init__(
        self, store: Store, folder: Path, encoder: Encoder, *, chosen: Kind | None = None
    ) -> None:
        self._store = store
        self._folder = folder
        self._encoder = encoder
        self._chosen = chosen
        self._lock = Lock()
        self._vectors: PassageVectors | None = None
        self._tends = False
        self._renewing: Thread | None = None
        # What could not be made, and at which change: not tried again before the next one.
        self._given_up: tuple[Kind, int] | None = None

    def current(self) -> PassageVectors:
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
            if self._tends:
                self._renew_in_background(self._vectors)
            return self._vectors

    def tend(self) -> None:
        """From now on make a better kind of index in the background, when there is one.

        Searches are answered by the index there is until the new one takes its place. For processes
        that stay.
        """
        self._tends = True

    def save(self) -> None:
        """Write the caught-up index, so that the next start need not read every vector from SQL.

        An index of a kind that no longer suits is made anew first.
        """
        vectors = self.current()
        kind = self._fitting(vectors)
        if kind is not vectors.kind or vectors.is_worn:
            self._renew(kind)
        else:
            self._save(vectors)

    def rebuild(self) -> None:
        """Make the index again from SQL, without embedding anything, and save it."""
        with self._lock:
            count = self._store.count_with_vectors(encoder=self._encoder.fingerprint)
            self._vectors = self._from_sql(kind_for(count, chosen=self._chosen))
            self._save(self._vectors)

    def wait(self) -> None:
        """Wait for what is being made in the background."""
        if self._renewing is not None:
            self._renewing.join()

    def problem(self) -> str | None:
        """Compare the file, row for row, with SQL; None when they agree. Reads every vector."""
        try:
            vectors = self._loaded()
        except ProjectionError as error:
            return str(error)
        self._require_vectors(0)
        self._catch_up(vectors)
        ids, rows = vectors.rows()
        expected = self._store.vector_delta(0, encoder=self._encoder.fingerprint)
        if not np.array_equal(ids, expected.passage_ids):
            return str(self._mismatch("passages", len(ids), len(expected.passage_ids)))
        if len(ids) and not vectors.holds(rows, expected.vectors):
            return f"index {self._folder} holds a vector that is not the one in SQL"
        found = _share_found(vectors, rows, ids)
        if found < _LEAST_FOUND:
            return f"index {self._folder} finds only {found:.0%} of its own vectors"
        return None

    def _load_or_rebuild(self) -> PassageVectors:
        self._require_vectors(0)  # once: an older file may be of fewer passages
        try:
            vectors = self._loaded()
            self._catch_up(vectors)
            self._spot_check(vectors)
        except ProjectionError as error:
            if self._folder.exists():
                _logger.warning("%s (rebuilt from SQL now)", error)
            # Searched exactly until something better is made: that is quickest to have.
            count = self._store.count_with_vectors(encoder=self._encoder.fingerprint)
            vectors = self._from_sql(Kind.FLAT if count <= FLAT_UP_TO else Kind.HALF)
            if len(vectors):
                self._save(vectors)
            self._catch_up(vectors)
        return vectors

    def _loaded(self) -> PassageVectors:
        vectors = PassageVectors.load(
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

    def _spot_check(self, vectors: PassageVectors) -> None:
        """Count the rows, and compare some of them, with SQL.

        Raises:
            ProjectionMismatch: they differ.
        """
        fingerprint = self._encoder.fingerprint
        expected = self._store.count_with_vectors(encoder=fingerprint)
        # Published between the two looks: the next search catches up.
        if vectors.change_number == self._store.change_number() and len(vectors) != expected:
            raise self._mismatch("passages", len(vectors), expected)
        ids, rows = vectors.some_rows(_SPOT_CHECKS)
        known, kept = self._store.vectors_of(ids.tolist(), encoder=fingerprint)
        if len(known) == len(ids) and not vectors.holds(rows, kept):
            raise self._mismatch("a vector", "not the one in SQL", "the same")

    def _fitting(self, vectors: PassageVectors) -> Kind:
        return kind_for(len(vectors), now=vectors.kind, chosen=self._chosen)

    def _renew_in_background(self, vectors: PassageVectors) -> None:
        if self._renewing is not None and self._renewing.is_alive():
            return
        kind = self._fitting(vectors)
        if kind is vectors.kind and not vectors.is_worn:
            return
        if self._given_up == (kind, vectors.change_number):
            return
        self._renewing = Thread(target=self._try_to_renew, args=(kind,), daemon=True)
        self._renewing.start()

    def _try_to_renew(self, kind: Kind) -> None:
        number = self._store.change_number()
        try:
            self._renew(kind)
        except Exception:
            # Searches go on with what there is.
            self._given_up = kind, number
            _logger.exception("the vector index of kind %s could not be made", kind)

    def _renew(self, kind: Kind) -> None:
        """Make an index of this kind beside the one there is, then put it in its place."""
        made = self._from_sql(kind)
        with self._lock:
            self._catch_up(made)
            self._vectors = made
        self._save(made)

    def _save(self, vectors: PassageVectors) -> None:
        vectors.save(self._folder, change_mark=self._store.change_mark(vectors.change_number))

    def _from_sql(self, kind: Kind) -> PassageVectors:
        fingerprint = self._encoder.fingerprint
        expected = self._store.count_with_vectors(encoder=fingerprint)
        wanted = min(expected, sample_size(kind, expected))
        sample = self._store.vector_sample(encoder=fingerprint, rows=wanted) if wanted else None
        vectors = PassageVectors(
            fingerprint, self._encoder.dimension, kind=kind, sample=sample, expected=expected
        )
        for delta in self._store.vector_batches(encoder=fingerprint, rows=_ROWS_AT_ONCE):
            vectors.apply(delta)
        return vectors

    def _catch_up(self, vectors: PassageVectors) -> None:
        """Apply what is new, which must all have vectors. What was there before had."""
        since = vectors.change_number
        if since != self._store.change_number():
            vectors.apply(self._store.vector_delta(since, encoder=self._encoder.fingerprint))
            self._require_vectors(since)

    def _require_vectors(self, since: int) -> None:
        fingerprint = self._encoder.fingerprint
        missing = self._store.count_without_vectors(encoder=fingerprint, since=since)
        if missing:
            raise EncoderChanged(missing, fingerprint, self._store.encoders())

    def _mismatch(self, what: str, found: object, expected: object) -> ProjectionMismatch:
        return ProjectionMismatch(self._folder, what, found, expected)


def _share_found(
    vectors: PassageVectors, rows: NDArray[np.float32], ids: NDArray[np.int64]
) -> float:
    """How many of some vectors find themselves, or one just like them, first; 1 without any."""
    if not len(ids):
        return 1.0
    everything = vectors.collections()
    chosen = np.linspace(0, len(ids) - 1, min(len(ids), _SELF_SEARCHES)).astype(int)
    found = 0
    for place in chosen:
        best = vectors.search(rows[place], readable=everything, k=1)
        own = float(rows[place] @ rows[place])
        found += bool(best) and (best[0].passage_id == ids[place] or best[0].score >= own - 1e-3)
    return found / len(chosen)
