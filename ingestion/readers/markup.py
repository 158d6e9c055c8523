"""Walk parsed HTML and append what can be read to a document.

Nothing here recurses: how deep a page nests is the page's choice, not ours.
"""

import re

from lxml import etree

from ingestion.readers.builder import DocumentBuilder, one_line
from ingestion.readers.raised import raised
from ingestion.readers.rows import Cell, joined_rows, laid_out
from ingestion.types import BlockKind
from retrieval.hidden import HiddenBy

_NEVER_SHOWN = frozenset(
    """
    script style template noscript svg canvas object embed iframe audio video map
    select option textarea input button datalist head
    """.split()
)
_FURNITURE = frozenset({"nav", "footer", "aside", "dialog", "menu"})
_FURNITURE_ROLES = frozenset({"navigation", "contentinfo", "complementary", "search", "banner"})
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0(?![.\d]*[1-9])",
    re.IGNORECASE,
)
_SMALL_STYLE = re.compile(r"font-size\s*:\s*(?:0(?![.\d]*[1-9])|(?:0?\.\d+|1)p[xt])", re.IGNORECASE)
_OUTSIDE_STYLE = re.compile(
    r"(?:left|top|right|bottom|text-indent|margin-left|margin-top)\s*:\s*-\d{4}"
    r"|clip(?:-path)?\s*:\s*(?:rect\(\s*0[a-z]*[\s,]+0[a-z]*[\s,]+0[a-z]*[\s,]+0|inset\(\s*(?:50|100)%)",
    re.IGNORECASE,
)
_COLOUR = re.compile(
    r"(?:\A|[;\s])(background(?:-color)?|color)\s*:\s*([^;!]{1,60})", re.IGNORECASE
)
_WHITES = frozenset({"white", "#fff", "#ffffff", "rgb(255,255,255)"})
_EMPTY_LINES = re.compile(r"\n{2,}")
_SPACE = re.compile(r"\s+")
_PAGE_TAGS = frozenset({"html", "body"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = frozenset({"ul", "ol"})
_BLOCKS = frozenset(
    """
    html body main article section div p address blockquote center details summary dl dt dd
    fieldset legend figure figcaption form header footer hgroup hr li nav aside table caption
    thead tbody tfoot tr td th
    """.split()
)
_MOST_OF_THE_PAGE = 0.5


def tag_of(element: etree._Element) -> str:
    """The element's name in lower case; empty for comments and the like."""
    return element.tag.lower() if isinstance(element.tag, str) else ""


def drop_invisible(root: etree._Element, builder: DocumentBuilder) -> None:
    """Remove what a browser does not show: scripts, styles, hidden elements.

    `builder` is told what hidden elements say, unless they belong to what surrounds the text.
    """
    drop(root, [e for e in root.iter() if tag_of(e) in _NEVER_SHOWN])
    hidden = {e: by for e in root.iter() if (by := _hidden_by(e)) is not None}
    for element, by in hidden.items():
        above = list(element.iterancestors())
        if not any(a in hidden for a in above) and not any(
            tag_of(e) == "form" or _is_furniture(e) for e in (element, *above)
        ):
            builder.hide(by, _text_with_spaces(element))
    drop(root, list(hidden))


def drop_page_furniture(root: etree._Element) -> None:
    """Remove what surrounds the text of a page: menus, footers, side bars, forms."""
    drop(root, [element for element in root.iter() if _is_furniture(element)])
    # Some servers wrap the whole page in one form; then the form is the page.
    total = len("".join(map(str, root.itertext())))
    small = [f for f in root.iter("form") if _length(f) <= _MOST_OF_THE_PAGE * total]
    drop(root, small)


def append_elements(builder: DocumentBuilder, root: etree._Element) -> None:
    """Append the text below `root` as headings, paragraphs, lists, tables and code."""
    _raise_digits(root)
    walker = _Walker(builder)
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        if event == "start":
            if walker.open(element):
                walk.skip_subtree()
        else:
            walker.close(element)
            if element is not root:
                walker.add_text(element.tail)
    walker.flush()


def _raise_digits(root: etree._Element) -> None:
    """Put what is raised into the text around it; a reference to a note stands in brackets."""
    found = [element for element in root.iter("sup") if element is not root]
    for element in found:
        text = "".join(map(str, element.itertext()))
        is_reference = text.strip().isdecimal() and _leads_to_a_note(element)
        shown = f"[{text.strip()}]" if is_reference else raised(text)
        element.tail = f"{shown}{element.tail or ''}"
    drop(root, found)


def _leads_to_a_note(element: etree._Element) -> bool:
    links = [*element.iter("a"), *element.iterancestors("a")]
    return any("#" in (link.get("href") or "") for link in links)


def drop(root: etree._Element, elements: list[etree._Element]) -> None:
    """Remove elements but keep the text that follows each."""
    for element in elements:
        parent = element.getparent()
        if parent is None or element is root:
            continue
        if element.tail:
            before = element.getprevious()
            if before is None:
                parent.text = (parent.text or "") + element.tail
            else:
                before.tail = (before.tail or "") + element.tail
            element.tail = None
        parent.remove(element)


def _hidden_by(element: etree._Element) -> HiddenBy | None:
    if tag_of(element) in _PAGE_TAGS:
        return None  # hidden until its own script has run
    # What is kept from those who have a page read to them is decoration, or not meant for people.
    if "hidden" in element.attrib or element.get("aria-hidden", "").strip().lower() == "true":
        return HiddenBy.MARKED
    style = element.get("style") or ""
    if _HIDDEN_STYLE.search(style):
        return HiddenBy.MARKED
    if _SMALL_STYLE.search(style):
        return HiddenBy.SIZE
    if _OUTSIDE_STYLE.search(style):
        return HiddenBy.OUTSIDE
    colours = {
        "back" if name.lower().startswith("back") else "text": _colour(value)
        for name, value in _COLOUR.findall(style)
    }
    is_alike = len(colours) == 2 and colours["back"] == colours["text"]
    return HiddenBy.COLOUR if is_alike else None


def _colour(value: str) -> str:
    plain = "".join(value.lower().split())
    return "white" if plain in _WHITES else plain


def _is_furniture(element: etree._Element) -> bool:
    tag = tag_of(element)
    if tag in _FURNITURE or element.get("role") in _FURNITURE_ROLES:
        return True
    # The header of an article holds its title, the header of a page its logo and menu.
    return tag == "header" and next(element.iter("h1", "h2"), None) is None


def _length(element: etree._Element) -> int:
    return sum(len(str(text)) for text in element.itertext())


class _Walker:
    """Gathers running text until a block ends; a list gathers lines until its outermost end."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._text: list[str] = []
        self._heading: etree._Element | None = None
        self._numbers: list[int | None] = []  # per open list: the next number, None for bullets
        self._marker = ""
        self._lines: list[str] = []

    def open(self, element: etree._Element) -> bool:
        """Take an element's start; True when all of it was read at once."""
        tag = tag_of(element)
        if tag == "br":
            self._text.append("\n")
        elif tag == "pre":
            self._add_whole(BlockKind.CODE, _text_with_breaks(element))
            return True
        elif tag == "table" and (rows := _data_rows(element)):
            self._add_whole(BlockKind.TABLE, "\n".join(rows))
            return True
        elif tag in _LISTS:
            self.flush()
            self._numbers.append(1 if tag == "ol" else None)
        elif tag in _HEADINGS or tag in _BLOCKS:
            self.flush()
            if tag == "li" and self._numbers:
                self._open_item()
            elif tag in _HEADINGS and self._heading is None:
                self._heading = element
        self.add_text(element.text)
        return False

    def close(self, element: etree._Element) -> None:
        """Take an element's end."""
        tag = tag_of(element)
        if tag in _LISTS and self._numbers:
            self.flush()
            self._numbers.pop()
            if not self._numbers:
                self._builder.add(BlockKind.LIST, "\n".join(self._lines))
                self._lines, self._marker = [], ""
        elif tag in _HEADINGS or tag in _BLOCKS:
            self.flush()
            if element is self._heading:
                self._heading = None

    def add_text(self, text: str | None) -> None:
        """Take running text; its line ends are spaces."""
        if text:
            self._text.append(_SPACE.sub(" ", text))

    def flush(self) -> None:
        """End the paragraph."""
        text = "\n".join(one_line(line) for line in "".join(self._text).split("\n"))
        self._text = []
        # An empty line, written as two `<br>`, ends a paragraph as `<p>` does.
        for paragraph in _EMPTY_LINES.split(text.strip()):
            if paragraph:
                self._add_paragraph(paragraph.split("\n"))

    def _add_paragraph(self, lines: list[str]) -> None:
        if self._numbers:
            self._add_item_lines(lines)
        elif self._heading is not None:
            level = _HEADINGS[tag_of(self._heading)]
            self._builder.add(BlockKind.HEADING, " ".join(lines), level=level)
        else:
            self._builder.add(BlockKind.PARAGRAPH, "\n".join(lines))

    def _open_item(self) -> None:
        number = self._numbers[-1]
        self._marker = "- " if number is None else f"{number}. "
        if number is not None:
            self._numbers[-1] = number + 1

    def _add_item_lines(self, lines: list[str]) -> None:
        indent = "  " * (min(len(self._numbers), 10) - 1)
        for line in lines:
            self._lines.append(f"{indent}{self._marker or '  '}{line}")
            self._marker = ""

    def _add_whole(self, kind: BlockKind, text: str) -> None:
        self.flush()
        if self._numbers:
            self._add_item_lines([line for line in text.split("\n") if line.strip()])
        else:
            self._builder.add(kind, text)


def _text_with_breaks(element: etree._Element) -> str:
    parts: list[str] = []
    for event, inner in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            parts.append("\n" if tag_of(inner) == "br" else inner.text or "")
        elif inner is not element:
            parts.append(inner.tail or "")
    return "".join(parts)


def _data_rows(table: etree._Element) -> list[str]:
    """The rows of a table of data, cells joined by `|`; none for a table that only lays out.

    A table that holds a table, headings or lists, or has a single column, lays out.
    """
    layout = table.iter("table", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "pre")
    if next((inner for inner in layout if inner is not table), None) is not None:
        return []
    rows = [[_cell(element) for element in row.iter("td", "th")] for row in table.iter("tr")]
    if all(len(row) < 2 for row in rows):
        return []
    captions = [one_line(_text_with_spaces(caption)) for caption in table.iter("caption")]
    return [*filter(None, captions), *joined_rows(laid_out(rows))]


def _cell(element: etree._Element) -> Cell:
    columns, rows = (
        max(1, int(stated)) if stated.isdecimal() and len(stated) < 5 else 1
        for stated in ((element.get(name) or "").strip() for name in ("colspan", "rowspan"))
    )
    return Cell(one_line(_text_with_spaces(element)), columns, rows)


def _text_with_spaces(element: etree._Element) -> str:
    """All text below an element; a line's end is a space, the middle of `H<sub>2</sub>O` is not."""
    parts: list[str] = []
    for event, inner in etree.iterwalk(element, events=("start", "end")):
        if (tag := tag_of(inner)) == "br" or tag in _BLOCKS or tag in _HEADINGS or tag in _LISTS:
            parts.append(" ")
        if event == "start":
            parts.append(inner.text or "")
        elif inner is not element:
            parts.append(inner.tail or "")
    return "".join(parts)
