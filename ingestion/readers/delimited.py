"""Tables as text: comma, semicolon, tab or bar between cells, in any encoding."""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Final

from ingestion.errors import UnreadableFile
from ingestion.readers.builder import DocumentBuilder, title_of
from ingestion.readers.detection import Format
from ingestion.readers.encoding import decoded
from ingestion.readers.rows import Row, append_rows
from ingestion.types import ParsedDocument

_DELIMITERS = ",;\t|"
_SAMPLED_LINES = 50
_LONGEST_CELL: Final = 50_000_000


def read_csv(name: str, data: bytes) -> ParsedDocument:
    """Read a table; rows are numbered as a spreadsheet program would number them."""
    text = decoded(data).replace("\0", "")
    builder = DocumentBuilder()
    append_rows(builder, _rows(text, _delimiter(text)))
    return builder.build(title_of(name), Format.CSV.value)


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        for number, cells in enumerate(reader, start=1):
            yield Row(number, cells)
    except csv.Error as error:
        raise UnreadableFile(
            f"it is a damaged table ({error}); check its quotation marks"
        ) from error


def _delimiter(text: str) -> str:
    """The one that splits most of the first lines into the same number of cells, not one."""
    lines = [line for line in text[:100_000].split("\n")[:_SAMPLED_LINES] if line.strip()]

    def agreement(delimiter: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter) if len(row) > 1]
        most = max(set(counts), key=counts.count, default=0)
        return counts.count(most), most

    try:
        return max(_DELIMITERS, key=agreement)
    except csv.Error:
        return ","
