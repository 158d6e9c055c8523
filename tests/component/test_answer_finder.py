"""The answer finder: its two ways to compute agree, its weights are checked, and what it finds."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from generation.answer_finding.model import FILES, WEIGHTS, load_finder, openvino_runner
from generation.answer_finding.network import load_network
from generation.errors import ModelUnusable
from generation.groundedness.network import TorchRunner
from retrieval.inference.padding import padded

LEASE = (
    "The lease began on 1 March 2019. The annual fee is 1,860 pounds, due in two instalments. "
    "Repairs to the roof are the landlord's."
)
HARBOUR = "The harbour office is open from nine to five. The crane may lift twelve tonnes."


@pytest.fixture(scope="module")
def finder():
    return load_finder()


@pytest.mark.parametrize(
    ("question", "text", "answer"),
    [
        ("What is the annual fee?", LEASE, "1,860 pounds"),
        ("When did the lease begin?", LEASE, "1 March 2019"),
        ("How much may the crane lift?", HARBOUR, "twelve tonnes"),
    ],
)
def test_an_answer_is_found_where_it_stands(finder, question, text, answer):
    [found] = finder.find(question, [text])
    said = text[found.start : found.end]
    assert answer in said or said in answer
    assert len(said) <= 2 * len(answer)


def test_the_text_that_answers_holds_the_answer_more_than_one_that_does_not(finder):
    right, wrong = finder.find("What is the annual fee?", [LEASE, HARBOUR])
    assert right.holds > wrong.holds
    assert right.stands_out > wrong.stands_out


@pytest.mark.parametrize("text", ["", "  \n ", "\ud800"])
def test_nothing_to_read_is_nothing_found(finder, text):
    [found] = finder.find("Why?", [text])
    assert 0 <= found.start <= found.end <= len(text)
    assert finder.find("Why?", []) == []


def test_an_answer_far_into_a_long_text_is_found(finder):
    text = " ".join([HARBOUR] * 40) + " " + LEASE
    [found] = finder.find("What is the annual fee?", [text])
    assert "1,860" in text[found.start : found.end]


def test_the_answer_stands_out_more_than_another_place(finder):
    text = " ".join([HARBOUR] * 40) + " " + LEASE
    question = "What is the annual fee?"
    places = [
        (text.index(words), text.index(words) + len(words))
        for words in ("1,860 pounds", "1 March 2019", "twelve tonnes")
    ]
    right, *others = finder.weigh(question, text, places)
    assert all(right > other + 2 for other in others)
    [found] = finder.find(question, [text])
    [again] = finder.weigh(question, text, [(found.start, found.end)])
    assert again == pytest.approx(found.stands_out, abs=0.2)


def test_a_place_without_a_word_never_stands_out(finder):
    assert finder.weigh("Why?", "It rains.", [(2, 3), (0, 0)]) == [-math.inf, -math.inf]
    assert finder.weigh("Why?", " ", [(0, 1)]) == [-math.inf]
    assert finder.weigh("Why?", "It rains.", []) == []


def test_openvino_and_torch_agree():
    rng = np.random.default_rng(2)
    tokens = [rng.integers(1000, 20_000, n).tolist() for n in (5, 40, 17)]
    types = [[0] * 3 + [1] * (len(one) - 3) for one in tokens]
    batch = padded(tokens, types)
    torch.manual_seed(0)
    ours = openvino_runner(WEIGHTS)(batch)
    theirs = TorchRunner(load_network(WEIGHTS))(batch)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
    assert np.abs(ours[0] - theirs[0]).max() < 0.15  # both compute in bfloat16 where they can
    real = batch.mask.astype(bool)
    assert np.abs(ours[1] - theirs[1])[real].max() < 0.5


@pytest.mark.parametrize("name", FILES)
def test_weights_that_were_changed_are_refused(tmp_path, name):
    folder = Path(shutil.copytree(WEIGHTS, tmp_path / "weights"))
    with (folder / name).open("r+b") as file:
        file.seek(20)
        byte = file.read(1)
        file.seek(20)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(ModelUnusable, match=f"{name} is not the file it should be"):
        load_finder(folder)


def test_weights_that_are_missing_are_named(tmp_path):
    with pytest.raises(ModelUnusable, match=r"incomplete.*Install Assay again"):
        load_finder(tmp_path)
