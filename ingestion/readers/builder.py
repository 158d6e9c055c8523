"""Collect blocks of text while keeping their offsets.

Knows nothing of file formats: every reader that builds its text, rather than keeping the file's,
appends here and nowhere counts characters itself.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath

from ingestion.errors import NoText, OnlyHidden
from ingestion.types import Block, BlockKind, ParsedDocument
from retrieval.hidden import HiddenBy, HiddenText

_SEPARATOR = "\n\n"
_LONGEST_TITLE = 300
_DEEPEST_HEADING = 6
# Control characters carry nothing a reader sees, and neither SQL nor UTF-8 takes lone surrogates.
_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LINE_ENDING = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")


class DocumentBuilder:
    """Appends blocks, separated by blank lines, and gives the finished document."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0
        self.hidden: list[HiddenText] = []

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def add(self, kind: BlockKind, text: str, *, level: int = 0, page: int | None = None) -> None:
        """Append a block; one without visible text is left out."""
        text = cleaned(text).rstrip()
        # Code keeps the indentation of its first line.
        text = text.lstrip("\n") if kind is BlockKind.CODE else text.lstrip()
        if not text:
            return
        if self._parts:
            self._append(_SEPARATOR)
        start = self._length
        self._append(text)
        self._blocks.append(Block(kind, start, self._length, level, page))

    def hide(self, by: HiddenBy, text: str, *, page: int | None = None) -> None:
        """Note text that a person does not see; what says nothing is left out."""
        text = "\n".join(filter(None, map(one_line, cleaned(text).split("\n"))))
        if any(character.isalnum() for character in text):
            self.hidden.append(HiddenText(by, text, page))

    def take_hidden(self, pieces: Iterable[HiddenText], *, page: int | None = None) -> None:
        """Note what another part of the document hides.

        Args:
            page: for pieces that have none of their own.
        """
        self.hidden += [replace(piece, page=piece.page or page) for piece in pieces]

    def add_document(
        self, document: ParsedDocument, *, below: int = 0, page: int | None = None
    ) -> None:
        """Append a whole document, its headings `below` levels further in.

        Args:
            page: for blocks that have none of their own.
        """
        for block in document.blocks:
            level = min(block.level + below, _DEEPEST_HEADING) if block.level else 0
            text = document.text[block.start : block.end]
            self.add(block.kind, text, level=level, page=block.page or page)
        self.take_hidden(document.hidden, page=page)

    def text(self) -> str:
        """What was appended so far."""
        return "".join(self._parts)

    def first_heading(self) -> str | None:
        """The text of the first heading, as one line."""
        for block in self._blocks:
            if block.kind is BlockKind.HEADING:
                return " ".join("".join(self._parts)[block.start : block.end].split())
        return None

    def build(self, title: str, media_type: str) -> ParsedDocument:
        """Give the document.

        Raises:
            NoText: no block was added.
        """
        hidden = tuple(self.hidden)
        if not self._blocks:
            raise OnlyHidden(hidden) if hidden else NoText("the file holds no text")
        return ParsedDocument(title, media_type, "".join(self._parts), tuple(self._blocks), hidden)

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)


def cleaned(text: str) -> str:
    """Drop control characters and lone surrogates; every line ends with `\\n`."""
    return _UNWANTED.sub("", _LINE_ENDING.sub("\n", text))


def one_line(text: str) -> str:
    """Collapse white space to single spaces."""
    return " ".join(text.split())


def title_of(name: str, *proposals: str | None) -> str:
    """The first proposal that says something, else the file's name without folder and ending."""
    for proposal in proposals:
        title = one_line(cleaned(proposal or ""))
        if title:
            return title[:_LONGEST_TITLE]
    stem = PurePosixPath(PureWindowsPath(name).as_posix()).stem
    return one_line(cleaned(stem.replace("_", " ")))[:_LONGEST_TITLE] or "Untitled"
