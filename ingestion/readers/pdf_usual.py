"""What most of a printed document's text looks like: the measure for everything else. Pure."""

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ingestion.readers.pdf_lines import Line, pitch

LIST_ITEM = re.compile(
    r"(?:[•●▪■◦‣·∙○\uf0a7\uf0b7]|[-–—*](?=\s)|\(?(?:\d{1,2}[.)]|[a-zA-Z]\)|[ivx]{1,4}[.)])(?=\s))"
)
_LARGER = 1.12  # times the usual height, for a heading
_RUNNING_PAGES = 3
_PROSE_LINE = 40  # characters; what stands in cells is shorter


class Usual(NamedTuple):
    """What most of the document's text looks like."""

    height: float
    character_width: float  # in heights
    pitch: float  # from line to line, in heights
    bold_marks: bool  # whether bold is rare enough to mark headings
    levels: dict[int, int]  # of headings, by rounded height
    running: frozenset[str]  # lines at the edge of several pages: no headings
    words: frozenset[str]


def usual_of(pages: Sequence[Sequence[Line]]) -> Usual:
    """Measure a document; one without measured lines gets harmless values."""
    lines = [line for page in pages for line in page]
    heights: Counter[float] = Counter()
    bold = total = 0
    for line in lines:
        total += len(line.text)
        bold += len(line.text) * line.is_bold
        if line.box:
            heights[round(line.box.height, 1)] += len(line.text)
    height = heights.most_common(1)[0][0] if heights else 0.0
    body = [line for line in lines if line.box and abs(line.box.height - height) <= 0.1 * height]
    widths = [line.width / len(line.text) for line in body if len(line.text) > 20]
    pitches = [
        p
        for a, b in pairwise(body)
        if min(len(a.text), len(b.text)) > _PROSE_LINE and 0 < (p := pitch(a, b)) < 3 * height
    ]
    return Usual(
        height=height,
        character_width=(statistics.median(widths) / height) if widths else 0.45,
        pitch=(statistics.median(pitches) / height) if pitches else 1.2,
        bold_marks=bold < 0.4 * total,
        levels=_heading_levels(lines, height),
        running=_running_lines(pages),
        words=frozenset(word for line in lines for word in line.text.split()),
    )


def _running_lines(pages: Sequence[Sequence[Line]]) -> frozenset[str]:
    at_edges = Counter(
        text for page in pages for text in {line.text for line in (*page[:2], *page[-2:])}
    )
    return frozenset(text for text, count in at_edges.items() if count >= _RUNNING_PAGES)


def _heading_levels(lines: Sequence[Line], usual_height: float) -> dict[int, int]:
    """Levels by height, the largest first; bold lines of the usual height come after them."""
    heights = {
        round(line.box.height)
        for line in lines
        if line.box and line.box.height > _LARGER * usual_height
    }
    return {height: min(rank, 4) for rank, height in enumerate(sorted(heights, reverse=True), 1)}


def is_larger(line: Line, usual: Usual) -> bool:
    """Whether a line is set in a larger font than the text: a mark of headings."""
    return line.box is not None and line.box.height > _LARGER * usual.height
