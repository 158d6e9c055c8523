"""ZIP and TAR archives: each member becomes a section with its name.

Members are only ever read, never written to a disk: a name that leads elsewhere (`../../etc`) is a
name and nothing more. Links and devices are passed over.
"""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from io import BytesIO
from pathlib import PurePosixPath

from ingestion.errors import FileTooLarge, NoText, UnreadableFile
from ingestion.readers.builder import DocumentBuilder, title_of
from ingestion.readers.children import MOST_BYTES, MOST_FILES, Children
from ingestion.readers.detection import Format
from ingestion.readers.packages import ZIP_DAMAGE, damaged
from ingestion.types import ParsedDocument

_ENCRYPTED_MEMBER = 0x1
_PASSWORD = "it is encrypted with a password; unpack it and add the files"  # noqa: S105
_DAMAGE = (*ZIP_DAMAGE, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError)
_UNPACK = "unpack it and add the files"


def read_zip(name: str, data: bytes, children: Children) -> ParsedDocument:
    """Read every member of a ZIP archive that has a reader."""
    builder = DocumentBuilder()
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            _check(len(members), sum(member.file_size for member in members), children)
            if members and all(m.flag_bits & _ENCRYPTED_MEMBER for m in members):
                raise UnreadableFile(_PASSWORD)
            for member in members:
                _append_zipped(builder, archive, member, children)
    except _DAMAGE as error:
        raise damaged("ZIP archive", error) from error
    return _built(builder, name, Format.ZIP, children)


def _append_zipped(
    builder: DocumentBuilder,
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    children: Children,
) -> None:
    if _is_clutter(member.filename):
        return
    if member.flag_bits & _ENCRYPTED_MEMBER:
        children.note_unread(member.filename, _PASSWORD)
        return
    try:
        content = archive.read(member)
    except _DAMAGE as error:
        children.note_unread(member.filename, f"it is damaged ({error})")
        return
    children.append(builder, member.filename, content)


def read_tar(name: str, data: bytes, children: Children) -> ParsedDocument:
    """Read a TAR archive, compressed or not, or a single compressed file."""
    builder = DocumentBuilder()
    try:
        content = _decompressed(data, children.bytes_left)
        if content[257:262] == b"ustar":
            _append_tarred(builder, content, children)
        else:
            inner = PurePosixPath(name).name
            for suffix in (".gz", ".bz2", ".xz"):
                inner = inner.removesuffix(suffix)
            children.append(builder, inner, content)
    except _DAMAGE as error:
        raise damaged("compressed archive", error) from error
    return _built(builder, name, Format.TAR, children)


def _append_tarred(builder: DocumentBuilder, content: bytes, children: Children) -> None:
    with tarfile.open(fileobj=BytesIO(content), mode="r:") as archive:
        for count, member in enumerate(archive, start=1):
            _check(count, member.size, children)
            if member.isfile() and not _is_clutter(member.name):
                unpacked = archive.extractfile(member)
                if unpacked is not None:
                    children.append(builder, member.name, unpacked.read())
            elif member.issym() or member.islnk() or member.isdev():
                children.note_unread(member.name, "it is a link or a device, not a file")


def _decompressed(data: bytes, limit: int) -> bytes:
    """Unpack what is compressed, as far as the limit.

    Raises:
        FileTooLarge: there is more.
    """
    stream: gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
    if data.startswith(b"\x1f\x8b"):
        stream = gzip.GzipFile(fileobj=BytesIO(data))
    elif data.startswith(b"BZh"):
        stream = bz2.BZ2File(BytesIO(data))
    elif data.startswith(b"\xfd7zXZ\0"):
        stream = lzma.LZMAFile(BytesIO(data))  # noqa: SIM115  # over memory: nothing to close
    else:
        return data
    parts: list[bytes] = []
    size = 0
    while part := stream.read(1 << 20):
        parts.append(part)
        size += len(part)
        if size > limit:
            raise FileTooLarge("bytes once unpacked", size, limit, _UNPACK)
    return b"".join(parts)


def _check(files: int, size: int, children: Children) -> None:
    if files > MOST_FILES:
        raise FileTooLarge("files inside", files, MOST_FILES, _UNPACK)
    if size > children.bytes_left:
        raise FileTooLarge("bytes once unpacked", size, MOST_BYTES, _UNPACK)


def _is_clutter(name: str) -> bool:
    """Whether a system put it there, not a person."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(p.startswith(".") and p not in {".", ".."} for p in parts)


def _built(builder: DocumentBuilder, name: str, kind: Format, children: Children) -> ParsedDocument:
    children.append_unread(builder)
    if not builder:
        raise NoText("the archive holds no files")
    return builder.build(title_of(name), kind.value)
