"""Rows of cells to lines that can be read on their own. Pure.

A line of a sheet carries its row's number and, where the table has a header, the header of each
cell: a passage from the middle of a long table can then be understood and cited. A line of a table
in running text is its cells, each in its column.
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
# Names a column all the same, unless all that stands below are years.
_YEAR = re.compile(r"(?:19|20)\d\d\Z")
_ROWS_PER_BLOCK = 500
_MOST_SPANNED = 1_000  # what HTML allows
_MOST_CELLS = 2_000_000  # with what they span: more is a bomb, not a table


class Row(NamedTuple):
    """A row of a sheet. `number` counts from 1, as spreadsheet programs show it."""

    number: int
    cells: Sequence[str]


class Cell(NamedTuple):
    """A cell of a printed table, and how many columns and rows it takes, at least 1."""

    text: str
    columns: int = 1
    rows: int = 1


class Carried:
    """Says again, in the rows below, what a cell over several rows says: each row is read alone.

    A row that says nothing of its own stays as it is.
    """

    def __init__(self) -> None:
        self._below: dict[int, tuple[int, str]] = {}  # by column: the last row covered, text

    def keep(self, column: int, text: str, *, last: int) -> None:
        """Note that a cell of the row filled last goes on to row `last`; `column` from 0."""
        self._below[column] = (last, text)

    def covers(self, row: int, column: int) -> bool:
        """Whether a cell above takes this place."""
        return column in self._below and self._below[column][0] >= row

    def fill(self, row: int, cells: list[str]) -> None:
        """Fill the empty cells of a row that cells above cover. Rows come in order."""
        self._below = {c: kept for c, kept in self._below.items() if kept[0] >= row}
        if not any(cells):
            return
        for column, (_, text) in self._below.items():
            if text:
                cells.extend([""] * (column + 1 - len(cells)))
                cells[column] = cells[column] or text


def laid_out(rows: Iterable[Sequence[Cell]]) -> Iterator[list[str]]:
    """The texts of a table by column, where cells take several columns or rows.

    A cell over several columns stands in the first of them. In a table of millions of cells they
    stand as they come.
    """
    carried = Carried()
    total = 0
    for number, row in enumerate(rows):
        cells: list[str] = []
        starts: list[tuple[int, Cell]] = []
        for cell in row:
            is_sound = total < _MOST_CELLS
            while is_sound and carried.covers(number, len(cells)):
                cells.append("")
                total += 1
            starts.append((len(cells), cell))
            spanned = min(cell.columns, _MOST_SPANNED) if is_sound else 1
            cells += [cell.text, *[""] * (spanned - 1)]
            total += spanned
        carried.fill(number, cells)
        for column, cell in starts:
            for covered in range(column, min(column + cell.columns, _MOST_SPANNED)):
                if cell.rows > 1:
                    text = cell.text if covered == column else ""
                    carried.keep(covered, text, last=number + cell.rows - 1)
        yield cells


def joined_rows(rows: Iterable[Sequence[str]]) -> list[str]:
    """The rows of a printed table as lines, ` | ` between cells; blank rows are left out.

    Below a head that names every column but perhaps the first, an empty cell keeps its place.
    Elsewhere empty cells only space a table out: a row's words are what is searched and read.
    """
    said = [row for row in map(list, rows) if any(row)]
    head = said[0] if said else []
    is_named = len(head) > 1 and all(head[1:])
    lines = []
    for row in said:
        while not row[-1]:
            row.pop()
        keeps = is_named and len(row) <= len(head)
        lines.append(" | ".join(row if keeps else filter(None, row)).strip())
    return lines


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
    """Where the header is: the first row that is as wide as most, of different words or years.

    A table of two columns without any number below has labels, not a header.
    """
    if len(rows) < 2:
        return None
    widest = max(_filled(row) for row in rows)
    for position, row in enumerate(rows[:-1]):
        cells = [cell for cell in row.cells if cell]
        if len(cells) < max(2, 0.6 * widest):
            continue
        below = [other.cells for other in rows[position + 1 :]]
        is_named = all(
            len(cell) <= _LONGEST_HEADER
            and (not _NUMBER.match(cell) or (column > 0 and _is_year(cell, column, below)))
            for column, cell in enumerate(row.cells)
            if cell
        )
        return position if is_named and len(set(cells)) == len(cells) else None
    return None


def _is_year(cell: str, column: int, below: Sequence[Sequence[str]]) -> bool:
    """Whether a cell is a year that says of what year the cells below it are."""
    values = [cells[column] for cells in below if column < len(cells) and cells[column]]
    return bool(_YEAR.match(cell) and values) and not all(_YEAR.match(value) for value in values)


def _filled(row: Row) -> int:
    return sum(1 for cell in row.cells if cell)


def _line(row: Row, names: Sequence[str]) -> str:
    return f"Row {row.number}: " + " | ".join(_cells(row.cells, names))


def _cells(cells: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    for column, cell in enumerate(cells):
        if cell:
            name = names[column] if column < len(names) else ""
            yield f"{name}: {cell}" if name else cell
