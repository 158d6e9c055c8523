"""What the answer gauge is taught with: texts, each with the questions about it in one row."""

import json
import random
import re
from dataclasses import replace

import pytest
import torch

from generation.answer_gauge.packing import Asked as Packed
from tests.unit.test_answer_gauge import packer_of_characters
from training.answer_finding.questions import Asked
from training.answer_gauge.export import mean_of
from training.answer_gauge.headings import below_headings, below_titles
from training.answer_gauge.manuals import manual_questions
from training.answer_gauge.reports import report_questions
from training.answer_gauge.train import (
    Lesson,
    Mixture,
    batch_of,
    batches_of,
    lessons,
    lessons_of_an_epoch,
)
from training.answer_gauge.written import written_questions

TEXT = "The fee is 40. It rains."
ROWS = [
    Asked("What is the fee?", TEXT, ((11, 13),), "a"),
    Asked("When is tea?", TEXT, (), "a"),
    Asked("Why?", "It snows.", (), "b"),
]


@pytest.fixture
def packer():
    return packer_of_characters()


def test_the_questions_about_a_text_are_one_lesson(packer):
    found = list(lessons(ROWS, packer, random.Random(1)))
    assert [len(one.questions) for one in found] == [2, 1]
    first = found[0]
    at = first.answered.index(True)
    assert first.marks[at] == ((12, 13),)
    assert first.marks[1 - at] == ()
    assert found[1].answered == (False,)


def test_more_than_twelve_questions_about_a_text_are_several_lessons(packer):
    rows = [Asked(f"Is it {i}?", TEXT, (), "a") for i in range(30)]
    assert [len(one.questions) for one in lessons(rows, packer, random.Random(1))] == [12, 12, 6]


def test_an_answer_beyond_the_first_window_is_not_pointed_at(packer):
    text = "It rains and it rains and it rains. The fee is 40."
    [lesson] = lessons(
        [Asked("What?", text, ((len(text) - 3, len(text) - 1),), "a")], packer, random.Random(1)
    )
    assert lesson.marks == ((),)


def test_a_question_sees_the_text_and_itself_and_follows_the_text():
    question = Packed((7, 8, 9), 1)
    other = Packed((5, 6), 1)
    batch = batch_of(
        [
            Lesson((1, 2), (question, other), (True, False), (((1, 1),), ())),
            Lesson((3,), (other,), (False,), ((),)),
        ]
    )
    assert batch.tokens.tolist() == [[1, 2, 7, 8, 9, 5, 6], [3, 5, 6, 0, 0, 0, 0]]
    assert batch.positions[0].tolist() == [0, 1, 2, 3, 4, 2, 3]
    seen = batch.seen[0, 0].int().tolist()
    assert seen[1] == [1, 1, 0, 0, 0, 0, 0]
    assert seen[4] == [1, 1, 1, 1, 1, 0, 0]
    assert seen[6] == [1, 1, 0, 0, 0, 1, 1]
    assert batch.judged.int().tolist() == [
        [0, 0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1],
        [0, 0, 1, 0, 0, 0, 0],
    ]
    assert batch.rows.tolist() == [0, 0, 1]
    assert batch.answered.tolist() == [1.0, 0.0, 0.0]
    assert batch.is_text.int().tolist() == [[1, 1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0]]
    places = [torch.nonzero(batch.wanted[i] == 0).tolist() for i in range(3)]
    assert places == [[[1, 0], [1, 1]], [[7, 0], [7, 1]], [[7, 0], [7, 1]]]


@pytest.mark.parametrize("size", [1, 9, 40])
def test_each_lesson_is_in_one_batch(size):
    rows = [Lesson((1,) * n, (Packed((2, 3), 1),), (True,), ((),)) for n in range(1, size + 1)]
    made = batches_of(rows, random.Random(2))
    assert sorted(len(one.text) for batch in made for one in batch) == list(range(1, size + 1))


def test_all_questions_about_a_text_stand_below_the_same_title():
    rows = [replace(row, group="Tea_houses") for row in ROWS]
    found = [list(below_titles(rows, random.Random(seed))) for seed in range(20)]
    assert {one[0].text for one in found} == {TEXT, f"Tea houses\n\n{TEXT}"}
    for fee, tea, _ in found:
        assert fee.text == tea.text
        [(start, end)] = fee.answers
        assert fee.text[start:end] == "40"


@pytest.mark.parametrize(
    ("group", "text"), [("xquad 17", TEXT), ("Tea_houses", f"Tea > Fees\n\n{TEXT}")]
)
def test_a_text_without_a_name_or_with_headings_of_its_own_stands_plain(group, text):
    rows = [replace(row, group=group, text=text, answers=()) for row in ROWS]
    for seed in range(20):
        assert list(below_titles(rows, random.Random(seed))) == rows


def test_below_a_heading_an_answer_keeps_its_place_and_another_document_answers_nothing():
    row = Asked("What does the contract cost?", TEXT, ((11, 13),), "a")
    found = list(below_headings([row] * 400, random.Random(3)))
    assert len(found) == 400
    untouched = [one for one in found if one == row]
    assert 100 < len(untouched) < 170
    for one in found:
        assert one.text.endswith(TEXT)
        assert [one.text[start:end] for start, end in one.answers] in ([], ["40"])
        if "the contract" not in one.question:
            named = one.question.removeprefix("What does the ").removesuffix(" cost?")
            assert one.text.lower().startswith(named) == bool(one.answers)
    assert any(not one.answers for one in found)
    unanswered = replace(row, answers=())
    assert not any(one.answers for one in below_headings([unanswered] * 40, random.Random(4)))


def test_questions_about_manuals_are_answered_by_a_whole_statement_or_not_at_all():
    found = list(manual_questions(300, 5))
    assert found == list(manual_questions(300, 5)) != list(manual_questions(300, 6))
    answered = [one for one in found if one.answers]
    assert 100 < len(answered) < 200
    for one in answered:
        [(start, end)] = one.answers
        said = one.text[start:end]
        assert said[0].isupper()
        assert said.endswith(".")
        assert one.text.count(said) == 1
    tasks = [one for one in found if one.question.startswith("How do I ")]
    assert tasks
    for one in tasks:
        task = one.question.removeprefix("How do I ").removesuffix("?")
        assert (f"To {task}, open" in one.text) == bool(one.answers)


def test_a_figure_is_there_if_its_row_and_its_year_are_and_the_report_is_of_who_is_asked_about():
    found = list(report_questions(900, 5))
    assert found == list(report_questions(900, 5)) != list(report_questions(900, 6))
    answered = [one for one in found if one.answers]
    assert 300 < len(answered) < 600
    for one in answered:
        [(start, end)] = one.answers
        assert one.text[start:end] in one.text.splitlines() or one.text[start:end].endswith(".")
    figures = [one for one in found if one.question.startswith("What was the ")]
    figures = [one for one in figures if one.question.endswith(tuple("0123456789?"))]
    asked = [re.match(r"What was the (.+) of (.+) in .*(20\d\d)", one.question) for one in figures]
    assert sum(match is not None for match in asked) > 30
    for one, match in zip(figures, asked, strict=True):
        if match is None:
            continue
        row, company, year = match.groups()
        has_row = any(line.lower().startswith(row.lower()) for line in one.text.splitlines())
        is_theirs = company in one.text.splitlines()[0]
        has_year = year in one.text.split("\n\n", 1)[1]
        assert (has_row and is_theirs and has_year) == bool(one.answers), one


def test_a_written_lesson_says_where_its_text_answers(tmp_path):
    (tmp_path / "1").mkdir()
    row = {"title": "Tea", "text": TEXT, "asked": [["The fee?", "40"], ["When is tea?", None]]}
    (tmp_path / "1" / "some.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert list(written_questions(folder=tmp_path)) == [
        Asked("The fee?", TEXT, ((11, 13),), "Tea"),
        Asked("When is tea?", TEXT, (), "Tea"),
    ]
    row["asked"].append(["Is it 50?", "50"])
    (tmp_path / "1" / "some.jsonl").write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(ValueError, match=r"some\.jsonl, line 1: the text has no '50'"):
        list(written_questions(folder=tmp_path))


def test_about_half_of_what_is_asked_of_every_written_text_is_answered():
    by_text: dict[str, list[Asked]] = {}
    for row in written_questions():
        by_text.setdefault(row.text, []).append(row)
    assert len(by_text) > 900
    for text, rows in by_text.items():
        assert 25 <= len(text.split()) <= 200
        assert len({row.question.lower() for row in rows}) == len(rows)
        assert 0.3 <= sum(bool(row.answers) for row in rows) / len(rows) <= 0.7


def test_of_what_people_asked_an_epoch_may_read_a_share(packer):
    rows = [Asked("What?", f"Text {i}.", (), "a") for i in range(40)]
    few = Mixture(
        people=0.25, written=0.0, rounds=(), office=0, manuals=0, reports=0, has_headings=False
    )
    for mixture, expected in ((few, 10), (few._replace(people=1.0), 40)):
        found = lessons_of_an_epoch(rows, packer, random.Random(1), mixture)
        assert sum(len(batch) for batch in found) == expected
    made = few._replace(manuals=20, reports=30)
    found = lessons_of_an_epoch([], packer, random.Random(1), made)
    assert 50 <= sum(len(one.questions) for batch in found for one in batch) < 60


def test_of_several_networks_the_mean_is_exported():
    first, second = {"a": torch.tensor([1.0, 2.0])}, {"a": torch.tensor([3.0, 2.0])}
    assert mean_of([first, second])["a"].tolist() == [2.0, 2.0]
    assert mean_of([first])["a"].tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="other tensors"):
        mean_of([first, {**second, "b": torch.tensor([1.0])}])
