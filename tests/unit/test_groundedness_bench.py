"""`assay bench groundedness`, without its model: cases read strictly, figures by hand."""

import gzip
import json
import re

import numpy as np
import pytest

from evals.errors import BadDataset
from evals.groundedness import (
    ALWAYS,
    DIFFERENCE,
    LEXICAL,
    VERIFIER,
    Case,
    baselines,
    groups,
    read_cases,
    verify,
)
from generation.groundedness.types import Claim
from tests.fakes import SubstringVerifier


def lines(path, *rows):
    written = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n"
    path.write_bytes(gzip.compress(written.encode()) if path.suffix == ".gz" else written.encode())
    return path


ROW = {"context": "Tea is at four.", "response": "Tea is at four.", "label": 1}


@pytest.mark.parametrize("name", ["cases.jsonl", "cases.jsonl.gz"])
def test_cases_are_read_packed_or_not(tmp_path, name):
    file = lines(
        tmp_path / name,
        {"question": "When?", "task": "QA", "ds": "d", "src": 7, **ROW},
        "",
        {"context": ["a", "b"], "claim": "c", "hallucinated": True, "ds": "d", "source": "s"},
        {"context": {"k": None}, "response": "", "label": False, "question": None},
    )
    first, second, third = read_cases(file)
    claim = Claim("When?", ("Tea is at four.",), "Tea is at four.")
    assert first == Case(claim, is_unsupported=False, task="QA", source="7")
    assert second == Case(Claim("", ("a", "b"), "c"), is_unsupported=True, task="d", source="s")
    assert third.claim == Claim("", ("k: unknown",), "")
    assert (third.is_unsupported, third.task) == (True, "")


def test_responses_to_one_context_share_a_source(tmp_path):
    other = {**ROW, "context": "Other."}
    first, second, third = read_cases(lines(tmp_path / "f.jsonl", ROW, {**ROW, "label": 0}, other))
    assert first.source == second.source != third.source


def test_another_field_may_name_the_task(tmp_path):
    file = lines(tmp_path / "f.jsonl", {**ROW, "task": "QA", "model": "m"}, ROW)
    assert [case.task for case in read_cases(file, by="model")] == ["m", ""]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "it is not JSON"),
        ([], "expected an object with context"),
        ({"response": "x", "label": 1}, "expected an object with context"),
        ({"context": "x", "label": 1}, "expected a text as response, or as claim"),
        ({**ROW, "response": 5}, "expected a text as response"),
        ({**ROW, "question": 5}, "expected a text as question"),
        ({**ROW, "label": None}, "expected label 1 (supported) or 0"),
        ({**ROW, "label": "1"}, "expected label 1 (supported) or 0"),
        ({**ROW, "label": 0.5}, "expected label 1 (supported) or 0"),
        ({"context": "x", "response": "y", "hallucinated": "no"}, "expected label 1"),
    ],
)
def test_a_bad_line_is_named(tmp_path, row, reason):
    file = lines(tmp_path / "f.jsonl", ROW, row)
    with pytest.raises(BadDataset, match=rf"f\.jsonl, line 2: {re.escape(reason)}"):
        read_cases(file)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(BadDataset, match="the file is missing"):
        read_cases(tmp_path / "nowhere.jsonl")
    with pytest.raises(BadDataset, match="it holds no line"):
        read_cases(lines(tmp_path / "empty.jsonl", ""))
    torn = tmp_path / "torn.jsonl.gz"
    torn.write_bytes(lines(tmp_path / "whole.jsonl.gz", ROW).read_bytes()[:-12])
    plain = tmp_path / "plain.jsonl.gz"
    plain.write_text("{}")
    for file in (torn, plain):
        with pytest.raises(BadDataset, match="it cannot be unpacked"):
            read_cases(file)


def case(response: str, *, label: int, task: str = "", source: str = "s") -> Case:
    claim = Claim("", ("Tea is at four. Cake is at five.",), response)
    return Case(claim, is_unsupported=not label, task=task, source=source)


CASES = [
    case("Tea is at four.", label=1, task="QA", source="a"),
    case("Tea is at six.", label=0, task="QA", source="b"),
    case("Tea is at four. Rum is at nine.", label=0, task="QA", source="c"),
    case("Tea comes at four.", label=1, task="Summary", source="d"),
    case("Cake is at five.", label=0, task="Summary", source="e"),
]


def test_the_verifier_is_asked_in_batches_and_its_operating_points_are_kept():
    verifier, told = SubstringVerifier(), []
    found = verify(CASES * 8, verifier, on_progress=told.append)
    assert verifier.batches == [16, 16, 8]
    assert told == [16, 32, 40]
    # P(supported) is 1, 0, 1/2, 0, 1; blocked is below one half
    assert found.labels.score[:5].tolist() == [0, 1, 0.5, 1, 0]
    assert found.labels.flagged[:5].tolist() == [False, True, True, True, False]
    assert found.blocked[:5].tolist() == [False, True, False, True, False]


def report(cases=CASES, **options):
    found = verify(cases, SubstringVerifier())
    return groups(cases, found, baselines(cases), resamples=50, **options)


def test_the_figures_of_each_task_and_of_all_worked_by_hand():
    found = report()
    assert list(found) == ["QA", "Summary", ""]
    whole = found[""]
    assert (whole.responses, whole.sources, whole.unsupported_share) == (5, 5, 0.6)
    values = {name: interval.value for name, interval in whole.systems[VERIFIER].items()}
    # Unsupported are 2, 3, 5; flagged 2, 3, 4; blocked 2, 4.
    assert values["precision"] == values["recall"] == values["F1"] == pytest.approx(2 / 3)
    assert values["precision at block"] == 0.5
    assert values["recall at block"] == pytest.approx(1 / 3)
    # Of the six pairs 1 > 0 and .5 > 0 are won, 1 = 1 and 0 = 0 tied.
    assert values["AUROC"] == pytest.approx(3 / 6)
    assert values["Brier"] == pytest.approx((0.25 + 1 + 1) / 5)
    assert found["QA"].systems[VERIFIER]["F1"].value == 1
    assert found["Summary"].systems[VERIFIER]["F1"].value == 0
    assert found[""].systems[ALWAYS]["recall"].value == 1
    assert found[""].systems[ALWAYS]["AUROC"].value == 0.5


def test_the_difference_is_that_of_the_values():
    whole = report()[""].systems
    for metric in ("AUROC", "F1"):
        expected = whole[VERIFIER][metric].value - whole[LEXICAL][metric].value
        assert whole[DIFFERENCE][metric].value == pytest.approx(expected)


def test_a_task_of_one_class_has_no_auroc():
    found = report([case("Tea is at four.", label=1, source=name) for name in "abc"])
    systems = found[""].systems
    assert systems[VERIFIER]["AUROC"].value is None
    assert systems[DIFFERENCE]["AUROC"].value is None
    assert list(found) == [""]


def test_baselines_may_be_fitted_elsewhere():
    known = [
        case("Tea is at four.", label=1),
        case("Rum flows at nine.", label=0),
        case("Cake is at five.", label=1),
        case("Gin flows at ten.", label=0),
    ]
    found = baselines(CASES, known)
    # What is said in the evidence's words passes, whatever the labels of these cases are.
    score = found[LEXICAL].score
    assert score[0] == score[4] < score[1] < score[2]
    assert baselines(known, known)[LEXICAL].flagged.tolist() == [False, True, False, True]
    flipped = [Case(c.claim, not c.is_unsupported, c.task, c.source) for c in CASES]
    again = baselines(flipped, known)
    assert np.array_equal(again[LEXICAL].score, found[LEXICAL].score)
