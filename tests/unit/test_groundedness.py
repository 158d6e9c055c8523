"""What is read beside a sentence, what is measured of it, and what is said then."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.groundedness.calibration import Calibration, Points, load_calibration
from generation.groundedness.context import evidence_of, is_record
from generation.groundedness.evidence import (
    choose,
    cover,
    read_evidence,
    response_spans,
    unit_spans,
)
from generation.groundedness.signals import (
    Logistic,
    compare,
    lexical_features,
    logit,
    response_signals,
    sentence_signals,
)
from generation.groundedness.words import words_of
from generation.types import Verdict

TEXTS = (
    "The pool opens at 9. Children under twelve swim free. Towels cost 3 euros.",
    "The sauna closes at 22. Anna Berg runs it.",
)


@pytest.mark.parametrize(
    ("context", "texts"),
    [
        ("one text", ("one text",)),
        (["a", "b"], ("a", "b")),
        (["a", ""], ("a", "")),
        ([], ()),
        ({}, ("",)),
        ({"name": "Lido", "wifi": None}, ("name: Lido\n\nwifi: unknown",)),
        ({"open": True, "dogs": False, "tags": ["a", 2]}, ("open: yes\n\ndogs: no\n\ntags: a, 2",)),
        ({"hours": {"Monday": "9-5"}}, ("hours, Monday: 9-5",)),
        ({"OutdoorSeating": "no", "wi_fi": "free"}, ("Outdoor Seating: no\n\nwi fi: free",)),
        ({"reviews": [{"stars": 4.5}]}, ("reviews, 1, stars: 4.5",)),
        (["note", {"stars": 4}], ("note", "stars: 4")),
        (7, ("7",)),
    ],
)
def test_contexts_become_texts(context, texts):
    assert evidence_of(context) == texts


LIDO = {"name": "Lido", "city": "Rye", "hours": {"Monday": "9-5", "Sunday": "closed"}, "stars": 4}


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (LIDO, True),
        ([LIDO, {**LIDO, "name": "Baths"}], True),
        (json.dumps(LIDO), True),
        (str(LIDO), True),
        (f"The record:\n{json.dumps(LIDO, indent=1)}", True),
        ([LIDO, "The Lido is in Rye and opens at nine on Mondays."], False),
        ({"name": "Lido", "city": "Rye"}, False),
        ("passage 1: a\n\npassage 2: b\n\npassage 3: c", False),
        ("\n".join(f"{who}: well, yes" for who in ["Ann", "Ben"] * 6), False),
        ("Note: the pool opens at nine.\nIt is in Rye.\nBring a towel.", False),
        ([], False),
        (["", " "], False),
        ("{", False),
    ],
)
def test_a_record_is_told_from_prose(context, expected):
    assert is_record(evidence_of(context)) is expected


def test_a_response_about_a_record_is_doubted_by_as_much():
    signals = response_signals([0.5], 0.0, [0.0] * 6)
    prose, record = (CALIBRATION.response_score(signals, of_record=is_one) for is_one in (0, 1))
    assert logit(prose) - logit(record) == pytest.approx(2.0)


@given(st.text(alphabet=st.sampled_from("ab .!?\n-1,;é😀\u0301"), max_size=900))
def test_units_and_response_sentences_are_ordered_trimmed_slices(text):
    for spans in (unit_spans(text), response_spans(text)):
        end_before = 0
        for start, end in spans:
            assert end_before <= start < end <= len(text)
            assert text[start:end] == text[start:end].strip()
            end_before = end
    assert "".join("".join(text[a:b].split()) for a, b in unit_spans(text)) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("open from 11:0-22:0", {"11", "22"}),
        ("from 11 AM to 10 PM", {"11", "22"}),
        ("from 11 a.m. to 10:30pm.", {"11", "22:30"}),
        ("12 am and 12:15 PM", {"0", "12:15"}),
        ("at 9:05:33 or 1.5 am", {"9", "05", "33", "1.5"}),
        ("a 3:2 ratio of 10 amps", {"3:02", "10"}),
    ],
)
def test_times_of_day_are_compared_by_value(text, numbers):
    assert words_of(text).numbers == numbers


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1. Heat the oven to 200 degrees.", {"200"}),
        ("(12) Rest", set()),
        ("  3) Rest", set()),
        ("2.5 hours", {"2.5"}),
        ("20 minutes", {"20"}),
        ("3. 4 eggs", {"3", "4"}),
        ("In 3. place", {"3"}),
        ("1999. That was it", {"1999"}),
    ],
)
def test_the_number_of_a_list_item_is_no_claim(text, numbers):
    assert words_of(text).numbers == numbers


@pytest.mark.parametrize(
    ("text", "measures"),
    [
        ("$3.50, or 3.5 dollars", {"3.5 dollar"}),
        ("half an hour: 30 min", {"30 minute"}),
        ("a 30-minute walk of 2.0 km", {"30 minute", "2 kilometre"}),
        ("5% of 1,000 people in the 1980s", {"5 percent"}),
        ("$3 million", {"3 dollar", "3 million"}),
        ("two years, not one of them dry", {"2 year"}),
    ],
)
def test_a_measure_is_a_number_with_its_unit_however_written(text, measures):
    assert words_of(text).measures == measures


def test_names_that_look_like_function_words_are_read_and_negations_are_not_content():
    assert words_of("Sales fell in the US in May.").names == {"us", "may"}
    assert words_of("It may tell us. May we?").content == {"tell"}
    refused = words_of("They cannot pay and never did, isn't it so?")
    assert (refused.content, refused.negations) == ({"pay"}, 3)
    assert words_of("No one can; one of them did.").numbers == frozenset()


def test_a_number_with_another_unit_differs_and_one_without_a_unit_does_not():
    evidence = read_evidence(["The walk takes 30 minutes and costs $5."])
    tokens = np.zeros(0, dtype=np.float32)
    for sentence, differs in (
        ("It takes 30 min.", 0),
        ("It takes 30 hours.", 1),
        ("It costs €5.", 1),
        ("It costs 5 dollars.", 0),
        ("Bus 30 goes there.", 0),
        ("It takes 45 hours.", 0),
    ):
        signals = sentence_signals(compare(evidence, sentence), evidence, 0, 0, tokens)
        assert signals.units_differ == differs, sentence


def test_a_long_line_is_cut_at_a_pause():
    text = ", ".join(f"item {n}" for n in range(200))
    spans = unit_spans(text)
    assert len(spans) > 3
    assert max(end - start for start, end in spans) <= 320
    assert all(text[start:end].startswith("item") for start, end in spans)


def test_each_line_of_a_response_is_a_sentence_and_marks_alone_are_none():
    response = "Steps:\n1. Open it.\n- Close it\n\n---\nDone. Really."
    pieces = [response[a:b] for a, b in response_spans(response)]
    assert pieces == ["Steps:", "1. Open it.", "- Close it", "Done.", "Really."]


def test_everything_is_read_when_it_fits_and_the_relevant_when_not():
    evidence = read_evidence(TEXTS)
    claim, question = words_of("Anna Berg runs the sauna."), words_of("")
    assert choose(evidence, claim, question, [5] * 5, 25) == [0, 1, 2, 3, 4]
    assert choose(evidence, claim, question, [5] * 5, 10) == [3, 4]
    assert choose(evidence, claim, question, [50] * 5, 10) == [4]
    assert choose(read_evidence(()), claim, question, [], 10) == []


def test_two_facts_are_covered_by_two_units_and_one_by_one():
    evidence = read_evidence(TEXTS)
    both = cover(evidence, words_of("Towels cost 3 euros and the sauna closes at 22."))
    assert sorted(evidence.text(unit) for unit in both) == [
        "The sauna closes at 22.",
        "Towels cost 3 euros.",
    ]
    [one] = cover(evidence, words_of("Towels are 3 euros."))
    assert evidence.text(one) == "Towels cost 3 euros."
    assert cover(evidence, words_of("Giraffes graze.")) == []
    assert cover(read_evidence([]), words_of("Towels.")) == []


def test_sentence_signals_worked_by_hand():
    evidence = read_evidence(TEXTS)
    signals = sentence_signals(
        compare(evidence, "Towels cost 4 euros in Rome."),
        evidence,
        support=2.0,
        contradiction=-50.0,
        tokens=np.array([0.0, 2.0], dtype=np.float32),
    )
    assert signals.contradiction == -12.0
    assert signals.worst_token == 2.0
    assert signals.token_mass == pytest.approx((0.5 + 1 / (1 + math.exp(-2))) / 2)
    assert signals.unseen == pytest.approx(2 / 5)  # "4" and "Rome" of five content words
    assert signals.apart == pytest.approx(2 / 5)  # the rest is in one unit
    assert signals.numbers_unseen == 1
    assert signals.numbers_apart == 0
    assert signals.names_unseen == 1
    assert signals.negation_differs == 0
    assert signals.length == pytest.approx(math.log(6))


def test_a_number_from_another_unit_is_apart():
    evidence = read_evidence(["Towels cost 3 euros each day. Room 9 is closed."])
    tokens = np.zeros(0, dtype=np.float32)
    for sentence, apart in (("Towels cost 3 euros.", 0), ("Towels cost 9 euros each day.", 1)):
        signals = sentence_signals(compare(evidence, sentence), evidence, 0, 0, tokens)
        assert (signals.numbers_apart, signals.numbers_unseen) == (apart, 0)


def test_response_signals_worked_by_hand():
    evidence = read_evidence(TEXTS)
    words = [words_of("Towels cost 3 euros."), words_of("Lions roar.")]
    lexical = lexical_features(words, evidence)
    assert lexical == pytest.approx((2 / 6, math.log(3), 1.0, 0.0, math.log(7), math.log(3)))
    signals = response_signals([0.5, 0.8], 3.0, lexical)
    assert signals.worst == pytest.approx(math.log(4))
    assert signals.second == pytest.approx(0.0)
    assert signals.mean == pytest.approx(0.65)
    assert signals.any_wrong == pytest.approx(logit(0.9))
    assert signals.sentences == pytest.approx(math.log(3))


def test_logits_are_cut_off():
    assert logit(0.0) == -12.0
    assert logit(1.0) == 12.0
    assert logit(0.5) == 0.0


CALIBRATION = Calibration(
    sentence=Logistic(0.0, {"support": 1.0}),
    response=Logistic(0.0, {"worst": -1.0}),
    sentence_points=Points(warn=0.6, block=0.3),
    response_points=Points(warn=0.6, block=0.3),
    contradicted_from=0.5,
    partly_below=0.4,
    records=2.0,
)


@pytest.mark.parametrize(
    ("score", "contradiction", "marked", "verdict"),
    [
        (0.6, 0.9, 1.0, Verdict.SUPPORTED),
        (0.59, 0.5, 0.1, Verdict.CONTRADICTED),
        (0.3, 0.49, 1.0, Verdict.PARTLY),
        (0.29, 0.49, 0.39, Verdict.PARTLY),
        (0.29, 0.49, 0.4, Verdict.UNSUPPORTED),
        (0.29, 0.49, 0.0, Verdict.UNSUPPORTED),
    ],
)
def test_verdicts_at_the_limits(score, contradiction, marked, verdict):
    assert CALIBRATION.verdict(score, contradiction, marked) is verdict


def test_calibration_is_read_as_it_is_written(tmp_path):
    path = tmp_path / "calibration.json"
    path.write_text(
        json.dumps(
            {
                "sentence": {"intercept": 0.0, "coefficients": {"support": 1.0}},
                "response": {"intercept": 0.0, "coefficients": {"worst": -1.0}},
                "sentence_points": {"warn": 0.6, "block": 0.3},
                "response_points": {"warn": 0.6, "block": 0.3},
                "contradicted_from": 0.5,
                "partly_below": 0.4,
                "records": 2.0,
                "made": "a note that is not read",
            }
        )
    )
    assert load_calibration(path) == CALIBRATION


@pytest.mark.parametrize(
    ("sentence", "is_off"),
    [
        ("Towels cost 3 euros.", False),
        ("Towels cost 4 euros.", True),
        ("Towels cost 3 dollars.", True),
        ("Towels do not cost 3 euros.", True),
    ],
)
def test_what_words_prove_wrong_is_never_supported(sentence, is_off):
    points = Points(warn=0.6, block=0.3)
    sure = Logistic(4.0, {})
    calibration = Calibration(sure, sure, points, points, 0.5, 0.5, 2.0)
    evidence = read_evidence(TEXTS)
    tokens = np.zeros(0, dtype=np.float32)
    score = calibration.score(sentence_signals(compare(evidence, sentence), evidence, 0, 0, tokens))
    verdict = calibration.verdict(score, 0.0, 0.0)
    assert verdict is (Verdict.UNSUPPORTED if is_off else Verdict.SUPPORTED)
