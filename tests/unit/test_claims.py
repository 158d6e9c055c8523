"""Responses to be verified come from outside: what they may be, and what is said about them."""

import json

import pytest
from pydantic import ValidationError

from app.api.claims import (
    DEEPEST_CONTEXT,
    LONGEST_CONTEXT,
    LONGEST_QUESTION,
    LONGEST_RESPONSE,
    MOST_SENTENCES,
    VerifyItem,
    verified,
)
from generation.groundedness.types import Claim
from tests.fakes import SubstringVerifier


def item(context: object = "Tea is at four.", response: object = "Tea.", **more: object):
    return VerifyItem.model_validate({"context": context, "response": response, **more})


def reason(**fields: object) -> str:
    with pytest.raises(ValidationError) as refused:
        item(**fields)
    [error] = refused.value.errors()
    return f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}"


def nested(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("context", "evidence"),
    [
        ("a", ("a",)),
        ("", ("",)),
        ([], ()),
        (["a", ""], ("a", "")),
        ({"name": "Lido", "open": {"Monday": "9-5"}}, ("name: Lido\n\nopen, Monday: 9-5",)),
        ([{"a": 1}, {"b": None}], ("a: 1", "b: unknown")),
    ],
)
def test_a_context_is_text_a_list_or_an_object(context, evidence):
    assert item(context).claim() == Claim("", evidence, "Tea.")


def test_a_question_may_be_absent_and_other_fields_are_left_alone():
    assert item(question=None).claim().question == ""
    assert item(question="When?", label=1, model="m").claim().question == "When?"
    assert item(response="").claim().response == ""


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"context": None}, "context: expected text, a list of texts, or an object"),
        ({"context": 5}, "context: expected text"),
        ({"response": None}, "response: Input should be a valid string"),
        ({"response": ["x"]}, "response: Input should be a valid string"),
        ({"question": 5}, "question: Input should be a valid string"),
        ({"response": "\ud800"}, "response: "),
        ({"context": [{"a": "\ud800"}]}, "context: holds a lone surrogate"),
        ({"context": {"\ud800": 1}}, "context: holds a lone surrogate"),
        ({"id": "\ud800"}, "id: holds a lone surrogate"),
        ({"id": []}, "id: expected text or a number"),
        ({"id": float("nan")}, "id: expected text or a number"),
    ],
)
def test_what_cannot_be_verified_is_named(fields, expected):
    assert reason(**fields).startswith(expected)


def test_what_is_missing_is_named():
    with pytest.raises(ValidationError) as refused:
        VerifyItem.model_validate({"question": "?"})
    assert [error["loc"] for error in refused.value.errors()] == [("context",), ("response",)]


def test_sizes_are_limited_and_the_limits_themselves_are_allowed():
    item(response="x" * LONGEST_RESPONSE, question="x" * LONGEST_QUESTION)
    item(response="x\n" * MOST_SENTENCES)
    assert "501 sentences; the limit is 500" in reason(response="x\n" * (MOST_SENTENCES + 1))
    assert "at most 100000" in reason(response="x" * (LONGEST_RESPONSE + 1))
    assert "at most 20000" in reason(question="x" * (LONGEST_QUESTION + 1))
    item("x" * (LONGEST_CONTEXT - 1))
    assert "longer than 1,000,000 characters" in reason(context="x" * LONGEST_CONTEXT)
    assert "longer than 1,000,000" in reason(context=[[]] * LONGEST_CONTEXT)
    item(nested(DEEPEST_CONTEXT))
    assert f"deeper than {DEEPEST_CONTEXT} levels" in reason(context=nested(DEEPEST_CONTEXT + 1))


def test_a_long_key_over_many_values_counts_as_often_as_it_is_repeated():
    # Small to send; as evidence it would be 30 GB.
    bomb = {"k" * 300_000: {str(number): 1 for number in range(100_000)}}
    assert "longer than 1,000,000 characters" in reason(context=bomb)


def test_spans_quote_the_text_they_are_in():
    context = ["Rain.", {"tea": "Tea is at four. 🫖 So is cake."}]
    response = "  So is cake.\n\nSo is rum. "
    [found] = verified([item(context, response, id="x")], SubstringVerifier())
    assert found == {
        "id": "x",
        "score": 0.5,
        "flagged": True,
        "blocked": False,
        "verifier": "substring",
        "sentences": [
            {
                "text": "So is cake.",
                "start": 2,
                "end": 13,
                "verdict": "supported",
                "score": 1.0,
                "spans": [{"context": 1, "start": 23, "end": 34, "quote": "So is cake."}],
            },
            {
                "text": "So is rum.",
                "start": 15,
                "end": 25,
                "verdict": "unsupported",
                "score": 0.0,
                "spans": [],
            },
        ],
    }
    evidence = item(context).claim().evidence
    assert evidence[1][23:34] == "So is cake."


@pytest.mark.parametrize("identifier", ["x", "", 7, 0, 10**400, 1.5, None])
def test_an_id_comes_back_as_it_is_and_is_not_made_up(identifier):
    with_id, without = item(id=identifier), item()
    found = verified([with_id, without], SubstringVerifier())
    assert json.dumps(found[0]["id"]) == json.dumps(identifier)
    assert "id" not in found[1]


def test_none_at_all_are_verified():
    assert verified([], SubstringVerifier()) == []
