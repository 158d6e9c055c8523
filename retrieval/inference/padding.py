"""Sequences of tokens as the arrays that a network reads. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Lengths are rounded up to these: a length that comes for the first time costs some time.
_STEP = 8


class Padded(NamedTuple):
    """Each (batch, length) int64; `mask` is 1 for a token and 0 for padding."""

    tokens: NDArray[np.int64]
    types: NDArray[np.int64]
    mask: NDArray[np.int64]
    positions: NDArray[np.int64]


def padded(
    tokens: Sequence[Sequence[int]],
    types: Sequence[Sequence[int]] | None = None,
    *,
    padding: int = 0,
    first_position: int = 0,
    longest: int | None = None,
) -> Padded:
    """Pad sequences on the right to one length, a multiple of 8.

    Args:
        tokens: of each text, at least one text.
        types: as long as `tokens`; all 0 when not given.
        padding: the token that fills up.
        first_position: of the first token; padding has the one before it, or 0.
        longest: positions that there are; the length never goes beyond.
    """
    length = -(-max(1, *(len(one) for one in tokens)) // _STEP) * _STEP
    length = min(length, longest) if longest else length
    shape = (len(tokens), length)
    found = Padded(
        np.full(shape, padding, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.full(shape, max(0, first_position - 1), np.int64),
    )
    for row, one in enumerate(tokens):
        found.tokens[row, : len(one)] = one
        found.mask[row, : len(one)] = 1
        found.positions[row, : len(one)] = np.arange(first_position, first_position + len(one))
        if types is not None:
            found.types[row, : len(one)] = types[row]
    return found
