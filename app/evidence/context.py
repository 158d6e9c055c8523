"""A quote in the text around it, cut where it begins and ends. Pure.

What is cut here needs no counting elsewhere: offsets are code points, and a browser counts in
UTF-16, so none are sent to it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# So much text stands around a quote, to the nearest end of a line or, in long lines, of a word.
REACH_CHARACTERS = 700
# As `ingestion.readers.rows` writes the cells of a row.
_BETWEEN_CELLS = " | "
_ROW = re.compile(r"Row \d+: ")


@dataclass(frozen=True, slots=True)
class Run:
    """Characters that are all quoted, or none of them."""

    text: str
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the text; `is_row`: of a table, with its cells. Other lines are one cell."""

    cells: tuple[tuple[Run, ...], ...]
    is_row: bool

    @property
    def is_quoted(self) -> bool:
        """Whether some of it is."""
        return any(run.is_quoted for cell in self.cells for run in cell)


def lines_around(text: str, start: int, end: int) -> tuple[Line, ...]:
    """The lines of `text` that hold [start, end), code points, and some before and after.

    Blank lines are left out. A cut in the middle of a line is shown as `…`.

    Raises:
        ValueError: the span is empty or leaves the text.
    """
    if not 0 <= start < end <= len(text):
        raise ValueError(f"span [{start}, {end}) leaves a text of {len(text)} characters")
    first, last = _reached_back(text, start), _reached_on(text, end)
    lines = [
        _line(text, a, b, start, end)
        for a, b in _line_spans(text, first, last)
        if text[a:b].strip()
    ]
    if first > 0 and text[first - 1] != "\n":
        lines[0] = Line(
            ((Run("… ", is_quoted=False), *lines[0].cells[0]), *lines[0].cells[1:]), lines[0].is_row
        )
    if last < len(text) and text[last] != "\n":
        rest = lines[-1]
        lines[-1] = Line(
            (*rest.cells[:-1], (*rest.cells[-1], Run(" …", is_quoted=False))), rest.is_row
        )
    return tuple(lines)


def _reached_back(text: str, start: int) -> int:
    least = max(0, start - REACH_CHARACTERS)
    if least == 0:
        return 0
    line = text.find("\n", least, start)
    word = text.find(" ", least, start)
    return max(line, word) + 1 if line < 0 else line + 1


def _reached_on(text: str, end: int) -> int:
    most = min(len(text), end + REACH_CHARACTERS)
    if most == len(text):
        return most
    line = text.rfind("\n", end, most)
    word = text.rfind(" ", end, most)
    return line if line >= 0 else word if word >= 0 else most


def _line_spans(text: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    place = first
    for line in text[first:last].split("\n"):
        yield place, place + len(line)
        place += len(line) + 1


def _line(text: str, a: int, b: int, start: int, end: int) -> Line:
    is_row = _BETWEEN_CELLS in text[a:b] or _ROW.match(text, a, b) is not None
    if not is_row:
        return Line((_runs(text, a, b, start, end),), is_row=False)
    cells = []
    place = a
    for cell in text[a:b].split(_BETWEEN_CELLS):
        cells.append(_runs(text, place, place + len(cell), start, end))
        place += len(cell) + len(_BETWEEN_CELLS)
    return Line(tuple(cells), is_row=True)


def _runs(text: str, a: int, b: int, start: int, end: int) -> tuple[Run, ...]:
    left, right = min(max(a, start), b), min(max(a, end), b)
    parts = ((text[a:left], False), (text[left:right], True), (text[right:b], False))
    return tuple(Run(part, is_quoted) for part, is_quoted in parts if part)
