"""How the answer finder reads: windows that hold all of a text, and what it learned from."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from generation.answer_finding.packing import WindowPacker
from training.answer_finding.office import office_questions
from training.answer_finding.questions import Asked, made_unanswerable
from training.answer_finding.train import lessons
from training.groundedness.train import bundled_encoder

PACKER = WindowPacker(Tokenizer.from_file(str(bundled_encoder() / "tokenizer.json")), 128)
TEXT = "Rollo was the Norse leader. He swore fealty in 911. Many others came later, and stayed."


@given(st.text(max_size=400), st.text(max_size=80))
def test_windows_hold_all_of_a_text_and_each_fits(text: str, question: str) -> None:
    windows = list(PACKER.windows(question, text))
    assert all(len(window.tokens) == len(window.types) <= 128 for window in windows)
    read = [span for window in windows for span in window.offsets]
    whole = next(iter(WindowPacker(PACKER._tokenizer, 10_000).windows(question, text))).offsets
    assert set(read) == set(whole)
    for one, other in pairwise(windows):
        assert set(one.offsets) & set(other.offsets) or not other.offsets


@pytest.mark.parametrize(
    ("answer", "is_there"), [("Rollo", True), ("911", True), ("and stayed", True)]
)
def test_a_lesson_marks_the_tokens_of_its_answer(answer: str, is_there: bool) -> None:
    start = TEXT.index(answer)
    row = Asked("Who?", TEXT, ((start, start + len(answer)),), "Normans")
    found = list(lessons([row], PACKER))
    assert bool(found) is is_there
    for window, marks in found:
        for first, last in marks:
            begin = window.offsets[first - window.first][0]
            end = window.offsets[last - window.first][1]
            assert TEXT[begin:end] == answer


def test_what_is_made_unanswerable_has_lost_its_answer() -> None:
    row = Asked("Who was the Norse leader in 911?", TEXT, ((0, 5),), "Normans")
    rows = [row] * 40 + [Asked("Who?", "Another paragraph of the same article.", (), "Normans")]
    made = list(made_unanswerable(rows, random.Random(3)))
    assert made
    assert all(not one.answers for one in made)
    assert all("Rollo" not in one.text or one.question != row.question for one in made)


def test_made_up_office_questions_point_at_their_answers() -> None:
    made = list(office_questions(300, 5))
    answered = [one for one in made if one.answers]
    assert 100 < len(answered) < 200
    for one in answered:
        [(start, end)] = one.answers
        value = one.text[start:end]
        assert value == value.strip()
        assert value
    assert made == list(office_questions(300, 5))


def test_a_made_up_table_without_the_row_does_not_name_it() -> None:
    unanswered = [one for one in office_questions(300, 6) if not one.answers]
    rows = [one for one in unanswered if "|" in one.text and "cost" in one.question]
    assert rows
    assert not any(one.question in one.text for one in rows)
