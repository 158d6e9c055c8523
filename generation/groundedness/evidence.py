"""Cuts evidence into units and chooses what of it is read beside one sentence. Pure."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from generation.groundedness.words import Words, words_of
from retrieval.sentences import sentence_spans

_LONGEST_UNIT = 320  # characters; what is longer (a table, a record in one line) is cut
_SHORTEST_CUT = 160
_QUESTION_WEIGHT = 0.3
_NEIGHBOUR_WEIGHT = 0.25
_MOST_SPANS = 3
_CUT = re.compile(r"\n|[;,:]\s|\s")


@dataclass(frozen=True, slots=True)
class Unit:
    """`evidence[index][start:end]`, code points: about a sentence, trimmed, never blank."""

    index: int
    start: int
    end: int
    words: Words


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence cut into units, with what is needed to weigh their words."""

    texts: tuple[str, ...]
    units: tuple[Unit, ...]
    words: Words  # of all the units together
    places: Mapping[str, Sequence[int]]  # the units each content word is in

    def weight(self, word: str) -> float:
        """How much a shared word says: ln(1 + units / units that have it), > 0."""
        return math.log(1 + (len(self.units) + 1) / (len(self.places.get(word, ())) + 1))

    def shared(self, words: Iterable[str]) -> dict[int, float]:
        """Weight of the words that each unit has; units that have none are left out."""
        found: dict[int, float] = defaultdict(float)
        for word in sorted(words):
            weight = self.weight(word)
            for place in self.places.get(word, ()):
                found[place] += weight
        return found

    def text(self, unit: Unit) -> str:
        """The words of a unit."""
        return self.texts[unit.index][unit.start : unit.end]


def read_evidence(texts: Sequence[str]) -> Evidence:
    """Cut texts into units, in order."""
    units = []
    for index, text in enumerate(texts):
        for start, end in unit_spans(text):
            units.append(Unit(index, start, end, words_of(text[start:end])))
    places: dict[str, list[int]] = defaultdict(list)
    for place, unit in enumerate(units):
        for word in unit.words.content:
            places[word].append(place)
    together = Words(
        content=frozenset().union(*(unit.words.content for unit in units)),
        numbers=frozenset().union(*(unit.words.numbers for unit in units)),
        names=frozenset().union(*(unit.words.names for unit in units)),
        measures=frozenset().union(*(unit.words.measures for unit in units)),
        negations=sum(unit.words.negations for unit in units),
    )
    return Evidence(tuple(texts), tuple(units), together, places)


def unit_spans(text: str) -> list[tuple[int, int]]:
    """Sentences of a text without the white space around them; long ones cut at a pause."""
    trimmed = (
        _trimmed(text, *piece) for span in sentence_spans(text) for piece in _pieces(text, *span)
    )
    return [(start, end) for start, end in trimmed if start < end]


def response_spans(response: str) -> list[tuple[int, int]]:
    """The sentences of a response without the white space around them; a line always ends one.

    Long ones are cut at a pause, because the model reads so much of a sentence at most.
    """
    spans = []
    start = 0
    for line in response.splitlines(keepends=True):
        for begin, end in sentence_spans(line):
            for piece in _pieces(response, start + begin, start + end):
                span = _trimmed(response, *piece)
                if any(character.isalnum() for character in response[slice(*span)]):
                    spans.append(span)
        start += len(line)
    return spans


def choose(
    evidence: Evidence, claim: Words, question: Words, sizes: Sequence[int], budget: int
) -> list[int]:
    """The units to read beside a claim, in their order, of at most `budget` tokens together.

    Every unit when they fit. Else those that share most, by weight, with the claim; less for
    words of the question, and for words shared by a neighbour in the same text. The first of
    equals. A unit that does not fit is passed over, unless it would be the first.

    Args:
        sizes: tokens of each unit.
    """
    if sum(sizes) <= budget:
        return list(range(len(sizes)))
    own = [0.0] * len(sizes)
    for words, weight in ((claim.content, 1.0), (question.content, _QUESTION_WEIGHT)):
        for place, shared in evidence.shared(words).items():
            own[place] += weight * shared
    scores = [own[i] + _NEIGHBOUR_WEIGHT * _beside(evidence, own, i) for i in range(len(own))]
    chosen: list[int] = []
    left = budget
    for i in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        if sizes[i] <= left or not chosen:
            chosen.append(i)
            left -= sizes[i]
    return sorted(chosen)


def cover(evidence: Evidence, claim: Words) -> list[Unit]:
    """The fewest units that together hold what of a claim the evidence holds, best first.

    Greedy: each next unit adds most weight of words not held yet, as long as it adds a number, a
    name, or a fifth of the claim. Empty when nothing is shared.
    """
    total = sum(evidence.weight(word) for word in sorted(claim.content))
    missing = claim.content
    chosen: list[Unit] = []
    while len(chosen) < _MOST_SPANS:
        gains = evidence.shared(missing)
        if not gains:
            break
        best = min(gains, key=lambda place: (-gains[place], place))
        unit = evidence.units[best]
        found = missing & unit.words.content
        is_telling = bool(found & (claim.numbers | claim.names)) or gains[best] >= 0.2 * total
        if chosen and not is_telling:
            break
        chosen.append(unit)
        missing -= found
    return chosen


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A span in pieces of bearable length: cut after a line, else a pause, else a word."""
    while end - start > _LONGEST_UNIT:
        cuts = [*_CUT.finditer(text, start + _SHORTEST_CUT, start + _LONGEST_UNIT)]
        strong = [cut for cut in cuts if cut.group() == "\n"] or [
            cut for cut in cuts if len(cut.group()) > 1
        ]
        at = (strong or cuts)[-1].end() if cuts else start + _LONGEST_UNIT
        yield start, at
        start = at
    yield start, end


def _beside(evidence: Evidence, own: Sequence[float], i: int) -> float:
    """The larger score of the units before and after, within the same text."""
    here = evidence.units[i].index
    return max(
        (own[j] for j in (i - 1, i + 1) if 0 <= j < len(own) and evidence.units[j].index == here),
        default=0.0,
    )


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return start, start + len(piece.strip())
