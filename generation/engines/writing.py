"""From tokens to the text that readers see, while tokens still come. Pure."""

from collections.abc import Callable, Sequence

# A character takes four bytes at most, and so at most four tokens; what is no character after so
# many tokens never becomes one.
_LONGEST_UNFINISHED = 16


class WrittenText:
    """The text of a stream of tokens, up to the first stop string.

    Only the last few tokens are decoded each time, behind some of those before them: what a token
    reads as depends on its neighbour (a space at the beginning, a character of several tokens).

    Args:
        decode: the text of token ids. A character cut in two ends it with U+FFFD.
        stops: the text ends before the first of these.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], stops: Sequence[str]) -> None:
        self._decode = decode
        self._stops = [stop for stop in stops if stop]
        # Decoded but not yet certain tokens, behind `_settled` tokens of which the text is known.
        self._tokens: list[int] = []
        self._settled = 0
        self._held = ""
        self.is_stopped = False

    def add(self, tokens: Sequence[int]) -> str:
        """Take the next tokens; the text that is certain by now and was not given before."""
        for token in tokens:
            if self.is_stopped:
                break
            self._tokens.append(token)
            self._held += self._settle(is_last=False)
            self._cut_at_stop()
        return self._given(0 if self.is_stopped else _possible_beginning(self._held, self._stops))

    def rest(self) -> str:
        """What was held back: no more tokens come."""
        if not self.is_stopped:
            self._held += self._settle(is_last=True)
            self._cut_at_stop()
        return self._given(0)

    def _settle(self, *, is_last: bool) -> str:
        """The text of the tokens that are not settled yet; empty while it may still change."""
        before = self._decode(self._tokens[: self._settled])
        text = self._decode(self._tokens)
        may_change = text.endswith("\ufffd") or not text.startswith(before)
        if may_change and not is_last and self._unfinished() < _LONGEST_UNFINISHED:
            return ""
        more = text[len(before) :]
        # Tokens stay as the neighbour of the next ones only if they read as something there: a
        # special token or a space alone would not show whether a space at the beginning is lost.
        if self._decode(self._tokens[self._settled :]).strip():
            del self._tokens[: self._settled]
        self._settled = len(self._tokens)
        return more

    def _unfinished(self) -> int:
        """How many tokens are not settled, those aside that read as nothing: special ones."""
        return sum(bool(self._decode([token])) for token in self._tokens[self._settled :])

    def _cut_at_stop(self) -> None:
        found = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if found:
            self._held, self.is_stopped = self._held[: min(found)], True

    def _given(self, held_back: int) -> str:
        end = len(self._held) - held_back
        given, self._held = self._held[:end], self._held[end:]
        return given


def _possible_beginning(text: str, stops: Sequence[str]) -> int:
    """How many of the last characters may turn out to begin a stop string."""
    longest = 0
    for stop in stops:
        lengths = range(min(len(stop) - 1, len(text)), longest, -1)
        longest = next((n for n in lengths if text.endswith(stop[:n])), longest)
    return longest
