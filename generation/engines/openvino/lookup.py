"""Guesses the next tokens from what was read: answers copy from their evidence. Pure."""

from collections.abc import Sequence

# An earlier place is a guess when the last tokens, at most and at least so many, stand there too.
_LONGEST, _SHORTEST = 4, 2


class Lookup:
    """Finds where the last tokens of a text stood before, and what followed there.

    Kept up with each token, so that a guess does not search the text again. Speculation by prompt
    lookup: Saxena 2023.
    """

    def __init__(self) -> None:
        self._ends: dict[tuple[int, ...], int] = {}
        self._tokens: list[int] = []

    @property
    def length(self) -> int:
        """How many tokens it was given."""
        return len(self._tokens)

    def add(self, tokens: Sequence[int]) -> None:
        """Take the next tokens of the text."""
        for token in tokens:
            # The sequences that end before this token become findable only now, so that the end
            # of the text does not find itself.
            end = len(self._tokens)
            for size in range(_SHORTEST, min(_LONGEST, end) + 1):
                self._ends[tuple(self._tokens[end - size :])] = end
            self._tokens.append(token)

    def guess(self, most: int) -> list[int]:
        """Up to `most` tokens that followed the longest and then latest such place; or none."""
        length = len(self._tokens)
        for size in range(min(_LONGEST, length), _SHORTEST - 1, -1):
            end = self._ends.get(tuple(self._tokens[length - size :]))
            if end is not None:
                return self._tokens[end : end + most]
        return []
