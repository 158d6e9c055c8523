"""From tokens to the text that readers see, while tokens still come. Pure."""

from collections.abc import Callable, Sequence


class WrittenText:
    """The text of a stream of tokens, up to the first stop string.

    Args:
        decode: the text of token ids. A character cut in two ends it with U+FFFD.
        stops: the text ends before the first of these.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], stops: Sequence[str]) -> None:
        self._decode = decode
        self._stops = stops
        self._tokens: list[int] = []
        self._sent = 0
        self.is_stopped = False

    def add(self, tokens: Sequence[int]) -> str:
        """Take the next tokens; the text that is certain by now and was not given before."""
        self._tokens.extend(tokens)
        text, self.is_stopped = _before_stop(self._decode(self._tokens), self._stops)
        return self._next(text if self.is_stopped else _without_beginnings(text, self._stops))

    def rest(self) -> str:
        """What was held back: no more tokens come."""
        return self._next(_before_stop(self._decode(self._tokens), self._stops)[0])

    def _next(self, text: str) -> str:
        more = text[self._sent :]
        self._sent = max(self._sent, len(text))
        return more


def _without_beginnings(text: str, stops: Sequence[str]) -> str:
    """Hold back what may turn out to be part of a stop string or of an unfinished character."""
    held = len(text) - len(text.rstrip("\ufffd"))
    for stop in stops:
        lengths = range(min(len(stop) - 1, len(text)), 0, -1)
        held = max(held, next((n for n in lengths if text.endswith(stop[:n])), 0))
    return text[: len(text) - held]


def _before_stop(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    found = [position for stop in stops if stop and (position := text.find(stop)) >= 0]
    return (text[: min(found)], True) if found else (text, False)
