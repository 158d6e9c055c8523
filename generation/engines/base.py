"""What every engine offers."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from generation.decoding import Decoding
from generation.types import EngineInfo, Message, Piece

BUNDLED_MODEL = "SmolLM2-135M-Instruct"


def is_bundled(engine: EngineInfo) -> bool:
    """Whether this is the model that comes with Assay, wherever it runs."""
    return engine.name == BUNDLED_MODEL


class Engine(Protocol):
    """A generator behind one seam: local or remote, any model family."""

    @property
    def info(self) -> EngineInfo:
        """What it is, as answers record it."""

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
        the stream ends within a token; so it does when the caller stops reading it. Several threads
        may stream at once.

        Raises:
            BadDecoding: the engine cannot do what is asked; said before anything is generated.
            EngineUnavailable: it runs elsewhere and cannot be reached.
        """
