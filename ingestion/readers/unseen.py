"""Characters that show nothing, and how much of what a file hides is kept. Pure.

Tags (U+E0000 on) and variation selectors in a row can spell out any text; characters of no width
part words, so that no search finds them. What writing needs of them stays: joiners between letters
and emoji, the tags of a flag, one variation selector after a character.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ingestion.readers.builder import title_of
from ingestion.types import Block, BlockKind, ParsedDocument
from retrieval.hidden import MOST_CHARACTERS_SHOWN, MOST_PIECES, HiddenBy, HiddenText

_HIDDEN_HEADING = "Text that the file hides"
_UNSEEN = re.compile(
    "(?P<flag>\U0001f3f4[\U000e0020-\U000e007e]{1,16}\U000e007f)"
    "|[\U000e0000-\U000e007f]+"
    "|(?P<one>(?<![\ufe00-\ufe0f\U000e0100-\U000e01ef])[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
    "(?![\ufe00-\ufe0f\U000e0100-\U000e01ef]))"
    "|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}"
    "|[\u200b\u2060-\u2064\ufeff\u180e\u00ad\u034f\u115f\u1160\u3164\uffa0]+"
    "|(?<=[\u200c\u200d])[\u200c\u200d]+"
)
_TAG, _TAGS_END = 0xE0000, 0xE007F
_SELECTORS, _MORE_SELECTORS = 0xFE00, 0xE0100


def without_unseen(document: ParsedDocument) -> ParsedDocument:
    """A document without characters that show nothing; what they spell out is hidden text."""
    spans = [m.span() for m in _UNSEEN.finditer(document.text) if m.lastgroup is None]
    title = title_of("", shown(document.title))
    if not spans:
        return document if title == document.title else replace(document, title=title)
    pieces, kept, moved, at = [], [], _Moved(spans), 0
    for start, end in spans:
        kept.append(document.text[at:start])
        at = end
        if message := spelt(document.text[start:end]):
            pieces.append(HiddenText(HiddenBy.CHARACTERS, message, _page_at(document, start)))
    kept.append(document.text[at:])
    text = "".join(kept)
    blocks = []
    for block in document.blocks:
        start, end = moved.to(block.start), moved.to(block.end)
        if text[start:end].strip():
            blocks.append(replace(block, start=start, end=end))
    return replace(
        document,
        title=title,
        text=text,
        blocks=tuple(blocks),
        hidden=(*document.hidden, *pieces),
    )


def spelt(unseen: str) -> str:
    """What characters that show nothing spell out; "" when it is nothing.

    Tags are ASCII moved up; variation selectors are the 256 bytes, which may be text in UTF-8.
    """
    tags = "".join(chr(ord(c) - _TAG) for c in unseen if _TAG < ord(c) < _TAGS_END)
    numbers = bytes(number for c in unseen if (number := _selected(ord(c))) is not None)
    message = tags + (numbers.decode("utf-8", errors="ignore") if len(numbers) > 1 else "")
    return "".join(c if c.isprintable() else " " for c in message).strip()


def with_hidden(document: ParsedDocument) -> ParsedDocument:
    """The document with what it hides at its end, below a heading that says so."""
    text, blocks = [document.text], list(document.blocks)
    length = len(document.text)
    parts: list[tuple[BlockKind, str, int, int | None]]
    parts = [(BlockKind.HEADING, _HIDDEN_HEADING, 1, None)]
    parts += [(BlockKind.PARAGRAPH, piece.text, 0, piece.page) for piece in document.hidden]
    for kind, words, level, page in parts if document.hidden else ():
        gap = "\n\n" if length else ""
        start = length + len(gap)
        length = start + len(words)
        text += [gap, words]
        blocks.append(Block(kind, start, length, level, page))
    return replace(document, text="".join(text), blocks=tuple(blocks))


def gathered(pieces: Iterable[HiddenText]) -> tuple[HiddenText, ...]:
    """What is kept of hidden text: neighbours of a kind and page as one, long ones cut short.

    After `MOST_PIECES`, further ones are counted, one for each kind, without their words.
    """
    joined: list[HiddenText] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last is not None and (last.by, last.page) == (piece.by, piece.page):
            joined[-1] = HiddenText(
                last.by,
                f"{last.text}\n{piece.text}"[:MOST_CHARACTERS_SHOWN],
                last.page,
                last.characters + piece.characters,
            )
        else:
            joined.append(_short(piece))
    return (*joined[:MOST_PIECES], *_counted(joined[MOST_PIECES:]))


def _short(piece: HiddenText) -> HiddenText:
    return replace(piece, text=piece.text[:MOST_CHARACTERS_SHOWN], characters=piece.characters)


def _counted(pieces: Sequence[HiddenText]) -> list[HiddenText]:
    totals: dict[HiddenBy, int] = {}
    for piece in pieces:
        totals[piece.by] = totals.get(piece.by, 0) + piece.characters
    return [HiddenText(by, "", None, characters) for by, characters in totals.items()]


def _selected(code: int) -> int | None:
    if _SELECTORS <= code < _SELECTORS + 16:
        return code - _SELECTORS
    return code - _MORE_SELECTORS + 16 if _MORE_SELECTORS <= code < _MORE_SELECTORS + 240 else None


def shown(text: str) -> str:
    """A text without characters that show nothing."""
    return _UNSEEN.sub(lambda m: m.group() if m.lastgroup else "", text)


def _page_at(document: ParsedDocument, place: int) -> int | None:
    return next((b.page for b in document.blocks if b.start <= place < b.end), None)


class _Moved:
    """Where places of a text are once spans of it have gone; asked in ascending order."""

    def __init__(self, spans: Sequence[tuple[int, int]]) -> None:
        self._spans = spans
        self._next = self._gone = 0

    def to(self, place: int) -> int:
        """The new place of an old one; inside a span, that of its beginning."""
        while self._next < len(self._spans) and self._spans[self._next][1] <= place:
            start, end = self._spans[self._next]
            self._gone += end - start
            self._next += 1
        inside = 0
        if self._next < len(self._spans):
            inside = max(0, place - self._spans[self._next][0])
        return place - self._gone - inside
