"""Text to unit vectors: what every encoder offers."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BUNDLED_ENCODER = "all-MiniLM-L6-v2"


class Encoder(Protocol):
    """Turns text into vectors whose inner product is their similarity."""

    @property
    def fingerprint(self) -> str:
        """Names the model and its weights: vectors of different fingerprints never mix."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def limit_tokens(self) -> int:
        """How many tokens of a text are read, the model's own special tokens not counted."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted."""

    def encode(
        self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None
    ) -> "NDArray[np.float32]":
        """Encode texts.

        Args:
            on_progress: told after each batch how many texts are done.

        Returns:
            (n, dimension) float32, each row of length 1, row i for text i.

        Raises:
            TextTooLong: a text has more than `limit_tokens` tokens.
        """


def beginnings(texts: Sequence[str], encoder: Encoder) -> list[str]:
    """Each text, or as much of its beginning as the encoder reads when it is longer.

    For texts that are compared, not indexed: a question, a sentence of an answer.
    """
    limit = encoder.limit_tokens
    counts = encoder.count_tokens(texts)
    return [
        text if count <= limit else _beginning(text, encoder)
        for text, count in zip(texts, counts, strict=True)
    ]


def _beginning(text: str, encoder: Encoder) -> str:
    """The longest beginning that fits, found by halving, to within a sixty-fourth of the text."""
    kept = ""
    step = len(text)
    while step > len(text) // 64 + 1:
        step //= 2
        longer = text[: len(kept) + step]
        if encoder.count_tokens([longer])[0] <= encoder.limit_tokens:
            kept = longer
    return kept or text[:1]
