"""PowerPoint: slides in order with title, text, tables, charts, diagrams and speaker notes.

A slide is a page. Slides hidden from the show, masters, comments and shapes marked hidden are not
read.
"""

import re

from lxml import etree

from ingestion.readers.builder import DocumentBuilder, one_line, title_of
from ingestion.readers.detection import Format
from ingestion.readers.drawing import chart_lines, paragraphs, table_lines
from ingestion.readers.packages import Package, local_name
from ingestion.types import BlockKind, ParsedDocument
from retrieval.hidden import HiddenBy

_WHAT = "PowerPoint presentation"
_DEFAULT_TITLE = "powerpoint presentation"
_TITLES = frozenset({"title", "ctrTitle"})
_OUTER = frozenset({"sp", "graphicFrame", "grpSp"})
_FURNITURE = frozenset({"dt", "ftr", "sldNum", "hdr", "sldImg"})  # date, footer, number


def read_pptx(name: str, data: bytes) -> ParsedDocument:
    """Read a presentation."""
    package = Package(data, _WHAT)
    main = package.start("officeDocument", "ppt/presentation.xml")
    slides = package.related(main)
    builder = DocumentBuilder()
    presentation = package.xml(main)
    sheet = _size(presentation.find("{*}sldSz"))
    for number, entry in enumerate(presentation.iter("{*}sldId"), start=1):
        kind, member = slides.get(_relation(entry), ("", ""))
        if kind == "slide":
            _append_slide(builder, package, member, number, sheet)
    title = package.title()
    if title and one_line(title).lower() == _DEFAULT_TITLE:
        title = None
    return builder.build(title_of(name, title, builder.first_heading()), Format.PPTX.value)


def _relation(entry: etree._Element) -> str:
    """`r:id`; the entry's own `id` has the same name without a namespace."""
    values = [
        v for k, v in entry.attrib.items() if str(k).startswith("{") and str(k).endswith("}id")
    ]
    return str(values[0]) if values else ""


def _size(element: etree._Element | None) -> tuple[int, int] | None:
    """Width and height of the slides, in English Metric Units."""
    if element is None:
        return None
    width, height = _number(element.get("cx", "")), _number(element.get("cy", ""))
    return (width, height) if width and height else None


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"-?\d{1,12}", text) else 0


def _append_slide(
    builder: DocumentBuilder,
    package: Package,
    member: str,
    number: int,
    sheet: tuple[int, int] | None,
) -> None:
    root = package.xml(member)
    if root.get("show") in {"0", "false"}:
        builder.hide(HiddenBy.SLIDE, _all_text(root), page=number)
        return
    related = package.related(member)
    shapes = []
    for shape, by in _shapes(root, sheet):
        if by is None:
            shapes.append(shape)
        else:
            builder.hide(by, _all_text(shape), page=number)
    titles = [shape for shape in shapes if _placeholder(shape) in _TITLES]
    title = one_line(" ".join(text for shape in titles for _, text in paragraphs(shape)))
    writer = DocumentBuilder()
    for shape in shapes:
        if shape not in titles:
            _append_shape(writer, shape, package, related)
    for kind, part in related.values():
        if kind == "notesSlide":
            _append_notes(writer, package.xml(part))
    if title or writer:
        builder.add(BlockKind.HEADING, title or f"Slide {number}", level=1, page=number)
    if writer:
        builder.add_document(writer.build("", ""), page=number)


def _all_text(element: etree._Element) -> str:
    return "\n".join(text for _, text in paragraphs(element))


def _shapes(
    root: etree._Element, sheet: tuple[int, int] | None = None
) -> "list[tuple[etree._Element, HiddenBy | None]]":
    """Shapes and frames in order, those in groups too, and whether nobody sees them."""
    found: list[tuple[etree._Element, HiddenBy | None]] = []
    walk = etree.iterwalk(root, events=("start",))
    for _, element in walk:
        name = local_name(element)
        if name == "Fallback":
            walk.skip_subtree()
        elif _is_hidden(element):
            found.append((element, HiddenBy.MARKED))
            walk.skip_subtree()
        elif name in _OUTER and sheet is not None and _is_outside(element, sheet):
            found.append((element, HiddenBy.OUTSIDE))
            walk.skip_subtree()
        elif name in {"sp", "graphicFrame", "cxnSp"}:
            found.append((element, None))
            walk.skip_subtree()
    return found


def _is_outside(shape: etree._Element, sheet: tuple[int, int]) -> bool:
    """Whether a shape that is in no group lies wholly beside the slide."""
    above = shape.getparent()
    if above is None or local_name(above) != "spTree":
        return False
    frames = (shape.find(path) for path in ("{*}spPr/{*}xfrm", "{*}grpSpPr/{*}xfrm", "{*}xfrm"))
    frame = next((one for one in frames if one is not None), None)
    place = frame.find("{*}off") if frame is not None else None
    size = frame.find("{*}ext") if frame is not None else None
    if place is None or size is None:
        return False  # it stands where its layout puts it
    left, top = _number(place.get("x", "")), _number(place.get("y", ""))
    right, bottom = left + _number(size.get("cx", "")), top + _number(size.get("cy", ""))
    return left >= sheet[0] or top >= sheet[1] or right <= 0 or bottom <= 0


def _is_hidden(element: etree._Element) -> bool:
    if local_name(element) not in {"sp", "grpSp", "graphicFrame", "pic"} or not len(element):
        return False
    properties = element[0].find("{*}cNvPr")
    return properties is not None and properties.get("hidden") in {"1", "true"}


def _placeholder(shape: etree._Element) -> str:
    """The kind of placeholder a shape fills, "" for a free shape."""
    found = shape.find("{*}nvSpPr/{*}nvPr/{*}ph")
    return "" if found is None else found.get("type", "body")


def _append_shape(
    builder: DocumentBuilder,
    shape: etree._Element,
    package: Package,
    related: dict[str, tuple[str, str]],
) -> None:
    placeholder = _placeholder(shape)
    if placeholder in _FURNITURE:
        return
    table = next(shape.iter("{*}tbl"), None)
    if table is not None:
        builder.add(BlockKind.TABLE, "\n".join(table_lines(table)))
        return
    _append_parts(builder, shape, package, related)
    lines = list(paragraphs(shape))
    if placeholder == "body" and len(lines) > 1:
        items = (f"{'  ' * min(level, 8)}- {one_line(text)}" for level, text in lines)
        builder.add(BlockKind.LIST, "\n".join(items))
    else:
        for _, text in lines:
            builder.add(BlockKind.PARAGRAPH, text)


def _append_parts(
    builder: DocumentBuilder,
    frame: etree._Element,
    package: Package,
    related: dict[str, tuple[str, str]],
) -> None:
    """The chart or the diagram that a frame shows."""
    for reference in frame.iter("{*}chart", "{*}relIds"):
        for identity in reference.attrib.values():
            kind, member = related.get(str(identity), ("", ""))
            if kind == "chart":
                builder.add(BlockKind.TABLE, "\n".join(chart_lines(package.xml(member))))
            elif kind == "diagramData":
                texts = (f"- {one_line(text)}" for _, text in paragraphs(package.xml(member)))
                builder.add(BlockKind.LIST, "\n".join(texts))


def _append_notes(builder: DocumentBuilder, notes: etree._Element) -> None:
    for shape, by in _shapes(notes):
        if by is None and _placeholder(shape) not in _FURNITURE:
            for _, text in paragraphs(shape):
                builder.add(BlockKind.PARAGRAPH, f"Notes: {text}")
