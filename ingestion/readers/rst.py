"""reStructuredText: its sections, lists, tables and code, without roles and targets."""

import csv
import re

from ingestion.readers.builder import DocumentBuilder, title_of
from ingestion.readers.detection import Format
from ingestion.readers.encoding import decoded
from ingestion.readers.markup_lines import LineGatherer
from ingestion.readers.rows import joined_rows
from ingestion.types import BlockKind, ParsedDocument

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{1,400}\s*\Z")
_TABLE_RULE = re.compile(r"[=+-][=+ -]{2,}\Z")
_ITEM = re.compile(r"\s*(?:[-*+•]|\(?(?:\d{1,3}|#|[a-zA-Z])[.)])\s+\S")
_NOTE = re.compile(r"\.\.\s+\[#?([^\]]{0,60})\]\s*(.*)\Z")
_REFERENCE = re.compile(r"\s?\[#?([^\]\s]{0,60})\]_(?!\w)")
_HIDDEN = re.compile(
    r"\.\.(?:\s|\Z)(?!\s*(?:\[[^\]]{0,60}\]|(?:note|warning|tip|important|caution|admonition|hint|attention|danger|error|seealso|code|code-block|sourcecode|literalinclude|parsed-literal|list-table|csv-table|table|topic|sidebar|rubric|figure|image|versionadded|versionchanged|deprecated)::))"
)
_DIRECTIVE = re.compile(r"\.\.\s+([\w-]{1,40})::\s*(.*)\Z")
_OPTION = re.compile(r"\s+:[\w-]{1,40}:")
_TABLES, _CELL = frozenset({"csv-table", "list-table"}), re.compile(r"(?:\*\s+)?-(?:\s+|\Z)")
_CODE = frozenset({"code", "code-block", "sourcecode", "parsed-literal"})
_ROLE = re.compile(r":[\w:+-]{1,60}:`([^`]{1,2000})`")
_LINK = re.compile(r"`([^`<]{1,1000}?)\s*<[^`>]{1,2000}>`__?")
_QUOTED = re.compile(r"``?([^`]{1,2000})``?_{0,2}")
_STRONG = re.compile(r"(?<!\w)\*{1,2}(\S[^*\n]{0,1000}?)\*{1,2}(?!\w)")


def read_rst(name: str, data: bytes) -> ParsedDocument:
    """Read reStructuredText."""
    lines = [line.rstrip() for line in decoded(data).expandtabs().splitlines()]
    builder = DocumentBuilder()
    _Reader(builder, lines).run()
    return builder.build(title_of(name, builder.first_heading()), Format.RST.value)


class _Reader:
    """Goes over the lines once; what a line is depends on it and its neighbours."""

    def __init__(self, builder: DocumentBuilder, lines: list[str]) -> None:
        self._lines = lines
        self._out = LineGatherer(builder)
        self._levels: list[str] = []  # adornments in the order they appeared
        self._at = 0
        self._code_follows = False

    def run(self) -> None:
        """Append all lines."""
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            if not line.strip():
                self._out.end()
                if self._code_follows:
                    self._take_code()
            elif not self._take_title(line):
                self._take(line)
        self._out.end()

    def _peek(self, offset: int = 0) -> str:
        position = self._at + offset
        return self._lines[position] if position < len(self._lines) else ""

    def _take_title(self, line: str) -> bool:
        """A title over, or between, lines of punctuation."""
        mark = _ADORNMENT.match(line)
        below = _ADORNMENT.match(self._peek(1))
        if mark and below and mark[1] == below[1] and self._peek().strip():
            self._heading(self._peek(), f"{mark[1]}{mark[1]}")
            self._at += 2
            return True
        under = _ADORNMENT.match(self._peek())
        if under and not mark and not line[0].isspace() and len(self._peek()) >= min(len(line), 4):
            self._heading(line, under[1])
            self._at += 1
            return True
        return False

    def _heading(self, text: str, adornment: str) -> None:
        if adornment not in self._levels:
            self._levels.append(adornment)
        self._out.heading(_plain(text.strip()), self._levels.index(adornment) + 1)

    def _take(self, line: str) -> None:
        if _TABLE_RULE.match(line.strip()) or _ADORNMENT.match(line):
            self._code_follows = False
            return
        if _HIDDEN.match(line):
            self._skip_indented()
        elif note := _NOTE.match(line):
            self._out.end()
            self._out.add(BlockKind.PARAGRAPH, f"[{note[1]}] {_plain(note[2])}".strip())
        elif directive := _DIRECTIVE.match(line):
            self._take_directive(directive[1], directive[2])
        elif line.lstrip().startswith("|") or re.search(r"\S {3,}\S", line):
            cells = (cell.strip() for cell in re.split(r"\s{2,}|\|", line))
            self._out.add(BlockKind.TABLE, _plain(" | ".join(filter(None, cells))))
        elif _ITEM.match(line):
            self._out.add(BlockKind.LIST, _plain(line))
        elif not (line[0].isspace() and self._out.go_on(_plain(line))):
            if line.endswith("::"):
                self._code_follows = True
                line = line[:-1] if line.strip() != "::" else ""
            self._out.add(BlockKind.PARAGRAPH, _plain(line.strip()))

    def _take_directive(self, name: str, argument: str) -> None:
        self._out.end()
        options = self._at
        while _OPTION.match(self._peek()):
            self._at += 1
        if name in _TABLES:
            self._out.add(BlockKind.PARAGRAPH, _plain(argument)) if argument else None
            self._take_table(name, self._lines[options : self._at])
        elif name in _CODE:
            self._code_follows = True
        elif argument and name not in {"image", "figure", "literalinclude"}:
            self._out.add(BlockKind.PARAGRAPH, _plain(argument))

    def _take_table(self, name: str, options: list[str]) -> None:
        """A table that is written as rows of CSV, or as a list of lists."""
        first = self._at
        self._skip_indented()
        lines = [line.strip() for line in self._lines[first : self._at]]
        if name == "csv-table":
            heads = [line.partition(":header:")[2] for line in options if ":header:" in line]
            rows = list(csv.reader([*heads, *filter(None, lines)], skipinitialspace=True))
        else:
            rows = []
            for line in filter(None, lines):
                if line.startswith("* -"):
                    rows.append([])
                if rows and _CELL.match(line):
                    rows[-1].append(_CELL.sub("", line))
                elif rows and rows[-1]:
                    rows[-1][-1] += f" {line}"
        self._out.end()
        for row in joined_rows([_plain(cell.strip()) for cell in row] for row in rows):
            self._out.add(BlockKind.TABLE, row)
        self._out.end()

    def _skip_indented(self) -> None:
        while self._peek().startswith(" ") or (not self._peek() and self._peek(1).startswith(" ")):
            if self._at >= len(self._lines):
                return
            self._at += 1

    def _take_code(self) -> None:
        self._code_follows = False
        first = self._at
        self._skip_indented()
        self._out.builder.add(BlockKind.CODE, "\n".join(self._lines[first : self._at]))


def _plain(text: str) -> str:
    text = _REFERENCE.sub(r"[\1]", text)
    for pattern in (_ROLE, _LINK, _QUOTED, _STRONG):
        text = pattern.sub(r"\1", text)
    return text
