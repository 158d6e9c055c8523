"""Running heads and page numbers: lines that only say which page this is. Pure.

They stay where they first appear and are left out where they repeat, so that not every passage
of a book begins with its title.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ingestion.readers.pdf_lines import Line
from ingestion.readers.pdf_usual import Usual, is_larger

_FEWEST_PAGES = 3
_EDGE_LINES = 2
_FACING = 2  # left and right pages may have heads of their own
_NUMBER = re.compile(r"\d{1,6}")
_MOST_NUMBERS = 12  # a line with more is a row of a table
_GRID = 3.0  # units of the page that a head may move from page to page
_ANYWHERE = -1


class _Place(NamedTuple):
    """What a line says, and how high it stands, or that this does not matter."""

    text: str
    height: int


def without_running_lines(pages: Sequence[Sequence[Line]], usual: Usual) -> list[list[Line]]:
    """Drop lines at a page's edge that stand at the same place of one of the two pages before."""
    edges = [_edge_places(page, number, usual) for number, page in enumerate(pages)]
    counts = Counter(place for page in edges for places in page.values() for place in places)
    kept = []
    for number, page in enumerate(pages):
        earlier = edges[max(0, number - _FACING) : number]
        before = {place for other in earlier for places in other.values() for place in places}
        running = {
            position
            for position, places in edges[number].items()
            if any(place in before and counts[place] >= _FEWEST_PAGES for place in places)
        }
        kept.append([line for position, line in enumerate(page) if position not in running])
    return kept


def _edge_places(page: Sequence[Line], number: int, usual: Usual) -> dict[int, set[_Place]]:
    """For each line at the edges the places that it may share with other pages."""
    edges = {
        *range(min(_EDGE_LINES, len(page))),
        *range(max(0, len(page) - _EDGE_LINES), len(page)),
    }
    found = {}
    for position in edges:
        line = page[position]
        # Large lines are titles: several pages may go on with one.
        if line.box is not None and not is_larger(line, usual):
            height = round(line.box.bottom / _GRID)
            text, *counting = _wordings(line.text, number)
            found[position] = {_Place(one, height) for one in (text, *counting)}
            if position in {0, len(page) - 1}:
                # Where pages end with their text, their feet stand anywhere.
                found[position] |= {_Place(one, _ANYWHERE) for one in counting}
    return found


def _wordings(text: str, number: int) -> Iterator[str]:
    """The text; and with each number, should it be the one that counts the pages, made the same.

    Only a number that grows with the pages is one of them: a row of a table that goes on does not.
    It may stand anywhere: "Contract 17 · 9 February 2026 · page 2 of 3".
    """
    yield text
    for match in islice(_NUMBER.finditer(text), _MOST_NUMBERS):
        yield f"{text[: match.start()]}\0{int(match.group()) - number}{text[match.end() :]}"
