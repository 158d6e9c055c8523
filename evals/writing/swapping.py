"""A question that the documents answer -> one of the same form that they do not. Pure.

A name, date or code in it is exchanged for another of its kind, or what it is about for something
else that is asked about, so that the documents hold both and never together. Only words of the same
document are put in: when that is deleted, every word of the case goes with it.
"""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from evals.writing.facts import Fact, facts_of
from evals.writing.types import Draft, Kind
from generation.groundedness.words import share, words_of

# What stays true of a neighbouring value is no good: "after five years" says something of six.
_EXCHANGED = frozenset(("name", "date", "year", "code"))
_PERSON_AFTER = (
    "(?:the )?[\\w ]{0,30}(?:Manager|Director|Lead|Coordinator|Clerk|Engineer|Officer|President|"
    "Chair|Secretary|Minister)|who|said|says|wrote|was born|died|founded|reported|received|"
    "presented|joined|left|argued|invented|discovered|began|performed|announced|won"
)
_PERSON_BEFORE = "Mr|Mrs|Ms|Dr|Sir|President|Senator|Governor|created by|written by|founded by"
_PLACE_BEFORE = "in|near|at|through|across|The|the|of"
# A passage with what was put in and this share of the question's other words may well answer it.
_MAY_ANSWER = 0.6
_TITLE = re.compile(r"\A(?:According to|In|Complete the sentence from) “[^”]*”[,:]?")


class Elsewhere(NamedTuple):
    """What the document of a draft has to put in: facts of its statements, other drafts,
    and which of the names are persons'."""

    facts: Sequence[Fact]
    drafts: Sequence[Draft]
    persons: frozenset[str]


def swapped(draft: Draft, elsewhere: Elsewhere, passages: Sequence[str], seed: int) -> Draft | None:
    """The draft with one thing of its question exchanged, or None where that cannot be done.

    Args:
        passages: every passage of every document: what is put in and the question's other words
            must not meet in any.
    """
    chance = random.Random(f"{seed}:{draft.question}")  # noqa: S311 - a draw, no secret
    exchanges = [*_of_facts(draft, elsewhere), *_of_entity(draft, elsewhere.drafts)]
    exchanges = sorted(set(exchanges))
    chance.shuffle(exchanges)
    for old, new, what in exchanges:
        question = _put(draft.question, old, new)
        if question != draft.question and not may_be_answered(question, new, passages):
            statement = _put(draft.statement, old, new)
            return replace(
                draft,
                kind=Kind.SWAP,
                question=question,
                statement=statement,
                asked_for=what,
                altered=new,
            )
    return None


def _put(text: str, old: str, new: str) -> str:
    """The text with the exchange made, but for a title it names; a capital stays one."""
    title = _TITLE.match(text)
    begin = title.end() if title else 0
    found = re.search(re.escape(old), text[begin:], re.IGNORECASE)
    if found is None:
        return text
    start, end = begin + found.start(), begin + found.end()
    put = new[0].upper() + new[1:] if start == 0 and text[0].isupper() else new
    return text[:start] + put + text[end:]


def _of_facts(draft: Draft, elsewhere: Elsewhere) -> list[tuple[str, str, str]]:
    return [
        (old.text, new.text, old.kind)
        for old in facts_of(draft.question)
        if old.kind in _EXCHANGED and old.text in draft.evidence
        for new in elsewhere.facts
        if new.kind == old.kind
        and _is_alike(old, new, elsewhere.persons)
        and _is_other(new.text, draft)
    ]


def _of_entity(draft: Draft, drafts: Sequence[Draft]) -> list[tuple[str, str, str]]:
    """What a question of the same sort in the same document is about, in place of its own."""
    if not draft.entity:
        return []
    return [
        (draft.entity, other.entity, "entity")
        for other in drafts
        if other.entity
        and other.kind == draft.kind
        and _frame(other) == _frame(draft)
        and other.evidence != draft.evidence
        and not words_of(f"of {other.entity}").content & words_of(f"of {draft.entity}").content
        and _is_other(other.entity, draft)
    ]


def _frame(draft: Draft) -> str:
    """How a question begins before what it is about, which has to fit; rows and pairs all fit."""
    if draft.kind in {Kind.PAIR, Kind.TABLE}:
        return ""
    return _TITLE.sub("", draft.question).lower().split(draft.entity.lower(), 1)[0].strip()


def _is_other(new: str, draft: Draft) -> bool:
    """Whether the source says nothing of what is put in, and it is not the answer."""
    return new.lower() not in draft.evidence.lower() and new != draft.reference


def _is_alike(old: Fact, new: Fact, persons: frozenset[str]) -> bool:
    """Whether one can stand for the other: dates written alike, names of one sort.

    Names are when both are persons, or end in the same word: an airport for an airport.
    """
    one, other = old.text.split(), new.text.split()
    if old.kind != "name":
        return len(one) == len(other) and old.text != new.text
    if {old.text, new.text} <= persons:
        return not set(one) & set(other)
    return one[-1] == other[-1] and one[0] != other[0] and not {old.text, new.text} & persons


def persons_of(names: Iterable[str], text: str) -> frozenset[str]:
    """The names that the words around them say are persons': a role, or what only persons do."""
    found = set()
    for name in set(names):
        escaped = re.escape(name)
        is_place = re.search(rf"\b(?:{_PLACE_BEFORE}) {escaped}(?!\w)", text)
        is_person = re.search(
            rf"\b{escaped},? (?:{_PERSON_AFTER})\b|\b(?:{_PERSON_BEFORE}) {escaped}(?!\w)", text
        )
        if is_person and not is_place:
            found.add(name)
    return frozenset(found)


def may_be_answered(question: str, new: str, passages: Sequence[str]) -> bool:
    """Whether some passage has what was put in, and most of the question's other words too."""
    put_in = words_of(f"of {new}").content
    asked = words_of(f"of {_TITLE.sub('', question)}").content - put_in
    for text in passages:
        words = words_of(text).content
        if put_in <= words and share(asked, words) >= _MAY_ANSWER:
            return True
    return False
