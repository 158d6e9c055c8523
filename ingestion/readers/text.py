"""Plain text: the text is the file's, character for character."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from ingestion.errors import NoText
from ingestion.readers.builder import DocumentBuilder, cleaned, title_of
from ingestion.readers.detection import Format
from ingestion.readers.encoding import decoded
from ingestion.types import Block, BlockKind, ParsedDocument

# Hard-wrapped text has no longer lines; a paragraph with one has a line per paragraph.
_LONGEST_WRAPPED_LINE = 160
_LONGEST_HEADING = 80
_MOST_HEADING_WORDS = 12
_HEADING = re.compile(r"[^\W_a-z].*[^\W_].*[^\s.,;:!?…\"”’|]\Z", re.DOTALL)
_LIST_ITEM = re.compile(r"\s*(?:[-*•+]|\d{1,3}[.)])\s")


class _Line(NamedTuple):
    start: int
    end: int
    is_blank: bool


def read_text(name: str, data: bytes) -> ParsedDocument:
    """Read plain text: decoded, line endings made `\\n`, nothing else changed."""
    text = decoded(data).replace("\r\n", "\n").replace("\r", "\n")
    # The text is stored and shown as it is, but a NUL cannot be stored.
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    blocks = tuple(_blocks(text))
    if not blocks:
        raise NoText("the file holds only white space")
    return ParsedDocument(title_of(name), Format.TEXT.value, text, blocks)


def append_text(builder: DocumentBuilder, text: str) -> None:
    """Append plain text to a document of several parts."""
    text = cleaned(text)
    for block in _blocks(text):
        builder.add(block.kind, text[block.start : block.end], level=block.level)


def _blocks(text: str) -> Iterator[Block]:
    spans = list(_paragraphs(text))
    for (start, end), (next_start, next_end) in pairwise(spans):
        if _is_heading(text[start:end], text[next_start:next_end]):
            yield Block(BlockKind.HEADING, start, end, level=1)
        else:
            yield _body(text, start, end)
    for start, end in spans[-1:]:
        yield _body(text, start, end)


def _body(text: str, start: int, end: int) -> Block:
    is_list = bool(_LIST_ITEM.match(text, start, end))
    return Block(BlockKind.LIST if is_list else BlockKind.PARAGRAPH, start, end)


def _lines(text: str) -> Iterator[_Line]:
    start = 0
    for line in text.split("\n"):
        end = start + len(line)
        yield _Line(start, end, not line.strip())
        start = end + 1


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Stretches between blank lines; each line of one that is not hard-wrapped."""
    lines: list[_Line] = []
    for line in _lines(text):
        if not line.is_blank:
            lines.append(line)
        elif lines:
            yield from _without_wrapping(lines)
            lines = []
    yield from _without_wrapping(lines)


def _without_wrapping(lines: list[_Line]) -> Iterator[tuple[int, int]]:
    if any(line.end - line.start > _LONGEST_WRAPPED_LINE for line in lines):
        yield from ((line.start, line.end) for line in lines)
    elif lines:
        yield lines[0].start, lines[-1].end


def _is_heading(paragraph: str, following: str) -> bool:
    """Whether a paragraph names the one after it: one short line, no end, and a longer follower."""
    line = paragraph.strip()
    return (
        len(line) <= _LONGEST_HEADING
        and "\n" not in line
        and len(line.split()) <= _MOST_HEADING_WORDS
        and _HEADING.match(line) is not None
        and not _LIST_ITEM.match(line)
        and len(following) > 2 * len(line)
        and following.rstrip()[-1] in '.!?…:"”)'
    )
