"""Excel workbooks of before 2007, through calamine.

A sheet of this format has at most 65,536 rows of 256 cells, so it fits in memory as a whole.
"""

import datetime as dt
from collections.abc import Iterator
from io import BytesIO

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from ingestion.readers.builder import DocumentBuilder, title_of
from ingestion.readers.detection import Format
from ingestion.readers.packages import damaged
from ingestion.readers.rows import Row, append_rows
from ingestion.readers.unlocking import needed
from ingestion.types import BlockKind, ParsedDocument
from retrieval.hidden import HiddenBy

_WHAT = "Excel workbook"
# What a defect in Rust code becomes in Python; on purpose no `Exception`, and not importable.
_PANIC = "PanicException"
_Value = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta


def read_xls(name: str, data: bytes) -> ParsedDocument:
    """Read an old Excel workbook: the visible sheets."""
    builder = DocumentBuilder()
    try:
        with CalamineWorkbook.from_filelike(BytesIO(data)) as workbook:
            for sheet in workbook.sheets_metadata:
                if sheet.typ == SheetTypeEnum.WorkSheet:
                    is_visible = sheet.visible == SheetVisibleEnum.Visible
                    found = workbook.get_sheet_by_name(sheet.name)
                    _append(builder, found, is_visible=is_visible)
    except PasswordError as error:
        raise needed() from error
    except (CalamineError, ValueError, OSError) as error:
        raise damaged(_WHAT, error) from error
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise damaged(_WHAT, ValueError("a part lies outside of it")) from error
    return builder.build(title_of(name), Format.XLS.value)


def _append(builder: DocumentBuilder, sheet: CalamineSheet, *, is_visible: bool) -> None:
    content = DocumentBuilder()
    append_rows(content, _rows(sheet))
    if not is_visible:
        builder.hide(HiddenBy.SHEET, content.text())
    elif content:
        builder.add(BlockKind.HEADING, sheet.name, level=1)
        builder.add_document(content.build("", ""))


def _rows(sheet: CalamineSheet) -> Iterator[Row]:
    first = sheet.start[0] if sheet.start else 0
    # `iter_rows` begins at the top of the sheet, `to_python` at the first row with a value.
    for number, values in enumerate(sheet.to_python(skip_empty_area=True), start=first + 1):
        yield Row(number, [_shown(value) for value in values])


def _shown(value: _Value) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < 1e20
        return str(int(value)) if whole else f"{value:.15g}"
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    return str(value)
