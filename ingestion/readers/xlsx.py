"""Excel workbooks: visible sheets, each row with its number and the header of each cell.

Rows are streamed, so that a sheet may be larger than memory and one cell at the far corner costs
nothing. Formulas count with the value Excel calculated last and are never run; a cell whose text
begins with `=` is that text. Text boxes and shapes follow the rows of their sheet. Hidden sheets,
rows, columns and shapes, comments and charts are not read.
"""

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import islice
from typing import Final, NamedTuple

from lxml import etree

from ingestion.readers.builder import DocumentBuilder, title_of
from ingestion.readers.detection import Format
from ingestion.readers.packages import Package, attribute, damaged, local_name
from ingestion.readers.rows import Carried, Row, append_rows
from ingestion.types import BlockKind, ParsedDocument
from retrieval.hidden import HiddenBy

_WHAT = "Excel workbook"
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})\Z")
_MOST_COLUMNS: Final = 16_384
# Merged cells stand behind the rows, which are streamed: found there without parsing them twice.
_MERGED = re.compile(
    rb'<(?:\w{1,20}:)?mergeCell\s[^<>]{0,100}?ref="([A-Z]{1,3}\d{1,7}):([A-Z]{1,3}\d{1,7})"'
)
_MOST_MERGED: Final = 100_000
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_DATE_FORMATS = {*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)}
_PERCENT_FORMATS = {9, 10}
_LAST_DAY = 2_958_465  # 9999-12-31


class _Look(NamedTuple):
    """How a cell style shows a number."""

    is_date: bool = False
    is_percent: bool = False


class _Workbook(NamedTuple):
    strings: Sequence[str]
    looks: Sequence[_Look]
    day_zero: dt.datetime


def read_xlsx(name: str, data: bytes) -> ParsedDocument:
    """Read an Excel workbook."""
    package = Package(data, _WHAT)
    builder = DocumentBuilder()
    part = package.start("officeDocument", "xl/workbook.xml")
    root = package.xml(part)
    related = package.related(part)
    members = dict(related.values())
    workbook = _Workbook(
        _shared_strings(package, members.get("sharedStrings")),
        _looks(package, members.get("styles")),
        _day_zero(root),
    )
    for sheet in root.iter("{*}sheet"):
        kind, member = related.get(attribute(sheet, "id"), ("", ""))
        if kind != "worksheet":
            continue
        content = DocumentBuilder()
        append_rows(content, _rows(package.read(member), workbook, builder))
        for kind_of_part, drawing in package.related(member).values():
            if kind_of_part == "drawing":
                _append_shapes(content, package.xml(drawing), builder)
        if sheet.get("state", "visible") != "visible":
            builder.hide(HiddenBy.SHEET, content.text())
        elif content:
            builder.add(BlockKind.HEADING, sheet.get("name") or "Sheet", level=1)
            builder.add_document(content.build("", ""))
    return builder.build(title_of(name, package.title()), Format.XLSX.value)


def _shared_strings(package: Package, member: str | None) -> list[str]:
    if member is None:
        return []
    return [_text_of(element) for element in _streamed(package.read(member), "si")]


def _text_of(element: etree._Element) -> str:
    """The text of a string without its phonetic guide."""
    parts = []
    for text in element.iter("{*}t"):
        parent = text.getparent()
        if parent is None or local_name(parent) != "rPh":
            parts.append(text.text or "")
    return "".join(parts)


def _looks(package: Package, member: str | None) -> list[_Look]:
    if member is None:
        return []
    root = package.xml(member)
    codes = {e.get("numFmtId", ""): e.get("formatCode", "") for e in root.iter("{*}numFmt")}
    return [
        _look(style.get("numFmtId", "0"), codes)
        for styles in root.iter("{*}cellXfs")
        for style in styles
    ]


def _look(number: str, codes: dict[str, str]) -> _Look:
    if number in codes:
        code = _QUOTED.sub("", codes[number].partition(";")[0]).lower()
        is_date = any(letter in code for letter in "dmyhs") and "general" not in code
        return _Look(is_date, "%" in code)
    known = int(number) if number.isdecimal() else 0
    return _Look(known in _DATE_FORMATS, known in _PERCENT_FORMATS)


def _day_zero(root: etree._Element) -> dt.datetime:
    properties = root.find("{*}workbookPr")
    since_1904 = properties is not None and properties.get("date1904") in {"1", "true"}
    # Excel believes that 1900 was a leap year; its day 0 is hence one day early.
    return dt.datetime(1904, 1, 1) if since_1904 else dt.datetime(1899, 12, 30)  # noqa: DTZ001


def _streamed(data: bytes, *tags: str) -> Iterator[etree._Element]:
    """The elements of these names, each complete and gone once the next is asked for."""
    events = etree.iterparse(
        BytesIO(data), events=("end",), tag=[f"{{*}}{tag}" for tag in tags],
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True,
        remove_pis=True,
    )  # fmt: skip
    try:
        for _, element in events:
            yield element
            element.clear()
            parent = element.getparent()
            while parent is not None and element.getprevious() is not None:
                del parent[0]
    except (etree.XMLSyntaxError, ValueError) as error:
        raise damaged(_WHAT, error) from error


def _rows(data: bytes, workbook: _Workbook, builder: DocumentBuilder) -> Iterator[Row]:
    """The visible cells of a sheet; `builder` is told of the others."""
    number = 0
    hidden: set[int] = set()
    merged, carried = _merged_down(data), Carried()
    for element in _streamed(data, "row", "cols"):
        if local_name(element) == "cols":
            hidden = _hidden_columns(element)
            continue
        stated = element.get("r", "")
        number = int(stated) if stated.isdecimal() and len(stated) < 9 else number + 1
        cells = _cells(element, workbook)
        hides_row = element.get("hidden") in {"1", "true"}
        unseen = [c for column, c in enumerate(cells, start=1) if hides_row or column in hidden]
        if any(unseen):
            builder.hide(HiddenBy.SHEET, f"Row {number}: " + " | ".join(filter(None, unseen)))
        if not hides_row:
            seen = ["" if column in hidden else c for column, c in enumerate(cells, start=1)]
            carried.fill(number, seen)
            for column, last in merged.get(number, ()):
                if column < len(seen):
                    carried.keep(column, seen[column], last=last)
            yield Row(number, seen)


def _merged_down(data: bytes) -> dict[int, list[tuple[int, int]]]:
    """By the number of its first row: the column, from 0, and the last row of each tall cell."""
    found: dict[int, list[tuple[int, int]]] = {}
    behind_rows = data[max(data.rfind(b"sheetData"), 0) :]
    for match in islice(_MERGED.finditer(behind_rows), _MOST_MERGED):
        first, last = (_REFERENCE.match(end.decode()) for end in match.groups())
        if first and last and int(last[2]) > int(first[2]):
            column = _column_number(first[1]) - 1
            found.setdefault(int(first[2]), []).append((column, int(last[2])))
    return found


def _append_shapes(
    content: DocumentBuilder, drawing: etree._Element, builder: DocumentBuilder
) -> None:
    """The text of a drawing's boxes and shapes, row by row; `builder` is told of hidden ones."""
    for anchor in sorted(drawing, key=_corner):
        for shape in anchor.iter("{*}sp"):
            lines = [
                "".join(text.text or "" for text in paragraph.iter("{*}t"))
                for paragraph in shape.iterfind("{*}txBody/{*}p")
            ]
            text = "\n".join(line for line in lines if line.strip())
            named = shape.find("{*}nvSpPr/{*}cNvPr")
            if named is not None and named.get("hidden") in {"1", "true"}:
                builder.hide(HiddenBy.MARKED, text)
            elif text:
                content.add(BlockKind.PARAGRAPH, text)


def _corner(anchor: etree._Element) -> tuple[int, int]:
    """Row and column of the cell in which it begins; what lies freely on the sheet comes first."""
    found = [anchor.findtext(f"{{*}}from/{{*}}{name}", "") for name in ("row", "col")]
    row, column = (int(n) if n.isdecimal() and len(n) < 9 else 0 for n in found)
    return row, column


def _hidden_columns(element: etree._Element) -> set[int]:
    found: set[int] = set()
    for column in element:
        first, last = column.get("min", ""), column.get("max", "")
        if column.get("hidden") in {"1", "true"} and first.isdecimal() and last.isdecimal():
            found.update(range(int(first), min(int(last), _MOST_COLUMNS) + 1))
    return found


def _cells(row: etree._Element, workbook: _Workbook) -> list[str]:
    cells: list[str] = []
    column = 0
    for element in row.iterchildren("{*}c"):
        match = _REFERENCE.match(element.get("r", ""))
        column = _column_number(match.group(1)) if match else column + 1
        value = _value(element, workbook)
        if value and column <= _MOST_COLUMNS:
            cells.extend([""] * (column - len(cells)))
            cells[column - 1] = value
    return cells


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def _value(cell: etree._Element, workbook: _Workbook) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return _text_of(cell)
    value = cell.find("{*}v")
    text = (value.text or "") if value is not None else ""
    if kind == "s":
        position = int(text) if text.strip().isdecimal() else -1
        return workbook.strings[position] if 0 <= position < len(workbook.strings) else ""
    if kind == "b":
        return {"1": "TRUE", "0": "FALSE"}.get(text, text)
    if kind == "n" and text:
        style = cell.get("s", "0")
        position = int(style) if style.isdecimal() else 0
        look = workbook.looks[position] if position < len(workbook.looks) else _Look()
        return shown_number(text, look, workbook.day_zero)
    return text


def shown_number(text: str, look: _Look, day_zero: dt.datetime) -> str:
    """A number as its style means it: a date, a percentage, or digits without binary dust."""
    try:
        value = float(text)
    except ValueError:
        return text
    if look.is_date and 0 <= value <= _LAST_DAY:
        return _moment(value, day_zero)
    if look.is_percent:
        return f"{100 * value:.10g}%"
    return str(int(value)) if value.is_integer() and abs(value) < 1e20 else f"{value:.15g}"


def _moment(days: float, day_zero: dt.datetime) -> str:
    if days < 1:
        return (day_zero + dt.timedelta(days=days)).strftime("%H:%M:%S")
    try:
        moment = day_zero + dt.timedelta(seconds=round(days * 86_400))
    except OverflowError:
        return f"{days:.15g}"
    at_midnight = moment.time() == dt.time()
    return moment.date().isoformat() if at_midnight else moment.isoformat(sep=" ")
