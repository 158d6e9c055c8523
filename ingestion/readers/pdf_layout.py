"""Lines of printed pages to headings, paragraphs, lists and tables. Pure.

Every rule compares a line with its neighbours or with the document's usual line, never with
absolute sizes: PDF has no units a producer keeps to.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ingestion.readers.pdf_lines import Line, glued, overlap, pitch, with_cells_joined
from ingestion.readers.pdf_running import without_running_lines
from ingestion.readers.pdf_tables import table_rows
from ingestion.readers.pdf_usual import LIST_ITEM, Usual, is_larger, usual_of
from ingestion.types import BlockKind


class PageBlock(NamedTuple):
    """A block of one page."""

    kind: BlockKind
    text: str
    level: int


_SENTENCE_END = re.compile(r"[.!?:;…][\"”’)\]]*\Z")
_LONGEST_HEADING = 120
_SAME_HEIGHT = 0.15
_WIDEST_PITCH = 2.8  # heights between the lines of double-spaced text
_FULL_LINE_SLACK = 1.5  # heights that justified text may fall short of the column's edge


def lay_out(pages: Sequence[Sequence[Line]]) -> Iterator[list[PageBlock]]:
    """Give each page's blocks, in the order of its lines."""
    usual = usual_of(pages)
    for page in without_running_lines(pages, usual):
        yield _page_blocks(page, usual)


def _page_blocks(lines: list[Line], usual: Usual) -> list[PageBlock]:
    rows = with_cells_joined(lines, usual.words)
    is_row = table_rows(rows, usual)
    edges = _right_edges(rows)
    blocks: list[PageBlock] = []
    open_lines: list[Line] = []
    kind, level = BlockKind.PARAGRAPH, 0

    def close() -> None:
        if open_lines:
            blocks.append(PageBlock(kind, _text(open_lines, kind, usual.words), level))
            open_lines.clear()

    for position, line in enumerate(rows):
        following = rows[position + 1] if position + 1 < len(rows) else None
        line_level = 0 if is_row[position] else _level(line, following, usual)
        line_kind = _kind(line, line_level, is_row=is_row[position])
        before = rows[position - 1] if position else None
        if before and level and not line_level and _ends_heading(before, line, usual):
            line_level, line_kind = level, kind
        if not open_lines or before is None:
            goes_on = False
        elif kind is BlockKind.TABLE or line_kind is BlockKind.TABLE:
            goes_on = kind is line_kind
        elif level or line_level:
            goes_on = level == line_level and _continues_heading(before, line, usual)
        else:
            goes_on = _continues(before, line, edges[position - 1], usual)
        if not goes_on:
            close()
            kind, level = line_kind, line_level
        open_lines.append(line)
    close()
    return _with_list_items_together(blocks)


def _kind(line: Line, level: int, *, is_row: bool) -> BlockKind:
    if is_row:
        return BlockKind.TABLE
    if level:
        return BlockKind.HEADING
    return BlockKind.LIST if LIST_ITEM.match(line.text) else BlockKind.PARAGRAPH


def _level(line: Line, following: Line | None, usual: Usual) -> int:
    """The level of a heading, 0 for other lines."""
    letters = sum(character.isalpha() for character in line.text)
    if not line.box or letters < 3 or len(line.text) > _LONGEST_HEADING or line.hyphenated:
        return 0
    if line.text[0].islower() or line.text[0] == "(" or line.text[-1] in ".,;":
        return 0
    if line.text in usual.running:
        return 0
    if is_larger(line, usual):
        return usual.levels[round(line.box.height)]
    is_marked = usual.bold_marks and line.is_bold
    if is_marked and following is not None and following.text[0].islower():
        return 0  # the first line of a paragraph in bold
    return (
        min(len(usual.levels) + 1, 5) if is_marked and line.box.height > 0.9 * usual.height else 0
    )


def _continues_heading(before: Line, line: Line, usual: Usual) -> bool:
    if before.box is None or line.box is None or LIST_ITEM.match(line.text):
        return False
    is_close = 0 < pitch(before, line) < 1.25 * usual.pitch * before.box.height
    # A short bold line is a heading of its own even when another one follows closely.
    return is_close and (is_larger(before, usual) or len(before.text) > 60)


def _ends_heading(before: Line, line: Line, usual: Usual) -> bool:
    """Whether a line that could not begin a heading is the next line of a large one."""
    if before.box is None or line.box is None or not is_larger(line, usual):
        return False
    is_alike = abs(line.box.height - before.box.height) <= _SAME_HEIGHT * before.box.height
    return is_alike and _continues_heading(before, line, usual)


def _continues(before: Line, line: Line, edge: float, usual: Usual) -> bool:
    """Whether a line goes on with the paragraph of the line before it."""
    if before.hyphenated:
        return True
    if LIST_ITEM.match(line.text) and not _runs_into(before, line, edge):
        return False
    if before.box is None or line.box is None:
        return not _SENTENCE_END.search(before.text) and line.text[0].islower()
    height = before.box.height
    if abs(line.box.height - height) > _SAME_HEIGHT * height or not overlap(before, line):
        # A column or a page part ends here; a sentence cut by it goes on all the same.
        return not _SENTENCE_END.search(before.text) and line.text[0].islower()
    if abs(pitch(before, line)) < 0.3 * height:
        return True  # a piece of the same printed line
    if not 0 < pitch(before, line) < 1.35 * usual.pitch * height:
        # Spaced more widely than most of the document, but in the middle of a sentence.
        is_near = 0 < pitch(before, line) < _WIDEST_PITCH * height
        return is_near and line.text[0].islower() and _is_full(before, line, edge)
    indent = line.box.left - before.box.left
    if indent > 0.8 * height and not LIST_ITEM.match(before.text) and indent < 8 * height:
        return False
    return _is_full(before, line, edge) or line.text[0].islower()


def _runs_into(before: Line, line: Line, edge: float) -> bool:
    """Whether what looks like the mark of a list item is in the middle of a sentence."""
    if before.box is None or line.box is None or _SENTENCE_END.search(before.text):
        return False
    is_aligned = abs(line.box.left - before.box.left) < 0.5 * before.box.height
    return is_aligned and _is_full(before, line, edge)


def _is_full(before: Line, line: Line, edge: float) -> bool:
    """Whether the first word of `line` did not fit behind `before`: the line broke for space."""
    if before.box is None:
        return False
    per_character = line.width / len(line.text)
    first_word = len(line.text.split(maxsplit=1)[0]) * per_character
    slack = min(_FULL_LINE_SLACK * before.box.height, first_word)
    return before.box.right + first_word + slack > edge


def _right_edges(lines: Sequence[Line]) -> list[float]:
    """For each line the right edge of its column: lines below each other that overlap."""
    edges = [0.0] * len(lines)
    start = 0
    for position in range(1, len(lines) + 1):
        is_end = position == len(lines)
        if not is_end and _is_same_column(lines[position - 1], lines[position]):
            continue
        column = lines[start:position]
        edge = max((line.box.right for line in column if line.box), default=0.0)
        edges[start:position] = [edge] * len(column)
        start = position
    return edges


def _is_same_column(a: Line, b: Line) -> bool:
    return a.box is None or b.box is None or (pitch(a, b) > 0 and overlap(a, b))


def _text(lines: Sequence[Line], kind: BlockKind, words: frozenset[str]) -> str:
    if kind is BlockKind.TABLE:
        return "\n".join(line.text + "-" * line.hyphenated for line in lines)
    return glued(lines, words)


def _with_list_items_together(blocks: Sequence[PageBlock]) -> list[PageBlock]:
    together: list[PageBlock] = []
    for block in blocks:
        if together and block.kind is together[-1].kind is BlockKind.LIST:
            together[-1] = block._replace(text=f"{together[-1].text}\n{block.text}")
        else:
            together.append(block)
    return together
