"""Word documents: body text in order, with headings, lists, tables and notes.

The body is walked as XML: inserted text, content controls and text boxes count, deleted and hidden
text does not. Headers, footers and comments are not read.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from lxml import etree

from ingestion.readers.builder import DocumentBuilder, one_line, title_of
from ingestion.readers.detection import Format
from ingestion.readers.docx_numbering import Label, Numbering, Place, formatted
from ingestion.readers.packages import Package, damaged, parsed_xml
from ingestion.readers.raised import raised
from ingestion.readers.rows import joined_rows
from ingestion.types import BlockKind, ParsedDocument
from retrieval.hidden import HiddenBy

_WHAT = "Word document"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
# Documents saved as "Strict Open XML" name the same elements differently.
_STRICT = b"http://purl.oclc.org/ooxml/wordprocessingml/main"


def qn(name: str) -> str:
    """`w:p` as lxml names it."""
    return f"{{{_WORD}}}{name.removeprefix('w:')}"


_P, _TBL, _TR, _TC = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
_TEXT, _TEXT_BOX = qn("w:t"), qn("w:txbxContent")
_TABS = frozenset({qn("w:tab"), qn("w:ptab")})
_BREAKS = frozenset({qn("w:br"), qn("w:cr")})
_RUN, _INVISIBLE_HALF_POINTS = qn("w:r"), 2
_HYPHEN, _VALUE = qn("w:noBreakHyphen"), qn("w:val")
_MOST_COLUMNS = 63  # of a table in Word
_NOTES = {qn("w:footnote"): "decimal", qn("w:endnote"): "lowerRoman"}
_REFERENCES = frozenset(f"{kind}Reference" for kind in _NOTES)
# A second rendering of what `Choice` holds, and text that was moved or deleted.
_SKIPPED = frozenset(
    {
        "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
        qn("w:del"),
        qn("w:moveFrom"),
        qn("w:pPr"),
        qn("w:rPr"),
    }
)
_PARTS = frozenset({"styles", "numbering", "footnotes", "endnotes"})
_HEADING_NAME = re.compile(r"heading (\d)\Z", re.IGNORECASE)
_TITLE_NAME, _LIST_NAME = "title", re.compile(r"list\b", re.IGNORECASE)


class _Style(NamedTuple):
    """What a style means: a heading of this level, a list item, hidden text, or none of these."""

    level: int = 0
    is_title: bool = False
    is_list: bool = False
    is_hidden: bool = False


def read_docx(name: str, data: bytes) -> ParsedDocument:
    """Read a Word document."""
    package = Package(data, _WHAT)
    main = package.start("officeDocument", "word/document.xml")
    related = dict(package.related(main).values())
    parts = {kind: _part(package, member) for kind, member in related.items() if kind in _PARTS}
    styles = parts.get("styles")
    numbering = Numbering(parts.get("numbering"), {} if styles is None else _places(styles))
    notes = {
        (note.tag, note.get(qn("w:id"), "")): note
        for kind in ("footnotes", "endnotes")
        for note in parts.get(kind, ())
    }
    writer = _Writer({} if styles is None else _styles(styles), numbering, notes)
    body = _part(package, main).find(qn("w:body"))
    if body is None:
        raise damaged(_WHAT, ValueError("it has no body"))
    writer.take(body)
    title = title_of(name, package.title(), writer.title, writer.builder.first_heading())
    return writer.builder.build(title, Format.DOCX.value)


def _part(package: Package, member: str) -> etree._Element:
    return parsed_xml(package.read(member).replace(_STRICT, _WORD.encode()), _WHAT)


def _styles(element: etree._Element) -> dict[str, _Style]:
    """What each paragraph style means, by style id; a style inherits from its base."""
    by_id = {style.get(qn("w:styleId"), ""): style for style in element.iter(qn("w:style"))}
    return {style_id: _style(style_id, by_id) for style_id in by_id}


def _style(style_id: str, by_id: dict[str, etree._Element]) -> _Style:
    seen: set[str] = set()
    while style_id in by_id and style_id not in seen:
        seen.add(style_id)
        element = by_id[style_id]
        look = element.find(qn("w:rPr"))
        if look is not None and _vanishes(look):
            return _Style(is_hidden=True)
        name = _value(element, "w:name").strip()
        if match := _HEADING_NAME.match(name):
            return _Style(level=min(max(int(match.group(1)), 1), 6))
        if name.lower() == _TITLE_NAME:
            return _Style(level=1, is_title=True)
        if _LIST_NAME.match(name):
            return _Style(is_list=True)
        outline = _value(element, "w:pPr/w:outlineLvl")
        if outline.isdecimal() and int(outline) < 9:
            return _Style(level=min(int(outline) + 1, 6))
        style_id = _value(element, "w:basedOn")
    return _Style()


def _places(element: etree._Element) -> dict[str, Place]:
    """Which list each paragraph style belongs to, by style id; a style inherits from its base."""
    by_id = {style.get(qn("w:styleId"), ""): style for style in element.iter(qn("w:style"))}
    return {style_id: _inherited(style_id, by_id) for style_id in by_id}


def _inherited(style_id: str, by_id: dict[str, etree._Element]) -> Place:
    found, seen = Place(), set[str]()
    while style_id in by_id and style_id not in seen:
        seen.add(style_id)
        own = _place(by_id[style_id])
        found = Place(
            own.number if found.number is None else found.number,
            own.level if found.level is None else found.level,
        )
        style_id = _value(by_id[style_id], "w:basedOn")
    return found


def _place(element: etree._Element) -> Place:
    number = _value(element, "w:pPr/w:numPr/w:numId")
    level = _value(element, "w:pPr/w:numPr/w:ilvl")
    return Place(number or None, int(level) if level.isdecimal() and len(level) < 3 else None)


def _value(element: etree._Element, path: str) -> str:
    found = element.find("/".join(qn(step) for step in path.split("/")))
    return "" if found is None else found.get(_VALUE, "")


class _Writer:
    """Appends the body's paragraphs and tables; neighbouring list items form one block.

    Notes follow the block that refers to them.
    """

    def __init__(
        self,
        styles: dict[str, _Style],
        numbering: Numbering,
        notes: dict[tuple[str, str], etree._Element],
    ) -> None:
        self.builder = DocumentBuilder()
        self.title: str | None = None
        self._styles = styles
        self._numbering = numbering
        self._items: list[str] = []
        self._notes = notes  # not yet referred to
        self._notes_so_far: Counter[str] = Counter()
        self._notes_to_add: list[tuple[str, etree._Element]] = []

    def take(self, container: etree._Element) -> None:
        """Append everything in a body, a cell or a text box."""
        for element in _content(container):
            if element.tag == _P:
                self._take_paragraph(element)
            else:
                self._take_table(element)
        self._close_list()

    def _take_paragraph(self, paragraph: etree._Element) -> None:
        style_id = _value(paragraph, "w:pPr/w:pStyle")
        style = self._styles.get(style_id, _Style())
        earlier = len(self._notes_to_add)
        text = self._text(paragraph)
        if style.is_hidden:
            self.builder.hide(HiddenBy.MARKED, text)
            del self._notes_to_add[earlier:]
        else:
            label = self._numbering.label(_place(paragraph), style_id)
            if text.strip():
                self._add(label, style, text, earlier)
        for box in _outermost(paragraph, lambda element: element.tag == _TEXT_BOX):
            self.take(box)

    def _add(self, label: Label | None, style: _Style, text: str, earlier: int) -> None:
        """Append a paragraph; the first `earlier` notes belong to the list before it."""
        number = f"{label.text} " if label and label.text else ""
        if style.level:
            self._close_list(earlier)
            if style.is_title and self.title is None:
                self.title = one_line(text)
            self.builder.add(BlockKind.HEADING, one_line(number + text), level=style.level)
        elif style.is_list or label:
            indent = "  " * min(label.level if label else 0, 8)
            self._items.append(f"{indent}{number or '- '}{one_line(text)}")
            return
        else:
            self._close_list(earlier)
            self.builder.add(BlockKind.PARAGRAPH, text)
        self._add_notes(len(self._notes_to_add))

    def _take_table(self, table: etree._Element) -> None:
        self._close_list()
        rows = [list(_outermost(row, _is(_TC))) for row in _outermost(table, _is(_TR))]
        if all(len(row) == 1 for row in rows):  # a frame around text, not data
            for row in rows:
                self.take(row[0])
            return
        above: dict[int, str] = {}
        lines = joined_rows([self._row(row, above) for row in rows])
        self.builder.add(BlockKind.TABLE, "\n".join(lines))
        self._add_notes(len(self._notes_to_add))

    def _row(self, cells: Sequence[etree._Element], above: dict[int, str]) -> list[str]:
        """The texts of a row by column; `above` has those of the cells that go on below."""
        row: list[str] = []
        covered: list[int] = []
        for cell in cells:
            column, merge = len(row), cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
            text = self._cell_text(cell)
            if merge is None:
                above.pop(column, None)
            elif merge.get(_VALUE) == "restart":
                above[column] = text
            else:
                covered.append(column)
            span = _value(cell, "w:tcPr/w:gridSpan")
            columns = min(int(span), _MOST_COLUMNS) if span.isdecimal() and len(span) < 5 else 1
            row += [text, *[""] * (columns - 1)]
        if any(row):  # each row is read alone, but an empty one says nothing
            for column in covered:
                row[column] = row[column] or above.get(column, "")
        return row

    def _cell_text(self, cell: etree._Element) -> str:
        texts = []
        for paragraph in cell.iter(_P):
            style_id = _value(paragraph, "w:pPr/w:pStyle")
            label = self._numbering.label(_place(paragraph), style_id)
            texts += [label.text if label else "", self._text(paragraph)]
        return one_line(" ".join(texts))

    def _close_list(self, notes: int | None = None) -> None:
        """End the list, and append its notes: the first so many, or all."""
        self.builder.add(BlockKind.LIST, "\n".join(self._items))
        self._items = []
        self._add_notes(len(self._notes_to_add) if notes is None else notes)

    def _add_notes(self, count: int) -> None:
        for _ in range(count):
            mark, note = self._notes_to_add.pop(0)
            lines = [self._text(paragraph).strip() for paragraph in note.iter(_P)]
            text = "\n".join(filter(None, lines))
            self.builder.add(BlockKind.PARAGRAPH, f"{mark} {text}".strip() if text else "")

    def _mark(self, reference: etree._Element) -> str:
        """What stands where a note is referred to; the note itself is to follow."""
        kind = reference.tag.removesuffix("Reference")
        note = self._notes.pop((kind, reference.get(qn("w:id"), "")), None)
        if note is None:
            return ""
        mark = ""
        if reference.get(qn("w:customMarkFollows")) not in {"1", "true", "on"}:
            self._notes_so_far[kind] += 1
            mark = f"[{formatted(self._notes_so_far[kind], _NOTES[kind])}]"
        self._notes_to_add.append((mark, note))
        return mark

    def _text(self, paragraph: etree._Element) -> str:
        """The text of a paragraph without that of its text boxes."""
        parts: list[str] = []
        hidden: dict[HiddenBy, list[str]] = {}
        walk = etree.iterwalk(paragraph, events=("start",))
        for _, element in walk:
            tag = element.tag
            by = _hidden_by(element, self._styles) if tag == _RUN else None
            if by is not None:
                hidden.setdefault(by, []).extend(e.text or "" for e in element.iter(_TEXT))
            if tag in _SKIPPED or tag == _TEXT_BOX or by is not None:
                walk.skip_subtree()
            elif tag == _TEXT:
                text = element.text or ""
                parts.append(raised(text) if _is_raised(element) else text)
            elif tag in _TABS:
                parts.append("\t")
            elif tag in _BREAKS:
                parts.append("\n")
            elif tag == _HYPHEN:
                parts.append("-")
            elif tag in _REFERENCES:
                parts.append(self._mark(element))
        for by, texts in hidden.items():
            self.builder.hide(by, "".join(texts))
        return "".join(parts)


def _is(tag: str) -> Callable[[etree._Element], bool]:
    return lambda element: element.tag == tag


def _outermost(
    root: etree._Element, wanted: Callable[[etree._Element], bool]
) -> Iterator[etree._Element]:
    """Wanted elements below `root` in order, none inside another, none in skipped parts."""
    walk = etree.iterwalk(root, events=("start",))
    for _, element in walk:
        if element is root:
            continue
        if element.tag in _SKIPPED:
            walk.skip_subtree()
        elif wanted(element):
            walk.skip_subtree()
            yield element


def _content(container: etree._Element) -> Iterator[etree._Element]:
    return _outermost(container, lambda element: element.tag in (_P, _TBL))


def _is_raised(text: etree._Element) -> bool:
    run = text.getparent()
    return run is not None and _value(run, "w:rPr/w:vertAlign") == "superscript"


def _hidden_by(run: etree._Element, styles: dict[str, _Style]) -> HiddenBy | None:
    """Whether a run is marked hidden, is too small to see, or white on the white of the page."""
    look = run.find(qn("w:rPr"))
    if look is None:
        return None
    if _vanishes(look) or styles.get(_value(look, "w:rStyle"), _Style()).is_hidden:
        return HiddenBy.MARKED
    size = _value(look, "w:sz")
    if size.isdecimal() and int(size) <= _INVISIBLE_HALF_POINTS:
        return HiddenBy.SIZE
    is_white = _value(look, "w:color").upper() == "FFFFFF" and not _is_shaded(run, look)
    return HiddenBy.COLOUR if is_white else None


def _vanishes(look: etree._Element) -> bool:
    vanish = look.find(qn("w:vanish"))
    return vanish is not None and vanish.get(_VALUE, "1") not in {"0", "false", "off"}


def _is_shaded(run: etree._Element, look: etree._Element) -> bool:
    """Whether something gives the run a background; tables and text boxes may, by their style."""
    if look.find(qn("w:shd")) is not None or look.find(qn("w:highlight")) is not None:
        return True
    for above in run.iterancestors():
        if above.tag in {_TBL, _TEXT_BOX} or above.find(f"{qn('w:pPr')}/{qn('w:shd')}") is not None:
            return True
    return False
