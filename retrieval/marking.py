"""Which words of a text are those that were searched for. Pure."""

import re
import unicodedata
from collections.abc import Iterable

_WORD = re.compile(r"\w+")
# Endings that the full-text index does not tell apart either: lease, leases; end, ended.
_LONGEST_ENDING = 3
_SHORTEST_STEM = 3


def marked_spans(text: str, words: Iterable[str]) -> list[tuple[int, int]]:
    """Where a text has the words, or others that differ in their ending only, in order.

    Accents and case are nothing. A short word must be the same: "is" is not "island".
    """
    wanted = {_folded(word) for word in words}
    return [
        match.span()
        for match in _WORD.finditer(text)
        if any(_is_like(_folded(match[0]), word) for word in wanted)
    ]


def pieces(text: str, spans: Iterable[tuple[int, int]]) -> list[tuple[str, bool]]:
    """The text in pieces that join to it, each with whether it is marked."""
    found, position = [], 0
    for start, end in spans:
        if start > position:
            found.append((text[position:start], False))
        found.append((text[start:end], True))
        position = end
    if position < len(text):
        found.append((text[position:], False))
    return found


def _is_like(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    if one == other:
        return True
    stem = short[:-1] if short.endswith("e") and len(short) > _SHORTEST_STEM else short
    return (
        len(stem) >= _SHORTEST_STEM
        and long.startswith(stem)
        and len(long) - len(short) <= _LONGEST_ENDING
        and len(long) - len(short) < len(short)
        and not short.isdigit()
    )


def _folded(word: str) -> str:
    parts = unicodedata.normalize("NFKD", word.casefold())
    return "".join(char for char in parts if not unicodedata.combining(char))
