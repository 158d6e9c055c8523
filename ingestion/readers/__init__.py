"""One reader per format: bytes in, `ParsedDocument` out; no file, network or process is touched.

The bytes are untrusted. `ingestion.sandbox` runs this module in a child process with limits;
call `read_document` directly only on files of your own.
"""

from collections.abc import Callable
from typing import Final

from ingestion.errors import NoText
from ingestion.readers.detection import Format, format_of
from ingestion.readers.docx import read_docx
from ingestion.readers.html import read_html
from ingestion.readers.markdown import read_markdown
from ingestion.readers.pdf import read_pdf
from ingestion.readers.text import read_text
from ingestion.types import ParsedDocument

_READERS: Final[dict[Format, Callable[[str, bytes], ParsedDocument]]] = {
    Format.PDF: read_pdf,
    Format.DOCX: read_docx,
    Format.HTML: read_html,
    Format.MARKDOWN: read_markdown,
    Format.TEXT: read_text,
}


def read_document(name: str, data: bytes) -> ParsedDocument:
    """Read a file of any known format.

    Args:
        name: the file's name, for the title and where the content leaves the format open.
        data: all its bytes.

    Raises:
        UnsupportedType: no reader for this kind of file.
        UnreadableFile: damaged, encrypted, or not what it claims to be.
        NoText: empty, blank, or a scan without a text layer.
        FileTooLarge: an archive that unpacks to more than the limit.
    """
    if not data.strip():
        raise NoText("the file is empty" if not data else "the file holds only white space")
    return _READERS[format_of(name, data)](name, data)
