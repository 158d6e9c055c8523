"""How vectors are kept and searched, in FAISS: one class for each kind of index.

Row i is the i-th vector that was added. A mask (n,) of bool says which rows may be found.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import faiss
import numpy as np
from numpy.typing import NDArray

from retrieval.vectors.half_rows import HalfRows
from retrieval.vectors.kinds import Kind

_FILE = "index.faiss"
# Of float16: the largest relative error, and the smallest number it tells from zero.
_HALF_PRECISION, _HALF_SMALLEST = 2**-10, 2**-23
# A filter that leaves fewer rows than this, or this share of them, is searched exactly: a graph or
# lists would be walked in vain.
_EXACT_ROWS = 20_000
_EXACT_SHARE = 0.05

_GraphSearch = faiss.SearchParametersHNSW  # type: ignore[attr-defined] # its types lack it
_GRAPH_NEIGHBOURS = 24
_GRAPH_BUILD_BREADTH = 120
_GRAPH_SEARCH_BREADTH = 200

_FEWEST_LISTS = 16
_LISTS_PROBED_SHARE = 1 / 24
_FEWEST_PROBED = 16
_BYTES_A_VECTOR = 48
# So many times as many candidates as are wanted are compared exactly, and no fewer than this.
_REFINED, _FEWEST_REFINED = 4, 400
_SAMPLE_A_LIST = 48
_ROUNDS = 10


class Found(NamedTuple):
    """Inner products, best first, and the rows they are of; ties in any order."""

    scores: NDArray[np.float32]
    rows: NDArray[np.int64]


class Structure(Protocol):
    """What an index is made of. Rows stay unless it is `Forgetting`, and must be masked."""

    def __len__(self) -> int: ...

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Add (n, dimension) unit vectors behind those there are."""

    def search(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None
    ) -> Found:
        """The `k` best of the allowed rows, all rows without a mask. At least `k` are allowed."""

    def exact(self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None) -> Found:
        """The same, every allowed row compared."""

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """These rows, (n, dimension), as they are kept."""

    def write(self, folder: Path) -> None:
        """Put its files into a folder."""


@runtime_checkable
class Forgetting(Structure, Protocol):
    """One that rows can be taken out of."""

    def drop(self, gone: NDArray[np.bool_]) -> None:
        """Take rows out; those behind move up."""


class Exact:
    """Every vector compared, as float32 or float16."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: NDArray[np.float32]) -> None:
        self._index.add(vectors)

    def drop(self, gone: NDArray[np.bool_]) -> None:
        # FAISS moves the rows behind a removed one up, in order.
        self._index.remove_ids(faiss.IDSelectorBatch(np.flatnonzero(gone)))

    def search(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None
    ) -> Found:
        return _searched(self._index, query, k, allowed, faiss.SearchParameters)

    exact = search

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return _vectors(self._index, rows)

    def write(self, folder: Path) -> None:
        faiss.write_index(self._index, str(folder / _FILE))


class Graph:
    """HNSW: each vector knows its neighbours. Quick to search, slow to build."""

    def __init__(self, index: Any) -> None:  # noqa: ANN401 - faiss.IndexHNSWFlat
        self._index = index

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: NDArray[np.float32]) -> None:
        self._index.add(vectors)

    def search(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None
    ) -> Found:
        share = 1.0 if allowed is None else _share(allowed)
        if _is_selective(allowed):
            return self.exact(query, k, allowed)
        # Rows that may not be found are walked through all the same.
        breadth = math.ceil(max(_GRAPH_SEARCH_BREADTH, 2 * k) / share)
        found = _searched(self._index, query, k, allowed, _GraphSearch, efSearch=breadth)
        return found if len(found.rows) == k else self.exact(query, k, allowed)

    def exact(self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None) -> Found:
        return _searched(self._storage, query, k, allowed, faiss.SearchParameters)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return _vectors(self._storage, rows)

    def write(self, folder: Path) -> None:
        faiss.write_index(self._index, str(folder / _FILE))

    @property
    def _storage(self) -> faiss.Index:
        return faiss.downcast_index(self._index.storage)


class Lists:
    """IVF-PQ: vectors near each other in a list, 48 bytes each; the best compared exactly.

    The exact vectors are float16 in a file that is mapped into memory: what is not used need not
    be in it.
    """

    def __init__(self, index: Any, rows: HalfRows) -> None:  # noqa: ANN401 - faiss.IndexIVFPQ
        self._index = index
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, vectors: NDArray[np.float32]) -> None:
        self._index.add(vectors)
        self._rows.add(vectors)

    def search(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None
    ) -> Found:
        if _is_selective(allowed):
            return self.exact(query, k, allowed)
        wanted = min(len(self), max(_REFINED * k, _FEWEST_REFINED))
        lists = int(self._index.nlist)
        near = _searched(
            self._index,
            query,
            wanted,
            allowed,
            faiss.SearchParametersIVF,
            nprobe=min(lists, max(_FEWEST_PROBED, math.ceil(lists * _LISTS_PROBED_SHARE))),
        )
        if len(near.rows) < min(wanted, k):
            return self.exact(query, k, allowed)
        return _best(self._rows.products(query, near.rows), near.rows, k)

    def exact(self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None) -> Found:
        if allowed is None:
            return _best(self._rows.products(query), np.arange(len(self), dtype=np.int64), k)
        rows = np.flatnonzero(allowed).astype(np.int64)
        return _best(self._rows.products(query, rows), rows, k)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._rows.of(rows)

    def write(self, folder: Path) -> None:
        faiss.write_index(self._index, str(folder / _FILE))
        self._rows.write(folder)


def empty(kind: Kind, dimension: int, sample: NDArray[np.float32], *, expected: int) -> Structure:
    """A structure without rows.

    Args:
        sample: vectors like those to come, (n, dimension); lists are fitted to them.
        expected: how many rows are to come.
    """
    if kind is Kind.FLAT:
        return Exact(faiss.IndexFlatIP(dimension))
    if kind is Kind.HALF:
        return Exact(_half(dimension))
    if kind is Kind.GRAPH:
        graph = faiss.IndexHNSWFlat(dimension, _GRAPH_NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = _GRAPH_BUILD_BREADTH
        return Graph(graph)
    return Lists(_fitted(dimension, sample, lists_for(expected)), HalfRows(dimension))


def read(kind: Kind, folder: Path, dimension: int) -> Structure:
    """What `write` wrote.

    Raises:
        ValueError: the file holds another kind of index.
    """
    index = faiss.read_index(str(folder / _FILE))
    wanted = {
        Kind.FLAT: faiss.IndexFlat,
        Kind.HALF: faiss.IndexScalarQuantizer,
        Kind.GRAPH: faiss.IndexHNSWFlat,
        Kind.LISTS: faiss.IndexIVFPQ,
    }[kind]
    if not isinstance(index, wanted) or index.d != dimension:
        raise ValueError(f"it holds {type(index).__name__} of dimension {index.d}")
    if kind is Kind.GRAPH:
        return Graph(index)
    if kind is Kind.LISTS:
        rows = HalfRows.read(folder, dimension)
        if len(rows) != index.ntotal:
            raise ValueError(f"{index.ntotal} vectors in lists but {len(rows)} beside them")
        return Lists(index, rows)
    return Exact(index)


def are_kept(kind: Kind, rows: NDArray[np.float32], vectors: NDArray[np.float32]) -> bool:
    """Whether what an index of this kind gives back is these vectors: some kinds round."""
    if kind in (Kind.FLAT, Kind.GRAPH):
        return np.array_equal(rows, vectors)
    return rows.shape == vectors.shape and np.allclose(
        rows, vectors, rtol=_HALF_PRECISION, atol=_HALF_SMALLEST
    )


def lists_for(count: int) -> int:
    """How many lists: about twice the square root of the rows, a power of two."""
    return max(_FEWEST_LISTS, 1 << round(math.log2(2 * math.sqrt(max(count, 1)))))


def sample_size(kind: Kind, expected: int) -> int:
    """How many vectors an index that is to hold `expected` is fitted to; 0 when it is not."""
    return _SAMPLE_A_LIST * lists_for(expected) if kind is Kind.LISTS else 0


def _half(dimension: int) -> faiss.IndexScalarQuantizer:
    index = faiss.IndexScalarQuantizer(
        dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    index.is_trained = True  # float16 has nothing to fit
    return index


def _fitted(dimension: int, sample: NDArray[np.float32], lists: int) -> faiss.IndexIVFPQ:
    if len(sample) < _FEWEST_LISTS:  # next to nothing to fit to: the axes will do
        sample = np.concatenate([sample, np.eye(_FEWEST_LISTS, dimension, dtype=np.float32)])
    # No more lists, and no more codes, than there are vectors to fit them to.
    lists = max(1, min(lists, len(sample)))
    bits = max(1, min(8, int(math.log2(max(len(sample), 2)))))
    parts = next(m for m in range(min(_BYTES_A_VECTOR, dimension), 0, -1) if dimension % m == 0)
    quantizer: Any = faiss.IndexFlatIP(dimension)
    index = faiss.IndexIVFPQ(quantizer, dimension, lists, parts, bits, faiss.METRIC_INNER_PRODUCT)
    index.own_fields = True
    quantizer.this.disown()
    index.cp.niter = _ROUNDS
    index.cp.min_points_per_centroid = 1  # it would only warn
    index.pq.cp.min_points_per_centroid = 1
    index.train(sample)
    return index


def _is_selective(allowed: NDArray[np.bool_] | None) -> bool:
    if allowed is None:
        return False
    return int(allowed.sum()) <= max(_EXACT_ROWS, _EXACT_SHARE * len(allowed))


def _share(allowed: NDArray[np.bool_]) -> float:
    return max(float(allowed.mean()), 1e-9)


def _searched(
    index: faiss.Index,
    query: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_] | None,
    parameters: type[faiss.SearchParameters],
    **values: int,
) -> Found:
    """Ask FAISS; rows it did not find (-1) are left out."""
    made = parameters(**values)
    if allowed is not None:
        bitmap = np.packbits(allowed, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bitmap))
        made.sel = selector
    scores, rows = index.search(query[None, :], k, params=made)
    there = rows[0] >= 0
    return Found(scores[0][there], rows[0][there])


def _best(scores: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> Found:
    if len(rows) > k:
        # Ties at the border go to the rows added first.
        border = np.partition(scores, len(scores) - k)[len(scores) - k]
        above, at = np.flatnonzero(scores > border), np.flatnonzero(scores == border)
        kept = np.concatenate([above, at[np.argsort(rows[at], kind="stable")][: k - len(above)]])
        scores, rows = scores[kept], rows[kept]
    order = np.lexsort((rows, -scores))
    return Found(scores[order], rows[order])


def _vectors(index: faiss.Index, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    if not len(rows):
        return np.empty((0, index.d), dtype=np.float32)
    vectors: NDArray[np.float32] = index.reconstruct_batch(rows)
    return vectors
