"""What earlier questions were asked with, read again for the one who asks now.

A client names the words, and may name any: those of others, of deleted documents, of nowhere. They
come from the store, with the reader's own access, or not at all.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from generation.injection import is_command
from generation.language import ENGLISH, language_of
from generation.prompt import asked, on_one_line
from generation.types import Message, PassagePart
from retrieval.languages import LANGUAGES
from retrieval.types import Document, Passage

# More excerpts of one conversation than this are not read: its older questions go without.
MOST_RECALLED = 1000


class ReadPassages(Protocol):
    """`Store.located`: passages by their ids, with their documents; what is gone is absent."""

    def __call__(self, passage_ids: Sequence[int], /) -> Mapping[int, tuple[Passage, Document]]: ...


class Recalled(NamedTuple):
    """A conversation as it stood in earlier prompts, and the language it is in by now.

    `collections` are the ids of those whose words stand in it again.
    """

    turns: tuple[Message, ...]
    language: str
    collections: frozenset[int]


def as_asked(history: Sequence[Message], readable: frozenset[int], read: ReadPassages) -> Recalled:
    """The conversation as it stood in earlier prompts.

    A question keeps its evidence only when all of it can be had: every passage is there, in a
    readable collection, and holds the words that are named, none of them an order to a model. Else
    it stands alone. Nothing tells a
    passage that may not be read from one that is not there.

    Args:
        history: oldest first.
        readable: ids of the collections the reader may read.
    """
    recalled = _newest(history)
    passages = _readable(recalled, readable, read)
    turns = []
    collections: set[int] = set()
    language = ENGLISH
    for turn, parts in zip(history, recalled, strict=True):
        if turn.role != "user":
            turns.append(Message(turn.role, turn.content))
            continue
        language = language_of(turn.content, language)
        lines = [_words(part, passages) for part in parts]
        found = [line for line in lines if line]
        words = turn.content.strip()
        if found and len(found) == len(lines):
            words = asked(turn.content, found, LANGUAGES[language])
            collections.update(passages[part.passage_id].collection_id for part in parts)
        turns.append(Message("user", words))
    return Recalled(tuple(turns), language, frozenset(collections))


def _newest(history: Sequence[Message]) -> list[tuple[PassagePart, ...]]:
    """The evidence of each turn, as far as it is read: the oldest find no room anyway."""
    room = MOST_RECALLED
    parts: list[tuple[PassagePart, ...]] = []
    for turn in reversed(history):
        room -= len(turn.evidence)
        parts.append(turn.evidence if room >= 0 else ())
    return parts[::-1]


def _readable(
    parts: Sequence[Sequence[PassagePart]], readable: frozenset[int], read: ReadPassages
) -> dict[int, Passage]:
    named = {part.passage_id for turn in parts for part in turn}
    if not named or not readable:
        return {}
    return {
        number: passage
        for number, (passage, _) in read(sorted(named)).items()
        if passage.collection_id in readable
    }


def _words(part: PassagePart, passages: Mapping[int, Passage]) -> str | None:
    passage = passages.get(part.passage_id)
    if passage is None or not passage.start <= part.start < part.end <= passage.end:
        return None
    text = passage.text[part.start - passage.start : part.end - passage.start]
    return None if is_command(text) else on_one_line(text)
