"""EPUB: the chapters in reading order, each read as HTML. EPUB 3.3."""

import posixpath

from lxml import etree

from ingestion.errors import UnreadableFile
from ingestion.readers.builder import DocumentBuilder, title_of
from ingestion.readers.detection import Format
from ingestion.readers.encoding import decoded
from ingestion.readers.html import append_markup
from ingestion.readers.packages import Package, damaged, parsed_xml, resolved
from ingestion.types import ParsedDocument

_WHAT = "EPUB book"
_CONTAINER, _RIGHTS = "META-INF/container.xml", "META-INF/encryption.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml", ""})
_FONT_SCRAMBLING = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


def read_epub(name: str, data: bytes) -> ParsedDocument:
    """Read a book."""
    package = Package(data, _WHAT)
    _refuse_copy_protection(package)
    rootfile = next(package.xml(_CONTAINER).iter("{*}rootfile"), None)
    if rootfile is None:
        raise damaged(_WHAT, ValueError("it names no content"))
    opf = resolved("", rootfile.get("full-path", ""))
    root = package.xml(opf)
    builder = DocumentBuilder()
    for member in _chapters(root, posixpath.dirname(opf)):
        if member in package.names:
            append_markup(builder, decoded(package.read(member)))
    title = next(root.iter("{http://purl.org/dc/elements/1.1/}title"), None)
    proposal = title.text if title is not None else None
    return builder.build(title_of(name, proposal, builder.first_heading()), Format.EPUB.value)


def _refuse_copy_protection(package: Package) -> None:
    if _RIGHTS not in package.names:
        return
    for method in parsed_xml(package.read(_RIGHTS), _WHAT).iter("{*}EncryptionMethod"):
        if method.get("Algorithm") not in _FONT_SCRAMBLING:
            raise UnreadableFile("it is copy-protected; get a copy without protection")


def _chapters(root: etree._Element, folder: str) -> list[str]:
    """The members of the spine, in order, each once; the table of contents is left out."""
    items = {item.get("id", ""): item for item in root.iter("{*}item")}
    found: dict[str, None] = {}
    for reference in root.iter("{*}itemref"):
        item = items.get(reference.get("idref", ""))
        if item is None or item.get("media-type", "") not in _PAGES:
            continue
        if "nav" not in item.get("properties", "").split():
            found[resolved(folder, item.get("href", ""))] = None
    return list(found)
