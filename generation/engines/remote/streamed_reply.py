"""A streamed reply as it comes in: chunks to pieces, with an end to every kind of waiting."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from generation.decoding import Decoding
from generation.engines.remote.http_calls import Call, Ended, Event, Item
from generation.engines.remote.openai_protocol import Chunk, Failure, read_chunk
from generation.types import FinishReason, Piece, Usage

# How often it is asked whether anybody still waits.
_POLL_SECONDS = 0.05
# After the last token: for the usage, and the end that the protocol wants.
_TAIL_SECONDS = 2.0
# What an answer of so many tokens cannot be longer than, with room for oddities.
_CHARACTERS_PER_TOKEN = 256
_CHUNKS_PER_TOKEN = 2
_CHUNKS_BESIDE = 16
_BYTES_PER_TOKEN = 4096
_BYTES_BESIDE = 1 << 20
BROKE_OFF = "it broke off in the middle of its answer"
NO_EVENTS = "it does not answer with events"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for, in seconds.

    Args:
        connect_seconds: until a connection stands.
        first_token_seconds: from the request to the first token: it may have to wait its turn.
        next_token_seconds: from each token to the next.
        lookup_seconds: for each question that is not for text.
        pause_seconds: before the second attempt; twice that before the third.
    """

    connect_seconds: float = 5.0
    first_token_seconds: float = 60.0
    next_token_seconds: float = 60.0
    lookup_seconds: float = 10.0
    pause_seconds: float = 0.5


class CallFailed(Exception):
    """There is no answer, or no more of it."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.reason)


class GivenUp(Exception):
    """Nobody waits any more."""


def awaited(call: Call, deadline: float, is_cancelled: Callable[[], bool], late: str) -> Item:
    """The next of a call.

    Args:
        deadline: on the monotonic clock.
        late: what is wrong when nothing has come by then.

    Raises:
        CallFailed: it failed, or is late.
        GivenUp: `is_cancelled`.
    """
    while not is_cancelled():
        left = deadline - time.monotonic()
        item = call.next(min(_POLL_SECONDS, left))
        if isinstance(item, Failure):
            raise CallFailed(item)
        if item is not None:
            return item
        if left <= 0:
            raise CallFailed(Failure(late))
    raise GivenUp


def wait(seconds: float, is_cancelled: Callable[[], bool]) -> None:
    """Do nothing for a while.

    Raises:
        GivenUp: `is_cancelled`.
    """
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if is_cancelled():
            raise GivenUp
        time.sleep(min(left, _POLL_SECONDS))


class StreamedReply:
    """One answer of a server. `wait_for_first_token` comes first, `close` last."""

    def __init__(
        self,
        call: Call,
        decoding: Decoding,
        patience: Patience,
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._call = call
        self._decoding = decoding
        self._patience = patience
        self._is_cancelled = is_cancelled
        self._first: list[Chunk] = []
        self._written = 0
        self._characters = 0
        self._usage: Usage | None = None
        self._reason: FinishReason | None = None
        self._has_ended_reply = False
        self._is_cut = False

    @staticmethod
    def most_bytes(max_tokens: int) -> int:
        """Of the events of an answer. Each token comes in an object of its own."""
        return _BYTES_BESIDE + _BYTES_PER_TOKEN * max_tokens

    @property
    def lacks_logprobs(self) -> bool:
        """Whether the first words came without the log-probabilities of their tokens."""
        return any(chunk.text and not chunk.tokens for chunk in self._first)

    def wait_for_first_token(self) -> None:
        """Read as far as the first token, or the end of an answer without one.

        Raises:
            CallFailed, GivenUp: there is none.
        """
        seconds = self._patience.first_token_seconds
        deadline = time.monotonic() + seconds
        late = f"its first token did not come within {seconds:g} seconds"
        while not self._is_over and (chunk := self._next(deadline, late)) is not None:
            self._first.append(chunk)
            if chunk.is_token:
                return

    def pieces(self, estimated_prompt: Callable[[], int]) -> Iterator[Piece]:
        """The answer. Without the server's own usage, tokens are estimated.

        Raises:
            CallFailed: it breaks off.
        """
        reason: FinishReason = "stop"
        try:
            for chunk in self._chunks():
                if chunk.text or chunk.tokens:
                    yield Piece(chunk.text, tokens=chunk.tokens)
            reason = self._reason or "stop"
        except GivenUp:
            reason = "cancelled"
        yield Piece("", self._usage or Usage(estimated_prompt(), self._written), reason)

    def close(self) -> None:
        """Leave the connection: at once, unless the server has ended its reply."""
        if not self._has_ended_reply:
            self._call.cancel()

    @property
    def _is_over(self) -> bool:
        return self._has_ended_reply or self._reason is not None

    def _chunks(self) -> Iterator[Chunk]:
        yield from self._first
        seconds = self._patience.next_token_seconds
        late = f"its next token did not come within {seconds:g} seconds"
        deadline = time.monotonic() + seconds
        while not self._is_over and (chunk := self._next(deadline, late)) is not None:
            yield chunk
            if chunk.is_token:
                # After the yield: while our reader takes its time, the server is not late.
                deadline = time.monotonic() + seconds
        if not self._is_cut and not self._has_ended_reply:
            self._read_tail()

    def _read_tail(self) -> None:
        """The usage comes behind the last token; nothing else there is part of the answer."""
        deadline = time.monotonic() + _TAIL_SECONDS
        with contextlib.suppress(CallFailed, GivenUp):
            while (chunk := self._read(deadline, "")) is not None:
                self._usage = chunk.usage or self._usage

    def _next(self, deadline: float, late: str) -> Chunk | None:
        """The next chunk of the answer; None when the server has ended its reply."""
        chunk = self._read(deadline, late)
        if chunk is not None:
            self._note(chunk)
        return chunk

    def _read(self, deadline: float, late: str) -> Chunk | None:
        item = awaited(self._call, deadline, self._is_cancelled, late)
        if isinstance(item, Ended):
            self._has_ended_reply = True
            if not item.is_whole and self._reason is None:
                raise CallFailed(Failure(BROKE_OFF, is_retryable=True))
            return None
        chunk = read_chunk(item.data) if isinstance(item, Event) else Failure(NO_EVENTS)
        if isinstance(chunk, Failure):
            raise CallFailed(chunk)
        return chunk

    def _note(self, chunk: Chunk) -> None:
        self._written += max(len(chunk.tokens), int(chunk.is_token))
        self._characters += len(chunk.text)
        self._usage = chunk.usage or self._usage
        self._reason = self._reason or chunk.finish_reason
        if self._reason is None and self._is_too_long():
            # It does not heed `max_tokens`, and would go on.
            self._reason, self._is_cut = "length", True

    def _is_too_long(self) -> bool:
        most = self._decoding.max_tokens
        return (
            self._written > _CHUNKS_PER_TOKEN * most + _CHUNKS_BESIDE
            or self._characters > _CHARACTERS_PER_TOKEN * most
        )
