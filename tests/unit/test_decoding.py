"""Decoding: its limits, what is asked for over what is usual, and an answer asked for again."""

import json
import math
from dataclasses import asdict, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.decoding import (
    CompletionDecoding,
    DecodingRequest,
    asked_decoding,
    completion_decoding,
    told,
)
from app.api.wire import decoding_json
from app.decoding import FIELDS, blamed_field, decoding_over
from app.errors import CommandFailed, ParameterRefused
from app.repeating import (
    Difference,
    Now,
    around,
    differences,
    earlier_answer,
    first_difference,
)
from generation.answering_policy import AnsweringPolicy
from generation.decoding import Decoding, Method
from generation.errors import BadDecoding
from generation.sufficiency import ABSTAIN_BELOW
from generation.types import EngineInfo
from retrieval.types import Policy

ENGINE = EngineInfo("toy", "openvino", "int8", "cpu", "9f")
EARLIER = {
    "question": "When is tea?",
    "answer": "At four.",
    "abstained": False,
    "answerability": 0.6,
    "engine": "toy",
    "engine_info": {
        "name": "toy", "runtime": "openvino", "precision": "int8", "device": "cpu", "weights": "9f",
    },
    "decoding": {"temperature": 0.5, "seed": 7, "stop": ["\n"]},
    "prompt_version": "answer-1",
    "change_number": 3,
    "usage": {"completion_tokens": 7},
}  # fmt: skip
MEASURED = AnsweringPolicy(abstain_below=ABSTAIN_BELOW, beyond_quotes=False)
AS_IT_WAS = Now(ENGINE, "answer-1", 3, MEASURED)


# --- The limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "fine", "wrong"),
    [
        ("max_tokens", [1, 10**9], [0, -1]),
        ("temperature", [0, 2], [-0.01, 2.01, math.nan, math.inf]),
        ("top_p", [0.001, 1], [0, 1.001, math.nan]),
        ("top_k", [0, 1], [-1]),
        ("min_p", [0, 1], [-0.1, 1.1, math.nan]),
        ("repetition_penalty", [0.01, 2], [0, 2.1, math.nan]),
        ("presence_penalty", [-2, 2], [-2.1, 2.1, math.nan]),
        ("frequency_penalty", [-2, 2], [-2.1, 2.1, math.nan]),
        ("num_beams", [1, 2, 16], [0, 17]),
        ("seed", [None, -(2**63), 2**63 - 1], [-(2**63) - 1, 2**63]),
        ("stop", [(), ("a",) * 4], [("a",) * 5, ("",)]),
    ],
)
def test_each_field_has_limits_and_a_refusal_names_it_and_its_value(field, fine, wrong):
    for value in fine:
        assert getattr(Decoding(**{field: value}), field) == value
    for value in wrong:
        with pytest.raises(BadDecoding, match=field) as refused:
            Decoding(**{field: value})
        assert str(value) in str(refused.value)
        assert blamed_field(str(refused.value)) == field


@pytest.mark.parametrize(
    ("fields", "both"),
    [
        ({"num_beams": 2, "temperature": 0.5}, ("num_beams", "temperature")),
        ({"num_beams": 2, "logprobs": True}, ("logprobs", "num_beams")),
        ({"length_penalty": 2.0}, ("length_penalty", "num_beams")),
    ],
)
def test_two_that_contradict_each_other_are_both_named(fields, both):
    with pytest.raises(BadDecoding) as refused:
        Decoding(**fields)
    assert all(name in str(refused.value) for name in both)
    assert blamed_field(str(refused.value)) == both[0]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("", None),
        ("nothing of ours, stopping and exceeding", None),
        ("the window has no room for max_tokens; nor for stop", "max_tokens"),
        ("top_p is 3", "top_p"),
    ],
)
def test_a_refusal_blames_the_field_it_names_first(message, field):
    assert blamed_field(message) == field
    refusal = told(BadDecoding(message), "decoding.")
    if field is None:
        assert isinstance(refusal, BadDecoding)
    else:
        assert isinstance(refusal, ParameterRefused)
        assert (refusal.parameter, refusal.status) == (f"decoding.{field}", 422)


# --- What is asked for over what is usual -------------------------------------------------------

SAMPLING = Decoding(temperature=0.7, top_p=0.9, logprobs=True, seed=3, stop=("x",))
BEAMS = Decoding(num_beams=4, length_penalty=0.5, max_tokens=50)


@pytest.mark.parametrize(
    ("default", "asked", "expected"),
    [
        (SAMPLING, {}, SAMPLING),
        (SAMPLING, {"temperature": None, "stop": None}, SAMPLING),
        (SAMPLING, {"stop": []}, replace(SAMPLING, stop=())),
        (SAMPLING, {"max_tokens": 9, "logprobs": False},
         replace(SAMPLING, max_tokens=9, logprobs=False)),
        (SAMPLING, {"temperature": 0.0}, replace(SAMPLING, temperature=0)),
        # Who asks for beams means no draw, and the other way round.
        (SAMPLING, {"num_beams": 3},
         replace(SAMPLING, temperature=0, logprobs=False, num_beams=3)),
        (BEAMS, {"temperature": 1.5}, Decoding(temperature=1.5, max_tokens=50)),
        (BEAMS, {"num_beams": 1}, Decoding(max_tokens=50)),
        (BEAMS, {"num_beams": 2}, replace(BEAMS, num_beams=2)),
        (BEAMS, {"temperature": 0.0}, BEAMS),
    ],
)  # fmt: skip
def test_what_is_asked_for_goes_before_what_is_usual(default, asked, expected):
    assert decoding_over(default, asked) == expected


@pytest.mark.parametrize(
    ("default", "asked"),
    [
        (Decoding(), {"num_beams": 4, "temperature": 0.5}),
        (SAMPLING, {"num_beams": 4, "logprobs": True}),
        (SAMPLING, {"length_penalty": 2.0}),
        (BEAMS, {"temperature": 0.5, "length_penalty": 2.0}),
    ],
)
def test_what_is_asked_for_and_contradicts_itself_is_not_set_aside(default, asked):
    with pytest.raises(BadDecoding):
        decoding_over(default, asked)


decodings = st.one_of(
    st.builds(
        Decoding,
        max_tokens=st.integers(1, 9999),
        temperature=st.floats(0, 2),
        top_p=st.floats(0.01, 1),
        top_k=st.integers(0, 99),
        min_p=st.floats(0, 1),
        repetition_penalty=st.floats(0.01, 2),
        presence_penalty=st.floats(-2, 2),
        frequency_penalty=st.floats(-2, 2),
        seed=st.integers(-(2**63), 2**63 - 1),
        stop=st.lists(st.text(min_size=1, max_size=9), max_size=4).map(tuple),
        logprobs=st.booleans(),
    ),
    st.builds(Decoding, num_beams=st.integers(2, 16), length_penalty=st.floats(-5, 5)),
)


@given(default=decodings, made=decodings)
def test_the_decoding_of_an_answer_asks_for_itself_whatever_is_usual(default, made):
    asked = DecodingRequest.model_validate(json.loads(json.dumps(decoding_json(made))))
    again = asked_decoding(asked, default)
    # Where nothing is drawn there is no seed to tell.
    seed = default.seed if made.seed is None else made.seed
    assert again == replace(made, seed=seed)
    assert again.method is made.method


def test_every_field_can_be_asked_for_under_its_own_name():
    assert set(DecodingRequest.model_fields) == set(FIELDS)
    names = set(CompletionDecoding.model_fields)
    assert names - set(FIELDS) == {"n", "max_completion_tokens", "top_logprobs"}
    assert set(FIELDS) <= names
    assert {method.value for method in Method} == {"greedy", "sampling", "beam"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, SAMPLING),
        ({"n": 1, "top_logprobs": 0, "stop": []}, SAMPLING),
        ({"top_k": -1}, replace(SAMPLING, top_k=0)),
        ({"stop": "y"}, replace(SAMPLING, stop=("y",))),
        ({"max_tokens": 9, "max_completion_tokens": 7}, replace(SAMPLING, max_tokens=7)),
    ],
)
def test_completions_are_understood_as_other_servers_do(asked, expected):
    assert completion_decoding(CompletionDecoding(**asked), SAMPLING) == expected


@pytest.mark.parametrize(
    ("asked", "parameter", "words"),
    [
        ({"n": 2}, "n", "n is 2"),
        ({"n": 0}, "n", "n is 0"),
        ({"n": 2, "num_beams": 4}, "n", "assay.drafts"),
        ({"logprobs": True, "top_logprobs": 3}, "top_logprobs", "top_logprobs is 3"),
        ({"stop": ["x" * 201]}, "stop", "200 characters"),
        ({"num_beams": 2, "temperature": 1}, "num_beams", "temperature 1"),
    ],
)
def test_completions_refuse_by_name(asked, parameter, words):
    with pytest.raises(ParameterRefused, match=words) as refused:
        completion_decoding(CompletionDecoding(**asked), Decoding())
    assert refused.value.parameter == parameter


# --- Again --------------------------------------------------------------------------------------


def read(**changes: object) -> object:
    return earlier_answer(json.dumps({**EARLIER, **changes}), "a.json")


def test_an_answer_is_read_from_the_command_line_and_from_the_api():
    api = {"text" if name == "answer" else name: value for name, value in EARLIER.items()}
    for earlier in [read(), earlier_answer(json.dumps(api), "standard input")]:
        assert earlier.text == "At four."
        assert earlier.settings == Decoding(temperature=0.5, seed=7, stop=("\n",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not one JSON object"),
        ("{}\n{}", "not one JSON object"),
        ("[" * 100_000, "not one JSON object"),
        ("[]", "valid dictionary"),
        ("{}", "question: Field required"),
        (json.dumps({"error": "busy"}), "question: Field required"),
        (json.dumps({**EARLIER, "question": ""}), "question: "),
        (json.dumps({**EARLIER, "question": "x" * 4001}), "question: "),
        (json.dumps({**EARLIER, "decoding": {"temperature": "hot"}}), "decoding.temperature: "),
        (json.dumps({**EARLIER, "decoding": {"colour": 1}}), "decoding.colour: "),
        (json.dumps({**EARLIER, "decoding": {"num_beams": 2, "temperature": 1}}), "decoding: num_"),
    ],
)
def test_what_is_no_answer_is_told_where(text, words):
    with pytest.raises(CommandFailed, match=words) as refused:
        earlier_answer(text, "a.json")
    assert str(refused.value).startswith("a.json")
    assert len(str(refused.value)) < 400


def test_nothing_differs_while_nothing_has_changed():
    assert differences(read(), AS_IT_WAS) == []


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        ({"engine": replace(ENGINE, name="mini")}, Difference("engine", "toy", "mini")),
        ({"engine": replace(ENGINE, runtime="torch")}, Difference("runtime", "openvino", "torch")),
        ({"engine": replace(ENGINE, precision=None)}, Difference("precision", "int8", None)),
        ({"engine": replace(ENGINE, device="gpu")}, Difference("device", "cpu", "gpu")),
        ({"engine": replace(ENGINE, weights="00")}, Difference("weights", "9f", "00")),
        ({"prompt_version": "answer-2"}, Difference("prompt", "answer-1", "answer-2")),
        ({"change_number": 4}, Difference("change number", "3", "4")),
        # It was answered with 0.6, so the limit was at most that.
        (
            {"answering": replace(MEASURED, abstain_below=0.7)},
            Difference("abstention limit", "at most 0.6", "0.7"),
        ),
    ],
)
def test_what_differs_is_said_as_then_and_now(now, difference):
    assert differences(read(), replace(AS_IT_WAS, **now)) == [difference]


def test_the_limit_is_known_only_by_the_side_an_answer_was_on():
    declined = read(abstained=True, answerability=0.2, usage={"completion_tokens": 0})
    assert differences(declined, AS_IT_WAS) == []
    lower = differences(
        declined, replace(AS_IT_WAS, answering=replace(MEASURED, abstain_below=0.1))
    )
    assert lower == [Difference("abstention limit", "above 0.2", "0.1")]
    # The model was asked, and none of what it wrote was supported: the limit had let it.
    unsupported = read(abstained=True, answerability=0.5, usage={"completion_tokens": 9})
    assert differences(unsupported, AS_IT_WAS) == []


@pytest.mark.parametrize(
    ("field", "then", "now", "words"),
    [
        ("evidence_passages", 8, 4, ("passages looked through", "8", "4")),
        ("evidence_tokens", 100, 400, ("tokens of evidence", "100", "400")),
        ("quotes", 1, 2, ("quotations", "1", "2")),
        ("abstain_below", 0.3, 0.1, ("abstention limit", "0.3", "0.1")),
        ("showing", None, Policy.STRIKE, ("policy for every collection", "unset", "strike")),
        ("is_guarded", True, False, ("guard against orders", "on", "off")),
        ("beyond_quotes", False, True, ("going beyond the quotation", "off", "on")),
    ],
)
def test_every_setting_that_decides_answers_is_told_when_it_differs(field, then, now, words):
    before = replace(MEASURED, **{field: then})
    earlier = read(pins={"answering": asdict(before)})
    assert differences(earlier, replace(AS_IT_WAS, answering=before)) == []
    after = replace(AS_IT_WAS, answering=replace(before, **{field: now}))
    assert differences(earlier, after) == [Difference(*words)]


def test_a_new_setting_that_decides_answers_is_tested_above():
    assert {field.name for field in fields(AnsweringPolicy)} == {
        "evidence_passages", "evidence_tokens", "quotes", "abstain_below", "showing", "is_guarded",
        "beyond_quotes",
    }  # fmt: skip


def test_an_answer_from_before_engines_were_told_has_a_name_only():
    earlier = read(engine_info=None)
    assert differences(earlier, AS_IT_WAS) == [
        Difference("runtime", None, "openvino"),
        Difference("precision", None, "int8"),
        Difference("device", None, "cpu"),
        Difference("weights", None, "9f"),
    ]


@pytest.mark.parametrize(
    ("then", "now", "place"),
    [("", "", None), ("a", "a", None), ("", "a", 0), ("ab", "a", 1), ("abc", "abd", 2)],
)
def test_the_first_difference_is_a_place_in_both(then, now, place):
    assert first_difference(then, now) == place


@given(st.text(max_size=200), st.text(max_size=200))
def test_texts_agree_up_to_their_first_difference(then, now):
    place = first_difference(then, now)
    if place is None:
        assert then == now
    else:
        assert then[:place] == now[:place]
        assert then[place : place + 1] != now[place : place + 1]
        assert len(around(then, place)) <= 62
        assert "\n" not in around(now, place)
