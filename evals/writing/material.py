"""What a passage offers to ask about: statements, pairs of key and value, rows of tables. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from retrieval.sentences import sentence_spans

FEWEST_WORDS, MOST_WORDS = 4, 32
_LINE_WRAPPED = "text/plain"
_MARKER = re.compile(r"(?:[-•*–]|\(?\d{1,3}[.)]|\d{1,2}(?:\.\d{1,2})+\.?|\(?[a-z]\))\s+")
_PAIR = re.compile(r"(?:[-•*–] )?(?P<key>[A-Z][\w’' ()/-]{2,40}): (?P<value>\S.{1,90})")
_SEPARATOR = " | "
_SAYS = re.compile(
    r"\b(?:is|are|was|were|not|don[’']t|please|has|have|can|must|will)\b", re.IGNORECASE
)
# What such a sentence speaks of stands in another one.
_POINTS_BACK = re.compile(
    r"(?:It|Its|They|Their|Them|He|His|She|Her|This|These|That|Those|Both|Such|Here|There|Then|"
    r"However|Therefore|Thus|Also|But|And|Or|So|Yes|No|Another|Others?|Neither|Either|We|You|I|"
    r"One|If not|If so|Instead|Without one|With one|Similarly|Additionally|Furthermore|Moreover|"
    r"Finally|Later|Meanwhile|Nevertheless|Once|Hence|Consequently|Our|Your|My|The (?:former|"
    r"latter|following|same|other|first|second|third|rest|result|best|present)|Some|Many|Most|Several|"
    r"For (?:example|instance|this|these)|As (?:such|a result)|In (?:this|these|addition|contrast|"
    r"turn|response)|At (?:this|that|the (?:time|same))|By (?:this|then)|After (?:this|that)|During"
    r" (?:this|that)|Of (?:these|those))\b"
)
_POINTS_AWAY = re.compile(
    r"\b(?:above|below|following|aforementioned|this|these|those|such|he|she|they|his|her|their|its"
    r"|it|him|them|we|our|you|your|the same|former|latter|however|also|another|previous|that same|"
    r"that (?:year|season|time|day|month|period|week|date)|the (?:next|following|other|finale))\b"
)


class Pair(NamedTuple):
    """A line `key: value`."""

    key: str
    value: str
    line: str


class TableRow(NamedTuple):
    """A row of a table with what its columns are called."""

    columns: tuple[str, ...]
    cells: tuple[str, ...]
    line: str


def statements_of(text: str, media_type: str = "") -> list[str]:
    """The sentences that say something on their own, on one line and without their item's mark.

    Left out: headings, questions, fragments, rows, what points to another sentence ("It ends…"),
    and sentences of other lengths than 4 to 32 words.
    """
    found = []
    for piece in _pieces(text, by_line=media_type != _LINE_WRAPPED):
        sentence = " ".join(piece.split())
        marker = _MARKER.match(sentence)
        sentence = sentence[marker.end() :] if marker else sentence
        if _stands_alone(sentence):
            found.append(sentence)
    return found


def _pieces(text: str, *, by_line: bool) -> Iterator[str]:
    for start, end in sentence_spans(text):
        piece = text[start:end]
        # In plain text a line ends anywhere; elsewhere a line feed parts rows and items.
        yield from piece.splitlines() if by_line else [piece]


def _stands_alone(sentence: str) -> bool:
    words = len(sentence.split())
    return (
        FEWEST_WORDS <= words <= MOST_WORDS
        and sentence.endswith(".")
        and sentence[0].isupper()
        and not sentence[:12].isupper()
        and not set(sentence) & set('|•“”"{}[]<>\t…')
        and sentence.count("(") == sentence.count(")")
        and not _POINTS_BACK.match(sentence)
        and not _POINTS_AWAY.search(sentence)
    )


def pairs_of(text: str) -> list[Pair]:
    """The lines `key: value`; the key is up to five words, and no sentence of its own."""
    found = []
    for line in map(str.strip, text.splitlines()):
        match = _PAIR.fullmatch(line)
        if match is None or _SEPARATOR in line or "://" in line:
            continue
        key, value = match["key"].strip(), match["value"].strip()
        is_key = len(key.split()) <= 5 and not _POINTS_BACK.match(key) and not _SAYS.search(key)
        if is_key and not value.endswith(":"):
            found.append(Pair(key, value, line))
    return found


def rows_of(text: str) -> list[TableRow]:
    """The rows of tables whose cells are separated by ` | `, under a heading row without digits."""
    found: list[TableRow] = []
    columns: tuple[str, ...] = ()
    for line in [*map(str.strip, text.splitlines()), ""]:
        cells = tuple(cell.strip() for cell in line.split(_SEPARATOR))
        if len(cells) < 2:
            columns = ()
        elif not columns:
            is_heading = all(cell and not re.search(r"\d", cell) for cell in cells)
            columns = cells if is_heading and len(set(cells)) == len(cells) else ()
        elif len(cells) == len(columns):
            found.append(TableRow(columns, cells, line))
    return found
