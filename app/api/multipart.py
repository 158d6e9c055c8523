"""Reads the files of a multipart body as it comes, without ever holding one in memory."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from app.errors import RequestRefused

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_FILES = 10_000
# Opens the place for the next file.
NextFile: TypeAlias = Callable[[], AbstractContextManager[tuple[Path, BinaryIO]]]


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of the body: the name as the client sent it, and where its bytes are now."""

    name: str
    path: Path
    size: int


class FilesOfBody:
    """Feed it the body piece by piece; `files` has those that are whole.

    Synchronous: writes to disk.

    Raises:
        RequestRefused: the body is no multipart form, or has parts that are no files.
    """

    def __init__(self, content_type: str, next_file: NextFile) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise RequestRefused(
                415, "send the files as multipart/form-data, each as a part with a file name"
            )
        self.files: list[SentFile] = []
        self._next_file = next_file
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._opened: AbstractContextManager[tuple[Path, BinaryIO]] | None = None
        self._name, self._size = "", 0
        self._path = Path()
        self._out: BinaryIO | None = None
        self._is_ended = False
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._headers.clear,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_file,
            "on_part_data": self._write,
            "on_part_end": self._end_file,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(options[b"boundary"], callbacks)
        except FormParserError as error:
            raise _malformed(error) from error

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _malformed(error) from error

    def finish(self) -> None:
        """Check that the body was whole."""
        if not self._is_ended:
            raise RequestRefused(400, "the upload was cut short; send it again")
        if not self.files:
            raise RequestRefused(422, "there is no file in this upload")

    def close(self) -> None:
        """Let go of a file that is half there."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.__exit__(None, None, None)

    def _end_header(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _begin_file(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        name = options.get(b"filename")
        if name is None:
            raise RequestRefused(
                422, "a part of this upload is no file; the collection stands in the address"
            )
        if len(self.files) >= MOST_FILES:
            raise RequestRefused(
                413, f"one upload has at most {MOST_FILES:,} files; send the rest in another"
            )
        self._name, self._size = _decoded(name), 0
        self._opened = self._next_file()
        self._path, self._out = self._opened.__enter__()

    def _write(self, data: bytes, start: int, end: int) -> None:
        if self._out is not None:
            self._out.write(data[start:end])
            self._size += end - start

    def _end_file(self) -> None:
        self.close()
        self._out = None
        self.files.append(SentFile(self._name, self._path, self._size))

    def _end(self) -> None:
        self._is_ended = True


def _decoded(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")


def _malformed(error: Exception) -> RequestRefused:
    return RequestRefused(400, f"the upload is no multipart form that can be read: {error}")
