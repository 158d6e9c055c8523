"""A line `key: value`, or a row of a table -> a question. Pure."""

import re
from collections.abc import Iterator

from evals.writing.material import Pair, TableRow
from evals.writing.types import Draft, Kind, Source

_NUMBER_ONLY = re.compile(r"[\d.]+\Z")
_LONGEST_CELL = 80


def of_pair(pair: Pair, source: Source) -> Draft:
    """What is given under the key, in the document of this title."""
    where = f"In “{source.title}”, what" if source.title else "What"
    statement = f"{pair.key}: {pair.value}"
    question = f"{where} is given for “{pair.key}”?"
    return Draft(Kind.PAIR, question, pair.value, statement, pair.line, source, "value", pair.key)


def of_row(row: TableRow, source: Source) -> Iterator[Draft]:
    """What each further column says of the row's first cell; of its second when that is a number.

    Rows of totals and empty cells are left out.
    """
    first = 1 if _NUMBER_ONLY.match(row.cells[0]) and len(row.cells) > 2 else 0
    label, name = row.cells[first], row.columns[first]
    if not label or len(label) > _LONGEST_CELL or label.lower().startswith("total"):
        return
    where = f"In “{source.title}”, what" if source.title else "What"
    for column, cell in zip(row.columns[first + 1 :], row.cells[first + 1 :], strict=True):
        if not cell or cell in {"-", "–", "n/a"} or len(cell) > _LONGEST_CELL:
            continue
        question = f"{where} is the “{column}” of “{label}”?"
        statement = f"{name} {label}: {column} {cell}"
        yield Draft(Kind.TABLE, question, cell, statement, row.line, source, "cell", label)
