"""Excel workbooks of before 2007, through calamine.

A sheet of this format has at most 65,536 rows of 256 cells, so it fits in memory as a whole.
"""

import datetime as dt
from collections.abc import Iterator
from io import BytesIO

import olefile
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
_BEGINNING = 4096
_BEFORE_THE_LOCK, _LOCK = {0x0809, 0x0086}, 0x002F  # BOF, WriteProtect; FilePass
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
        if _is_locked(data):
            raise needed() from error
        raise damaged(_WHAT, error) from error
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise damaged(_WHAT, ValueError("a part lies outside of it")) from error
    return builder.build(title_of(name), Format.XLS.value)


def _is_locked(data: bytes) -> bool:
    """Whether a password is asked for right behind the first record. [MS-XLS] 2.4.117."""
    try:
        with olefile.OleFileIO(BytesIO(data)) as file:
            begin = file.openstream("Workbook").read(_BEGINNING)
    except (OSError, ValueError, IndexError, TypeError, AttributeError, KeyError):
        return False
    at = 0
    while at + 4 <= len(begin):
        kind, size = (int.from_bytes(begin[n : n + 2], "little") for n in (at, at + 2))
        if kind not in _BEFORE_THE_LOCK:
            return kind == _LOCK
        at += 4 + size
    return False


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
