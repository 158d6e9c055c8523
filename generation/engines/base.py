"""What every engine offers."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from generation.types import Decoding, Message, Piece


class Engine(Protocol):
    """A generator behind one seam: local or remote, any model family."""

    @property
    def name(self) -> str:
        """The model, as answers record it."""

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and answer may take together."""

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of a conversation with the model's own template, ready to be answered."""

    def stream(
        self,
        messages: Sequence[Message],
        decoding: Decoding,
        *,
        is_cancelled: Callable[[], bool],
    ) -> Iterator[Piece]:
        """Answer a conversation, piece by piece.

        The last piece, and only it, has usage and a finish reason. Once `is_cancelled` is true
        the stream ends within a token; so it does when the caller stops reading it.
        """
