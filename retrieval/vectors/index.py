"""Unit vectors of passages, searched among the rows that may be found."""

from collections.abc import Mapping
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import ProjectionMismatch, ProjectionTorn
from retrieval.types import Candidate, VectorDelta
from retrieval.vectors.generations import read_manifest, write_generation
from retrieval.vectors.kinds import MOST_GONE, OUTGROWN, Kind
from retrieval.vectors.structures import Forgetting, Structure, are_kept, empty, read

_FORMAT = 2
_ROWS = "rows.bin"
# The collection of a row that has gone from an index that cannot forget: nobody reads it.
_GONE = -1
# Masks that are kept for the next search: one for each set of collections that somebody may read.
_MASKS = 32


class PassageVectors:
    """An inner-product index that knows which passage, revision and collection each row is of.

    `change_number` is the store's when the last delta was read; `change_mark`, after `load`, what
    `save` was told that change was. Safe to search from several threads while one applies a delta.

    Args:
        sample: vectors like those to come, for a kind that is fitted to them.
        expected: how many rows are to come.
    """

    def __init__(
        self,
        encoder: str,
        dimension: int,
        *,
        kind: Kind = Kind.FLAT,
        sample: NDArray[np.float32] | None = None,
        expected: int = 0,
    ) -> None:
        if sample is None:
            sample = np.empty((0, dimension), dtype=np.float32)
        self._begin(encoder, dimension, kind, empty(kind, dimension, sample, expected=expected))
        self._fitted_to = expected

    def _begin(self, encoder: str, dimension: int, kind: Kind, structure: Structure) -> None:
        self.encoder = encoder
        self.dimension = dimension
        self.kind = kind
        self.change_number = 0
        self.change_mark = ""
        self._lock = RLock()
        self._structure = structure
        self._fitted_to = 0
        self._passage_ids = np.empty(0, dtype=np.int64)
        self._revision_ids = np.empty(0, dtype=np.int64)
        self._collection_ids = np.empty(0, dtype=np.int64)
        self._masks: dict[object, tuple[NDArray[np.bool_], int]] = {}

    def __len__(self) -> int:
        return int((self._collection_ids != _GONE).sum())

    @property
    def is_worn(self) -> bool:
        """Whether it would be better made anew: much has gone, or come, since it was fitted."""
        rows = len(self._collection_ids)
        if rows and (rows - len(self)) / rows > MOST_GONE:
            return True
        return self.kind is Kind.LISTS and rows > OUTGROWN * max(self._fitted_to, 1)

    def apply(self, delta: VectorDelta) -> None:
        """Drop the retired revisions' rows, add the new ones, and move to the delta's number.

        Raises:
            ValueError: the vectors have another dimension than the index.
        """
        with self._lock:
            if len(delta.passage_ids) and delta.vectors.shape[1] != self.dimension:
                raise ValueError(
                    f"vectors of dimension {delta.vectors.shape[1]} do not fit an index of "
                    f"{self.dimension}"
                )
            self._masks.clear()
            if delta.retired_revisions:
                self._drop(np.isin(self._revision_ids, list(delta.retired_revisions)))
            if len(delta.passage_ids):
                self._structure.add(delta.vectors)
                self._passage_ids = np.concatenate([self._passage_ids, delta.passage_ids])
                self._revision_ids = np.concatenate([self._revision_ids, delta.revision_ids])
                self._collection_ids = np.concatenate([self._collection_ids, delta.collection_ids])
            self.change_number = delta.change_number

    def search(
        self,
        query: NDArray[np.float32],
        *,
        readable: frozenset[int],
        k: int,
        revisions: frozenset[int] | None = None,
        is_exact: bool = False,
    ) -> list[Candidate]:
        """The `k` readable passages nearest to `query`.

        Args:
            query: (dimension,) float32 of length 1.
            readable: collection ids; others are skipped inside the search, so `k` is reached
                whenever that many readable passages exist.
            revisions: only passages of these; None for all.
            is_exact: compare every readable passage, whatever the kind of index.

        Returns:
            Best first, equal scores by id. Scores are cosines in [-1, 1].
        """
        with self._lock:
            allowed, count = self._allowed(readable, revisions)
            count = min(k, count)
            if count == 0:
                return []
            ask = self._structure.exact if is_exact else self._structure.search
            # Kinds that cannot skip at no cost are spared a mask that hides nothing.
            is_all = not isinstance(self._structure, Forgetting) and bool(allowed.all())
            found = ask(query, count, None if is_all else allowed)
            ids = self._passage_ids[found.rows]
        candidates = [Candidate(int(i), float(s)) for i, s in zip(ids, found.scores, strict=True)]
        return sorted(candidates, key=lambda candidate: (-candidate.score, candidate.passage_id))

    def rows(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Passage ids (n,) ascending and their vectors (n, dimension), to compare with SQL."""
        with self._lock:
            there = np.flatnonzero(self._collection_ids != _GONE)
            ids, vectors = self._passage_ids[there], self._structure.vectors(there)
            order = np.argsort(ids)
            return ids[order], vectors[order]

    def some_rows(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As `rows`, about so many of them, from the beginning to the end."""
        with self._lock:
            there = np.flatnonzero(self._collection_ids != _GONE)
            if len(there) > count:
                there = there[np.linspace(0, len(there) - 1, count).astype(np.int64)]
            ids, vectors = self._passage_ids[there], self._structure.vectors(there)
            order = np.argsort(ids)
            return ids[order], vectors[order]

    def collections(self) -> frozenset[int]:
        """Every collection that some row is of."""
        return frozenset(np.unique(self._collection_ids).tolist()) - {_GONE}

    def holds(self, rows: NDArray[np.float32], vectors: NDArray[np.float32]) -> bool:
        """Whether what `rows` gave back is these vectors, as exactly as the kind keeps them."""
        return are_kept(self.kind, rows, vectors)

    def _allowed(
        self, readable: frozenset[int], revisions: frozenset[int] | None
    ) -> tuple[NDArray[np.bool_], int]:
        key = (readable, revisions)
        if key not in self._masks:
            allowed = np.isin(self._collection_ids, list(readable - {_GONE}))
            if revisions is not None:
                allowed &= np.isin(self._revision_ids, list(revisions))
            if len(self._masks) >= _MASKS:
                self._masks.clear()
            self._masks[key] = allowed, int(allowed.sum())
        return self._masks[key]

    def _drop(self, gone: NDArray[np.bool_]) -> None:
        if not gone.any():
            return
        if not isinstance(self._structure, Forgetting):
            self._collection_ids = np.where(gone, _GONE, self._collection_ids)
            return
        self._structure.drop(gone)
        self._passage_ids = self._passage_ids[~gone]
        self._revision_ids = self._revision_ids[~gone]
        self._collection_ids = self._collection_ids[~gone]

    def save(self, folder: Path, *, change_mark: str = "") -> None:
        """Write the index and make it the current one in `folder` in a single step.

        Several processes may do so at once: one of them is the last.

        Args:
            change_mark: tells the change of this number from that of another store.
        """
        with self._lock:
            facts = {
                "format": _FORMAT,
                "kind": self.kind.value,
                "encoder": self.encoder,
                "dimension": self.dimension,
                "count": len(self),
                "fitted_to": self._fitted_to,
                "change_number": self.change_number,
                "change_mark": change_mark,
            }
            write_generation(folder, facts, self._write)

    def _write(self, folder: Path) -> None:
        self._structure.write(folder)
        rows = np.stack([self._passage_ids, self._revision_ids, self._collection_ids])
        (folder / _ROWS).write_bytes(rows.astype("<i8").tobytes())

    @classmethod
    def load(cls, folder: Path, *, encoder: str, dimension: int) -> "PassageVectors":
        """Read what `save` wrote.

        Raises:
            ProjectionTorn: missing, cut short, or not what was written.
            ProjectionMismatch: made by another encoder or another version of Assay, or it does not
                hold as many rows as it says.
        """
        manifest, generation = read_manifest(folder)
        found = tuple(manifest.get(name) for name in ("format", "encoder", "dimension"))
        wanted = (_FORMAT, encoder, dimension)
        if found != wanted:
            raise ProjectionMismatch(folder, "format, encoder and dimension", found, wanted)
        vectors = cls.__new__(cls)
        try:
            kind = Kind(manifest["kind"])
            vectors._begin(encoder, dimension, kind, read(kind, generation, dimension))
            vectors._take(manifest, (generation / _ROWS).read_bytes())
        except (ValueError, KeyError, RuntimeError, OSError) as error:
            # RuntimeError: FAISS. The bytes are those written, but not of an index.
            raise ProjectionTorn(generation, f"it cannot be read ({_first(error)})") from error
        counted = {len(vectors._structure), len(vectors._passage_ids)}
        if len(counted) > 1 or len(vectors) != manifest["count"]:
            raise ProjectionMismatch(folder, "rows", sorted(counted), manifest["count"])
        return vectors

    def _take(self, manifest: Mapping[str, Any], rows: bytes) -> None:
        columns = np.frombuffer(rows, dtype="<i8").reshape(3, -1).astype(np.int64)
        self._passage_ids, self._revision_ids, self._collection_ids = columns
        self._fitted_to = int(manifest["fitted_to"])
        self.change_number = int(manifest["change_number"])
        self.change_mark = str(manifest["change_mark"])


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
