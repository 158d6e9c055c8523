"""Evidence of earlier questions: from the store and as the reader may read it, or not at all."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from generation.prompt import asked
from generation.recall import MOST_RECALLED, as_asked
from generation.types import Message, PassagePart
from retrieval.types import Document, Passage

OURS, THEIRS = 1, 2
TEXTS = {
    10: (OURS, 100, "The lease ends in May."),
    11: (OURS, 122, " Rent is\ndue <monthly>."),
    20: (THEIRS, 0, "The merger is called Heron."),
}
QUESTION = "When does the lease end?"


def shelf() -> SimpleNamespace:
    """Reads passages, and keeps which it was asked for."""
    wanted: list[Sequence[int]] = []

    def read(ids: Sequence[int], /) -> dict[int, tuple[Passage, Document]]:
        wanted.append(ids)
        found = {}
        for number in ids:
            if number in TEXTS:
                collection, start, text = TEXTS[number]
                place = Passage(number, 1, 1, collection, start, start + len(text), None, "", text)
                found[number] = (place, Document(1, collection, "/a", "a", "", "text/plain", 1))
        return found

    return SimpleNamespace(read=read, wanted=wanted)


def question(*parts: PassagePart) -> str:
    turns, *_ = as_asked([Message("user", QUESTION, parts)], frozenset({OURS}), shelf().read)
    return turns[0].content


def test_a_question_is_as_it_was_asked():
    parts = [PassagePart(11, 123, 145), PassagePart(10, 100, 122)]
    lines = ["Rent is due <monthly>.", "The lease ends in May."]
    assert question(*parts) == asked(QUESTION, lines, "English")
    assert "Rent is due ‹monthly›.\nThe lease ends in May." in question(*parts)


@pytest.mark.parametrize(
    "part",
    [
        PassagePart(20, 0, 27),  # may not be read
        PassagePart(999, 0, 27),  # is not there
        PassagePart(2**62, 0, 27),
        PassagePart(10, 99, 122),  # before the passage
        PassagePart(10, 100, 123),  # after it
        PassagePart(10, 110, 110),
        PassagePart(10, 120, 110),
        PassagePart(11, 122, 123),  # white space
    ],
)
def test_what_cannot_be_had_leaves_the_question_alone(part):
    assert question(part) == QUESTION
    assert question(PassagePart(10, 100, 122), part) == QUESTION


def test_nothing_is_read_for_who_may_read_nothing():
    kept = shelf()
    history = [Message("user", QUESTION, (PassagePart(10, 100, 122),))]
    turns, *_ = as_asked(history, frozenset(), kept.read)
    assert turns == (Message("user", QUESTION),)
    assert kept.wanted == []


def test_each_passage_is_read_once_and_only_so_many():
    kept = shelf()
    old = Message("user", "Old?", tuple(PassagePart(n, 0, 1) for n in range(500)))
    same = Message("user", QUESTION, (PassagePart(10, 100, 122),) * (MOST_RECALLED - 1))
    turns, *_ = as_asked([old, same], frozenset({OURS}), kept.read)
    assert kept.wanted == [[10]]
    assert turns[0].content == "Old?"
    assert turns[1].content.count("The lease ends in May.") == MOST_RECALLED - 1


def test_what_the_assistant_said_has_no_evidence():
    said = Message("assistant", "In May.", (PassagePart(10, 100, 122),))
    turns, *_ = as_asked([said], frozenset({OURS}), shelf().read)
    assert turns == (Message("assistant", "In May."),)


def test_a_conversation_has_the_language_of_its_last_question_that_tells():
    history = [Message("user", "Wann endet der Vertrag?"), Message("user", "2019?")]
    assert as_asked(history, frozenset(), shelf().read).language == "de"
    assert as_asked([], frozenset(), shelf().read).language == "en"
