"""Finds the characters of a printed page that a quote is made of. Pure.

A reader changes what it reads: it joins words that a line's end has broken, writes ligatures out,
takes white space together, and puts columns and cells in an order of its own. So quote and page are
compared without white space, hyphens and the difference between ways to write a letter.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

# Hyphens (PDFium gives a line's last one as U+FFFE or U+0002, or not at all) and what has no width.
_LEFT_OUT = frozenset(
    "-\u00ad\u2010\u2011\u2012\u2013\u2212\ufffe\x02\u200b\u200c\u200d\u2060\ufeff\ufe0e\ufe0f"
)
_LONG_PIECE = 8
_LEAST_FOUND = 0.5
_SAME_LINE = 0.5  # of the lower box's height
_SAME_WIDTH = 0.1  # of a line on its side, how far its letters differ
_WIDEST_GAP = 1.2  # heights between characters of one rectangle


class Glyph(NamedTuple):
    """A character of a page as it is printed, and its box in fractions of the page, from the top.

    `text` may be several letters (a ligature) or none (a mark of the layout).
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float


class Rectangle(NamedTuple):
    """A part of one printed line, in fractions of the page, from its top left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where a quote stands on its page.

    `glyphs` are positions in the page's glyphs, in the quote's order. `found` is the share of the
    quote's letters that they are, 0 to 1; below 1 the page says something else in places.
    """

    glyphs: tuple[int, ...]
    found: float

    @property
    def is_exact(self) -> bool:
        """Whether every letter of the quote was found."""
        return self.found == 1.0


NOWHERE = Alignment((), 0.0)


def align(quote: str, glyphs: Sequence[Glyph], *, before: str = "", after: str = "") -> Alignment:
    """Find a quote on its page.

    The whole quote in one piece is preferred; of several such places the one whose surroundings
    are most like the quote's. Else it is taken together from the longest pieces, each the nearest
    after the one before it: cells and columns may stand in another order on the page.

    Args:
        quote: as the document's text has it.
        glyphs: of the page, in the order of the file.
        before, after: what the document's text has around the quote.

    Returns:
        `NOWHERE` when less than half of the quote is on the page.
    """
    wanted = _plain(quote)
    page = [(letter, place) for place, glyph in enumerate(glyphs) for letter in _plain(glyph.text)]
    text = "".join(letter for letter, _ in page)
    if not wanted or not text:
        return NOWHERE
    whole = list(_places(text, wanted))
    if whole:
        start = _likest(text, whole, len(wanted), _plain(before), _plain(after))
        return Alignment(_glyphs(page, [(start, start + len(wanted))]), 1.0)
    pieces = _pieces(text, _word_starts(glyphs), [_plain(word) for word in quote.split()])
    found = sum(end - start for start, end in pieces) / len(wanted)
    if found < _LEAST_FOUND:
        return NOWHERE
    return Alignment(_glyphs(page, pieces), found)


def rectangles(alignment: Alignment, glyphs: Sequence[Glyph]) -> tuple[Rectangle, ...]:
    """Boxes around the aligned glyphs, one for each run of them on a printed line, top first."""
    boxes: list[list[float]] = []
    for place in alignment.glyphs:
        _, left, top, right, bottom = glyphs[place]
        if right <= left or bottom <= top:
            continue
        last = boxes[-1] if boxes else None
        if last is not None and _goes_on(last, left, top, right, bottom):
            last[:] = [
                min(last[0], left),
                min(last[1], top),
                max(last[2], right),
                max(last[3], bottom),
            ]
        else:
            boxes.append([left, top, right, bottom])
    made = (Rectangle(left, top, right - left, bottom - top) for left, top, right, bottom in boxes)
    return tuple(sorted(made, key=lambda box: (box.top, box.left)))


def _plain(text: str) -> str:
    """The letters by which texts are compared; accents are letters of their own."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
    return "".join(one for one in text.casefold() if not one.isspace() and one not in _LEFT_OUT)


def _places(text: str, wanted: str) -> Iterator[int]:
    place = text.find(wanted)
    while place >= 0:
        yield place
        place = text.find(wanted, place + 1)


def _likest(text: str, places: Sequence[int], length: int, before: str, after: str) -> int:
    """The place with most of the same letters next to it on both sides; the first of equals."""

    def alike(place: int) -> int:
        left = _common(reversed(text[:place]), reversed(before))
        return left + _common(text[place + length :], after)

    return max(places, key=alike)


def _common(one: Iterator[str] | str, other: Iterator[str] | str) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _word_starts(glyphs: Sequence[Glyph]) -> frozenset[int]:
    """Where words begin on the page, counted in the letters of `_plain`; its end is one, too."""
    starts, letters, is_between = {0}, 0, True
    for glyph in glyphs:
        plain = _plain(glyph.text)
        if plain and is_between:
            starts.add(letters)
        is_between = not plain
        letters += len(plain)
    return frozenset({*starts, letters})


def _pieces(text: str, starts: frozenset[int], words: Sequence[str]) -> list[tuple[int, int]]:
    """Cover a quote from its start, each time with the longest run of words that is on the page.

    A short run must be words of the page, too: "is" is not looked for in "this".
    """
    pieces: list[tuple[int, int]] = []
    place = last = 0
    while place < len(words):
        count = _longest(text, words[place:])
        piece = "".join(words[place : place + count])
        found = _nearest(text, piece, last, starts) if piece else None
        if found is None:
            place += 1  # a word that the page has not
            continue
        last = found + len(piece)
        pieces.append((found, last))
        place += count
    return pieces


def _longest(text: str, words: Sequence[str]) -> int:
    """How many of the first words stand in `text` together."""
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if "".join(words[:middle]) in text:
            low = middle
        else:
            high = middle - 1
    return low


def _nearest(text: str, piece: str, last: int, starts: frozenset[int]) -> int | None:
    """The first place of a piece at or after `last`, else the last one before it."""
    places = [
        place
        for place in _places(text, piece)
        if len(piece) >= _LONG_PIECE or (place in starts and place + len(piece) in starts)
    ]
    return next((place for place in places if place >= last), places[-1] if places else None)


def _glyphs(page: Sequence[tuple[str, int]], spans: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    places = (page[letter][1] for start, end in spans for letter in range(start, end))
    return tuple(dict.fromkeys(places))


def _goes_on(box: Sequence[float], left: float, top: float, right: float, bottom: float) -> bool:
    """Whether a glyph stands on the line of a rectangle, close to its end."""
    # Fractions of width and height are of different lengths; a page is about as wide as it is high.
    height = min(box[3] - box[1], bottom - top)
    shared = min(box[3], bottom) - max(box[1], top)
    gap = max(left - box[2], box[0] - right)
    if shared >= _SAME_LINE * height and gap <= _WIDEST_GAP * (bottom - top):
        return True
    # A line that lies on its side: all of it is as wide as its letters are high.
    width = right - left
    gap = max(top - box[3], box[1] - bottom)
    is_beside = max(abs(left - box[0]), abs(right - box[2])) <= _SAME_WIDTH * width
    return is_beside and gap <= _WIDEST_GAP * width
