"""Rows of cells to lines that say on their own what they mean. Pure.

Each line carries its row's number and, where the table has a header, the header of each cell: a
passage from the middle of a long table can then be understood and cited.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

from ingestion.readers.builder import DocumentBuilder, one_line
from ingestion.types import BlockKind

_SEARCHED_ROWS = 10  # for a header, below titles and notes
_LONGEST_HEADER = 80
_NUMBER = re.compile(r"[-+(]?[$€£¥]?\s?\d[\d.,:/\s-]*%?\)?\Z")
_ROWS_PER_BLOCK = 500


class Row(NamedTuple):
    """A row of a sheet. `number` counts from 1, as spreadsheet programs show it."""

    number: int
    cells: Sequence[str]


def append_rows(builder: DocumentBuilder, rows: Iterable[Row], *, page: int | None = None) -> None:
    """Append a table's rows, `Row 7: Item: Bed | Price: 10`; blank rows and cells are left out."""
    remaining = (row for row in map(_tidy, rows) if any(row.cells))
    first = list(islice(remaining, _SEARCHED_ROWS))
    header = _header_position(first)
    names = first[header].cells if header is not None else ()
    lines: list[str] = []
    for position, row in enumerate(chain(first, remaining)):
        is_below = header is not None and position > header
        lines.append(_line(row, names if is_below else ()))
        if len(lines) >= _ROWS_PER_BLOCK:
            builder.add(BlockKind.TABLE, "\n".join(lines), page=page)
            lines = []
    builder.add(BlockKind.TABLE, "\n".join(lines), page=page)


def _tidy(row: Row) -> Row:
    return Row(row.number, [one_line(cell) for cell in row.cells])


def _header_position(rows: Sequence[Row]) -> int | None:
    """Where the header is: the first row that is as wide as most, of different words, no numbers.

    A table of two columns without any number below has labels, not a header.
    """
    if len(rows) < 2:
        return None
    widest = max(_filled(row) for row in rows)
    for position, row in enumerate(rows[:-1]):
        cells = [cell for cell in row.cells if cell]
        if len(cells) < max(2, 0.6 * widest):
            continue
        is_named = all(len(c) <= _LONGEST_HEADER and not _NUMBER.match(c) for c in cells)
        return position if is_named and len(set(cells)) == len(cells) else None
    return None


def _filled(row: Row) -> int:
    return sum(1 for cell in row.cells if cell)


def _line(row: Row, names: Sequence[str]) -> str:
    return f"Row {row.number}: " + " | ".join(_cells(row.cells, names))


def _cells(cells: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    for column, cell in enumerate(cells):
        if cell:
            name = names[column] if column < len(names) else ""
            yield f"{name}: {cell}" if name else cell
