"""Places where a stretch of text can be cut. Pure, linear; the spans of a cut always tile it."""

import re
from collections.abc import Iterator

Span = tuple[int, int]

_LONGEST_WORD = 64  # characters; tokenizers take nothing longer for a word
_WORD = re.compile(rf"\s*\S{{1,{_LONGEST_WORD}}}\s*")
# From the best place to cut to the worst; the cut is at the end of the match.
_BREAKS = tuple(map(re.compile, (r"\n\n+", r"\n", r"[.!?…]\s+|[。！？]", r"\s+")))


def line_spans(text: str, start: int, end: int) -> list[Span]:
    """The lines of a stretch; blank ones belong to the line before, or to the first."""
    spans: list[Span] = []
    begin = start
    while begin < end:
        stop = text.find("\n", begin, end) + 1 or end
        if spans and text[begin:stop].isspace():
            spans[-1] = (spans[-1][0], stop)
        elif len(spans) == 1 and text[start : spans[0][1]].isspace():
            spans[0] = (start, stop)
        else:
            spans.append((begin, stop))
        begin = stop
    return spans


def word_spans(text: str, start: int, end: int) -> Iterator[Span]:
    """The words of a stretch with the white space around them; long words in parts."""
    begin = start
    for match in _WORD.finditer(text, start, end):
        yield begin, match.end()
        begin = match.end()
    if begin == start < end:
        yield start, end


def halves(text: str, start: int, end: int) -> tuple[Span, Span] | None:
    """Cut a stretch once, near its middle and where it hurts least.

    Returns:
        Two spans that tile the stretch, neither blank; None when it has but one visible character.
    """
    visible = text[start:end]
    first = end - len(visible.lstrip())
    last = start + len(visible.rstrip())
    if last - first < 2:
        return None
    middle, quarter = (first + last) // 2, (last - first) // 4
    for pattern in _BREAKS:
        cuts = [m.end() for m in pattern.finditer(text, first + quarter, last - quarter)]
        inside = [cut for cut in cuts if first < cut < last]
        if inside:
            middle = min(inside, key=lambda cut: abs(cut - middle))
            break
    return (start, middle), (middle, end)
