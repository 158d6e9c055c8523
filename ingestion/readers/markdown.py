"""Markdown: what a reader sees of it, without the markup."""

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ingestion.readers.builder import DocumentBuilder, one_line, title_of
from ingestion.readers.detection import Format
from ingestion.readers.encoding import decoded
from ingestion.readers.html import append_markup
from ingestion.readers.raised import raised
from ingestion.types import BlockKind, ParsedDocument

_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n(?P<fields>(?:(?!---[ \t]*$).*\n){0,500})---[ \t]*\n", re.M
)
_TITLE_FIELD = re.compile(r"^title:[ \t]*(?P<title>.+)$", re.MULTILINE | re.IGNORECASE)
_LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)
_RAISED_TAG = re.compile(r"</?sup(?:\s[^<>]{0,200})?>\Z", re.IGNORECASE)


def read_markdown(name: str, data: bytes) -> ParsedDocument:
    """Read Markdown with tables. Markup inside it is read as HTML is: never kept, never run."""
    text = decoded(data).replace("\r\n", "\n").replace("\r", "\n")
    declared_title = None
    front_matter = _FRONT_MATTER.match(text)
    if front_matter:
        field = _TITLE_FIELD.search(front_matter["fields"])
        declared_title = field["title"].strip(" \t\"'") if field else None
        text = text[front_matter.end() :]
    builder = DocumentBuilder()
    title = append_markdown(builder, text)
    title = title_of(name, declared_title, title or builder.first_heading())
    return builder.build(title, Format.MARKDOWN.value)


def append_markdown(builder: DocumentBuilder, text: str) -> str | None:
    """Append Markdown and give the text of its first outermost heading."""
    writer = _Writer(builder)
    # The preset's 20 levels would drop what lies deeper in nested lists.
    parser = MarkdownIt("commonmark", {"maxNesting": 60}).enable(["table", "strikethrough"])
    for token in parser.parse(text):
        writer.take(token)
    return writer.title


class _Writer:
    """Turns the flat token stream into blocks; a list or a table is gathered until it closes."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self.title: str | None = None  # of the first outermost heading
        self._builder = builder
        self._heading_level = 0
        self._numbers: list[int | None] = []  # per open list: the next number, None for bullets
        self._marker = ""
        self._lines: list[str] = []
        self._cells: list[str] | None = None  # of the open table row

    def take(self, token: Token) -> None:
        """Take the next token."""
        if token.type == "inline":
            self._take_text(_plain(token.children or ()))
        elif token.type in ("fence", "code_block"):
            self._take_code(token.content)
        elif token.type == "html_block":
            self._take_markup(token.content)
        elif token.type == "heading_open":
            self._heading_level = int(token.tag[1])
        elif token.type == "heading_close":
            self._heading_level = 0
        else:
            self._take_structure(token)

    def _take_structure(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open":
                self._numbers.append(None)
            case "ordered_list_open":
                self._numbers.append(int(token.attrGet("start") or 1))
            case "list_item_open":
                self._open_item()
            case "bullet_list_close" | "ordered_list_close":
                self._numbers.pop()
                if not self._numbers:
                    self._close(BlockKind.LIST)
            case "tr_open":
                self._cells = []
            case "tr_close":
                self._lines.append(" | ".join(self._cells or ()))
                self._cells = None
            case "table_close" if not self._numbers:
                self._close(BlockKind.TABLE)

    def _open_item(self) -> None:
        number = self._numbers[-1]
        self._marker = "- " if number is None else f"{number}. "
        if number is not None:
            self._numbers[-1] = number + 1

    def _take_text(self, text: str) -> None:
        if self._cells is not None:
            self._cells.append(one_line(text))
        elif self._numbers:
            self._add_item_lines(text)
        elif self._heading_level:
            if self._heading_level == 1 and self.title is None:
                self.title = text
            self._builder.add(BlockKind.HEADING, one_line(text), level=self._heading_level)
        else:
            self._builder.add(BlockKind.PARAGRAPH, text)

    def _take_code(self, code: str) -> None:
        if self._numbers:
            self._add_item_lines(code.rstrip())
        else:
            self._builder.add(BlockKind.CODE, code)

    def _take_markup(self, markup: str) -> None:
        if not self._numbers:
            append_markup(self._builder, markup)
            return
        inside = DocumentBuilder()
        append_markup(inside, markup)
        if inside:
            self._add_item_lines(inside.build("", "").text.replace("\n\n", "\n"))

    def _add_item_lines(self, text: str) -> None:
        indent = "  " * (len(self._numbers) - 1)
        for line in text.split("\n"):
            self._lines.append(f"{indent}{self._marker or '  '}{line}")
            self._marker = ""

    def _close(self, kind: BlockKind) -> None:
        self._builder.add(kind, "\n".join(self._lines))
        self._lines = []


def _plain(tokens: Sequence[Token]) -> str:
    """The words of inline markup: link and image texts stay, addresses and tags do not."""
    parts: list[str] = []
    is_raised = False
    for token in tokens:
        match token.type:
            case "text" | "code_inline" | "text_special":
                parts.append(raised(token.content) if is_raised else token.content)
            case "softbreak":
                parts.append(" ")
            case "hardbreak":
                parts.append("\n")
            case "image":
                parts.append(_plain(token.children or ()))
            case "html_inline" if _LINE_BREAK_TAG.match(token.content):
                parts.append("\n")
            case "html_inline" if _RAISED_TAG.match(token.content):
                is_raised = not token.content.startswith("</")
    return "".join(parts)
