"""Outlook messages (MSG): the same as e-mail, from properties in a compound file. [MS-OXMSG]."""

import datetime as dt
from collections.abc import Iterator
from io import BytesIO

import olefile

from ingestion.readers.builder import DocumentBuilder, title_of
from ingestion.readers.children import Children
from ingestion.readers.detection import Format
from ingestion.readers.encoding import decoded
from ingestion.readers.mail import append_bodies
from ingestion.readers.packages import damaged
from ingestion.readers.rtf import append_rtf, decompressed_rtf
from ingestion.types import BlockKind, ParsedDocument

_WHAT = "Outlook message"
_SUBJECT, _BODY, _HTML, _RTF = "0037", "1000", "1013", "1009"
_SENDER_NAME, _SENDER_ADDRESS, _SENDER_SMTP = "0C1A", "0C1F", "5D01"
_TO, _CC, _BCC = "0E04", "0E03", "0E02"
_LONG_NAME, _SHORT_NAME, _CONTENT, _EMBEDDED = "3707", "3704", "3701", "3701000D"
_SENT, _DELIVERED = 0x00390040, 0x0E060040
_EPOCH = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)
_MOST_EMBEDDED = 4

Folder = tuple[str, ...]


def read_outlook(name: str, data: bytes, children: Children) -> ParsedDocument:
    """Read a message."""
    builder = DocumentBuilder()
    try:
        with olefile.OleFileIO(BytesIO(data)) as file:
            message = _Storage(file, ())
            _append(builder, message, children)
            subject = message.text(_SUBJECT)
    except (OSError, ValueError, IndexError, TypeError, AttributeError, KeyError) as error:
        raise damaged(_WHAT, error) from error
    children.append_unread(builder)
    return builder.build(title_of(name, subject), Format.OUTLOOK.value)


class _Storage:
    """A message or an attachment: a folder of the compound file with properties in it."""

    def __init__(self, file: olefile.OleFileIO, folder: Folder) -> None:
        self._file = file
        self._folder = folder

    def data(self, tag: str, kind: str = "0102") -> bytes:
        """A property's bytes, none where it is missing."""
        path = [*self._folder, f"__substg1.0_{tag}{kind}"]
        if not self._file.exists(path) or self._file.get_type(path) != olefile.STGTY_STREAM:
            return b""
        content: bytes = self._file.openstream(path).read()
        return content

    def text(self, tag: str) -> str:
        """A property's text, "" where it is missing."""
        wide = self.data(tag, "001F")
        if wide:
            return wide.decode("utf-16-le", errors="replace").rstrip("\0")
        narrow = self.data(tag, "001E").rstrip(b"\0")
        return decoded(narrow) if narrow else ""

    def moment(self) -> str:
        """When the message was sent, else delivered."""
        path = [*self._folder, "__properties_version1.0"]
        if not self._file.exists(path):
            return ""
        properties = self._file.openstream(path).read()
        # Sixteen bytes each, after a header of 32 in the file's root and 24 inside.
        start = 24 if self._folder else 32
        rows = (properties[at : at + 16] for at in range(start, len(properties) - 15, 16))
        times = {
            int.from_bytes(row[:4], "little"): int.from_bytes(row[8:], "little") for row in rows
        }
        ticks = times.get(_SENT) or times.get(_DELIVERED) or 0
        try:
            sent = _EPOCH + dt.timedelta(microseconds=ticks // 10)
        except OverflowError:
            return ""
        return sent.strftime("%Y-%m-%d %H:%M:%S UTC") if ticks else ""

    def inside(self, beginning: str) -> "Iterator[_Storage]":
        """The storages right below this one whose name begins so, in order."""
        depth = len(self._folder)
        names = {
            path[depth]
            for path in self._file.listdir(streams=True, storages=True)
            if len(path) > depth and tuple(path[:depth]) == self._folder
        }
        for name in sorted(names):
            if name.startswith(beginning):
                yield _Storage(self._file, (*self._folder, name))


def _append(
    builder: DocumentBuilder, message: _Storage, children: Children, *, level: int = 1
) -> None:
    address = message.text(_SENDER_SMTP) or message.text(_SENDER_ADDRESS)
    name = message.text(_SENDER_NAME)
    sender = f"{name} <{address}>" if name and "@" in address else name or address
    fields = {
        "From": sender,
        "To": message.text(_TO),
        "Cc": message.text(_CC),
        "Bcc": message.text(_BCC),
        "Date": message.moment(),
        "Subject": message.text(_SUBJECT),
    }
    lines = [f"{key}: {value}" for key, value in fields.items() if value.strip()]
    builder.add(BlockKind.PARAGRAPH, "\n".join(lines))
    plain, html = message.text(_BODY), message.data(_HTML)
    if plain.strip() or html:
        append_bodies(builder, [plain], [decoded(html)] if html else [])
    elif rtf := message.data(_RTF):
        append_rtf(builder, decompressed_rtf(rtf))
    for attachment in message.inside("__attach_version1.0_#"):
        _append_attachment(builder, attachment, children, level)


def _append_attachment(
    builder: DocumentBuilder, attachment: _Storage, children: Children, level: int
) -> None:
    name = attachment.text(_LONG_NAME) or attachment.text(_SHORT_NAME)
    embedded = next(attachment.inside(f"__substg1.0_{_EMBEDDED}"), None)
    if embedded is not None:
        subject = embedded.text(_SUBJECT)
        if level > _MOST_EMBEDDED:
            children.note_unread(subject, f"it lies more than {_MOST_EMBEDDED} messages deep")
            return
        builder.add(BlockKind.HEADING, subject or "Attached message", level=level)
        _append(builder, embedded, children, level=level + 1)
    elif content := attachment.data(_CONTENT):
        children.append(builder, name or "attachment", content, level=level)
