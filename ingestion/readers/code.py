"""Source code and configuration: the text is the file's, character for character.

Blocks end where a blank line is followed by a line that is not indented: between functions,
classes, sections of a configuration.
"""

import re

from ingestion.errors import NoText
from ingestion.readers.builder import title_of
from ingestion.readers.detection import Format
from ingestion.readers.encoding import decoded
from ingestion.types import Block, BlockKind, ParsedDocument

_BOUNDARY = re.compile(r"\n[ \t]*\n+(?=[^\s)}\]])")


def read_code(name: str, data: bytes) -> ParsedDocument:
    """Read a source file."""
    text = decoded(data).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    starts = [0, *(match.end() for match in _BOUNDARY.finditer(text))]
    ends = [*starts[1:], len(text)]
    blocks = []
    for start, end in zip(starts, ends, strict=True):
        visible = text[start:end].rstrip()
        if visible.strip():
            blocks.append(Block(BlockKind.CODE, start, start + len(visible)))
    if not blocks:
        raise NoText("the file holds only white space")
    return ParsedDocument(title_of(f"{name}.x"), Format.CODE.value, text, tuple(blocks))
