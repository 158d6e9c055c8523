"""PowerPoint of before 2007: the text of slides and notes, by record. [MS-PPT] 2.

Text lies either in the outline (one list for all slides) or in the drawing of each slide; both are
read, and repeated lines once.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import Final, NamedTuple

import olefile

from ingestion.readers.builder import DocumentBuilder, one_line, title_of
from ingestion.readers.detection import Format
from ingestion.readers.packages import damaged
from ingestion.readers.unlocking import needed
from ingestion.types import BlockKind, ParsedDocument

_WHAT = "PowerPoint presentation"
_SLIDE, _NOTES = 0x03EE, 0x03F0
_MASTER_TEXT = "Click to edit"
_LIST_WITH_TEXT, _SLIDE_PERSIST, _TEXT_HEADER = 0x0FF0, 0x03F3, 0x0F9F
_CHARACTERS, _BYTES, _CRYPT = 0x0FA0, 0x0FA8, 0x2F14
_TOKEN_AT: Final = 12
_LOCKED_TOKEN: Final = 0xF3D1C4DF
_SLIDES_LIST: Final = 0  # instance of the list with the text of slides
_CONTAINER: Final = 0xF
_TITLE_TYPES = frozenset({0, 6})
_MOST_DEPTH = 40
_DAMAGE = (OSError, ValueError, IndexError, TypeError, AttributeError, KeyError)


class _Record(NamedTuple):
    kind: int
    instance: int
    is_container: bool
    start: int
    end: int


class _Text(NamedTuple):
    text: str
    is_title: bool


def read_ppt(name: str, data: bytes) -> ParsedDocument:
    """Read an old PowerPoint presentation."""
    try:
        with olefile.OleFileIO(BytesIO(data)) as file:
            stream = file.openstream("PowerPoint Document").read()
            if _is_locked(file):
                raise needed()
    except _DAMAGE as error:
        raise damaged(_WHAT, error) from error
    records = list(_records(stream, 0, len(stream)))
    builder = DocumentBuilder()
    outlines = list(_outlines(stream, records))
    slides = [record for record in records if record.kind == _SLIDE]
    for number in range(1, max(len(outlines), len(slides)) + 1):
        outline = outlines[number - 1] if number <= len(outlines) else []
        drawn = list(_texts(stream, slides[number - 1])) if number <= len(slides) else []
        _append_slide(builder, number, [*outline, *drawn])
    for record in records:
        if record.kind == _NOTES:
            for text in _texts(stream, record):
                if not text.text.startswith(_MASTER_TEXT):
                    builder.add(BlockKind.PARAGRAPH, f"Notes: {text.text}")
    return builder.build(title_of(name, builder.first_heading()), Format.PPT.value)


def _is_locked(file: olefile.OleFileIO) -> bool:
    """Whether its user's record says so: all else of a locked file is unreadable. 2.3.2."""
    if not file.exists("Current User"):
        return False
    user = file.openstream("Current User").read(_TOKEN_AT + 4)
    return int.from_bytes(user[_TOKEN_AT:], "little") == _LOCKED_TOKEN


def _records(stream: bytes, start: int, end: int) -> Iterator[_Record]:
    """The records side by side in a stretch; a damaged one ends it."""
    while start + 8 <= end:
        head = int.from_bytes(stream[start : start + 2], "little")
        kind = int.from_bytes(stream[start + 2 : start + 4], "little")
        length = int.from_bytes(stream[start + 4 : start + 8], "little")
        stop = min(start + 8 + length, end)
        if kind == _CRYPT:
            raise needed()
        yield _Record(kind, head >> 4, head & 0xF == _CONTAINER, start + 8, stop)
        start = stop


def _inside(stream: bytes, record: _Record) -> Iterator[_Record]:
    """All records below one, in order."""
    waiting = [(record, 0)]
    while waiting:
        current, depth = waiting.pop()
        if current is not record:
            yield current
        if current.is_container and depth < _MOST_DEPTH:
            inner = list(_records(stream, current.start, current.end))
            waiting.extend((r, depth + 1) for r in reversed(inner))


def _outlines(stream: bytes, records: list[_Record]) -> Iterator[list[_Text]]:
    """The outline's text, a list for each slide."""
    for document in records:
        for record in _inside(stream, document):
            if record.kind != _LIST_WITH_TEXT or record.instance != _SLIDES_LIST:
                continue
            texts: list[_Text] | None = None
            for text in _slide_texts(stream, record):
                if text is None:
                    if texts is not None:
                        yield texts
                    texts = []
                elif texts is not None:
                    texts.append(text)
            if texts is not None:
                yield texts


def _slide_texts(stream: bytes, record: _Record) -> Iterator[_Text | None]:
    """Texts in order; None where the next slide begins."""
    text_type = 0
    for inner in _records(stream, record.start, record.end):
        if inner.kind == _SLIDE_PERSIST:
            yield None
        elif inner.kind == _TEXT_HEADER:
            text_type = int.from_bytes(stream[inner.start : inner.start + 4], "little")
        elif (text := _decoded(stream, inner)) is not None:
            yield _Text(text, text_type in _TITLE_TYPES)


def _texts(stream: bytes, record: _Record) -> Iterator[_Text]:
    text_type = 1
    for inner in _inside(stream, record):
        if inner.kind == _TEXT_HEADER:
            text_type = int.from_bytes(stream[inner.start : inner.start + 4], "little")
        elif (text := _decoded(stream, inner)) is not None and text.strip(" *\r\n"):
            yield _Text(text, text_type in _TITLE_TYPES)


def _decoded(stream: bytes, record: _Record) -> str | None:
    raw = stream[record.start : record.end]
    if record.kind == _CHARACTERS:
        return raw.decode("utf-16-le", errors="replace")
    return raw.decode("latin-1") if record.kind == _BYTES else None


def _append_slide(builder: DocumentBuilder, number: int, texts: list[_Text]) -> None:
    unique = list(dict.fromkeys(texts))
    title = next((text for text in unique if text.is_title and text.text.strip()), None)
    if not unique:
        return
    heading = one_line(title.text) if title else f"Slide {number}"
    builder.add(BlockKind.HEADING, heading, level=1, page=number)
    for text in unique:
        if text is not title:
            lines = [one_line(line) for line in text.text.replace("\x0b", "\r").split("\r")]
            kind = BlockKind.LIST if len(lines) > 1 else BlockKind.PARAGRAPH
            mark = "- " if len(lines) > 1 else ""
            shown = "\n".join(f"{mark}{line}" for line in lines if line)
            builder.add(kind, shown, page=number)
