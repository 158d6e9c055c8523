"""What a load test says of what it saw."""

import pytest

from benchmarks.load import read_questions
from benchmarks.load_numbers import Asked, Spread, level_of, spread


def test_a_level_worked_by_hand():
    asked = [
        Asked(0, seconds=2.0, first_token=0.5, tokens=20),
        Asked(0, seconds=4.0, first_token=1.5, tokens=30, most_ahead=3),
        Asked(1, seconds=1.0),  # an abstention: nothing was written
        Asked(1, error="status 503: busy", retry_seconds=5),
        Asked(1, error="status 503: busy", retry_seconds=5),
    ]

    level = level_of(asked, chats=2, users=2, seconds=10.0)

    assert (level.answers, level.tokens, level.tokens_per_second) == (3, 50, 5.0)
    assert level.first_token == Spread(0.5, 1.5, 2)
    assert level.answer == Spread(2.0, 4.0, 3)
    assert level.most_ahead == 3
    assert (level.answers_of_user, level.fairness) == ((2, 1), 2.0)
    assert level.errors == {"status 503: busy": 2}
    assert level.row().split() == ("2 3 2 5.0 0.50 / 1.50 s 2.00 / 4.00 s 3 2.00".split())


def test_who_got_nothing_is_named_and_not_divided_by():
    level = level_of([Asked(0, seconds=1.0)], chats=4, users=2, seconds=1.0)

    assert (level.answers_of_user, level.fairness) == ((1, 0), None)
    assert level.row().endswith("starved")


def test_one_chat_and_no_answer_have_no_fairness_and_no_spread():
    level = level_of([], chats=1, users=3, seconds=1.0)

    assert (level.answers_of_user, level.fairness) == ((0,), None)
    assert level.first_token == level.answer == Spread(None, None, 0)


@pytest.mark.parametrize(
    ("values", "p50", "p95"),
    [([3.0], 3.0, 3.0), ([1.0, 2.0], 1.0, 2.0), (list(range(1, 101)), 50, 95)],
)
def test_percentiles_are_values_that_were_seen(values, p50, p95):
    assert spread(values) == Spread(p50, p95, len(values))


def test_questions_are_lines_of_text_or_of_json(tmp_path):
    file = tmp_path / "questions"
    file.write_text('When is tea?\n\n{"question": "Where?", "answer": "here"}\n')

    assert read_questions(file) == ["When is tea?", "Where?"]
    file.write_text("\n")
    with pytest.raises(SystemExit, match="holds no question"):
        read_questions(file)
