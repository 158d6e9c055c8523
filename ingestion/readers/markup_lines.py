"""What the readers of line-based markup share: gathering lines into blocks."""

from ingestion.readers.builder import DocumentBuilder
from ingestion.types import BlockKind


class LineGatherer:
    """Takes lines one by one; a block ends when the kind changes or a blank line comes."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self.builder = builder
        self._kind = BlockKind.PARAGRAPH
        self._lines: list[str] = []

    def add(self, kind: BlockKind, line: str) -> None:
        """Append a line; a different kind begins a block."""
        if kind is not self._kind:
            self.end()
            self._kind = kind
        self._lines.append(line)

    def go_on(self, line: str) -> bool:
        """Append an indented line to an open list item; False when there is none."""
        if self._kind is BlockKind.LIST and self._lines:
            self._lines[-1] += " " + line.strip()
            return True
        return False

    def heading(self, text: str, level: int) -> None:
        """Append a heading."""
        self.end()
        self.builder.add(BlockKind.HEADING, text, level=min(max(level, 1), 6))

    def take_back(self) -> str | None:
        """Remove the last line of an open paragraph and give it."""
        if self._kind is BlockKind.PARAGRAPH and self._lines:
            return self._lines.pop()
        return None

    def end(self) -> None:
        """Append the open block."""
        joined = " " if self._kind is BlockKind.PARAGRAPH else "\n"
        self.builder.add(self._kind, joined.join(self._lines))
        self._lines = []
