"""The order in which lines on a page are read, from where they stand. Pure.

A gutter is a vertical line that hardly any line crosses, with prose on both sides. What does cross
it spans the columns and separates what is above from what is below. Cells of a table are narrow:
they make no columns, and are read row by row.
"""

from collections.abc import Sequence
from itertools import groupby
from statistics import median
from typing import NamedTuple

from ingestion.readers.pdf_lines import Box, Line

_MOST_COLUMNS = 4  # cuts in cuts
_FEWEST_IN_COLUMN = 3
_NARROWEST = 8  # heights of a line: the usual line of a column is wider than a cell
_MOST_SPANNING = 0.2  # of the lines


class _Placed(NamedTuple):
    box: Box
    line: Line


def in_reading_order(lines: Sequence[Line]) -> list[Line]:
    """Sort lines: columns from left to right, each from top to bottom; those without box last."""
    placed = [_Placed(line.box, line) for line in lines if line.box]
    unplaced = [line for line in lines if not line.box]
    return [item.line for item in _ordered(placed, _MOST_COLUMNS)] + unplaced


def _ordered(lines: list[_Placed], cuts: int) -> list[_Placed]:
    gutter = _gutter(lines) if cuts else None
    if gutter is None:
        return _by_rows(lines)
    spanning = sorted((i for i in lines if _side(i, gutter) == 0), key=lambda i: -_middle(i.box))
    heights = [_middle(item.box) for item in spanning]

    def band(item: _Placed) -> int:
        return sum(height > _middle(item.box) for height in heights)

    found: list[_Placed] = []
    columns = [item for item in lines if _side(item, gutter)]
    by_band = {n: list(items) for n, items in groupby(sorted(columns, key=band), key=band)}
    for number in range(len(spanning) + 1):
        inside = by_band.get(number, [])
        for side in (-1, 1):
            found += _ordered([item for item in inside if _side(item, gutter) == side], cuts - 1)
        found += spanning[number : number + 1]
    return found


def _gutter(lines: list[_Placed]) -> float | None:
    """Where the fewest lines cross, if there are columns at all."""
    best: tuple[int, int, float] | None = None
    for item in lines:
        place = item.box.right + 0.5 * item.box.height
        left = [other for other in lines if _side(other, place) < 0]
        right = [other for other in lines if _side(other, place) > 0]
        crossing = len(lines) - len(left) - len(right)
        if crossing <= _MOST_SPANNING * len(lines) and _is_column(left) and _is_column(right):
            best = min(best or (crossing, 0, place), (crossing, -min(len(left), len(right)), place))
    return best[2] if best else None


def _side(item: _Placed, place: float) -> int:
    """-1 left of it, 1 right of it, 0 across."""
    if item.box.right <= place:
        return -1
    return 1 if item.box.left >= place else 0


def _is_column(lines: list[_Placed]) -> bool:
    if len(lines) < _FEWEST_IN_COLUMN:
        return False
    widths = [item.line.width / item.box.height for item in lines if item.box.height > 0]
    return median(widths or [0.0]) >= _NARROWEST


def _by_rows(lines: list[_Placed]) -> list[_Placed]:
    """From top to bottom; what stands side by side from left to right."""
    rows: list[list[_Placed]] = []
    for item in sorted(lines, key=lambda item: -_middle(item.box)):
        if rows and _middle(rows[-1][0].box) - _middle(item.box) < 0.5 * rows[-1][0].box.height:
            rows[-1].append(item)
        else:
            rows.append([item])
    return [item for row in rows for item in sorted(row, key=lambda item: item.box.left)]


def _middle(box: Box) -> float:
    return box.bottom + box.height / 2
