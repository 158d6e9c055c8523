"""Find what a file is from its first bytes; its name decides only where they cannot."""

import re
import zipfile
from enum import Enum
from io import BytesIO
from pathlib import PurePosixPath

from ingestion.errors import UnreadableFile, UnsupportedType
from ingestion.readers.encoding import looks_binary

READABLE = "PDF, Word (DOCX), HTML, Markdown and plain text"


class Format(Enum):
    """A kind of file there is a reader for; the value is its media type."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    TEXT = "text/plain"


_UNREADABLE_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"BM", "BMP image"),
    (b"II*\0", "TIFF image"),
    (b"MM\0*", "TIFF image"),
    (b"{\\rtf", "RTF document"),
    (b"%!PS", "PostScript document"),
    (b"\x1f\x8b", "gzip archive"),
    (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ\0", "xz archive"),
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
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_ZIP_MEMBERS = (
    ("xl/workbook", "XLSX spreadsheet"),
    ("ppt/presentation", "PPTX presentation"),
    ("META-INF/container.xml", "EPUB book"),
    ("content.xml", "OpenDocument file"),
    ("META-INF/MANIFEST.MF", "Java archive"),
)
_HTML_START = re.compile(
    rb"(?:\s|<\?xml[^>]{0,500}\?>|<!--.{0,2000}?-->){0,20}<(?:!doctype\s+html|html[\s>])",
    re.IGNORECASE | re.DOTALL,
)
_MAIL_HEADER = re.compile(rb"(?:[!-9;-~]{1,60}:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}")
_MAIL_MARK = re.compile(rb"^(?:MIME-Version|Received|Message-ID):", re.IGNORECASE | re.MULTILINE)
_MARKDOWN_NAMES = frozenset({".md", ".markdown"})
_HTML_NAMES = frozenset({".html", ".htm", ".xhtml"})


def format_of(name: str, data: bytes) -> Format:
    """Say which reader fits.

    Raises:
        UnsupportedType: none does; the error says what the file is.
        UnreadableFile: an Office file encrypted with a password, or a broken archive.
    """
    if b"%PDF-" in data[:1024]:
        return Format.PDF
    if data.startswith(b"PK\x03\x04"):
        return _zip_format(data)
    if data.startswith(_OLE):
        raise _ole_error(data)
    is_binary = looks_binary(data)
    for beginning, found in _UNREADABLE_BEGINNINGS:
        if data.startswith(beginning) and (is_binary or beginning not in _TEXT_LIKE):
            raise UnsupportedType(found, READABLE)
    if is_binary:
        raise UnsupportedType(_binary_kind(data), READABLE)
    return _text_format(name, data)


def _text_format(name: str, data: bytes) -> Format:
    start = _without_nuls(data[:8192])
    if _HTML_START.match(start):
        return Format.HTML
    headers = _MAIL_HEADER.match(start)
    if headers and _MAIL_MARK.search(headers.group()):
        raise UnsupportedType("e-mail message", READABLE)
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _HTML_NAMES:
        return Format.HTML
    return Format.MARKDOWN if suffix in _MARKDOWN_NAMES else Format.TEXT


def _without_nuls(start: bytes) -> bytes:
    """The beginning of a text with its byte order mark and UTF-16's or UTF-32's NULs removed."""
    return start.lstrip(b"\xef\xbb\xbf\xff\xfe\0").replace(b"\0", b"")


def _zip_format(data: bytes) -> Format:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise UnreadableFile(
            f"it begins like a Word document or ZIP archive but is damaged ({error})"
        ) from error
    if any(name.startswith("word/document") for name in names):
        return Format.DOCX
    for member, found in _ZIP_MEMBERS:
        if any(name.startswith(member) for name in names):
            raise UnsupportedType(found, READABLE)
    raise UnsupportedType("ZIP archive", READABLE)


def _ole_error(data: bytes) -> UnsupportedType | UnreadableFile:
    if _OLE_ENCRYPTED in data:
        return UnreadableFile("it is encrypted; save a copy without a password")
    return UnsupportedType("old Office file (DOC, XLS, PPT or MSG)", READABLE)


def _binary_kind(data: bytes) -> str:
    if data[:4] == b"RIFF":
        return {b"WEBP": "WebP image", b"WAVE": "WAV audio"}.get(data[8:12], "RIFF media")
    if data[4:8] == b"ftyp":
        return "MP4 video or HEIF image"
    return "unknown binary data"
