"""Read untrusted files in a child process with limits, so that the worst one costs only itself.

The child has a memory limit, a time limit, no network where the kernel allows to take it away,
and cannot write a file. What it replies is untrusted too: it is parsed as JSON, never unpickled,
and checked into a `ParsedDocument`.
"""

from collections.abc import Sequence
from typing import Any

import ingestion.errors
from ingestion.errors import BreaksReader, FileRejected, FileTooLarge, ReaderCrashed
from ingestion.limited_process import LIMIT_MEMORY_BYTES, LimitedProcess
from ingestion.types import Block, BlockKind, ParsedDocument
from retrieval.hidden import MOST_CHARACTERS_SHOWN, MOST_PIECES, HiddenBy, HiddenText

LIMIT_BYTES = 200_000_000
LIMIT_CHARACTERS = 50_000_000
TIMEOUT_SECONDS = 120
# JSON of text and blocks: four bytes a character, and short blocks around every few of them.
_REPLY_BYTES_PER_CHARACTER = 16
_SMALLEST_REPLY_LIMIT = 1_000_000
_LONGEST_TITLE = 1_000
# One for each page whose text is recognised; then a file that pretends to go on is given up.
_MOST_SIGNS_OF_LIFE = 500


class ReaderProcess(LimitedProcess):
    """A child process that reads files."""

    def __init__(
        self,
        *,
        limit_bytes: int = LIMIT_BYTES,
        limit_characters: int = LIMIT_CHARACTERS,
        limit_memory_bytes: int = LIMIT_MEMORY_BYTES,
        timeout_seconds: float = TIMEOUT_SECONDS,
        reads_hidden: bool = False,
        passwords: Sequence[str] = (),
    ) -> None:
        """Take the limits of each file, whether hidden text is read, and what may open files."""
        super().__init__(
            "ingestion.reader_process",
            limit_reply_bytes=max(
                _SMALLEST_REPLY_LIMIT, _REPLY_BYTES_PER_CHARACTER * limit_characters
            ),
            limit_memory_bytes=limit_memory_bytes,
        )
        self._limit_bytes = limit_bytes
        self._limit_characters = limit_characters
        self._timeout_seconds = timeout_seconds
        self._reads_hidden = reads_hidden
        self._passwords = list(passwords)

    def read(self, name: str, data: bytes) -> ParsedDocument:
        """Read a file in the child.

        Raises:
            FileRejected: as `read_document`, or the file or its text is over a limit.
            BreaksReader: it ran out of time or memory, or brought the child down.
            ReaderCrashed: the child was killed, or its reply made no sense. The next file gets a
                new child in any case.
        """
        try:
            return self._read(name, data)
        except ReaderCrashed as crash:
            if crash.is_files_fault:
                raise BreaksReader(str(crash)) from crash
            raise

    def _read(self, name: str, data: bytes) -> ParsedDocument:
        if len(data) > self._limit_bytes:
            raise FileTooLarge("bytes", len(data), self._limit_bytes, "split the file")
        request: dict[str, object] = {
            "name": name,
            "bytes": len(data),
            "seconds": int(self._timeout_seconds) + 1,
            "characters": self._limit_characters,
            "reads_hidden": self._reads_hidden,
            "passwords": self._passwords,
        }
        reply = self.ask(request, data, self._timeout_seconds, is_patient=True)
        for _ in range(_MOST_SIGNS_OF_LIFE):
            if reply != {"alive": True}:
                break
            reply = self.listen(self._timeout_seconds, is_patient=True)
        return self._outcome(reply)

    def _outcome(self, reply: object) -> ParsedDocument:
        match reply:
            case {"document": dict(fields)}:
                return self._document(fields)
            case {"rejected": [str(kind), str(reason)]}:
                raise _rejection(kind, reason)
            case {"failed": str(reason)}:
                self.close()  # a new child: this one's memory may be full or its libraries upset
                raise ReaderCrashed(reason[:_LONGEST_TITLE], is_files_fault=True)
            case {"alive": True}:
                self.close()
                raise ReaderCrashed(
                    f"asked for more time {_MOST_SIGNS_OF_LIFE} times, the limit; split it",
                    is_files_fault=True,
                )
        self.close()
        raise ReaderCrashed("the reader's reply made no sense")

    def _document(self, fields: dict[str, Any]) -> ParsedDocument:
        try:
            return _parsed(fields, self._limit_characters)
        except (KeyError, TypeError, ValueError) as error:
            self.close()
            raise ReaderCrashed(f"the reader's reply made no sense ({error})") from error


def _rejection(kind: str, reason: str) -> FileRejected:
    """The child's error once more, with its words; an unknown kind stays a `FileRejected`."""
    found = getattr(ingestion.errors, kind, None)
    if not (isinstance(found, type) and issubclass(found, FileRejected)):
        found = FileRejected
    # Not `found(reason)`: some build their message from other arguments, and it is built already.
    error = found.__new__(found)
    error.args = (reason,)
    return error


def _parsed(fields: dict[str, Any], limit_characters: int) -> ParsedDocument:
    """Check a reply into a document; offsets are checked by `ParsedDocument` itself."""
    title, media_type, text = fields["title"], fields["media_type"], fields["text"]
    if not (isinstance(title, str) and isinstance(media_type, str) and isinstance(text, str)):
        raise TypeError("title, media type and text must be strings")
    if len(title) > _LONGEST_TITLE or len(media_type) > 100 or len(text) > limit_characters:
        raise ValueError("a field is too long")
    f"{title}{media_type}{text}".encode()  # raises ValueError on what no store could keep
    blocks, hidden = tuple(map(_block, fields["blocks"])), tuple(map(_hidden, fields["hidden"]))
    if len(hidden) > MOST_PIECES + len(HiddenBy):
        raise ValueError("there is too much hidden text")
    return ParsedDocument(title, media_type, text, blocks, hidden)


def _block(row: object) -> Block:
    match row:
        case [str(kind), int(start), int(end), int(level), None | int() as page] if (
            0 <= level <= 6 and (page is None or page >= 1)
        ):
            return Block(BlockKind(kind), start, end, level, page)
    raise ValueError("a block is not [kind, start, end, level, page]")


def _hidden(row: object) -> HiddenText:
    match row:
        case [str(by), str(text), None | int() as page, int(characters)] if (
            len(text) <= MOST_CHARACTERS_SHOWN
            and (page is None or page >= 1)
            and 0 <= characters < 2**40
        ):
            text.encode()  # as above
            return HiddenText(HiddenBy(by), text, page, characters)
    raise ValueError("hidden text is not [by, text, page, characters]")
