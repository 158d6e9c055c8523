"""Rows of a table in a passage, and the row that says what their cells are. Pure.

"Castle workshop | 88 | 73" says nothing without "Site | 2022 | 2023": a row is compared with a
question, quoted and read by the model together with its header. Spreadsheets need none of this:
their reader has written each header beside its cell.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

Span = tuple[int, int]

_BAR = " | "
_LONGEST_HEADER = 80
# Columns without a bar between them are told by their numbers: "Elmfield 41.5 38.2 44.9".
_AMOUNT = r"[-+(]?[$€£¥]?\d[\d.,:/]*%?\)?"
_NUMBERS_LAST = re.compile(rf"(?P<label>\S.*?)(?P<numbers>(?:\s+{_AMOUNT}){{2,}})\s*")
_NUMBER = re.compile(rf"{_AMOUNT}\Z")
# A number that names a column: a year, also "2023/24".
_YEAR = re.compile(r"(?:19|20)\d\d(?:[/–-]\d{2,4})?\Z")
_LINE = re.compile(r"[^\n]+")


def labelled(text: str) -> str:
    """The text with each cell of a row below a header beside its column: "Mill | 2022: 318".

    For what reads a passage as a whole and is asked where an answer is, not for what is cited.
    """
    parts: list[str] = []
    end = 0
    for start, header in sorted(header_spans(text).items()):
        stop = text.find("\n", start)
        stop = len(text) if stop < 0 else stop
        cells = _cells(text[start:stop].rstrip())
        names = _cells(text[slice(*header)])
        if len(names) < len(cells):
            names = tuple(text[slice(*header)].split())
        pairs = [(name, cell) for name, cell in zip(names, cells, strict=False) if cell]
        said = (f"{name}: {cell}" if name else cell for name, cell in pairs)
        parts += [text[end:start], _BAR.join(said)]
        end = stop
    return "".join([*parts, text[end:]])


class _Row(NamedTuple):
    span: Span
    cells: tuple[str, ...]


def header_spans(text: str) -> dict[int, Span]:
    """Where each row that stands below a header begins -> [start, end) of its header.

    A header is the line right above, or above others of as many cells: it has different words or
    years, and below it stand numbers, or three columns. A header whose words are in the rows
    already ("2022: 88") is left out.
    """
    found: dict[int, Span] = {}
    lines = [_Row(_trimmed(match), ()) for match in _LINE.finditer(text)]
    place = 0
    while place < len(lines):
        header, rows = _table_at(text, lines, place)
        if rows and _is_header(header.cells, rows):
            found |= {row.span[0]: header.span for row in rows}
        place += 1 + len(rows)
    return found


def _table_at(text: str, lines: Sequence[_Row], place: int) -> tuple[_Row, list[_Row]]:
    """The line at a place, as the header it would be, and the rows that follow it at once."""
    line = text[slice(*lines[place].span)]
    names = _cells(line)
    rows: list[_Row] = []
    for before, (span, _) in zip(lines[place:], lines[place + 1 :], strict=False):
        cells = _cells(text[slice(*span)])
        is_next = text[before.span[1] : span[0]].count("\n") == 1
        if not rows and len(cells) > len(names) and _BAR not in line:
            names = tuple(line.split())
        # The last cells of a row with bars may be empty, and are not written then.
        fits = len(cells) == len(names) or (_BAR in line and 1 < len(cells) < len(names))
        if not is_next or len(cells) < 2 or not fits:
            break
        rows.append(_Row(span, cells))
    return _Row(lines[place].span, names), rows


def _cells(line: str) -> tuple[str, ...]:
    if _BAR in line:
        # The corner above the rows' names may be empty.
        whole = f" {line}" if line.startswith("| ") else line
        return tuple(cell.strip() for cell in whole.split(_BAR))
    match = _NUMBERS_LAST.fullmatch(line)
    return (match["label"], *match["numbers"].split()) if match else ()


def _is_header(cells: Sequence[str], rows: Sequence[_Row]) -> bool:
    names = [cell for cell in cells if not _YEAR.match(cell)]
    if not names or len(set(cells)) < len(cells):
        return False
    if any(_NUMBER.match(name) or len(name) > _LONGEST_HEADER for name in names):
        return False
    below = [row.cells for row in rows]
    if any(cell.startswith(f"{cells[1]}: ") for row in below for cell in row):
        return False
    values = [cell for row in below for cell in row[1:]]
    if all(_YEAR.match(cell) for cell in values):
        return len(names) == len(cells)
    has_numbers = any(character.isdigit() for cell in values for character in cell)
    return has_numbers or (len(cells) > 2 and len(below) > 1)


def _trimmed(match: re.Match[str]) -> Span:
    piece = match.group()
    start = match.start() + len(piece) - len(piece.lstrip())
    return start, start + len(piece.strip())
