"""How the answer gauge reads, and what it is made of."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from generation.answer_gauge.graph import changed
from generation.answer_gauge.packing import GaugePacker


def packer_of_characters():
    """Every character is a token; 41 are read at once, the first of which says nothing."""
    return GaugePacker(tokenizer_of(["<|endoftext|>"]), 41)


def tokenizer_of(special):
    characters = [chr(code) for code in range(32, 127)] + ["\n", *special]
    tokenizer = Tokenizer(models.WordLevel({c: i for i, c in enumerate(characters)}, " "))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return tokenizer


@pytest.fixture
def packer():
    return packer_of_characters()


def said(packer, tokens):
    return "".join(packer._tokenizer.id_to_token(token) for token in tokens)


def test_a_question_follows_its_text_and_is_what_is_judged(packer):
    asked = packer.asked("  Who came? ")
    assert said(packer, asked.tokens) == "Question: Who came?\nAnswer:"
    assert said(packer, asked.tokens[asked.first :]) == " Who came?\nAnswer:"
    assert len(asked.marks) == len(asked.tokens) - asked.first
    assert set(asked.marks) == {1}


def test_of_a_long_question_the_first_tokens_are_read(packer):
    asked = packer.asked("abcd" * 40)
    assert said(packer, asked.tokens) == "Question: " + ("abcd" * 40)[:47] + "\nAnswer:"


def test_a_text_that_fits_is_one_window(packer):
    [window] = packer.windows("It rains.")
    assert said(packer, window) == "<|endoftext|>It rains.\n\n"
    assert packer.offsets("It")[:3] == [(0, 0), (0, 1), (1, 2)]


@pytest.mark.parametrize("length", [1, 37, 38, 39, 40, 68, 69, 200])
def test_windows_hold_all_of_a_text_and_overlap(packer, length):
    text = "".join(chr(97 + i % 26) for i in range(length))
    windows = [said(packer, window) for window in packer.windows(text)]
    assert all(window.startswith("<|endoftext|>") for window in windows)
    windows = [window.removeprefix("<|endoftext|>") for window in windows]
    assert all(0 < len(window) <= 40 for window in windows)
    whole = windows[0]
    for window in windows[1:]:
        assert whole.endswith(window[:10])
        whole += window[10:]
    assert whole == text + "\n\n"


def test_a_tokenizer_without_a_token_to_put_first_is_refused():
    with pytest.raises(ValueError, match=r"has no <\|endoftext\|>"):
        GaugePacker(tokenizer_of([]), 41)


def test_what_was_learned_is_added_to_the_base():
    base = {"layers.0.mlp.up_proj.weight": np.eye(2), "embed_tokens.weight": np.ones((3, 2))}
    learned = {
        "layers.0.mlp.up_proj.a": np.array([[1.0, 2.0]]),
        "layers.0.mlp.up_proj.b": np.array([[0.0], [3.0]]),
        "holds.bias": np.array([5.0]),
    }
    whole = changed(base, learned, 2.0)
    assert whole["layers.0.mlp.up_proj.weight"].tolist() == [[1.0, 0.0], [6.0, 13.0]]
    assert whole["embed_tokens.weight"] is base["embed_tokens.weight"]
    assert whole["holds.bias"].tolist() == [5.0]
    assert base["layers.0.mlp.up_proj.weight"].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert set(whole) == {*base, "holds.bias"}
