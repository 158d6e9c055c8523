"""Which printed lines are rows of tables. Pure."""

import re
from collections.abc import Sequence
from itertools import pairwise

from ingestion.readers.pdf_lines import Line
from ingestion.readers.pdf_usual import LIST_ITEM, Usual, is_larger

_NUMBER = re.compile(r"[(\[]*[-+–—]?[$€£¥]?[-+–—(]*(?:\d[\d.,:/]*|[-–—])[)\]%]*|[$€£¥%☒☐]|\)%?")
_MOST_LABELS = 2
_SAMPLED_ROWS = 8
_LONGEST_LABEL = 70
_WIDE = 1.7  # times the usual width of a character, for a line with gaps between its words
_CAPITALS = 1.4  # times as wide as small letters


def table_rows(lines: Sequence[Line], usual: Usual) -> list[bool]:
    """Which lines are rows of tables; up to two labels between rows belong to their table."""
    is_row = [_is_row(line, usual) for line in lines]
    rows = [position for position, row in enumerate(is_row) if row]
    for above, below in pairwise(rows):
        between = lines[above + 1 : below]
        if len(between) <= _MOST_LABELS and all(_is_label(line, usual) for line in between):
            is_row[above:below] = [True] * (below - above)
    for position in range(len(lines) - 1, 0, -1):
        if is_row[position] and not is_row[position - 1]:
            table = lines[position : position + _SAMPLED_ROWS]
            is_row[position - 1] = _is_column_head(lines[position - 1], table)
    return is_row


def _is_column_head(line: Line, table: Sequence[Line]) -> bool:
    """Whether a line stands over the columns to the right of a table, not over all of it."""
    boxes = [row.box for row in table if row.box]
    if not boxes or line.box is None:
        return False
    left, right = min(box.left for box in boxes), max(box.right for box in boxes)
    begins, ends = line.box.left - left, line.box.right - left
    return begins > 0.3 * (right - left) and ends > 0.8 * (right - left)


def _is_row(line: Line, usual: Usual) -> bool:
    if line.is_row:
        return True
    tokens = line.text.split()
    numbers = sum(_NUMBER.fullmatch(token) is not None for token in tokens)
    if numbers >= 2 and numbers >= 0.4 * len(tokens) and _NUMBER.fullmatch(tokens[-1]):
        return True
    if _ends_with_cells(tokens):
        return True
    if line.has_gap and not LIST_ITEM.match(line.text) and not is_larger(line, usual):
        return True
    if line.box is None or len(tokens) < 2 or LIST_ITEM.match(line.text):
        return False
    # Cells stand apart, which makes a line wide for the few characters it has.
    character_width = line.width / len(line.text) / line.box.height
    widest = _WIDE * usual.character_width * (_CAPITALS if line.text.isupper() else 1)
    return character_width > widest


def _ends_with_cells(tokens: Sequence[str]) -> bool:
    """Whether two numbers stand at the end; "June 25, 2022" is one."""
    last = tokens[-2:]
    return len(last) == 2 and last[0][-1] != "," and all(map(_NUMBER.fullmatch, last))


def _is_label(line: Line, usual: Usual) -> bool:
    # A long line ends the table: it is a sentence about the next one.
    is_short = len(line.text) <= _LONGEST_LABEL and line.text[-1] not in ".;"
    return is_short and not is_larger(line, usual)
