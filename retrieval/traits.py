"""What is known of a document from its text alone: its language, and what it is like. Pure.

How alike two texts are is the share of runs of words they have in common (Jaccard). A signature
estimates it: of each of many orders of all runs it keeps the first that the text has, and two texts
agree in one with just that probability. Broder, "On the resemblance and containment of documents",
1997. Texts that agree in a whole band of their signatures are worth comparing.
"""

import re
import struct
import zlib
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from retrieval.languages import language_of_text
from retrieval.types import Traits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BANDS, _ROWS = 21, 6  # of two texts that are 80 % alike, 99.8 % have a band in common
_ORDERS = _BANDS * _ROWS
_RUN = 5  # words
_MOST_WORDS = 200_000  # a longer text is known by its beginning
_AT_ONCE = 16_384
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+")
_MASK = (1 << 64) - 1


def traits_of(text: str) -> Traits:
    """Look at a document's text."""
    return Traits(language_of_text(text), signature_of(text))


def signature_of(text: str) -> bytes:
    """126 numbers of 32 bits, little-endian; the same text has the same everywhere."""
    words = [match.group().casefold() for match in islice(_WORD.finditer(text), _MOST_WORDS)]
    if not words:
        return b""
    import numpy as np

    numbers = {word: zlib.crc32(word.encode()) for word in set(words)}
    hashed = np.array([numbers[word] for word in words], dtype=np.uint64)
    runs = _runs(hashed)
    least = np.full(_ORDERS, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(runs), _AT_ONCE):
        some = runs[start : start + _AT_ONCE]
        for order, (factor, summand) in enumerate(_orderings()):
            least[order] = min(least[order], (some * factor + summand).min())
    return (least >> np.uint64(32)).astype("<u4").tobytes()


def bands_of(signature: bytes) -> list[int]:
    """21 numbers, signed, 64 bits, all unlike; texts that are alike have some in common."""
    values = _numbers(signature)
    found = []
    for band in range(len(values) // _ROWS):
        number = band + 1
        for value in values[band * _ROWS : (band + 1) * _ROWS]:
            number = _mixed(number ^ value)
        found.append(number - (1 << 64) if number >> 63 else number)
    return found


def likeness(one: bytes, other: bytes) -> float:
    """How alike two texts are, 0 to 1, by their signatures; 0 where one has none."""
    if not one or len(one) != len(other):
        return 0.0
    pairs = zip(_numbers(one), _numbers(other), strict=True)
    return sum(a == b for a, b in pairs) / (len(one) // 4)


def _numbers(signature: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(signature) // 4}I", signature)


def _runs(hashed: "NDArray[np.uint64]") -> "NDArray[np.uint64]":
    """A number for each run of words that the text has; a text shorter than a run is one."""
    import numpy as np

    length = min(_RUN, len(hashed))
    count = len(hashed) - length + 1
    total = np.zeros(count, dtype=np.uint64)
    for place in range(length):
        total = total * np.uint64(0x9E3779B97F4A7C15) + hashed[place : place + count]
    total ^= total >> np.uint64(31)
    return np.unique(total * np.uint64(0xBF58476D1CE4E5B9))


def _mixed(number: int) -> int:
    """SplitMix64: https://prng.di.unimi.it/splitmix64.c."""
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)


@cache
def _orderings() -> "tuple[tuple[np.uint64, np.uint64], ...]":
    import numpy as np

    return tuple(
        (np.uint64(_mixed(2 * order) | 1), np.uint64(_mixed(2 * order + 1)))
        for order in range(_ORDERS)
    )
