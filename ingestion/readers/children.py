"""Files inside files: attachments, members of archives, messages of a mailbox.

A file gives one document, so what is inside becomes sections of it, each under a heading with its
name. A part that cannot be read is named with the reason; the others are read all the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ingestion.errors import FileRejected, FileTooLarge, NoText
from ingestion.readers.builder import DocumentBuilder, cleaned, one_line
from ingestion.readers.detection import READABLE
from ingestion.types import BlockKind, ParsedDocument

MOST_LEVELS: Final = 4  # an archive in a mail in a mailbox in an archive
MOST_FILES: Final = 2_000
MOST_BYTES: Final = 500_000_000
MOST_CHARACTERS: Final = 50_000_000
_LONGEST_NAME = 200
_SHOWN_REASONS = 50


@dataclass(slots=True)
class _Spent:
    """What the whole tree of files has used up; its levels share one of these."""

    files: int = 0
    bytes: int = 0
    characters: int = 0


class Children:
    """Reads files inside a file, within limits that hold for the whole tree."""

    def __init__(
        self,
        read: "Callable[[str, bytes, Children], ParsedDocument]",
        *,
        level: int = 0,
        spent: _Spent | None = None,
    ) -> None:
        self._read = read
        self._level = level
        self._spent = spent or _Spent()
        self._unread: list[tuple[str, str]] = []
        self.appended = 0

    @property
    def bytes_left(self) -> int:
        """How much more may be unpacked."""
        return max(0, MOST_BYTES - self._spent.bytes)

    def append(self, builder: DocumentBuilder, name: str, data: bytes, *, level: int = 1) -> None:
        """Read one file and append it below a heading with its name.

        Args:
            level: of that heading; the file's own headings come below it.

        Raises:
            FileTooLarge: the tree is over a limit.
        """
        self._spend(len(data))
        if self._level >= MOST_LEVELS:
            self.note_unread(name, f"it lies more than {MOST_LEVELS} files deep")
            return
        inside = Children(self._read, level=self._level + 1, spent=self._spent)
        try:
            document = self._read(name, data, inside)
        except FileTooLarge:
            raise
        except FileRejected as rejection:
            self.note_unread(name, str(rejection).removesuffix(f"; Assay reads {READABLE}"))
            return
        self._spent.characters += len(document.text)
        if self._spent.characters > MOST_CHARACTERS:
            raise FileTooLarge(
                "characters inside", self._spent.characters, MOST_CHARACTERS, "split the file"
            )
        builder.add(BlockKind.HEADING, _shown(name), level=level)
        builder.add_document(document, below=level)
        self.appended += 1

    def note_unread(self, name: str, reason: str) -> None:
        """Remember a file that is not read."""
        self._unread.append((_shown(name), reason))

    def append_unread(self, builder: DocumentBuilder) -> None:
        """Append what could not be read, so that nobody takes a part for the whole.

        Raises:
            NoText: there is nothing else.
        """
        if not self._unread:
            return
        if not builder:
            name, reason = self._unread[0]
            raise NoText(
                f"none of the {len(self._unread)} files in it can be read ({name}: {reason})"
            )
        lines = [f"- {name}: {reason}" for name, reason in self._unread[:_SHOWN_REASONS]]
        if len(self._unread) > _SHOWN_REASONS:
            lines.append(f"- and {len(self._unread) - _SHOWN_REASONS} more")
        builder.add(BlockKind.HEADING, "Files that were not read", level=1)
        builder.add(BlockKind.LIST, "\n".join(lines))

    def _spend(self, size: int) -> None:
        self._spent.files += 1
        self._spent.bytes += size
        hint = "unpack it and add the files"
        if self._spent.files > MOST_FILES:
            raise FileTooLarge("files inside", self._spent.files, MOST_FILES, hint)
        if self._spent.bytes > MOST_BYTES:
            raise FileTooLarge("bytes once unpacked", self._spent.bytes, MOST_BYTES, hint)


def _shown(name: str) -> str:
    """A name as text: hostile ones hold control codes, or paths that lead elsewhere."""
    printable = "".join(c for c in one_line(cleaned(name)) if c.isprintable())
    return printable[-_LONGEST_NAME:] or "unnamed"
