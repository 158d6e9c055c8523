"""The question, asked of a sentence and of its evidence: when do they answer differently?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from generation.finder import FoundAnswer
from generation.groundedness.cross_examination import names_another

EVIDENCE = "Anna sold the boat in May, for 900 pounds. Ben rowed it home. Anna's brother paid."
QUESTION = "Who sold the boat?"


@dataclass
class TableFinder:
    """Finds the first of its names that a text has; `weights` say how far names stand out in the
    evidence, and whatever is found elsewhere does by 5. Keeps what it was asked."""

    names: Sequence[str] = ("Anna", "Ben", "Ben Hale", "May", "the boat")
    weights: Mapping[str, float] = field(default_factory=lambda: {"Anna": 4.0, "Ben": -6.0})
    version: str = "table"
    asked: list[str] = field(default_factory=list)

    def find(self, question: str, texts: Sequence[str]) -> list[FoundAnswer]:
        self.asked.append(question)
        return [self._found(text) for text in texts]

    def weigh(self, question: str, text: str, places: Sequence[tuple[int, int]]) -> list[float]:
        return [self.weights[text[start:end]] for start, end in places]

    def _found(self, text: str) -> FoundAnswer:
        for name in self.names:
            if name in text:
                start = text.index(name)
                weight = self.weights.get(name, 0.0) if text == EVIDENCE else 5.0
                return FoundAnswer(start, start + len(name), weight, weight)
        return FoundAnswer(0, 0, -8.0, -8.0)


def examined(sentence: str, finder: TableFinder | None = None, question: str = QUESTION) -> bool:
    [found] = names_another(finder or TableFinder(), question, [sentence], EVIDENCE)
    return found


def test_a_name_in_the_place_of_another_is_seen():
    assert examined("Ben sold the boat.")


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("Anna sold the boat.", "it says the same"),
        ("Ben says that Anna sold the boat.", "it names what the evidence answers too"),
        ("Cleo sold the boat.", "other signals see what is nowhere in the evidence"),
        ("It was sold for 900 pounds.", "it does not answer the question"),
    ],
)
def test_other_sentences_are_left_alone(sentence, why):
    assert not examined(sentence, TableFinder(names=("Anna", "Ben", "Cleo"))), why


def test_one_answer_within_the_other_is_the_same():
    finder = TableFinder(names=("Anna's brother", "brother"), weights={"Anna's brother": 4.0})
    assert not examined("The brother sold the boat.", finder)


def test_a_name_that_stands_out_nearly_as_much_may_be_right_too():
    assert not examined("Ben sold the boat.", TableFinder(weights={"Anna": 4.0, "Ben": -2.0}))


def test_evidence_that_hardly_answers_contradicts_nobody():
    assert not examined("Ben sold the boat.", TableFinder(weights={"Anna": 0.5, "Ben": -9.0}))


def test_what_repeats_the_question_is_no_answer():
    finder = TableFinder(names=("the boat", "Ben"), weights={"the boat": 4.0, "Ben": -9.0})
    assert not examined("Ben did it.", finder)
    assert examined("Ben did it.", finder, question="What did Ben row home?")


def test_a_reply_of_a_word_or_two_needs_nothing_to_be_found_by():
    class Unsure(TableFinder):
        def _found(self, text: str) -> FoundAnswer:
            found = super()._found(text)
            weight = found.stands_out if text == EVIDENCE else -9.0
            return FoundAnswer(found.start, found.end, weight, weight)

    assert examined("Ben.", Unsure())
    assert not examined("It was Ben who sold the boat.", Unsure())


def test_a_name_counts_where_it_stands_out_most_and_as_a_whole_word():
    class ByPlace(TableFinder):
        def weigh(self, question: str, text: str, places: Sequence[tuple[int, int]]) -> list[float]:
            seen.extend(text[start:end] for start, end in places)
            return [-9.0, 1.0][: len(places)]

    seen: list[str] = []
    assert not examined("Anna sold the boat.", ByPlace(names=("Ben", "Anna"), weights={"Ben": 4.0}))
    assert seen == ["Anna", "Anna"]
    assert examined("ben sold the boat.", ByPlace(names=("Anna", "ben"), weights={"Anna": 4.0}))
    assert seen.pop() == "Ben"
    assert not examined("An sold the boat.", ByPlace(names=("Ben", "An"), weights={"Ben": 4.0}))
    assert seen == ["Anna", "Anna"]


@pytest.mark.parametrize(
    ("question", "evidence"), [("", EVIDENCE), ("  ", EVIDENCE), ("Who?", " ")]
)
def test_without_a_question_or_evidence_nobody_is_asked(question, evidence):
    finder = TableFinder()
    assert names_another(finder, question, ["Ben sold the boat."], evidence) == [False]
    assert names_another(finder, QUESTION, [], EVIDENCE) == []
    assert finder.asked == []


def test_sentences_are_examined_one_by_one_in_order():
    sentences = ["Ben sold the boat.", "Anna sold the boat.", "Ben."]
    assert names_another(TableFinder(), QUESTION, sentences, EVIDENCE) == [True, False, True]


def test_nothing_stands_out_where_it_does_not_stand():
    assert not examined("Ben sold the boat.", TableFinder(weights={"Anna": 4.0, "Ben": math.inf}))
