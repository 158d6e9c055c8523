"""Printed lines and how two of them stand to each other. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

_HIGHEST_JUMP = 5.0  # heights; the next cell begins at most so far up, the next column higher
_SAME_LINE = 0.3  # heights that pieces of one printed line differ
_NEXT_LINE = 0.8  # heights between neighbouring lines at least
_TOUCHING = 0.12  # heights between pieces of one word
_NO_SPACE_AFTER = "/@_"  # an address broken over two lines
_FIRST_WORD = re.compile(r"[\w’']+")
_LAST_WORD = re.compile(r"[\w’']+\Z")


class Box(NamedTuple):
    """Where a line stands, in the page's units; y grows upwards. `height` is that of its font."""

    left: float
    right: float
    bottom: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line.

    `hyphenated`: its last word goes on in the next line. `is_row`: joined from cells of a table.
    `has_gap`: somewhere two of its words stand apart as cells do.
    """

    text: str
    hyphenated: bool
    box: Box | None
    is_bold: bool
    is_row: bool = False
    has_gap: bool = False

    @property
    def width(self) -> float:
        """Its width in the page's units, 0 when it could not be measured."""
        return self.box.right - self.box.left if self.box else 0.0


def pitch(above: Line, below: Line) -> float:
    """How far below `above` line `below` stands; negative when it stands above."""
    return above.box.bottom - below.box.bottom if above.box and below.box else 0.0


def overlap(a: Line, b: Line) -> bool:
    """Whether a vertical line can cross both."""
    if a.box is None or b.box is None:
        return False
    return a.box.left < b.box.right and b.box.left < a.box.right


def glued(lines: Sequence[Line], words: frozenset[str]) -> str:
    """The text of lines that follow each other, without the hyphens of broken words.

    Args:
        lines: at least one.
        words: of the whole document: a broken word is written as it is elsewhere.
    """
    text = lines[0].text
    for before, line in pairwise(lines):
        text += _glue(before, line, words) + line.text
    return text + ("-" if lines[-1].hyphenated else "")


def _glue(before: Line, line: Line, words: frozenset[str]) -> str:
    if not before.hyphenated:
        return "" if before.text[-1] in _NO_SPACE_AFTER else " "
    head, tail = _LAST_WORD.search(before.text), _FIRST_WORD.match(line.text)
    if not head or not tail or not tail.group()[0].islower():
        return "-"
    whole, compound = head.group() + tail.group(), f"{head.group()}-{tail.group()}"
    return "-" if compound in words and whole not in words else ""


def with_cells_joined(lines: Sequence[Line], words: frozenset[str]) -> list[Line]:
    """Join pieces of one printed line, and the stacked cells of a table's head.

    PDFium gives cells one after the other: "June 25," / "2022" / "June 26," / "2021" is one row,
    for a cell begins to the right of the one before and stands no lower.
    """
    rows: list[Line] = []
    for line in lines:
        if rows and _begins_next_cell(rows[-1], line):
            start = _cell_start(rows, line)
            is_stacked = start < len(rows) - 1 or _is_a_line_below(line, rows[-1])
            is_stacked = is_stacked or rows[-1].is_row
            rows[start:] = [_merged([*rows[start:], line], words, is_row=is_stacked)]
        elif rows and rows[-1].is_row and _is_lower_part(rows[-1], line):
            rows[-1] = _merged([rows[-1], line], words, is_row=True)
        else:
            rows.append(line)
    return rows


def _begins_next_cell(before: Line, line: Line) -> bool:
    if before.box is None or line.box is None:
        return False
    height = max(before.box.height, line.box.height)
    rise = -pitch(before, line)
    is_right = line.box.left > before.box.right - 0.5 * height
    return is_right and -_SAME_LINE * height <= rise <= _HIGHEST_JUMP * height


def _cell_start(rows: Sequence[Line], line: Line) -> int:
    """Where in `rows` the cell begins whose last line stands to the left of `line`."""
    start = len(rows) - 1
    while start > 0:
        upper = rows[start - 1]
        if upper.box is None or line.box is None or not overlap(upper, rows[start]):
            break
        is_beside = pitch(upper, line) <= _SAME_LINE * line.box.height
        is_narrow = upper.box.right < line.box.left + 0.5 * line.box.height
        if not (is_beside and is_narrow and _is_a_line_below(upper, rows[start])):
            break
        start -= 1
    return start


def _is_a_line_below(above: Line, below: Line) -> bool:
    """Whether two lines are a line apart at least, not raised or lowered within one."""
    return above.box is not None and pitch(above, below) > _NEXT_LINE * above.box.height


def _is_lower_part(row: Line, line: Line) -> bool:
    """Whether `line` stands under the last cell of `row` but not below the row."""
    if row.box is None or line.box is None:
        return False
    is_under = overlap(row, line) and line.box.left > (row.box.left + row.box.right) / 2
    return is_under and pitch(row, line) <= _SAME_LINE * line.box.height


def _merged(lines: Sequence[Line], words: frozenset[str], *, is_row: bool) -> Line:
    boxes = [line.box for line in lines if line.box]
    tallest = max(boxes, key=lambda box: box.height)
    box = Box(
        left=min(box.left for box in boxes),
        right=max(box.right for box in boxes),
        bottom=min(box.bottom for box in boxes) if is_row else tallest.bottom,
        height=tallest.height,
    )
    first, last = lines[0], lines[-1]
    if len(lines) == 2 and not is_row and _touch(first, last):
        text = first.text + last.text
    else:
        text = glued(lines, words).removesuffix("-" if last.hyphenated else "")
    is_bold = all(line.is_bold for line in lines)
    has_gap = any(line.has_gap for line in lines)
    return Line(text, last.hyphenated, box, is_bold, is_row, has_gap)


def _touch(a: Line, b: Line) -> bool:
    if a.box is None or b.box is None:
        return False
    return b.box.left - a.box.right < _TOUCHING * a.box.height
