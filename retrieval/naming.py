"""Whose is it? Documents that carry the names of a question come before those that do not. Pure.

"Interest expense was $472 million" says nothing of whose it is, and neither meaning nor words tell
it from that of another company, or of another quarter: the name stands on the cover, the quarter in
the name of the file.
"""

import re
from collections.abc import Collection, Mapping, Sequence

from retrieval.names import name_key
from retrieval.types import Candidate, Carried

_WORD = re.compile(r"\w+(?:[-./&’']\w+)*")
_POSSESSIVE = re.compile(r"['’](?:s|S)?\Z")
_SENTENCE_END = re.compile(r"[.!?:]\s*\Z")
_PERIOD = re.compile(
    r"\b(?P<place>first|second|third|fourth|1st|2nd|3rd|4th)[ -](?P<kind>quarter|half)\b",
    re.IGNORECASE,
)
_PLACES = {"first": 1, "second": 2, "third": 3, "fourth": 4}
_MOST_NAMES = 8
# Asks for the newest of several; a name of this kind is no word of any document.
NEWEST = "(newest)"
_ASKS_NEWEST = re.compile(
    r"\b(?:latest|newest|most recent|neuest\w*|aktuellst\w*|jüngst\w*)\b", re.IGNORECASE
)
_DIGITS = re.compile(r"\d+")
# What a name counts that stands only in the text where other documents are called by it.
_MENTIONED = 0.5
PENALTY = 0.2


def names_in(question: str) -> tuple[str, ...]:
    """What a question calls by name, lower case, each once, in order.

    Words that are capitalised inside a sentence, have two capitals or a digit, or own something
    ("Apple's"); quarters and halves of a year as they are abbreviated; `NEWEST` when the latest of
    several is asked for. None by its capitals when every letter of the question is one.
    """
    has_case = question.upper() != question
    found: dict[str, None] = {}
    for match in _WORD.finditer(question):
        word = _POSSESSIVE.sub("", match.group())
        before = question[: match.start()]
        begins = not before.strip() or _SENTENCE_END.search(before) is not None
        capitals = sum(letter.isupper() for letter in word)
        owns = word != match.group() and len(word) > 2
        is_name = (
            any(letter.isdigit() for letter in word)
            or (has_case and (capitals > 1 or (capitals == 1 and word[0].isupper() and not begins)))
            or owns
        )
        if is_name and len(word) > 1:
            found[word.casefold()] = None
    for match in _PERIOD.finditer(question):
        place = match["place"].lower()
        number = _PLACES.get(place) or int(place[0])
        found[f"{match['kind'][0].lower()}{number}"] = None
    names = tuple(found)[:_MOST_NAMES]
    return (*names, NEWEST) if _ASKS_NEWEST.search(question) else names


def newest(names: Mapping[int, str]) -> frozenset[int]:
    """The documents that no other one of a series follows, or that are of no series.

    "2023 Q1 report.pdf" and "2023 Q2 report.pdf" are of one: their names differ in numbers alone.

    Args:
        names: of each document, or revision, the document's name.
    """
    last: dict[str, str] = {}
    for name in sorted(map(name_key, names.values())):
        last[_DIGITS.sub("0", name)] = name
    ends = frozenset(last.values())
    return frozenset(one for one, name in names.items() if name_key(name) in ends)


def is_in(name: str, title: str) -> bool:
    """Whether a title has a name, as whole words."""
    return re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", title.casefold()) is not None


def carried(
    leading: Mapping[int, Collection[str]], mentioned: Mapping[int, Collection[str]]
) -> dict[int, Carried]:
    """What each revision carries, compared with the others.

    A name that some document is called by, or begins with, counts half where it stands further in:
    a report of 2023 speaks of 2022, and of other companies. What nowhere has a name that some
    document begins with is of another one, and carries nothing, whatever else it shares.

    Args:
        leading: for each revision the names that are in its document's name or title, or in its
            first passages.
        mentioned: for each of the same revisions those that stand anywhere in it.
    """
    leads = frozenset[str]().union(*leading.values())
    names = sorted(leads.union(*mentioned.values()))
    totals = dict.fromkeys(leading, 0.0)
    strangers: set[int] = set()
    telling = 0
    for name in names:
        worth = {
            revision: 1.0
            if name in leading[revision]
            else (name in mentioned[revision]) * (_MENTIONED if name in leads else 1.0)
            for revision in leading
        }
        if len(set(worth.values())) > 1:
            telling += 1
            for revision, value in worth.items():
                totals[revision] += value
            if name in leads:
                strangers.update(revision for revision, value in worth.items() if not value)
    return {
        revision: Carried(
            0.0 if revision in strangers else total / telling if telling else 1.0,
            frozenset(leading[revision]) | (frozenset(mentioned[revision]) - leads),
        )
        for revision, total in totals.items()
    }


def demoted(
    candidates: Sequence[Candidate],
    of_passages: Mapping[int, Carried],
    *,
    penalty: float = PENALTY,
) -> list[Candidate]:
    """The candidates with less score for the names that their documents do not carry.

    Args:
        of_passages: for a passage what its document carries; absent is as if it were all.

    Returns:
        Best first; equal scores as they were.
    """
    scored = [
        Candidate(one.passage_id, one.score - penalty * (1 - found.share) if found else one.score)
        for one in candidates
        for found in (of_passages.get(one.passage_id),)
    ]
    return sorted(scored, key=lambda one: -one.score)
