"""The made-up documents that abstention is fitted on and reported on."""

from collections import Counter

from benchmarks.own_documents import cases_of, own_questions
from evals.datasets import read_suite, write_suite
from evals.types import Expectation
from training.answer_gauge.written import written_questions


def test_nothing_that_is_reported_is_fitted_on_or_taught():
    fitting = {row.text for row in own_questions(for_fitting=True)}
    reported = {row.text for row in own_questions(for_fitting=False)}
    taught = {row.text for row in written_questions()}
    assert len(fitting) == len(reported) == 120
    assert not fitting & reported
    assert not (fitting | reported) & taught


def test_each_document_answers_half_of_its_eight_questions():
    rows = [row for half in (True, False) for row in own_questions(for_fitting=half)]
    assert set(Counter(row.text for row in rows).values()) == {8}
    assert set(Counter(row.text for row in rows if row.answers).values()) == {4}


def test_a_suite_says_what_is_to_be_answered_and_where(tmp_path):
    rows = own_questions(for_fitting=False)
    write_suite(cases_of(rows), tmp_path / "suite.jsonl", "jsonl")
    for row, case in zip(rows, read_suite(tmp_path / "suite.jsonl"), strict=True):
        assert case.question == row.question
        assert case.cluster == row.group
        assert (case.expectation is Expectation.ANSWER) == bool(row.answers) == bool(case.relevant)
        assert all(answer in row.text for answer in case.references)
