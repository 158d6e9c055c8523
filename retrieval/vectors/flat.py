"""Exact search over unit vectors, in FAISS."""

import json
import os
import secrets
import shutil
import time
from pathlib import Path
from threading import RLock
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from retrieval.errors import ProjectionMismatch, ProjectionTorn
from retrieval.originals import sha256_of
from retrieval.types import Candidate, VectorDelta

_FORMAT = 1
_MANIFEST = "manifest.json"
# No process takes so long between making a generation and naming it in the manifest.
_ABANDONED_SECONDS = 3600


class FlatVectors:
    """An exact inner-product index that knows which collection and revision each row is of.

    `change_number` is the store's when the last delta was read; `change_mark`, after `load`, what
    `save` was told that change was. Safe to search from several threads while one applies a delta.
    """

    def __init__(self, encoder: str, dimension: int) -> None:
        self.encoder = encoder
        self.change_number = 0
        self.change_mark = ""
        self._lock = RLock()
        self._index: faiss.Index = faiss.IndexFlatIP(dimension)
        self._passage_ids = np.empty(0, dtype=np.int64)
        self._revision_ids = np.empty(0, dtype=np.int64)
        self._collection_ids = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def apply(self, delta: VectorDelta) -> None:
        """Drop the retired revisions' rows, add the new ones, and move to the delta's number.

        Raises:
            ValueError: the vectors have another dimension than the index.
        """
        with self._lock:
            if delta.retired_revisions:
                self._drop(np.isin(self._revision_ids, list(delta.retired_revisions)))
            if len(delta.passage_ids):
                if delta.vectors.shape[1] != self._index.d:
                    raise ValueError(
                        f"vectors of dimension {delta.vectors.shape[1]} do not fit an index of "
                        f"{self._index.d}"
                    )
                self._index.add(delta.vectors)
                self._passage_ids = np.concatenate([self._passage_ids, delta.passage_ids])
                self._revision_ids = np.concatenate([self._revision_ids, delta.revision_ids])
                self._collection_ids = np.concatenate([self._collection_ids, delta.collection_ids])
            self.change_number = delta.change_number

    def search(
        self, query: NDArray[np.float32], *, readable: frozenset[int], k: int
    ) -> list[Candidate]:
        """The `k` readable passages nearest to `query`.

        Args:
            query: (dimension,) float32 of length 1.
            readable: collection ids; others are skipped inside the search, so `k` is reached
                whenever that many readable passages exist.

        Returns:
            Best first, equal scores by id. Scores are cosines in [-1, 1].
        """
        with self._lock:
            allowed = np.isin(self._collection_ids, list(readable))
            count = min(k, int(allowed.sum()))
            if count == 0:
                return []
            bitmap = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bitmap))
            scores, rows = self._index.search(
                query[None, :],
                count,
                params=faiss.SearchParameters(sel=selector),  # type: ignore[call-arg]
            )
            ids = self._passage_ids[rows[0]]
        found = [Candidate(int(i), float(s)) for i, s in zip(ids, scores[0], strict=True)]
        return sorted(found, key=lambda candidate: (-candidate.score, candidate.passage_id))

    def rows(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Passage ids (n,) ascending and their vectors (n, dimension), to compare with SQL."""
        with self._lock:
            order = np.argsort(self._passage_ids)
            vectors = self._index.reconstruct_n(0, len(self)) if len(self) else self._no_vectors()
            return self._passage_ids[order], vectors[order]

    def _no_vectors(self) -> NDArray[np.float32]:
        return np.empty((0, self._index.d), dtype=np.float32)

    def _drop(self, gone: NDArray[np.bool_]) -> None:
        if not gone.any():
            return
        self._index.remove_ids(faiss.IDSelectorBatch(np.flatnonzero(gone)))
        # FAISS moves the rows behind a removed one up, in order; so do these.
        self._passage_ids = self._passage_ids[~gone]
        self._revision_ids = self._revision_ids[~gone]
        self._collection_ids = self._collection_ids[~gone]

    # On disk: <folder>/<generation>/{index.faiss,rows.bin}; <folder>/manifest.json is written last.
    # It names the generation and the hashes of its files: one without is as good as none.

    def save(self, folder: Path, *, change_mark: str = "") -> None:
        """Write the index and make it the current one in `folder` in a single step.

        Several processes may do so at once: one of them is the last.

        Args:
            change_mark: tells the change of this number from that of another store.
        """
        with self._lock:
            generation = folder / f"{self.change_number}-{secrets.token_hex(4)}"
            generation.mkdir(parents=True)
            rows = np.stack([self._passage_ids, self._revision_ids, self._collection_ids])
            contents = {
                "index.faiss": faiss.serialize_index(self._index).tobytes(),
                "rows.bin": rows.astype("<i8").tobytes(),
            }
            manifest = {
                "format": _FORMAT,
                "encoder": self.encoder,
                "dimension": self._index.d,
                "count": len(self),
                "change_number": self.change_number,
                "change_mark": change_mark,
                "generation": generation.name,
                "sha256": {name: sha256_of(content) for name, content in contents.items()},
            }
        for name, content in contents.items():
            _write_durably(generation / name, content)
        manifest["checksum"] = _checksum(manifest)
        partial = generation / _MANIFEST
        _write_durably(partial, json.dumps(manifest, indent=2, sort_keys=True).encode())
        replaced = _current_generation(folder)
        partial.replace(folder / _MANIFEST)
        for other in folder.iterdir():
            # Any other may be one that another process is writing at this moment.
            if other != generation and (other.name == replaced or _is_abandoned(other)):
                shutil.rmtree(other, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path, *, encoder: str, dimension: int) -> "FlatVectors":
        """Read what `save` wrote.

        Raises:
            ProjectionTorn: missing, cut short, or not what was written.
            ProjectionMismatch: made by another encoder or another version of Assay.
        """
        try:
            manifest = json.loads((folder / _MANIFEST).read_bytes())
            if manifest.pop("checksum", None) != _checksum(manifest):
                raise ProjectionTorn(folder / _MANIFEST, "its bytes are not those written")
            generation = folder / str(manifest["generation"])
            contents = {}
            for name, expected in manifest["sha256"].items():
                contents[name] = (generation / name).read_bytes()
                if sha256_of(contents[name]) != expected:
                    raise ProjectionTorn(generation / name, "its bytes are not those written")
            found = (manifest["format"], manifest["encoder"], manifest["dimension"])
            number, mark = int(manifest["change_number"]), str(manifest["change_mark"])
            index_bytes, rows_bytes = contents["index.faiss"], contents["rows.bin"]
        except FileNotFoundError as error:
            raise ProjectionTorn(folder, f"{Path(error.filename).name} is missing") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProjectionTorn(folder / _MANIFEST, "it is not a manifest") from error
        wanted = (_FORMAT, encoder, dimension)
        if found != wanted:
            raise ProjectionMismatch(folder, "format, encoder and dimension", found, wanted)
        vectors = cls(encoder, dimension)
        vectors._index = faiss.deserialize_index(np.frombuffer(index_bytes, dtype=np.uint8))
        rows = np.frombuffer(rows_bytes, dtype="<i8").reshape(3, -1).astype(np.int64)
        vectors._passage_ids, vectors._revision_ids, vectors._collection_ids = rows
        vectors.change_number, vectors.change_mark = number, mark
        return vectors


def _checksum(manifest: dict[str, Any]) -> str:
    return sha256_of(json.dumps(manifest, sort_keys=True).encode())


def _current_generation(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / _MANIFEST).read_bytes())["generation"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_abandoned(generation: Path) -> bool:
    """Whether a process was killed before it named this generation in the manifest."""
    try:
        age = time.time() - generation.stat().st_mtime
    except OSError:  # gone meanwhile
        return False
    return generation.is_dir() and age > _ABANDONED_SECONDS


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
