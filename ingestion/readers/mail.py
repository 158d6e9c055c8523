"""E-mail: headers a person reads, the body, and attachments as files inside.

The compatible policy of `email` never raises on a broken header; its newer one does.
"""

import email
import email.policy
import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

from ingestion.errors import UnreadableFile
from ingestion.readers.builder import DocumentBuilder, one_line, title_of
from ingestion.readers.children import Children
from ingestion.readers.detection import Format
from ingestion.readers.encoding import decoded
from ingestion.readers.html import append_page
from ingestion.readers.text import append_text
from ingestion.types import BlockKind, ParsedDocument

_HEADERS = ("From", "To", "Cc", "Bcc", "Reply-To", "Date", "Subject")
_MOST_PARTS = 5_000
_MESSAGE_START = re.compile(rb"^From \S+.*\d\d:\d\d.*$\r?\n", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_WORD = re.compile(r"\w+")
_STUB = 0.3  # of the words of the HTML body: a plain body with fewer only says "use HTML"


def read_mail(name: str, data: bytes, children: Children) -> ParsedDocument:
    """Read one message."""
    message = _parsed(data)
    builder = DocumentBuilder()
    append_message(builder, message, children)
    children.append_unread(builder)
    return builder.build(title_of(name, header(message, "Subject")), Format.MAIL.value)


def read_mailbox(name: str, data: bytes, children: Children) -> ParsedDocument:
    """Read a mailbox: each message under a heading with its subject; a single one as a message."""
    builder = DocumentBuilder()
    marks = list(_MESSAGE_START.finditer(data))
    if len(marks) < 2:
        return read_mail(name, data[marks[0].end() if marks else 0 :], children)
    starts = [mark.end() for mark in marks]
    ends = [*(mark.start() for mark in marks[1:]), len(data)]
    for number, (start, end) in enumerate(zip(starts, ends, strict=True), start=1):
        message = _parsed(_QUOTED_FROM.sub(rb"\1", data[start:end]))
        subject = one_line(header(message, "Subject")) or f"Message {number}"
        builder.add(BlockKind.HEADING, subject, level=1)
        append_message(builder, message, children, level=2)
    children.append_unread(builder)
    return builder.build(title_of(name), Format.MAILBOX.value)


def read_mhtml(name: str, data: bytes) -> ParsedDocument:
    """Read a web page saved as one file: its HTML, as it would be read alone."""
    message = _parsed(data)
    builder = DocumentBuilder()
    title = None
    for part in _leaves(message):
        if part.get_content_type() in {"text/html", "application/xhtml+xml"}:
            title = append_page(builder, _body(part))
            break  # the others are frames and advertisements
    proposals = (title, header(message, "Subject"), builder.first_heading())
    return builder.build(title_of(name, *proposals), Format.MHTML.value)


def append_message(
    builder: DocumentBuilder, message: "Message[str, str]", children: Children, *, level: int = 1
) -> None:
    """Append a message.

    Args:
        level: of the headings of its attachments.
    """
    lines = [f"{key}: {value}" for key in _HEADERS if (value := header(message, key))]
    builder.add(BlockKind.PARAGRAPH, "\n".join(lines))
    bodies: dict[str, list[Message[str, str]]] = {"plain": [], "html": []}
    attachments: list[Message[str, str]] = []
    for part in _leaves(message):
        subtype = part.get_content_subtype()
        is_body = part.get_content_maintype() == "text" and subtype in bodies
        if is_body and not _is_attachment(part):
            bodies[subtype].append(part)
        elif part.get_filename() or part.get_content_maintype() != "text":
            attachments.append(part)
        else:
            bodies["plain"].append(part)
    append_bodies(builder, [_body(p) for p in bodies["plain"]], [_body(p) for p in bodies["html"]])
    for part in attachments:
        _append_attachment(builder, part, children, level)


def append_bodies(builder: DocumentBuilder, plain: list[str], html: list[str]) -> None:
    """Append the plain bodies; the HTML ones instead where the plain ones are a mere stub."""
    page = DocumentBuilder()
    for markup in html:
        append_page(page, markup)
    text = page.build("", "") if page else None
    words = sum(len(_WORD.findall(body)) for body in plain)
    if text and words < _STUB * len(_WORD.findall(text.text)):
        builder.add_document(text, below=1)
        return
    for body in plain:
        append_text(builder, body)


def header(message: "Message[str, str]", name: str) -> str:
    """A header, decoded; as it stands where it cannot be."""
    try:
        value = message.get(name)
        return one_line(str(make_header(decode_header(value)))) if value else ""
    except (HeaderParseError, LookupError, ValueError, AttributeError, TypeError):
        return one_line(str(message.get(name, "")))


def _parsed(data: bytes) -> "Message[str, str]":
    try:
        return email.message_from_bytes(data.lstrip(), policy=email.policy.compat32)
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise UnreadableFile(f"it is a damaged e-mail message ({error})") from error


def _leaves(message: "Message[str, str]") -> Iterator["Message[str, str]"]:
    """The parts that hold something, in order; an attached message counts as one."""
    waiting: list[Message[str, str]] = [message]
    for _ in range(_MOST_PARTS):
        if not waiting:
            return
        part = waiting.pop()
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting.extend(p for p in reversed(payload) if isinstance(p, Message))
        else:
            yield part


def _is_attachment(part: "Message[str, str]") -> bool:
    disposition = str(part.get("Content-Disposition") or "")
    return disposition.lower().startswith("attachment") or bool(part.get_filename())


def _content(part: "Message[str, str]") -> bytes:
    payload = part.get_payload()
    if isinstance(payload, list):  # an attached message
        return b"\n\n".join(p.as_bytes() for p in payload if isinstance(p, Message))
    try:
        content = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError, AttributeError):
        content = None
    if isinstance(content, bytes):
        return content
    return str(payload or "").encode("utf-8", errors="surrogateescape")


def _body(part: "Message[str, str]") -> str:
    data = _content(part)
    if not data.strip():
        return ""
    try:
        return decoded(data, declared=part.get_content_charset())
    except UnreadableFile:
        return data.decode("ascii", errors="replace")


def _append_attachment(
    builder: DocumentBuilder, part: "Message[str, str]", children: Children, level: int
) -> None:
    try:
        given = part.get_filename()
        name = str(make_header(decode_header(given))) if given else ""
    except (HeaderParseError, LookupError, ValueError, TypeError, AttributeError):
        name = ""
    if part.get_content_type() == "message/rfc822":
        name = name or "attached message.eml"
    try:
        content = _content(part)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        children.note_unread(name or "attachment", f"it is damaged ({error})")
        return
    if not content.strip():
        return
    children.append(
        builder, name or f"attachment ({part.get_content_type()})", content, level=level
    )
