"""Our own suites as CSV or TSV, for spreadsheets. docs/EVALS.md names the columns.

Lists stand in one cell, separated by `|`; a `|` or `\\` within an item has a `\\` before it. A cell
that a spreadsheet would take for a formula is written with a `'` before it, which is taken off
again when it is read.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evals.datasets.fields import case_of
from evals.datasets.sources import LARGEST_JSON_BYTES, parsed, text_of
from evals.errors import BadDataset
from evals.types import Case

COLUMNS = (
    "key", "question", "references", "expectation", "relevant_documents", "relevant_texts",
    "relevant_grades", "tags", "weight", "cluster", "history", "source", "note",
)  # fmt: skip
_LISTS = frozenset(
    ("reference", "references", "relevant_documents", "relevant_texts", "relevant_grades", "tags")
)
_RELEVANT = ("relevant_documents", "relevant_texts", "relevant_grades")
LONGEST_CELL = 131_072  # characters; the limit of Python's csv module
_DELIMITERS = (",", "\t", ";")
# What spreadsheets take for the beginning of a formula (OWASP, "CSV injection"), full-width too.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_ITEM = re.compile(r"((?:[^|\\]|\\.|\\\Z)*)(\||\Z)", re.DOTALL)


class Record(NamedTuple):
    """A row of a table by column, and the line it begins on."""

    line: int
    cells: dict[str, str]


def read(path: Path) -> Iterator[tuple[int, Case]]:
    """(line, case) of each row.

    Raises:
        BadDataset: the file is no table with a column `question`, or a row is not a case.
    """
    for line, cells in records_of(path):
        yield line, case_of(_row(cells, path, line), path, line)


def records_of(path: Path) -> Iterator[Record]:
    """The rows of a table with a heading row, blank rows left out; cells without their `'`.

    Raises:
        BadDataset: the file is not a table, or a row has cells beyond the last column.
    """
    text = text_of(path, limit_bytes=LARGEST_JSON_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True)
    heading: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            if heading is None:
                heading = _heading(cells, path)
            elif any(cell.strip() for cell in cells):
                if any(cell.strip() for cell in cells[len(heading) :]):
                    many = f"it has {len(cells)} cells, and the heading {len(heading)}"
                    raise BadDataset(path, line, f"{many}; quote what holds a separator")
                yield Record(line, dict(zip(heading, map(_unguarded, cells), strict=False)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadDataset(path, line, f"it is not a table that can be read: {error}") from error


def delimiter_of(text: str) -> str:
    """What separates the cells of the first line: the one of `,`, tab and `;` it has most of."""
    first = text.split("\n", 1)[0]
    return max(_DELIMITERS, key=first.count)


def heading_of(text: str) -> list[str]:
    """The columns of a table as they are named; no more than a guess when it is no table."""
    first = text.split("\n", 1)[0].rstrip("\r")
    try:
        cells = next(csv.reader([first], delimiter=delimiter_of(text)), [])
    except csv.Error:
        return []
    return [_column(cell) for cell in cells]


def _column(cell: str) -> str:
    return cell.strip().lower().replace(" ", "_")


def _heading(cells: Sequence[str], path: Path) -> list[str]:
    names = [_column(cell) for cell in cells]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise BadDataset(path, 1, f"two columns are called {twice!r}")
    return names


def _row(cells: Mapping[str, str], path: Path, line: int) -> dict[str, Any]:
    row: dict[str, Any] = {name: cell for name, cell in cells.items() if cell.strip()}
    if "question" not in row:
        raise BadDataset(path, line, "it has no question")
    for name in _LISTS & row.keys():
        row[name] = _items(row[name])
    lists = [row.pop(name, []) for name in _RELEVANT]
    if any(lists):
        row["relevant"] = _relevant(*lists, path=path, line=line)
    if "history" in row:
        row["history"] = parsed(row["history"], path, line)
    return row


def _relevant(
    documents: Sequence[str], texts: Sequence[str], grades: Sequence[str], *, path: Path, line: int
) -> list[dict[str, str]]:
    if grades and len(grades) != max(len(documents), len(texts)):
        reason = "relevant_grades needs as many items as relevant_documents or relevant_texts"
        raise BadDataset(path, line, reason)
    found = []
    for place in range(max(len(documents), len(texts))):
        document = documents[place] if place < len(documents) else ""
        text = texts[place] if place < len(texts) else ""
        grade = grades[place] if grades else "1"
        found.append({"document": document, "text": text, "grade": grade})
    return found


def written(cases: Sequence[Case], *, delimiter: str = ",") -> str:
    """The cases as a table with a heading row.

    Raises:
        ValueError: a cell is longer than tables can hold.
    """
    out = io.StringIO(newline="")
    # RFC 4180; with "\n" alone a carriage return within a cell would not be quoted.
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for case in cases:
        cells = [_guarded(cell) for cell in _cells(case)]
        longest = max(map(len, cells))
        if longest > LONGEST_CELL:
            raise ValueError(
                f"a cell of case {case.key!r} has {longest:,} characters and a table holds "
                f"{LONGEST_CELL:,}; write JSON lines instead"
            )
        writer.writerow(cells)
    return out.getvalue()


def _cells(case: Case) -> list[str]:
    graded = any(one.grade != 1 for one in case.relevant)
    history = [{"role": turn.role, "content": turn.content} for turn in case.history]
    return [
        case.key,
        case.question,
        _joined(case.references),
        case.expectation.value if case.expectation else "",
        _joined([one.document for one in case.relevant]),
        _joined([one.text for one in case.relevant]),
        _joined([str(one.grade) for one in case.relevant]) if graded else "",
        _joined(case.tags),
        "" if case.weight == 1 else repr(case.weight),
        case.cluster,
        json.dumps(history, ensure_ascii=False) if history else "",
        case.source,
        case.note,
    ]


def _joined(items: Sequence[str]) -> str:
    return "|".join(item.replace("\\", "\\\\").replace("|", "\\|") for item in items)


def _items(cell: str) -> list[str]:
    """The items of a list cell: `_joined` undone."""
    items = []
    for found in _ITEM.finditer(cell):
        items.append(re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL))
        if not found[2]:
            break
    return items


def _guarded(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
