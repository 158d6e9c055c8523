"""Rows of figures as print has them: a label and amounts, below periods, below a unit. Pure.

"Gross margin 36,413 35,885" says nothing without "Three Months Ended", "July 1, 2023 June 25, 2022"
and "(In millions)". In print nothing marks a column; heads of several lines stand above the rows,
and a label that ends in a colon above those that it is of.
"""

import re
from collections.abc import Iterable, Iterator, Set
from typing import NamedTuple

from retrieval.types import Hit

Span = tuple[int, int]

_AMOUNT = r"(?:[$€£¥]\s?)?\(?[-–+]?[$€£¥]?(?:\d[\d.,]*|[—–-])\s?\)?(?:\s?%)?"
_ROW = re.compile(rf"(?P<label>\S.*?)(?P<cells>(?:\s+{_AMOUNT}){{2,}})\s*")
_CELL = re.compile(_AMOUNT)
_LETTERS = re.compile(r"[^\W\d_]{2}")
# Of a date: "June 25," and "2022".
_OF_A_DATE = re.compile(r"\d{1,2},|(?:19|20)\d\d")
_UNIT = re.compile(
    r"\bin (?:[$€£¥]|[A-Z]{3} )?(?:hundred|thousand|million|billion)s?\b", re.IGNORECASE
)
# Ends the rows that it sums.
_TOTAL = re.compile(r"total\b|gesamt|summe\b", re.IGNORECASE)
_LINE = re.compile(r"[^\n]+")
_LONGEST_LABEL, _LONGEST_LINE, _LONGEST_HEAD = 160, 100, 300
_MOST_HEAD_LINES = 4
_FARTHEST_UNIT = 500  # characters above a table


class Row(NamedTuple):
    """`text[start:end]` is a row; `label` ends where its amounts begin.

    `above`: what it is read below, in its order: the unit, the heads of its columns, the label of
    the rows that it is one of; each as a span of the text.
    """

    start: int
    end: int
    label: int
    above: tuple[Span, ...]


class Figures(NamedTuple):
    """The rows of a text, and the lines that only stand above rows and state nothing."""

    rows: tuple[Row, ...]
    heads: frozenset[Span]


def figures_in(text: str) -> Figures:
    """Find the rows of figures of a text: lines of a label and two amounts at least."""
    rows: list[Row] = []
    heads: set[Span] = set()
    for block in _blocks(text):
        kinds = [_row(text, span) for span in block]
        if not any(kinds):
            continue
        last = max(place for place, kind in enumerate(kinds) if kind)
        head: list[Span] = []
        group: Span | None = None
        unit = _unit_above(text, block[0][0])
        is_head_open = True
        for place, (span, label) in enumerate(zip(block, kinds, strict=True)):
            line = text[slice(*span)]
            if label:
                above = [one for one in (unit, *_nearest(head), group) if one]
                rows.append(Row(*span, label, tuple(dict.fromkeys(above))))
                is_head_open = False
                if _TOTAL.match(line) or line[0].islower():  # the second line of a label
                    group = None
            elif place > last or len(line) > _LONGEST_LINE:
                continue
            elif line.endswith(":") or (not is_head_open and not _has_year(line)):
                group = span
                heads.add(span)
            else:
                if not is_head_open:
                    head, group, is_head_open = [], None, True
                head.append(span)
                heads.add(span)
        if unit:
            heads.add(unit)
    return Figures(tuple(rows), frozenset(heads))


def figures_of(hit: Hit) -> Figures:
    """The rows of a passage, as `figures_in` finds them, with what stands above them before it.

    Spans are counted from the beginning of its text, and negative in the passages before.
    """
    before = hit.text_before
    found = figures_in(before + hit.passage.text)
    shift = len(before)
    seams = {passage.start - hit.passage.start for passage in hit.before}
    rows = tuple(
        Row(row.start - shift, row.end - shift, row.label - shift, above)
        for row in found.rows
        if row.start >= shift
        for above in (_within(row.above, shift, {*seams, 0}),)
    )
    return Figures(rows, frozenset(_within(found.heads, shift, seams)))


def _within(spans: Iterable[Span], shift: int, seams: Set[int]) -> tuple[Span, ...]:
    """Spans counted from another beginning, without those that a seam of passages is in."""
    moved = [(start - shift, end - shift) for start, end in spans]
    return tuple(
        (start, end) for start, end in moved if not any(start < seam < end for seam in seams)
    )


def goes_on(hit: Hit) -> bool:
    """Whether a passage may begin within a table: its first line is a row, or only its label."""
    first = next(_blocks(hit.passage.text), [])
    return any(_row(hit.passage.text, span) for span in first[:_MOST_HEAD_LINES])


def _blocks(text: str) -> Iterator[list[Span]]:
    """Lines that follow each other without a blank one between them."""
    block: list[Span] = []
    for match in _LINE.finditer(text):
        piece = match.group()
        start = match.start() + len(piece) - len(piece.lstrip())
        end = start + len(piece.strip())
        if block and text[block[-1][1] : start].count("\n") != 1:
            yield block
            block = []
        if start < end:
            block.append((start, end))
    if block:
        yield block


def _row(text: str, span: Span) -> int:
    """Where the label of a row ends; 0 for a line that is none."""
    match = _ROW.fullmatch(text, *span)
    if match is None or len(match["label"]) > _LONGEST_LABEL or not _LETTERS.search(match["label"]):
        return 0
    cells = match["cells"].split()
    if all(_OF_A_DATE.fullmatch(cell) for cell in cells):
        return 0
    return match.end("label")


def _has_year(line: str) -> bool:
    return re.search(r"\b(?:19|20)\d\d\b", line) is not None


def _nearest(head: list[Span]) -> list[Span]:
    """The lines of a head, nearest ones if there are many."""
    kept = head[-_MOST_HEAD_LINES:]
    return kept if sum(end - start for start, end in kept) <= _LONGEST_HEAD else kept[-1:]


def _unit_above(text: str, start: int) -> Span | None:
    """The nearest line above that says in what the amounts are."""
    begin = max(0, start - _FARTHEST_UNIT)
    for match in reversed(list(_LINE.finditer(text, begin, start))):
        if _UNIT.search(match.group()) and (match.start() > begin or not begin):
            piece = match.group()
            first = match.start() + len(piece) - len(piece.lstrip())
            return first, first + len(piece.strip())
    return None
