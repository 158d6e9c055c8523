"""One reader per format: bytes in, `ParsedDocument` out; no file, network or process is touched.

The bytes are untrusted. `ingestion.sandbox` runs this module in a child process with limits;
call `read_document` directly only on files of your own.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from ingestion.errors import NoText, OnlyHidden, UnreadableFile
from ingestion.readers import unlocking
from ingestion.readers.archives import read_tar, read_zip
from ingestion.readers.builder import title_of
from ingestion.readers.children import Children
from ingestion.readers.code import read_code
from ingestion.readers.delimited import read_csv
from ingestion.readers.detection import Format, format_of
from ingestion.readers.doc import read_doc
from ingestion.readers.docx import read_docx
from ingestion.readers.epub import read_epub
from ingestion.readers.html import read_html
from ingestion.readers.image import read_image
from ingestion.readers.mail import read_mail, read_mailbox, read_mhtml
from ingestion.readers.markdown import read_markdown
from ingestion.readers.notebook import read_notebook
from ingestion.readers.opendocument import read_opendocument
from ingestion.readers.org import read_org
from ingestion.readers.outlook import read_outlook
from ingestion.readers.pdf import read_pdf
from ingestion.readers.ppt import read_ppt
from ingestion.readers.pptx import read_pptx
from ingestion.readers.rst import read_rst
from ingestion.readers.rtf import read_rtf
from ingestion.readers.structured import read_json
from ingestion.readers.tex import read_tex
from ingestion.readers.text import read_text
from ingestion.readers.unseen import gathered, with_hidden, without_unseen
from ingestion.readers.xls import read_xls
from ingestion.readers.xlsx import read_xlsx
from ingestion.readers.xml import read_xml
from ingestion.types import ParsedDocument

_ANY: Final = "application/octet-stream"
_READERS: Final[dict[Format, Callable[[str, bytes], ParsedDocument]]] = {
    Format.PDF: read_pdf,
    Format.DOCX: read_docx,
    Format.PPTX: read_pptx,
    Format.XLSX: read_xlsx,
    Format.DOC: read_doc,
    Format.PPT: read_ppt,
    Format.XLS: read_xls,
    Format.OPENDOCUMENT: read_opendocument,
    Format.RTF: read_rtf,
    Format.HTML: read_html,
    Format.MHTML: read_mhtml,
    Format.MARKDOWN: read_markdown,
    Format.RST: read_rst,
    Format.ORG: read_org,
    Format.TEX: read_tex,
    Format.TEXT: read_text,
    Format.CODE: read_code,
    Format.CSV: read_csv,
    Format.JSON: read_json,
    Format.NOTEBOOK: read_notebook,
    Format.XML: read_xml,
    Format.EPUB: read_epub,
    Format.IMAGE: read_image,
}
# Files that hold files: these readers are given what reads the inner ones.
_CONTAINERS: Final[dict[Format, Callable[[str, bytes, Children], ParsedDocument]]] = {
    Format.MAIL: read_mail,
    Format.MAILBOX: read_mailbox,
    Format.OUTLOOK: read_outlook,
    Format.ZIP: read_zip,
    Format.TAR: read_tar,
}


def read_document(
    name: str, data: bytes, *, reads_hidden: bool = False, passwords: Sequence[str] = ()
) -> ParsedDocument:
    """Read a file of any known format, without what nobody sees.

    Args:
        name: the file's name, for the title and where the content leaves the format open.
        data: all its bytes.
        reads_hidden: put text that the file hides at the end of the document.
        passwords: what may open it, and files in it.

    Raises:
        UnsupportedType: no reader for this kind of file.
        UnreadableFile: damaged, not what it claims to be, or encrypted: `PasswordNeeded` when a
            password would open it.
        NoText: empty, blank, all hidden, or a scan without a text layer.
        FileTooLarge: an archive that unpacks to more than the limit.
    """
    given = unlocking.passwords.set(passwords)
    try:
        document = without_unseen(_read(name, data, Children(_read)))
    except OnlyHidden as rejection:
        if not reads_hidden:
            raise
        document = ParsedDocument(title_of(name), _ANY, "", (), rejection.hidden)
    except RecursionError as error:
        raise UnreadableFile("its parts are nested too deeply to read") from error
    finally:
        unlocking.passwords.reset(given)
    if reads_hidden:
        document = with_hidden(document)
    if not document.blocks:
        nothing = NoText("the file holds only characters that show nothing")
        raise OnlyHidden(document.hidden) if document.hidden else nothing
    return replace(document, hidden=gathered(document.hidden))


def _read(name: str, data: bytes, children: Children) -> ParsedDocument:
    if not data.strip():
        raise NoText("the file is empty" if not data else "the file holds only white space")
    data = unlocking.unlocked(data)
    kind = format_of(name, data)
    if kind in _CONTAINERS:
        return _CONTAINERS[kind](name, data, children)
    return _READERS[kind](name, data)
