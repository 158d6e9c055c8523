"""The least of a piece of evidence that carries a claim: a row, a clause, not all of it. Pure."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from generation.groundedness.words import words_of

# What is shorter is read at a glance, and read whole.
_LONG_CHARACTERS = 120
_MOST_ROWS = 3
# Cutting off less than this share is not worth a cut sentence.
_WORTH_CUTTING = 0.2
_PAUSE = re.compile(r"(?<=[,;:])\s+|\s+(?=[–—(]\s?\w)|(?<=\))\s+")
# A clause that says when the rest holds is never cut off: its loss would say something else.
_CONDITION = re.compile(
    r"\b(?:if|unless|except|excluding|provided|only|not|never|no|none|nor|neither|without|until|"
    r"but|however|although|cannot|subject to|wenn|falls|außer|sofern|nur|nicht|kein\w*|nie|ohne|"
    r"aber|bis|si|salvo|excepto|solo|sólo|nunca|sin|pero|hasta)\b|n['’]t\b",
    re.IGNORECASE,
)
_BEFORE = " \t\n\r,;:–—"
_AFTER = f"{_BEFORE}("


def least_spans(text: str, wanted: frozenset[str]) -> list[tuple[int, int]]:
    """The least of a unit of evidence that holds what of a claim the unit holds.

    Of a table or a list, the fewest rows, three at most; those that follow each other as one span.
    Of a long sentence, or a long row, the shortest run of clauses, with every clause that denies or
    limits what is said. What is short stays whole, and so does what cannot be cut like this.

    Args:
        text: about a sentence, or rows of a table.
        wanted: words of the claim, as `Words.content` has them; what the text lacks does not count.

    Returns:
        [start, end) of the text, at least one, best first: none begins or ends within a word, none
        is blank, and together they hold every word of `wanted` that the text holds.
    """
    held = wanted & words_of(text).content
    rows = _rows(text)
    if len(rows) > 1 and held:
        rows = _fewest(text, rows, held)
    return [
        (start + begin, start + stop)
        for start, end in rows
        for begin, stop in [_least_clauses(text[start:end], held)]
    ]


def _rows(text: str) -> list[tuple[int, int]]:
    """Lines that stand for themselves; a line that begins small goes on with the one before."""
    lines = [
        (match.start(), match.end()) for match in re.finditer(r"[^\s\n](?:[^\n]*[^\s\n])?", text)
    ]
    if any(text[start].islower() for start, _ in lines[1:]):
        return [(lines[0][0], lines[-1][1])]
    return lines or [(0, len(text))]


def _fewest(
    text: str, rows: Sequence[tuple[int, int]], held: frozenset[str]
) -> list[tuple[int, int]]:
    """Rows that hold all of these words, each the one that adds most; all, if it takes too many."""
    words = [held & words_of(text[start:end]).content for start, end in rows]
    chosen: list[int] = []
    missing = held
    while missing and len(chosen) < _MOST_ROWS:
        best = max(
            range(len(rows)), key=lambda place: (len(words[place] & missing), len(words[place]))
        )
        if not words[best] & missing:
            break
        chosen.append(best)
        missing -= words[best]
    if missing:
        return [(rows[0][0], rows[-1][1])]
    return [(rows[first][0], rows[last][1]) for first, last in _runs(chosen)]


def _runs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Places that follow each other as (first, last), in the order of their best one."""
    left = list(places)
    while left:
        first = last = left[0]
        while first - 1 in places:
            first -= 1
        while last + 1 in places:
            last += 1
        yield first, last
        left = [place for place in left if not first <= place <= last]


def _least_clauses(text: str, held: frozenset[str]) -> tuple[int, int]:
    whole = (0, len(text))
    if len(text) <= _LONG_CHARACTERS:
        return whole
    own = held & words_of(text).content
    cuts = [0, *(match.end() for match in _PAUSE.finditer(text)), len(text)]
    clauses = [(start, end) for start, end in pairwise(cuts) if start < end]
    words = [words_of(text[slice(*clause)]).content for clause in clauses]
    bound = [place for place, span in enumerate(clauses) if _CONDITION.search(text[slice(*span)])]
    shortest = whole
    for first in range(bound[0] + 1 if bound else len(clauses)):
        together = frozenset[str]()
        for last in range(first, len(clauses)):
            together |= words[last]
            if own <= together and (not bound or bound[-1] <= last):
                span = _trimmed(text, clauses[first][0], clauses[last][1])
                shortest = min(shortest, span, key=lambda one: one[1] - one[0])
                break
    start, end = shortest
    is_worth_it = end - start <= (1 - _WORTH_CUTTING) * len(text)
    # A word may count for itself in a clause and not in the sentence, or the other way round.
    return shortest if is_worth_it and own <= words_of(text[start:end]).content else whole


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    begin = start + len(piece) - len(piece.lstrip(_BEFORE))
    return begin, max(begin, start + len(piece.rstrip(_AFTER)))
