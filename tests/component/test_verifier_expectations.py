"""What the shipped verifier says of sentences whose verdicts people would agree on.

The tables in `tests/data/groundedness` were written by hand for this test, one file a category,
mostly minimal pairs: a sentence its evidence supports, and the same sentence altered. No verifier
is ever fitted on them. A model is not right every time, so each category has two floors instead.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from app.bootstrap import load_response_verifier
from generation.groundedness.context import evidence_of
from generation.groundedness.types import Claim
from generation.types import Verdict
from retrieval.sentences import sentence_spans

TABLES = Path(__file__).parents[1] / "data" / "groundedness"
KEYS = {"question", "context", "response", "expect"}
SUPPORT = [Verdict.SUPPORTED.value]

# The least share of lines within `expect`: of those that expect support, of those that do not.
FLOORS = {
    "number_off_by_one_digit": (0.75, 0.9),
    "date_shifted": (0.85, 0.6),
    "unit_changed": (0.95, 0.65),
    "negated": (0.5, 0.5),
    "entity_swapped_within_passage": (0.9, 0.5),
    "two_facts_two_passages": (0.85, 0.65),
    "paraphrase": (0.0, 0.69),
    "list_with_one_invented_item": (0.95, 0.35),
    "correct_sentence_irrelevant_evidence": (0.8, 0.6),
}


def read_table(category):
    lines = (TABLES / f"{category}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def verifier():
    return load_response_verifier()


def test_every_table_has_floors():
    assert {path.stem for path in TABLES.iterdir()} == set(FLOORS)


@pytest.mark.parametrize("category", FLOORS)
def test_the_table_is_well_formed(category):
    rows = read_table(category)
    for number, row in enumerate(rows, 1):
        where = f"{category}.jsonl:{number}"
        assert set(row) == KEYS, where
        assert row["question"].strip(), where
        evidence = evidence_of(row["context"])
        assert evidence and all(text.strip() for text in evidence), where
        assert len(sentence_spans(row["response"])) == 1, where
        assert row["expect"] and set(row["expect"]) <= set(Verdict), where
        assert len(set(row["expect"])) == len(row["expect"]), where
        # Support and refusal are counted apart: a line must not accept both.
        assert row["expect"] == SUPPORT or SUPPORT[0] not in row["expect"], where
    kinds = Counter(row["expect"] == SUPPORT for row in rows)
    assert kinds[True] >= 10, kinds
    assert kinds[False] >= 10, kinds


def test_no_line_stands_twice():
    rows = [row for category in FLOORS for row in read_table(category)]
    claims = Counter(json.dumps([row["context"], row["response"]]) for row in rows)
    assert [claim for claim, times in claims.items() if times > 1] == []


@pytest.mark.parametrize("category", FLOORS)
def test_verdicts_are_as_expected_often_enough(category, verifier):
    rows = read_table(category)
    judged = verifier.verify(
        [Claim(row["question"], evidence_of(row["context"]), row["response"]) for row in rows]
    )
    assert len(judged) == len(rows)
    total, right, failing = Counter(), Counter(), {True: [], False: []}
    for number, (row, whole) in enumerate(zip(rows, judged, strict=True), 1):
        assert len(whole.sentences) == 1, f"{category}.jsonl:{number}: {whole.sentences}"
        said, is_support = whole.sentences[0].judgement, row["expect"] == SUPPORT
        total[is_support] += 1
        if said.verdict in row["expect"]:
            right[is_support] += 1
        else:
            line = f"{category}.jsonl:{number}: {said.verdict} ({said.score:.2f})"
            failing[is_support].append(f"  {line}: {row['response']}")
    complaints = []
    for is_support, floor in zip((True, False), FLOORS[category], strict=True):
        if right[is_support] < floor * total[is_support]:
            kind = "supported" if is_support else "refused"
            found = f"{kind}: {right[is_support]} of {total[is_support]}, floor {floor}"
            complaints.append("\n".join([found, *failing[is_support]]))
    assert not complaints, "\n" + "\n".join(complaints)
