"""HTML: the main text of a page, as its reader sees it."""

import re

from lxml import etree

from ingestion.errors import NoText, UnreadableFile
from ingestion.readers.builder import DocumentBuilder, one_line, title_of
from ingestion.readers.detection import Format
from ingestion.readers.encoding import decoded
from ingestion.readers.main_text import drop_asides
from ingestion.readers.markup import append_elements, drop_invisible, drop_page_furniture
from ingestion.types import ParsedDocument

_DECLARED_CHARSET = re.compile(
    rb"<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE
)
_DECLARATION_BYTES = 4096
# libxml2 stops at 2,048 levels and drops the rest. A page nested deeper is hostile or broken:
# it is flattened so that its words, if not its structure, survive.
_INLINE_TAG = re.compile(
    r"</?(?:a|abbr|b|big|cite|code|em|font|i|mark|q|s|small|span|strong|sub|sup|tt|u)"
    r"(?:\s[^<>]{0,2000})?>",
    re.IGNORECASE,
)
_OTHER_TAG = re.compile(
    r"</?(?!(?:h[1-6]|p|br|script|style|title|template|noscript)[\s>])[a-z][^<>]{0,2000}>",
    re.IGNORECASE,
)


def read_html(name: str, data: bytes) -> ParsedDocument:
    """Read a page: its main text when it marks one, else its body; no menus, no scripts."""
    match = _DECLARED_CHARSET.search(data[:_DECLARATION_BYTES])
    declared = match.group(1).decode("ascii", errors="ignore") if match else None
    builder = DocumentBuilder()
    title = append_page(builder, decoded(data, declared=declared))
    if not builder and not builder.hidden:
        raise NoText("the page holds no text")
    return builder.build(title_of(name, title, builder.first_heading()), Format.HTML.value)


def append_page(builder: DocumentBuilder, markup: str) -> str | None:
    """Append the main text of a page and give its title."""
    root = _parsed(markup)
    if root is None:
        return None
    title = _title(root)
    drop_invisible(root, builder)
    everything = _text_of(root)
    drop_page_furniture(root)
    page = DocumentBuilder()
    drop_asides(root)
    append_elements(page, root)
    if page:
        builder.add_document(page.build("", ""))
    elif everything.strip():
        # A page that is all menu or footer: better its words than none.
        append_markup(builder, _escaped(everything))
    return title


def append_markup(builder: DocumentBuilder, markup: str) -> None:
    """Append the visible text of a fragment of HTML."""
    root = _parsed(markup)
    if root is not None:
        drop_invisible(root, builder)
        append_elements(builder, root)


def _parsed(markup: str) -> etree._Element | None:
    root, is_complete = _parse(markup)
    if not is_complete:
        root, is_complete = _parse(_OTHER_TAG.sub("<p>", _INLINE_TAG.sub("", markup)))
        if not is_complete:
            raise UnreadableFile("its elements are nested thousands of levels deep")
    return root


def _parse(markup: str) -> tuple[etree._Element | None, bool]:
    """Parse, and say whether all of the page was.

    An HTML parser knows no external entity and no DTD, so nothing is fetched or expanded; the
    network is switched off all the same.
    """
    parser = etree.HTMLParser(
        encoding="utf-8", huge_tree=True, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(markup.encode("utf-8", errors="replace"), parser)
    except etree.XMLSyntaxError:  # nothing but comments, or nothing at all
        return None, True
    too_deep = any("depth" in entry.message.lower() for entry in parser.error_log)
    return root, not too_deep


def _title(root: etree._Element) -> str | None:
    for tag in ("title", "h1"):
        for element in root.iter(tag):
            title = one_line(_text_of(element))
            if title:
                return title
    return None


def _text_of(element: etree._Element) -> str:
    return "".join(str(text) for text in element.itertext())


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
