"""Word documents of before 2007: the text of the piece table. [MS-DOC] 2.4.1.

What is bold or a heading lies in structures this reader does not follow: paragraphs, table cells
and the text that fields show are kept, headers, footers, notes and comments are not.
"""

import re
from io import BytesIO
from typing import Final

import olefile

from ingestion.errors import UnreadableFile
from ingestion.readers.builder import DocumentBuilder, title_of
from ingestion.readers.detection import Format
from ingestion.readers.packages import damaged
from ingestion.readers.text import append_text
from ingestion.readers.unlocking import needed
from ingestion.types import BlockKind, ParsedDocument

_WHAT = "Word document"
_MAGIC: Final = 0xA5EC
_FIRST_VERSION: Final = 0x00C1  # Word 97
_ENCRYPTED_FLAG, _TABLE_1_FLAG, _HIDDEN = 0x0100, 0x0200, 0x01
_MAIN_LENGTH_AT, _CLX_AT = 0x4C, 0x01A2
_COMPRESSED: Final = 0x4000_0000
_PIECES: Final = 0x02
_FIELD_CODE = re.compile(r"\x13[^\x13-\x15]*(?:\x14|(?=\x15))")
_CELL, _PAGE = "\x07", "\x0c"
_MOST_NESTED_FIELDS = 20
_DAMAGE = (OSError, ValueError, IndexError, TypeError, AttributeError, KeyError)


def read_doc(name: str, data: bytes) -> ParsedDocument:
    """Read an old Word document."""
    try:
        with olefile.OleFileIO(BytesIO(data)) as file:
            text = _main_text(file)
            title = file.get_metadata().title
    except _DAMAGE as error:
        raise damaged(_WHAT, error) from error
    builder = DocumentBuilder()
    _append(builder, _without_field_codes(text))
    proposal = title.decode("cp1252", errors="replace") if isinstance(title, bytes) else None
    return builder.build(title_of(name, proposal), Format.DOC.value)


def _main_text(file: olefile.OleFileIO) -> str:
    header = file.openstream("WordDocument").read()
    flags = int.from_bytes(header[0x0A:0x0C], "little")
    if int.from_bytes(header[:2], "little") != _MAGIC:
        raise ValueError("it does not begin as one")
    if flags & _ENCRYPTED_FLAG:
        raise needed()
    if int.from_bytes(header[2:4], "little") < _FIRST_VERSION:
        raise UnreadableFile(
            "it is of Word 95 or older; open it in Word or LibreOffice and save it as DOCX"
        )
    table = file.openstream("1Table" if flags & _TABLE_1_FLAG else "0Table").read()
    start = int.from_bytes(header[_CLX_AT : _CLX_AT + 4], "little")
    length = int.from_bytes(header[_CLX_AT + 4 : _CLX_AT + 8], "little")
    characters = int.from_bytes(header[_MAIN_LENGTH_AT : _MAIN_LENGTH_AT + 4], "little")
    return _text_of(_piece_table(table[start : start + length]), header, characters)


def _piece_table(clx: bytes) -> bytes:
    """The piece table behind the property lists that may come before it."""
    position = 0
    while position < len(clx) and clx[position] != _PIECES:
        position += 3 + int.from_bytes(clx[position + 1 : position + 3], "little")
    size = int.from_bytes(clx[position + 1 : position + 5], "little")
    return clx[position + 5 : position + 5 + size]


def _text_of(table: bytes, stream: bytes, characters: int) -> str:
    """Join the pieces as far as the main text goes.

    `n + 1` positions of four bytes each, then `n` descriptors of eight.
    """
    count = (len(table) - 4) // 12
    bounds = [int.from_bytes(table[4 * i : 4 * i + 4], "little") for i in range(count + 1)]
    parts: list[str] = []
    total = 0
    for index in range(count):
        first, last = bounds[index], min(bounds[index + 1], characters)
        at = 4 * (count + 1) + 8 * index + 2
        place = int.from_bytes(table[at : at + 4], "little")
        length = max(0, last - first)
        if place & _COMPRESSED:
            offset = (place & ~_COMPRESSED) // 2
            parts.append(stream[offset : offset + length].decode("cp1252", errors="replace"))
        else:
            raw = stream[place : place + 2 * length]
            parts.append(raw.decode("utf-16-le", errors="replace"))
        total += len(parts[-1])
        if total > len(stream):  # pieces that overlap: a bomb
            raise ValueError("its pieces say more than the file holds")
    return "".join(parts)


def _without_field_codes(text: str) -> str:
    """Fields are `13 code 14 shown 15`; only what is shown stays. Inner ones first."""
    for _ in range(_MOST_NESTED_FIELDS):
        shorter = _FIELD_CODE.sub("", text)
        if shorter == text:
            break
        text = shorter
    return text.replace("\x15", "").replace("\x14", "")


def _append(builder: DocumentBuilder, text: str) -> None:
    """Paragraphs end with `0D`, cells with `07`; a row ends with an empty cell."""
    rows: list[str] = []
    text = text.replace("\x0b", "\n").replace(_PAGE, "\r").replace("\x1e", "-").replace("\x1f", "")
    prose: list[str] = []

    def end_prose() -> None:
        append_text(builder, "\n\n".join(prose))
        prose.clear()

    for paragraph in text.split("\r"):
        if _CELL not in paragraph:
            if paragraph.strip():
                builder.add(BlockKind.TABLE, "\n".join(rows))
                rows = []
                prose.append(paragraph)
            continue
        end_prose()
        *cells, rest = paragraph.split(_CELL)
        for row in _rows(cells):
            rows.append(row)
        if rest.strip():
            builder.add(BlockKind.TABLE, "\n".join(rows))
            rows = []
            prose.append(rest)
    builder.add(BlockKind.TABLE, "\n".join(rows))
    end_prose()


def _rows(cells: list[str]) -> list[str]:
    rows: list[list[str]] = [[]]
    for cell in cells:
        if cell == "" and rows[-1]:
            rows.append([])
        else:
            rows[-1].append(" ".join(cell.split()))
    return [" | ".join(filter(None, row)) for row in rows if any(row)]
