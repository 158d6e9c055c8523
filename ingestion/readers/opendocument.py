"""OpenDocument: texts, spreadsheets and presentations of LibreOffice and others. ODF 1.3 part 3.

Notes stand behind the block that refers to them. Headers, footers, comments, deleted text, hidden
text and hidden tables are not read.
"""

from collections.abc import Iterator

from lxml import etree

from ingestion.errors import UnreadableFile
from ingestion.readers.builder import DocumentBuilder, one_line, title_of
from ingestion.readers.detection import Format
from ingestion.readers.packages import ENCRYPTED, Package, attribute, local_name, parsed_xml
from ingestion.readers.raised import raised
from ingestion.readers.rows import Carried, Row, append_rows, joined_rows
from ingestion.types import BlockKind, ParsedDocument
from retrieval.hidden import HiddenBy

_WHAT = "OpenDocument file"
_MANIFEST = "META-INF/manifest.xml"
_SKIPPED = frozenset(
    """
    tracked-changes annotation annotation-end sequence-decls forms hidden-text hidden-paragraph
    note-citation bibliography-mark index-title-template table-of-content-source ruby-text
    """.split()
)
_HIDDEN_FIELDS = frozenset({"hidden-text", "hidden-paragraph"})
_MOST_SPACES = 1_000
_MOST_REPEATS = 1_000  # of a row or cell that says something: more is a bomb, not a table
_MOST_COLUMNS = 16_384
_MOST_CELLS = 5_000_000


def read_opendocument(name: str, data: bytes) -> ParsedDocument:
    """Read a text, a spreadsheet or a presentation."""
    package = Package(data, _WHAT)
    manifest = package.xml(_MANIFEST) if _MANIFEST in package.names else None
    if manifest is not None and next(manifest.iter("{*}encryption-data"), None) is not None:
        raise UnreadableFile(ENCRYPTED)
    root = package.xml("content.xml")
    title = None
    if "meta.xml" in package.names:
        found = next(package.xml("meta.xml").iter("{http://purl.org/dc/elements/1.1/}title"), None)
        title = found.text if found is not None else None
    return _read(name, root, title)


def read_flat_opendocument(name: str, data: bytes) -> ParsedDocument:
    """Read an OpenDocument file that is one XML file (FODT, FODS, FODP)."""
    root = parsed_xml(data, _WHAT)
    found = next(root.iter("{http://purl.org/dc/elements/1.1/}title"), None)
    return _read(name, root, found.text if found is not None else None)


def _read(name: str, root: etree._Element, title: str | None) -> ParsedDocument:
    body = next(root.iter("{*}body"), root)
    writer = _Writer(_hidden_styles(root), _raised_styles(root))
    for content in body:
        kind = local_name(content)
        if kind == "spreadsheet":
            writer.take_sheets(content)
        elif kind in {"presentation", "drawing"}:
            writer.take_slides(content)
        else:
            writer.take(content)
    builder = writer.builder
    return builder.build(title_of(name, title, builder.first_heading()), Format.OPENDOCUMENT.value)


def _hidden_styles(root: etree._Element) -> frozenset[str]:
    """Automatic styles that hide text, or a table."""
    found = set()
    for properties in root.iter("{*}text-properties", "{*}table-properties"):
        style = properties.getparent()
        hides = attribute(properties, "display")
        is_table = local_name(properties) == "table-properties"
        if style is not None and hides == ("false" if is_table else "none"):
            found.add(attribute(style, "name"))
    return frozenset(found)


def _raised_styles(root: etree._Element) -> frozenset[str]:
    """Automatic styles that raise text."""
    found = set()
    for properties in root.iter("{*}text-properties"):
        style = properties.getparent()
        if style is not None and attribute(properties, "text-position").startswith("super"):
            found.add(attribute(style, "name"))
    return frozenset(found)


class _Writer:
    """Appends the body's paragraphs, lists, tables and notes."""

    def __init__(self, hidden: frozenset[str], raised_styles: frozenset[str]) -> None:
        self.builder = DocumentBuilder()
        self._hidden = hidden
        self._raised = raised_styles
        self._notes: list[etree._Element] = []  # referred to, not yet appended

    def take(self, container: etree._Element, page: int | None = None) -> None:
        """Append everything below an element."""
        for element in self._outermost(container, frozenset({"h", "p", "list", "table"})):
            match local_name(element):
                case "h":
                    level = attribute(element, "outline-level")
                    depth = int(level) if level.isdecimal() and len(level) < 3 else 1
                    text = one_line(self._text(element))
                    level_shown = min(max(depth, 1), 6)
                    self.builder.add(BlockKind.HEADING, text, level=level_shown, page=page)
                case "p":
                    self.builder.add(BlockKind.PARAGRAPH, self._text(element), page=page)
                    self._take_frames(element, page)
                case "list":
                    self._take_list(element, page)
                case "table":
                    self._take_table(element, page)
            self._add_notes(page)

    def _add_notes(self, page: int | None) -> None:
        notes, self._notes = self._notes, []
        for note in notes:
            lines = [self._text(p).strip() for p in note.iter("{*}p", "{*}h")]
            text = f"{_note_mark(note)} " + "\n".join(filter(None, lines))
            self.builder.add(BlockKind.PARAGRAPH, text.strip() if any(lines) else "", page=page)

    def take_slides(self, presentation: etree._Element) -> None:
        """Append each slide on a page of its own, its title as a heading."""
        for number, slide in enumerate(presentation.iterchildren("{*}page"), start=1):
            title = ""
            frames = [e for e in slide if local_name(e) != "notes"]
            for frame in frames:
                if attribute(frame, "class") == "title":
                    title = title or one_line(" ".join(map(self._text, frame.iter("{*}p"))))
            name = title or f"Slide {number}"
            self.builder.add(BlockKind.HEADING, name, level=1, page=number)
            for frame in frames:
                if attribute(frame, "class") != "title":
                    self.take(frame, number)
            for notes in slide.iterchildren("{*}notes"):
                text = one_line(" ".join(self._text(p) for p in notes.iter("{*}p")))
                self.builder.add(BlockKind.PARAGRAPH, f"Notes: {text}" if text else "", page=number)

    def take_sheets(self, spreadsheet: etree._Element) -> None:
        """Append each sheet below its name."""
        for table in spreadsheet.iterchildren("{*}table"):
            content = DocumentBuilder()
            append_rows(content, self._rows(table))
            if attribute(table, "style-name") in self._hidden:
                self.builder.hide(HiddenBy.SHEET, content.text())
            elif content:
                self.builder.add(BlockKind.HEADING, attribute(table, "name") or "Sheet", level=1)
                self.builder.add_document(content.build("", ""))

    def _outermost(
        self, container: etree._Element, wanted: frozenset[str], *, notes_hidden: bool = True
    ) -> Iterator[etree._Element]:
        walk = etree.iterwalk(container, events=("start",))
        for _, element in walk:
            if element is container:
                continue
            name = local_name(element)
            if name in _SKIPPED:
                walk.skip_subtree()
            elif self._is_hidden(element):
                if notes_hidden:
                    self._hide(element)
                walk.skip_subtree()
            elif name in wanted:
                walk.skip_subtree()
                yield element

    def _is_hidden(self, element: etree._Element) -> bool:
        return (
            attribute(element, "style-name") in self._hidden
            or attribute(element, "display") == "none"
            or attribute(element, "visibility") in {"collapse", "filter"}
        )

    def _hide(self, element: etree._Element) -> None:
        self.builder.hide(HiddenBy.MARKED, "".join(map(str, element.itertext())))

    def _text(self, paragraph: etree._Element) -> str:
        """The text of a paragraph, without that of frames in it."""
        parts: list[str] = []
        walk = etree.iterwalk(paragraph, events=("start", "end"))
        for event, element in walk:
            if event == "end":
                if element is not paragraph:
                    parts.append(one_spaced(element.tail))
                continue
            name = local_name(element)
            is_inner = element is not paragraph
            is_hidden = is_inner and (name in _HIDDEN_FIELDS or self._is_hidden(element))
            if is_hidden:
                self._hide(element)
            if is_hidden or (is_inner and (name in _SKIPPED or name == "text-box")):
                walk.skip_subtree()
            elif is_inner and name == "note":
                walk.skip_subtree()
                self._notes.append(element)
                parts.append(_note_mark(element))
            else:
                text = _mark(element, name) or one_spaced(element.text)
                is_raised = attribute(element, "style-name") in self._raised
                parts.append(raised(text) if is_raised else text)
        return "".join(parts)

    def _take_frames(self, paragraph: etree._Element, page: int | None) -> None:
        for box in self._outermost(paragraph, frozenset({"text-box"}), notes_hidden=False):
            self.take(box, page)

    def _take_list(self, element: etree._Element, page: int | None) -> None:
        lines: list[str] = []
        for item in element.iter("{*}list-item", "{*}list-header"):
            depth = sum(1 for above in item.iterancestors("{*}list")) - 1
            texts = [self._text(p) for p in item if local_name(p) in {"p", "h"}]
            text = one_line(" ".join(texts))
            if text:
                lines.append(f"{'  ' * min(depth, 8)}- {text}")
        self.builder.add(BlockKind.LIST, "\n".join(lines), page=page)

    def _take_table(self, table: etree._Element, page: int | None) -> None:
        lines = joined_rows([one_line(cell) for cell in row.cells] for row in self._rows(table))
        self.builder.add(BlockKind.TABLE, "\n".join(lines), page=page)

    def _rows(self, table: etree._Element) -> Iterator[Row]:
        number = cells_given = 0
        carried = Carried()
        for row in _rows_of(table):
            repeats = _repeats(row, "number-rows-repeated")
            cells, spans = self._cells(row)
            carried.fill(number, cells)
            for column, rows in spans:
                carried.keep(column, cells[column], last=number + rows - 1)
            if self._is_hidden(row):
                self.builder.hide(HiddenBy.SHEET, " | ".join(filter(None, cells)))
                cells = []
            if any(cells):
                for offset in range(min(repeats, _MOST_REPEATS)):
                    cells_given += len(cells)
                    if cells_given > _MOST_CELLS:
                        raise UnreadableFile("its tables repeat cells millions of times")
                    yield Row(number + 1 + offset, cells)
            number += repeats

    def _cells(self, row: etree._Element) -> tuple[list[str], list[tuple[int, int]]]:
        """The texts of a row, and for cells over several rows their column and how many."""
        cells: list[str] = []
        spans: list[tuple[int, int]] = []
        for cell in row.iterchildren("{*}table-cell", "{*}covered-table-cell"):
            text = " ".join(self._text(p) for p in cell.iter("{*}p", "{*}h")).strip()
            repeats = _repeats(cell, "number-columns-repeated")
            if text and (rows := _repeats(cell, "number-rows-spanned")) > 1:
                spans.append((len(cells), rows))
            cells.extend([text] * min(repeats, _MOST_REPEATS if text else _MOST_COLUMNS))
            if len(cells) > _MOST_COLUMNS:
                break
        return cells, spans


def _rows_of(table: etree._Element) -> Iterator[etree._Element]:
    """The rows of a table, hidden ones too, for they count; not those of tables in its cells."""
    walk = etree.iterwalk(table, events=("start",))
    for _, element in walk:
        if local_name(element) == "table-row":
            walk.skip_subtree()
            yield element


def one_spaced(text: str | None) -> str:
    """Running text: white space collapses, as in HTML."""
    if not text:
        return ""
    inner = one_line(text)
    if not inner:
        return " "
    return f"{' ' if text[0].isspace() else ''}{inner}{' ' if text[-1].isspace() else ''}"


def _note_mark(note: etree._Element) -> str:
    citation = note.find("{*}note-citation")
    mark = one_line("".join(map(str, citation.itertext()))) if citation is not None else ""
    return f"[{mark}]" if mark else ""


def _mark(element: etree._Element, name: str) -> str:
    if name == "s":
        return " " * min(_repeats(element, "c"), _MOST_SPACES)
    return {"tab": "\t", "line-break": "\n"}.get(name, "")


def _repeats(element: etree._Element, name: str) -> int:
    stated = attribute(element, name)
    return max(1, int(stated)) if stated.isdecimal() and len(stated) < 10 else 1
