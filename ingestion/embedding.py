"""Texts to vectors, each text once."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ingestion.stage_times import StageTimes
from retrieval.encoder import Encoder

# Vectors that are remembered: 25 MB for the bundled encoder.
_REMEMBERED = 16_384


class EmbedsOnce:
    """Encodes texts; one that came before is not encoded again while it is remembered.

    Folders are full of copies. Title and headings are part of a text (`embedded_text`).

    Args:
        remembered: how many vectors are kept; the ones not asked for longest go first.
    """

    def __init__(
        self, encoder: Encoder, times: StageTimes, *, remembered: int = _REMEMBERED
    ) -> None:
        self._encoder = encoder
        self._times = times
        self._remembered = remembered
        self._known: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of texts, (n, dimension), row i for text i; see `Encoder.encode`."""
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        vectors = self._encoder.encode(list(new.values()))
        # A copy of each: a row would keep all of its batch in memory.
        fresh = {key: vector.copy() for key, vector in zip(new, vectors, strict=True)}
        found = np.empty((len(texts), vectors.shape[1]), dtype=np.float32)
        for row, key in enumerate(keys):
            found[row] = fresh[key] if key in fresh else self._known[key]
        self._remember(keys, fresh)
        self._times.embedded += len(new)
        self._times.repeated += len(texts) - len(new)
        return found

    def _remember(self, keys: Sequence[bytes], fresh: dict[bytes, NDArray[np.float32]]) -> None:
        for key in keys:
            if key in fresh:
                self._known[key] = fresh[key]
            self._known.move_to_end(key)
        while len(self._known) > self._remembered:
            self._known.popitem(last=False)
