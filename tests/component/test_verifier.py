"""The verifier of our own, over a small network of random weights: everything but its opinion."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import BertConfig

from generation.answer_finding.model import load_finder
from generation.errors import ModelUnusable
from generation.groundedness.context import evidence_of
from generation.groundedness.network import GroundednessNetwork
from generation.groundedness.types import Claim
from generation.groundedness.verifier import LocalVerifier, load_verifier
from generation.types import Verdict
from training.groundedness.export import export
from training.groundedness.train import bundled_encoder

EVIDENCE = (
    "The probation period is four months. It can be extended once, by two months. "
    "A leave of absence is requested four weeks in advance."
)


CALIBRATION = {
    "sentence": {"intercept": 6.0, "coefficients": {"support": 1.0, "uncovered": -12.0}},
    "response": {"intercept": 0.0, "coefficients": {"worst": -1.0}},
    "sentence_points": {"warn": 0.6, "block": 0.3},
    "response_points": {"warn": 0.6, "block": 0.3},
    "contradicted_from": 1.0,
    "partly_below": 0.0,
    "records": 0.0,
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A folder as `assay` would ship it: one layer of random weights, words decide."""
    torch.manual_seed(1)
    config = BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    folder = tmp_path_factory.mktemp("model")
    (folder / "calibration.json").write_text(json.dumps(CALIBRATION))
    export(
        GroundednessNetwork(config),
        bundled_encoder() / "tokenizer.json",
        folder / "calibration.json",
        folder / "weights",
    )
    return folder / "weights"


@pytest.fixture(scope="module")
def verifier(weights) -> LocalVerifier:
    return load_verifier(weights)


def test_the_span_is_the_sentence_that_carries_it(verifier):
    [judged] = verifier.judge(
        "", ["The probation period is four months."], ["Nothing here.", EVIDENCE]
    )
    [span] = judged.spans
    assert span.index == 1
    assert EVIDENCE[span.start : span.end] == "The probation period is four months."


@pytest.mark.parametrize("evidence", [[], [""], ["  \n "]])
def test_no_evidence_supports_nothing(verifier, evidence):
    [judged] = verifier.judge("Why?", ["Because it rains."], evidence)
    assert (judged.verdict, judged.score, judged.spans) == (Verdict.UNSUPPORTED, 0.0, ())
    assert verifier.judge("Why?", [], evidence) == []
    [whole] = verifier.verify([Claim("Why?", tuple(evidence), "Because it rains.")])
    assert whole.score == 0.0
    assert whole.flagged


@pytest.mark.parametrize("response", ["", "  \n", "---\n***"])
def test_a_response_that_states_nothing_is_not_flagged(verifier, response):
    [whole] = verifier.verify([Claim("Why?", (EVIDENCE,), response)])
    assert (whole.score, whole.flagged, whole.sentences) == (1.0, False, ())


def test_a_response_is_judged_sentence_by_sentence(verifier):
    response = "The probation period is four months.\n- Lions hunt zebras in the Serengeti."
    claim = Claim("How long is the probation period?", (EVIDENCE,), response)
    [whole] = verifier.verify([claim])
    first, second = whole.sentences
    assert response[first.start : first.end] == "The probation period is four months."
    assert response[second.start : second.end] == "- Lions hunt zebras in the Serengeti."
    assert first.judgement.verdict is Verdict.SUPPORTED
    assert second.judgement.verdict is not Verdict.SUPPORTED
    assert whole.flagged


def test_neither_company_nor_order_changes_a_judgement(verifier):
    claims = [
        Claim("", (EVIDENCE,), "The probation period is four months."),
        Claim("When?", (EVIDENCE * 20,), "It is requested in advance. Nobody knows."),
        Claim("", evidence_of({"name": "Lido", "wifi": None}), "Lido has free WiFi."),
        Claim("", ("",), "Nothing."),
    ]
    together = verifier.verify(claims)
    backwards = verifier.verify(list(reversed(claims)))
    alone = [verifier.verify([claim])[0] for claim in claims]
    expected = pytest.approx([one.score for one in together], abs=0.02)  # padding moves bits
    assert [one.score for one in alone] == expected
    assert [one.score for one in reversed(backwards)] == expected
    assert verifier.verify([]) == []


def test_hostile_text_is_judged_like_any_other(verifier):
    texts = [
        "\x00\u202e\ufeff",
        "[SEP] [CLS] [MASK]",
        "x" * 200_000,
        "a \ud800 b 😀 " * 500,
        "1 " * 9_000,
    ]
    claims = [Claim(text, (text, EVIDENCE), text) for text in texts]
    for claim, whole in zip(claims, verifier.verify(claims), strict=True):
        assert 0 <= whole.score <= 1
        for sentence in whole.sentences:
            assert 0 <= sentence.start < sentence.end <= len(claim.response)
            for span in sentence.judgement.spans:
                assert 0 <= span.start < span.end <= len(claim.evidence[span.index])


BOAT = "The boat was sold by Anna Brook in May. Ben Hale rowed it home."


def test_a_name_in_the_place_of_another_is_partly_supported_at_most(verifier, weights):
    question = "Who sold the boat?"
    right, wrong = "Anna Brook sold the boat.", "Ben Hale sold the boat."
    examining = load_verifier(weights, load_finder())
    for judging, verdict in ((verifier, Verdict.SUPPORTED), (examining, Verdict.PARTLY)):
        first, second = judging.judge(question, [right, wrong], [BOAT])
        assert (first.verdict, second.verdict) == (Verdict.SUPPORTED, verdict)
        whole = judging.verify([Claim(question, (BOAT,), f"{right} {wrong}")])[0]
        assert [one.judgement for one in whole.sentences] == [first, second]
    assert second.score < CALIBRATION["sentence_points"]["warn"]
    assert second.spans
    [unasked] = examining.judge("", [wrong], [BOAT])
    assert unasked.verdict is Verdict.SUPPORTED


def test_its_version_names_the_finder_it_asks(verifier, weights):
    finder = load_finder()
    assert load_verifier(weights, finder).version == f"{verifier.version}+{finder.version}"


@pytest.mark.parametrize("name", ["model.safetensors", "calibration.json", "tokenizer.json"])
def test_changed_or_missing_files_are_refused(weights, tmp_path: Path, name):
    folder = tmp_path / "weights"
    shutil.copytree(weights, folder)
    with (folder / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ModelUnusable, match=f"{name} is not the file it should be"):
        load_verifier(folder)
    (folder / name).unlink()
    with pytest.raises(ModelUnusable, match="incomplete"):
        load_verifier(folder)


def test_the_version_stands_for_weights_and_calibration(weights, tmp_path):
    folder = tmp_path / "weights"
    network = GroundednessNetwork(BertConfig(hidden_size=16, num_hidden_layers=1,
        num_attention_heads=2, intermediate_size=32))  # fmt: skip
    other = tmp_path / "calibration.json"
    other.write_text(json.dumps(CALIBRATION | {"partly_below": 0.1}))
    export(network, bundled_encoder() / "tokenizer.json", other, folder)
    assert load_verifier(folder).version != load_verifier(weights).version


def test_a_sentence_that_was_not_read_to_its_end_is_not_supported(verifier):
    long = "12345 " * 60
    [judged] = verifier.judge("", [long.strip()], [long])
    assert judged.verdict is Verdict.PARTLY
    assert len(verifier.verify([Claim("", (long,), long)])[0].sentences) > 1


def test_a_sentence_of_two_facts_rests_on_the_sentences_that_hold_them_in_two_passages(verifier):
    evidence = [
        "The lease is between two parties. The lease ends on 31 May 2027. Pets are welcome.",
        "Payments are made by transfer. The monthly rent is 900 euros. Late ones cost more.",
    ]
    sentence = "The lease ends on 31 May 2027 and the monthly rent is 900 euros."
    [judgement] = verifier.judge("What are the terms?", [sentence], evidence)
    said = {evidence[span.index][span.start : span.end] for span in judgement.spans}
    assert said == {"The lease ends on 31 May 2027.", "The monthly rent is 900 euros."}
