"""Several engines in order: the first that can answer does."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from threading import Lock
from typing import TypeVar

from generation.decoding import Decoding
from generation.engines.base import Engine
from generation.errors import EngineMissing, EngineUnavailable, GenerationError
from generation.types import EngineInfo, Message, Piece

_Value = TypeVar("_Value")
_logger = logging.getLogger(__name__)


class _Member:
    """One engine of the order, made when it is first needed."""

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._making = Lock()
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        with self._making:
            if self._engine is None:
                self._engine = self._make()
            return self._engine

    @property
    def made(self) -> Engine | None:
        """The engine, if it was needed so far."""
        return self._engine


class FallbackEngine:
    """Asks engines in order, and the next one only as long as nothing was written.

    An engine that is unavailable or missing is passed over. Text of two engines never stands in
    one answer: one that breaks off later is an error. A change of who writes is logged once, not
    for each question.

    Args:
        engines: what makes each, best first. It is called when the engine is needed, until it
            succeeds.

    Raises:
        ValueError: there is none.
    """

    def __init__(self, engines: Sequence[Callable[[], Engine]]) -> None:
        if not engines:
            raise ValueError("a fallback needs at least one engine")
        self._members = tuple(_Member(make) for make in engines)
        self._writing = 0
        self._changing = Lock()

    @property
    def info(self) -> EngineInfo:
        """What would be asked now. What wrote an answer, its last piece says."""
        return self._first(lambda engine: engine.info)

    @property
    def context_tokens(self) -> int:
        """The window of what would be asked now."""
        return self._first(lambda engine: engine.context_tokens)

    @property
    def made(self) -> tuple[Engine, ...]:
        """The engines that were needed so far."""
        return tuple(member.made for member in self._members if member.made is not None)

    @property
    def trouble(self) -> str | None:
        """Which engines are not asked at present, and why, in words; None if there is none."""
        found = [getattr(engine, "trouble", None) for engine in self.made]
        return "; ".join(words for words in found if words) or None

    def close(self) -> None:
        """Close the engines that were needed so far."""
        for engine in self.made:
            closed(engine)

    def forget(self) -> bool:
        """Have the engines that were needed so far forget what they read."""
        return not [engine for engine in self.made if not forgotten(engine)]

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """As what would be asked now counts."""
        return self._first(lambda engine: engine.count_tokens(messages))

    def stream(
        self,
        messages: Sequence[Message],
        decoding: Decoding,
        *,
        is_cancelled: Callable[[], bool],
    ) -> Iterator[Piece]:
        """Answer a conversation, piece by piece; see `Engine.stream`.

        Raises:
            EngineUnavailable: no engine can answer, or the one that began broke off.
        """
        failures: list[GenerationError] = []
        for place, member in enumerate(self._members):
            try:
                engine = member.engine()
                if failures:
                    _require_room(engine, messages, decoding)
                pieces = engine.stream(messages, decoding, is_cancelled=is_cancelled)
                first = next(pieces, None)
            except (EngineUnavailable, EngineMissing) as error:
                failures.append(error)
                continue
            self._note(place, engine, failures)
            yield from _signed(first, pieces, engine)
            return
        raise _together(failures)

    def _first(self, value_of: Callable[[Engine], _Value]) -> _Value:
        """A value of the first engine that is there."""
        failures: list[GenerationError] = []
        for member in self._members:
            try:
                engine = member.engine()
                _ = engine.context_tokens  # one elsewhere says by this whether it can be asked
                return value_of(engine)
            except (EngineUnavailable, EngineMissing) as error:
                failures.append(error)
        raise _together(failures)

    def _note(self, place: int, engine: Engine, failures: Sequence[GenerationError]) -> None:
        with self._changing:
            before, self._writing = self._writing, place
        if place > before:
            reasons = "; ".join(str(failure) for failure in failures) or "those before it fail"
            _logger.warning("answers are now written by %s: %s", engine.info.name, reasons)
        elif place < before:
            _logger.warning("answers are written by %s again", engine.info.name)


def closed(engine: Engine) -> None:
    """End what an engine has under way, and its threads, if it has any."""
    close = getattr(engine, "close", None)
    if close is not None:
        close()


def forgotten(engine: Engine) -> bool:
    """Have no later prompt use what an engine here has read until now, if it keeps such things.

    Returns:
        Whether it is so: an engine that is busy for long may not come to it in time.
    """
    forget = getattr(engine, "forget", None)
    return True if forget is None else bool(forget())


def _require_room(engine: Engine, messages: Sequence[Message], decoding: Decoding) -> None:
    """The prompt was made for the window of another engine."""
    tokens = engine.count_tokens(messages) + decoding.max_tokens
    if tokens > engine.context_tokens:
        raise EngineUnavailable(
            f"{engine.info.name} would take its place, but has a window of "
            f"{engine.context_tokens} tokens and this conversation takes {tokens}; begin a new "
            "one, or ask again later"
        )


def _signed(first: Piece | None, pieces: Iterator[Piece], engine: Engine) -> Iterator[Piece]:
    """The pieces; the first and the last one say who writes them."""
    try:
        piece = first
        while piece is not None:
            is_signed = piece is first or piece.finish_reason is not None
            yield replace(piece, engine=piece.engine or engine.info) if is_signed else piece
            piece = next(pieces, None)
    finally:
        # A generator that is not read to its end must be told, or its work goes on.
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def _together(failures: Sequence[GenerationError]) -> GenerationError:
    """One error for all. Of one engine it is that engine's own."""
    if len(failures) == 1:
        return failures[0]
    seconds = [
        failure.retry_seconds
        for failure in failures
        if isinstance(failure, EngineUnavailable) and failure.retry_seconds is not None
    ]
    reasons = "; ".join(str(failure) for failure in failures)
    return EngineUnavailable(
        f"no model can answer now: {reasons}", retry_seconds=min(seconds, default=None)
    )
