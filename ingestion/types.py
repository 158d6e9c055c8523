"""The values of ingestion. Pure: loads no model, index, database or web library."""

from dataclasses import dataclass
from enum import StrEnum

from retrieval.hidden import HiddenText


class BlockKind(StrEnum):
    """What a stretch of text is in its document; decides where passages may begin and end."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE = "table"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a document's text: `text[start:end]`, code points, never blank.

    `level` is 1 (outermost) to 6 for a heading and 0 otherwise. `page` counts from 1 and is None
    for formats without pages; a block lies on one page.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    page: int | None = None


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a reader makes of a file's bytes.

    `text` is what citations point into. `blocks` are in order, do not overlap, and leave only
    white space between them, so that together they carry the whole text. `hidden` is what the file
    keeps from human eyes: it is in no block.
    """

    title: str
    media_type: str
    text: str
    blocks: tuple[Block, ...]
    hidden: tuple[HiddenText, ...] = ()

    def __post_init__(self) -> None:
        position = 0
        for block in self.blocks:
            if not position <= block.start < block.end <= len(self.text):
                raise ValueError(
                    f"{self.title!r}: block [{block.start}, {block.end}) overlaps its neighbour "
                    f"at {position} or leaves the text of {len(self.text)} characters"
                )
            if self.text[position : block.start].strip():
                raise ValueError(f"{self.title!r}: text before {block.start} is in no block")
            position = block.end
        if self.text[position:].strip():
            raise ValueError(f"{self.title!r}: text after {position} is in no block")


class FileStage(StrEnum):
    """How far a file of a run has come."""

    READING = "reading"
    EMBEDDING = "embedding"
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the file."""
        return self not in {FileStage.READING, FileStage.EMBEDDING}


@dataclass(frozen=True, slots=True)
class FileEvent:
    """A file has come so far; `reason` says why it was rejected or failed."""

    path: str
    stage: FileStage
    reason: str = ""
    passages: int = 0
