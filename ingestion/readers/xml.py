"""XML of any vocabulary: text in order, and `name: value` for the fields of a record.

Known vocabularies go to their own readers: XHTML, flat OpenDocument, Word's XML of 2003.
"""

import re
from collections.abc import Iterator

from lxml import etree

from ingestion.readers.builder import DocumentBuilder, one_line, title_of
from ingestion.readers.detection import Format
from ingestion.readers.html import append_markup, read_html
from ingestion.readers.opendocument import read_flat_opendocument
from ingestion.readers.packages import local_name, parsed_xml
from ingestion.types import BlockKind, ParsedDocument

_FLAT_OPENDOCUMENT = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
_HEADINGS = frozenset({"title", "heading", "head", "caption"})
_NEVER_SHOWN = frozenset({"script", "style", "metadata"})  # in drawings
_MARKUP = re.compile(r"</(?:p|div|a|b|i|em|strong|li|span|h\d)>", re.IGNORECASE)
_PROSE = frozenset({"p", "para", "paragraph"})
_FIELD_NAMES = 0.5  # of the children's names are different, for them to be fields
_LONGEST_FIELD = 200
_LONGEST_HEADING = 200


def read_xml(name: str, data: bytes) -> ParsedDocument:
    """Read an XML file."""
    root = parsed_xml(data, "XML file")
    namespace = root.tag.rpartition("}")[0].lstrip("{") if isinstance(root.tag, str) else ""
    if namespace == _FLAT_OPENDOCUMENT:
        return read_flat_opendocument(name, data)
    if local_name(root) == "html":
        return read_html(name, data)
    builder = DocumentBuilder()
    writer = _Writer(builder)
    writer.take(root)
    return builder.build(title_of(name, builder.first_heading()), Format.XML.value)


class _Writer:
    """Walks elements; fields of one record gather in one block."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._fields: list[str] = []

    def take(self, root: etree._Element) -> None:
        """Append everything below `root`."""
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "end":
                if len(element) and not _is_text(element):
                    self._end_record()
            elif local_name(element) in _NEVER_SHOWN:
                walk.skip_subtree()
            elif _is_text(element):
                self._add(element)
                walk.skip_subtree()
            elif _is_record(element):
                self._end_record()
        self._end_record()

    def _add(self, element: etree._Element) -> None:
        text = one_line(" ".join(_texts(element)))
        if not text:
            return
        parent = element.getparent()
        name = local_name(element)
        is_leaf = not len(element) and len(text) <= _LONGEST_FIELD
        if is_leaf and parent is not None and _is_record(parent):
            self._fields.append(f"{name}: {text}")
            return
        self._end_record()
        if _MARKUP.search(text):  # a page as text, as feeds carry it
            append_markup(self._builder, "".join(_texts(element)))
        elif name.lower() in _HEADINGS and len(text) <= _LONGEST_HEADING:
            level = min(1 + sum(1 for _ in element.iterancestors()) // 2, 6)
            self._builder.add(BlockKind.HEADING, text, level=max(level, 1))
        else:
            self._builder.add(BlockKind.PARAGRAPH, text)

    def _end_record(self) -> None:
        self._builder.add(BlockKind.TABLE, "\n".join(self._fields))
        self._fields = []


def _is_text(element: etree._Element) -> bool:
    """Whether an element holds text of its own, beside elements or alone."""
    if not isinstance(element.tag, str) or (element.text and element.text.strip()):
        return True
    return any(child.tail and child.tail.strip() for child in element)


def _is_record(element: etree._Element) -> bool:
    """Whether the children are fields: several, and most with names of their own."""
    names = [local_name(child) for child in element]
    is_varied = len(names) > 1 and len(set(names)) > _FIELD_NAMES * len(names)
    return is_varied and _PROSE.isdisjoint(names)


def _texts(element: etree._Element) -> Iterator[str]:
    for text in element.itertext():
        if isinstance(text, str):
            yield text
