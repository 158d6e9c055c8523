"""RTF: paragraphs, headings, lists, tables and notes. Rich Text Format Specification 1.9.1.

One pass over the tokens with a stack of group states; nothing recurses. Headers, footers, comments,
pictures, embedded objects, deleted and hidden text are not read.
"""

import codecs
import re
from typing import NamedTuple

from ingestion.errors import UnreadableFile
from ingestion.readers.builder import DocumentBuilder, one_line, title_of
from ingestion.readers.detection import Format
from ingestion.readers.raised import raised
from ingestion.readers.rows import joined_rows
from ingestion.types import BlockKind, ParsedDocument
from retrieval.hidden import HiddenBy

_TOKEN = re.compile(
    rb"\\(?:bin(?P<bin>\d{1,9}) ?|(?P<word>[a-zA-Z]{1,40})(?P<number>-?\d{1,10})? ?"
    rb"|'(?P<hex>[0-9a-fA-F]{2})|(?P<symbol>.))|(?P<brace>[{}])|(?P<text>[^\\{}\r\n]+)|[\r\n]+",
    re.DOTALL,
)
# Groups that are not part of the text; `\*` marks others of this kind.
_SKIPPED = frozenset(
    b"""
    fonttbl colortbl stylesheet info pict object header headerl headerr headerf footer footerl
    footerr footerf annotation atnid atnauthor fldinst nonshppict themedata datastore
    listtable listoverridetable revtbl rsidtbl generator xmlnstbl latentstyles filetbl private
    bkmkstart bkmkend tc xe panose falt sp
    """.split()
)
# What stands before an item that is counted; bullets of symbol fonts are letters without a mark.
_LABEL = re.compile(r"\(?(?=\w)[^\W_]{0,8}(?:[\d.]{1,20}|[.)])[^\s]{0,8}\Z")
_READ_STARRED = frozenset({b"shpinst"})  # text boxes
_CHARACTERS = {
    b"tab": "\t", b"line": "\n", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“",
    b"rdblquote": "”", b"emdash": "—", b"endash": "–", b"bullet": "•", b"emspace": " ",
    b"enspace": " ", b"qmspace": " ",
}  # fmt: skip
_SYMBOLS = {b"~": " ", b"_": "-", b"\\": "\\", b"{": "{", b"}": "}"}
_CHARSETS = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gbk", 136: "big5",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257",
    204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
_MOST_GROUPS = 10_000
_MOST_BYTES_OUT = 100_000_000


class _Group(NamedTuple):
    """What a closing brace restores."""

    is_skipped: bool = False
    is_hidden: bool = False
    is_marked_hidden: bool = False
    is_label: bool = False
    is_raised: bool = False
    unicode_skip: int = 1
    encoding: str = "cp1252"
    in_fonts: bool = False
    in_styles: bool = False


class _Around(NamedTuple):
    """How deep a note's group lies, and the paragraph that refers to it, as it stands so far."""

    depth: int
    text: list[str]
    level: int
    in_table: bool
    is_item: bool


def read_rtf(name: str, data: bytes) -> ParsedDocument:
    """Read an RTF document."""
    builder = DocumentBuilder()
    append_rtf(builder, data)
    return builder.build(title_of(name, builder.first_heading()), Format.RTF.value)


def append_rtf(builder: DocumentBuilder, data: bytes) -> None:
    """Append the text of an RTF document."""
    reader = _Reader(builder)
    position = 0
    while match := _TOKEN.match(data, position):
        position = match.end()
        if match["bin"] is not None:
            position += int(match["bin"])
        else:
            reader.take(match)
    reader.finish()


class _Reader:
    """Follows the tokens and gathers paragraphs, cells and rows."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._group = _Group()
        self._stack: list[_Group] = []
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._levels: dict[int, int] = {}  # outline level of each paragraph style
        self._style = 0
        self._level = 0
        self._default = "cp1252"
        self._bytes = bytearray()
        self._text: list[str] = []
        self._hidden: list[str] = []
        self._cells: list[str] = []
        self._rows: list[list[str]] = []
        self._in_table = False
        self._is_item = False
        self._label: list[str] = []
        self._items: list[str] = []
        self._around: _Around | None = None  # while a note is read
        self._notes_so_far = 0
        self._own_notes: list[str] = []  # of the open paragraph
        self._notes: list[str] = []  # of the open list or table
        self._to_skip = 0  # bytes that stand for the Unicode character before them
        self._is_starred = False
        self._surrogate = 0

    def take(self, match: "re.Match[bytes]") -> None:
        """Take the next token."""
        if match["word"] is not None:
            number = int(match["number"]) if match["number"] else None
            self._take_word(match["word"], number)
        elif match["hex"] is not None:
            self._take_bytes(bytes.fromhex(match["hex"].decode("ascii")))
        elif match["text"] is not None:
            self._take_bytes(match["text"])
        elif match["brace"] == b"{":
            self._open()
        elif match["brace"] == b"}":
            self._close()
        elif match["symbol"] == b"*":
            self._is_starred = True
        elif match["symbol"] in (b"\r", b"\n"):
            self._end_paragraph()
        elif match["symbol"] in _SYMBOLS:
            self._add(_SYMBOLS[match["symbol"]])

    def finish(self) -> None:
        """Append what is still open."""
        self._end_paragraph()
        self._end_row()
        self._end_table()
        self._end_list()

    def _open(self) -> None:
        self._decode()
        if len(self._stack) >= _MOST_GROUPS:
            raise UnreadableFile("its groups are nested thousands of levels deep")
        self._stack.append(self._group)
        self._to_skip = 0

    def _close(self) -> None:
        self._decode()
        if self._stack:
            self._group = self._stack.pop()
        if self._around and len(self._stack) < self._around.depth:
            self._end_note(self._around)
        self._to_skip = 0
        self._is_starred = False

    def _take_word(self, word: bytes, number: int | None) -> None:
        if self._is_starred:
            self._is_starred = False
            if word not in _READ_STARRED:
                self._group = self._group._replace(is_skipped=True)
                return
        if word in _SKIPPED:
            self._skip_group(word)
        elif word == b"u" and number is not None:
            self._take_unicode(number)
        elif word in _CHARACTERS:
            self._add(_CHARACTERS[word])
        else:
            self._take_setting(word, 1 if number is None else number)

    def _skip_group(self, word: bytes) -> None:
        self._decode()
        self._group = self._group._replace(
            is_skipped=True, in_fonts=word == b"fonttbl", in_styles=word == b"stylesheet"
        )

    def _take_setting(self, word: bytes, number: int) -> None:
        match word:
            case b"ansicpg" | b"mac":
                encoding = "mac_roman" if word == b"mac" else f"cp{number}"
                self._default = _known(encoding, self._default)
                self._group = self._group._replace(encoding=self._default)
            case b"uc":
                self._group = self._group._replace(unicode_skip=min(max(number, 0), 9))
            case b"f" | b"fcharset":
                self._take_font(word, number)
            case b"plain" | b"v" | b"deleted" | b"super" | b"sub" | b"nosupersub":
                self._take_look(word, number)
            case b"s" | b"outlinelevel":
                self._take_style(word, number)
            case _:
                self._take_structure(word)

    def _take_look(self, word: bytes, number: int) -> None:
        self._decode()
        if word == b"plain":
            self._group = self._group._replace(
                is_hidden=self._group.is_label,
                is_marked_hidden=False,
                is_raised=False,
                encoding=self._default,
            )
        elif word in {b"super", b"sub", b"nosupersub"}:
            self._group = self._group._replace(is_raised=word == b"super" and number != 0)
        elif word == b"v":
            self._group = self._group._replace(is_marked_hidden=number != 0)
        else:
            self._group = self._group._replace(is_hidden=number != 0)

    def _take_structure(self, word: bytes) -> None:
        if self._group.is_skipped:
            return
        match word:
            case b"par" | b"sect" | b"page":
                self._end_paragraph()
            case b"footnote":
                self._begin_note()
            case b"pard" if not self._group.is_label:
                self._level, self._in_table, self._is_item = 0, False, False
            case b"intbl":
                self._in_table = True
            case b"pntext" | b"listtext":
                self._is_item, self._label = True, []
                self._group = self._group._replace(is_hidden=True, is_label=True)
            case b"cell" | b"nestcell":
                self._cells.append(one_line(self._taken()))
            case b"row" | b"nestrow":
                self._end_row()

    def _take_font(self, word: bytes, number: int) -> None:
        self._decode()
        if word == b"fcharset":
            if self._group.in_fonts:
                self._fonts[self._font] = _CHARSETS.get(number, "")
            return
        self._font = number
        if not self._group.in_fonts:
            encoding = self._fonts.get(number) or self._default
            self._group = self._group._replace(encoding=encoding)

    def _take_style(self, word: bytes, number: int) -> None:
        level = min(number + 1, 6) if word == b"outlinelevel" and 0 <= number < 9 else 0
        if word == b"s":
            self._style = number
            if not self._group.in_styles:
                self._level = self._levels.get(number, 0)
        elif self._group.in_styles:
            self._levels[self._style] = level
        else:
            self._level = level

    def _take_bytes(self, data: bytes) -> None:
        skipped = min(self._to_skip, len(data))
        self._to_skip -= skipped
        if not self._is_silent():
            self._bytes += data[skipped:]
        elif self._group.is_label:
            self._label.append(data[skipped:].decode(self._group.encoding, errors="replace"))
        elif self._is_noted():
            self._hidden.append(data[skipped:].decode(self._group.encoding, errors="replace"))

    def _take_unicode(self, number: int) -> None:
        self._decode()
        self._to_skip = self._group.unicode_skip
        code = number & 0xFFFF
        if 0xD800 <= code < 0xDC00:
            self._surrogate = code
        elif 0xDC00 <= code < 0xE000:
            if self._surrogate:
                high = (self._surrogate - 0xD800) << 10
                self._add(chr(0x10000 + high + code - 0xDC00))
            self._surrogate = 0
        else:
            self._add(chr(code))

    def _is_silent(self) -> bool:
        return self._group.is_skipped or self._group.is_hidden or self._group.is_marked_hidden

    def _is_noted(self) -> bool:
        return self._group.is_marked_hidden and not self._group.is_skipped

    def _add(self, text: str) -> None:
        self._decode()
        if not self._is_silent():
            self._text.append(raised(text) if self._group.is_raised else text)
        elif self._group.is_label:
            self._label.append(text)
        elif self._is_noted():
            self._hidden.append(text)

    def _decode(self) -> None:
        """Turn the bytes gathered so far into text; two may form one character."""
        if self._bytes:
            text = self._bytes.decode(self._group.encoding, errors="replace")
            self._text.append(raised(text) if self._group.is_raised else text)
            self._bytes.clear()

    def _taken(self) -> str:
        self._decode()
        text = "".join(self._text)
        self._text = []
        self._builder.hide(HiddenBy.MARKED, "".join(self._hidden))
        self._hidden = []
        return text

    def _begin_note(self) -> None:
        if self._around or self._is_silent():
            return
        self._decode()
        self._group = self._group._replace(is_raised=False)
        self._around = _Around(
            len(self._stack), self._text, self._level, self._in_table, self._is_item
        )
        self._text = []

    def _end_note(self, around: _Around) -> None:
        self._decode()
        lines = [line.strip() for line in "".join(self._text).split("\n")]
        self._around, self._text, self._level = None, around.text, around.level
        self._in_table, self._is_item = around.in_table, around.is_item
        if any(lines):
            self._notes_so_far += 1
            self._text.append(f"[{self._notes_so_far}]")
            self._own_notes.append(f"[{self._notes_so_far}] " + "\n".join(filter(None, lines)))

    def _add_notes(self) -> None:
        for note in self._notes:
            self._builder.add(BlockKind.PARAGRAPH, note)
        self._notes = []

    def _end_paragraph(self) -> None:
        if self._in_table or self._around:  # a cell, or a note, of several paragraphs
            self._add("\n")
            return
        text = self._taken()
        if not text.strip():
            return
        self._end_table()
        if self._is_item:
            label = "".join(self._label).strip()
            self._items.append(f"{label if _LABEL.match(label) else '-'} {one_line(text)}")
            self._keep_notes()
            return
        self._end_list()
        self._keep_notes()
        if self._level:
            self._builder.add(BlockKind.HEADING, one_line(text), level=self._level)
        else:
            self._builder.add(BlockKind.PARAGRAPH, text)
        self._add_notes()

    def _keep_notes(self) -> None:
        self._notes += self._own_notes
        self._own_notes = []

    def _end_row(self) -> None:
        cells, self._cells = self._cells, []
        if any(cells):
            self._end_list()
            self._rows.append(cells)
        self._keep_notes()

    def _end_table(self) -> None:
        self._builder.add(BlockKind.TABLE, "\n".join(joined_rows(self._rows)))
        if self._rows:
            self._rows = []
            self._add_notes()

    def _end_list(self) -> None:
        self._builder.add(BlockKind.LIST, "\n".join(self._items))
        if self._items:
            self._items = []
            self._add_notes()


def _known(encoding: str, otherwise: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return otherwise


# The dictionary every writer and reader of compressed RTF begins with. [MS-OXRTFCP] 2.2.
_DICTIONARY = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript "
    rb"\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n" rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)  # fmt: skip
_WINDOW = 4096


def decompressed_rtf(data: bytes) -> bytes:
    """Unpack the RTF body of an Outlook message. [MS-OXRTFCP] 2.2.

    A damaged body gives what could be unpacked of it.
    """
    if data[8:12] == b"MELA":
        return data[16:]
    window = bytearray(_DICTIONARY.ljust(_WINDOW, b"\0"))
    write = len(_DICTIONARY)
    out = bytearray()
    position = 16

    def put(byte: int) -> None:
        nonlocal write
        out.append(byte)
        window[write] = byte
        write = (write + 1) % _WINDOW

    while position < len(data) and len(out) < _MOST_BYTES_OUT:
        control = data[position]
        position += 1
        for bit in range(8):
            if not control >> bit & 1:
                if position >= len(data):
                    return bytes(out)
                put(data[position])
                position += 1
                continue
            if position + 1 >= len(data):
                return bytes(out)
            reference = data[position] << 8 | data[position + 1]
            position += 2
            start, length = reference >> 4, (reference & 0xF) + 2
            if start == write:
                return bytes(out)
            for offset in range(length):
                put(window[(start + offset) % _WINDOW])
    return bytes(out)
