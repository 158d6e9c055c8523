"""Vectors as float16, most of them in a file that is mapped into memory."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FILE = "vectors.f16"
_BLOCK = 65_536


class HalfRows:
    """Rows of a fixed dimension, little-endian float16: what was read, then what was added."""

    def __init__(self, dimension: int, mapped: NDArray[np.float16] | None = None) -> None:
        self._dimension = dimension
        self._mapped = mapped if mapped is not None else _none(dimension)
        self._added: list[NDArray[np.float16]] = []
        self._added_count = 0

    def __len__(self) -> int:
        return len(self._mapped) + self._added_count

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Add (n, dimension) rows."""
        self._added.append(vectors.astype("<f2"))
        self._added_count += len(vectors)

    def products(
        self, query: NDArray[np.float32], rows: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Inner products of the query (dimension,) with these rows, or with all; (n,) float32."""
        tail = self._tail()
        count = len(self) if rows is None else len(rows)
        found = np.empty(count, dtype=np.float32)
        for begin in range(0, count, _BLOCK):
            end = min(begin + _BLOCK, count)
            wanted = np.arange(begin, end) if rows is None else rows[begin:end]
            found[begin:end] = self._block(wanted, tail) @ query
        return found

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """These rows, (n, dimension) float32."""
        return self._block(rows, self._tail())

    def write(self, folder: Path) -> None:
        """Write every row, block by block."""
        with (folder / _FILE).open("wb") as out:
            for begin in range(0, len(self._mapped), _BLOCK):
                out.write(np.ascontiguousarray(self._mapped[begin : begin + _BLOCK]).tobytes())
            for rows in self._added:
                out.write(rows.tobytes())

    @classmethod
    def read(cls, folder: Path, dimension: int) -> "HalfRows":
        """Map what `write` wrote.

        Raises:
            ValueError: the file does not hold whole rows.
        """
        path = folder / _FILE
        width = dimension * 2
        size = path.stat().st_size
        if size % width:
            raise ValueError(f"{size} bytes are no rows of {width}")
        if not size:  # nothing cannot be mapped
            return cls(dimension)
        shape = (size // width, dimension)
        return cls(dimension, np.memmap(path, dtype="<f2", mode="r", shape=shape))

    def _block(self, rows: NDArray[np.int64], tail: NDArray[np.float16]) -> NDArray[np.float32]:
        if not len(tail):
            return self._mapped[rows].astype(np.float32)
        block = np.empty((len(rows), self._dimension), dtype=np.float32)
        is_mapped = rows < len(self._mapped)
        block[is_mapped] = self._mapped[rows[is_mapped]]
        block[~is_mapped] = tail[rows[~is_mapped] - len(self._mapped)]
        return block

    def _tail(self) -> NDArray[np.float16]:
        if len(self._added) > 1:
            self._added = [np.concatenate(self._added)]
        return self._added[0] if self._added else _none(self._dimension)


def _none(dimension: int) -> NDArray[np.float16]:
    return np.empty((0, dimension), dtype=np.float16)
