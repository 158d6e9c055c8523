"""Find what a file is from its bytes; its name decides only where they cannot."""

import json
import re
import zipfile
from enum import Enum
from io import BytesIO
from pathlib import PurePosixPath

from ingestion.errors import UnreadableFile, UnsupportedType
from ingestion.readers.encoding import decoded, looks_binary

READABLE = (
    "PDF, Word, PowerPoint, Excel, OpenDocument, RTF, HTML, Markdown, plain text and source code, "
    "e-mail, EPUB, CSV, JSON, XML, notebooks, pictures of text, and archives of these"
)


class Format(Enum):
    """A kind of file there is a reader for; the value is its media type."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    DOC = "application/msword"
    PPT = "application/vnd.ms-powerpoint"
    XLS = "application/vnd.ms-excel"
    OPENDOCUMENT = "application/vnd.oasis.opendocument"
    RTF = "application/rtf"
    HTML = "text/html"
    MHTML = "multipart/related"
    MARKDOWN = "text/markdown"
    RST = "text/x-rst"
    ORG = "text/org"
    TEX = "text/x-tex"
    TEXT = "text/plain"
    CODE = "text/x-source"
    CSV = "text/csv"
    JSON = "application/json"
    NOTEBOOK = "application/x-ipynb+json"
    XML = "application/xml"
    MAIL = "message/rfc822"
    MAILBOX = "application/mbox"
    OUTLOOK = "application/vnd.ms-outlook"
    EPUB = "application/epub+zip"
    IMAGE = "image/*"
    ZIP = "application/zip"
    TAR = "application/x-tar"


# What is no `Format` has no reader; its name is for people.
_BEGINNINGS: tuple[tuple[bytes, Format | str], ...] = (
    (b"{\\rtf", Format.RTF),
    (b"\x1f\x8b", Format.TAR),
    (b"BZh", Format.TAR),
    (b"\xfd7zXZ\0", Format.TAR),
    (b"\x89PNG\r\n\x1a\n", Format.IMAGE),
    (b"\xff\xd8\xff", Format.IMAGE),
    (b"GIF8", Format.IMAGE),
    (b"BM", Format.IMAGE),
    (b"II*\0", Format.IMAGE),
    (b"MM\0*", Format.IMAGE),
    (b"%!PS", "PostScript document"),
    (b"7z\xbc\xaf\x27\x1c", "7z archive"),
    (b"Rar!\x1a\x07", "RAR archive"),
    (b"SQLite format 3\0", "SQLite database"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"ID3", "MP3 audio"),
    (b"OggS", "Ogg audio"),
    (b"fLaC", "FLAC audio"),
)
# A short mark may also begin a text ("BM is ..."), so these count for binary content only.
_TEXT_LIKE = frozenset({b"BM", b"MZ", b"ID3", b"BZh", b"GIF8", b"OggS", b"fLaC"})
_TAR_MARK_AT = 257
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_STREAMS = tuple(
    (name.encode("utf-16-le"), found)
    for name, found in (
        ("WordDocument", Format.DOC),
        ("PowerPoint Document", Format.PPT),
        ("__properties_version1.0", Format.OUTLOOK),
        ("Workbook", Format.XLS),
        ("WORKBOOK", Format.XLS),
        ("Book", Format.XLS),
    )
)
_ZIP_MEMBERS: tuple[tuple[str, Format | str], ...] = (
    ("word/document", Format.DOCX),
    ("ppt/presentation", Format.PPTX),
    ("xl/workbook.bin", "binary Excel workbook (XLSB; save it as XLSX)"),
    ("xl/workbook", Format.XLSX),
    ("META-INF/container.xml", Format.EPUB),
    ("content.xml", Format.OPENDOCUMENT),
    ("Index/Document.iwa", "Apple iWork document (export it as PDF)"),
    ("META-INF/MANIFEST.MF", "Java archive"),
)
_HTML_START = re.compile(
    rb"(?:\s|<\?xml[^>]{0,500}\?>|<!--.{0,2000}?-->){0,20}<(?:!doctype\s+html|html[\s>])",
    re.IGNORECASE | re.DOTALL,
)
_XML_START = re.compile(rb"\s*<\?xml[\s>]")
_TEX_START = re.compile(rb"^[^%\n]*\\(?:documentclass|begin\s*\{document\})", re.MULTILINE)
_MAILBOX_START = re.compile(rb"From \S+.{0,80}\d\d:\d\d.{0,40}\r?\n[!-9;-~]{1,60}:")
_MAIL_HEADER = re.compile(rb"\s{0,9}(?:[!-9;-~]{1,60}:[^\n]*\n(?:[ \t]+\S[^\n]*\n)*){2,}")
_MAIL_MARK = re.compile(
    rb"^(?:MIME-Version|Received|Message-ID|Return-Path|DKIM-Signature|X-Mailer):", re.I | re.M
)
_MAIL_PAIR = re.compile(
    rb"^From:.{0,5000}^(?:To|Subject|Date):|^(?:To|Subject|Date):.{0,5000}^From:",
    re.I | re.M | re.S,
)
_MHTML_MARK = re.compile(
    rb"^Content-Type:\s*multipart/related|^Snapshot-Content-Location:", re.I | re.M
)
_BY_NAME = {
    suffix: kind
    for kind, suffixes in (
        (Format.HTML, "html htm xhtml"),
        (Format.MARKDOWN, "md markdown mdx"),
        (Format.RST, "rst rest"),
        (Format.ORG, "org"),
        (Format.TEX, "tex latex ltx sty cls"),
        (Format.CSV, "csv tsv tab psv xls xlsx ods"),
        (Format.MAIL, "eml"),
        (Format.MAILBOX, "mbox"),
        (
            Format.CODE,
            "py pyi js mjs cjs ts tsx jsx java kt kts scala groovy c h cc cpp cxx hpp hh cs go rs "
            "rb php pl pm lua r jl swift m mm dart ex exs erl hs ml fs vb ps1 bat sh bash zsh fish "
            "sql css scss less proto graphql tf hcl toml yaml yml ini cfg conf properties cmake "
            "make mk dockerfile gradle vue svelte asm s f90 pas clj lisp el vim diff patch",
        ),
    )
    for suffix in suffixes.split()
}
_CODE_NAMES = frozenset({"makefile", "dockerfile", "jenkinsfile", "rakefile", "gemfile"})
_NOT_CODE = frozenset({Format.HTML, Format.XML, Format.JSON})
_JSON_START = re.compile(rb"\s*[\[{]")
_SNIFFED_BYTES = 16_384


def format_of(name: str, data: bytes) -> Format:
    """Say which reader fits.

    Raises:
        UnsupportedType: none does; the error says what the file is.
        UnreadableFile: an Office file encrypted with a password, or a broken archive.
    """
    if b"%PDF-" in data[:1024]:
        return Format.PDF
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_format(data)
    if data.startswith(_OLE):
        return _ole_format(data)
    if data[_TAR_MARK_AT : _TAR_MARK_AT + 5] == b"ustar":
        return Format.TAR
    is_binary = looks_binary(data)
    for beginning, found in _BEGINNINGS:
        if data.startswith(beginning) and (is_binary or beginning not in _TEXT_LIKE):
            return _known(found)
    by_content = _marked_format(name, _without_nuls(data[:_SNIFFED_BYTES]))
    if by_content in (Format.MAIL, Format.MAILBOX, Format.MHTML):
        return by_content  # their parts may be sent as they are, binary
    if is_binary:
        return _known(_binary_kind(data))
    return by_content or _text_format(name, data)


def _marked_format(name: str, start: bytes) -> Format | None:
    """The format of a text that begins as only one does."""
    if _HTML_START.match(start):
        return Format.HTML
    if _MAILBOX_START.match(start):
        return Format.MAILBOX
    is_code = _by_name(name) is Format.CODE
    headers = _MAIL_HEADER.match(start)
    if headers and not is_code:
        lines = headers.group().lstrip()
        if _MHTML_MARK.search(lines):
            is_page = b"ontent-Location:" in start or PurePosixPath(name).suffix != ".eml"
            return Format.MHTML if is_page else Format.MAIL
        if _MAIL_MARK.search(lines) or _MAIL_PAIR.search(lines):
            return Format.MAIL
    if _XML_START.match(start):
        return Format.XML
    return Format.TEX if _TEX_START.search(start) and not is_code else None


def _text_format(name: str, data: bytes) -> Format:
    by_name = _by_name(name)
    if by_name is None and _JSON_START.match(_without_nuls(data[:64])):
        return _json_format(data) or Format.TEXT
    if PurePosixPath(name).suffix.lower() in {".json", ".jsonl", ".ndjson", ".ipynb", ".geojson"}:
        return _json_format(data) or Format.TEXT
    if by_name is None and data.lstrip()[:1] == b"<" and PurePosixPath(name).suffix.lower() in {
        ".xml", ".rss", ".atom", ".svg", ".xsd", ".xsl", ".kml", ".gpx", ".fodt", ".fods", ".fodp",
    }:  # fmt: skip
        return Format.XML
    return by_name or Format.TEXT


def _by_name(name: str) -> Format | None:
    path = PurePosixPath(name.lower())
    if path.name in _CODE_NAMES:
        return Format.CODE
    return _BY_NAME.get(path.suffix[1:])


def _json_format(data: bytes) -> Format | None:
    """JSON or a notebook when the whole, or each of its first lines, is JSON."""
    try:
        text = decoded(data)
        try:
            value = json.loads(text)
        except ValueError:
            lines = [line for line in text[:_SNIFFED_BYTES].split("\n")[:-1] if line.strip()]
            values = [json.loads(line) for line in lines[:5]]
            return Format.JSON if values and isinstance(values[0], dict | list) else None
    except RecursionError:
        return Format.JSON  # its reader says that it is too deep
    except ValueError:
        return None
    is_notebook = isinstance(value, dict) and "nbformat" in value and "cells" in value
    return Format.NOTEBOOK if is_notebook else Format.JSON


def _without_nuls(start: bytes) -> bytes:
    """The beginning of a text with its byte order mark and UTF-16's or UTF-32's NULs removed."""
    return start.lstrip(b"\xef\xbb\xbf\xff\xfe\0").replace(b"\0", b"")


def _zip_format(data: bytes) -> Format:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise UnreadableFile(
            f"it begins like an Office document or ZIP archive but is damaged ({error})"
        ) from error
    for member, found in _ZIP_MEMBERS:
        if any(name.startswith(member) for name in names):
            return _known(found)
    return Format.ZIP


def _known(found: Format | str) -> Format:
    if isinstance(found, Format):
        return found
    raise UnsupportedType(found, READABLE)


def _ole_format(data: bytes) -> Format:
    for name, found in _OLE_STREAMS:
        if name in data:
            return found
    raise UnsupportedType("old Office or other compound file", READABLE)


def _binary_kind(data: bytes) -> Format | str:
    if data[:4] == b"RIFF":
        if data[8:12] == b"WEBP":
            return Format.IMAGE
        return "WAV audio" if data[8:12] == b"WAVE" else "RIFF media"
    if data[4:8] == b"ftyp":
        return "MP4 video or HEIF image"
    return "unknown binary data"
