"""Beam search: the most probable texts of a model that can be searched through."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.decoding import Decoding
from generation.engines.beams import Beam, BeamSearch
from generation.engines.choosing import log_softmax
from generation.errors import EngineUnavailable
from tests.unit.test_batching import END, logits_after, probability

Given = Callable[[Sequence[int]], np.ndarray]


def searched(decoding: Decoding, prompt: Sequence[int], after: Given = logits_after) -> list[Beam]:
    search = BeamSearch(decoding, prompt, END.__eq__, lambda tokens: False)
    for _ in range(decoding.max_tokens):
        search.go_on([after([*prompt, *beam.tokens]) for beam in search.beams])
        if search.is_over:
            break
    return search.best()


def plain(decoding: Decoding, prompt: Sequence[int]) -> float:
    """The best rank that transformers finds: the same search without the greedy text beside it."""
    beams, ended = [((), 0.0)], []
    width, penalty = decoding.num_beams, decoding.length_penalty
    for step in range(1, decoding.max_tokens + 1):
        children = []
        for tokens, score in beams:
            logprobs = log_softmax(logits_after([*prompt, *tokens]))
            children += [((*tokens, t), score + logprobs[t]) for t in range(len(logprobs))]
        children.sort(key=lambda child: (-child[1], child[0]))
        children = children[: 2 * width]
        ended += [s / step**penalty for t, s in children[:width] if t[-1] == END]
        ended = sorted(ended)[-width:]
        beams = [child for child in children if child[0][-1] != END][:width]
        best = max(score for _, score in beams) / step**penalty
        if len(ended) == width and best <= ended[0]:
            return max(ended)
    return max(ended + [score / decoding.max_tokens**penalty for _, score in beams])


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.integers(2, 5),
    st.integers(1, 8),
    st.sampled_from([0.0, 1.0, -1.0, 2.0]),
)
def test_the_best_text_is_never_below_that_of_transformers(
    prompt: list[int], beams: int, most: int, length_penalty: float
) -> None:
    decoding = Decoding(max_tokens=most, num_beams=beams, length_penalty=length_penalty)
    assert searched(decoding, prompt)[0].ranked(length_penalty) >= plain(decoding, prompt) - 1e-9


def test_as_many_beams_as_there_are_texts_find_the_best_of_all() -> None:
    prompt = [3, 1]
    texts = [tokens for tokens in product(range(4), repeat=2) if tokens[0] != END]

    def four(tokens: Sequence[int]) -> np.ndarray:
        return logits_after(tokens)[:4]

    def chance(tokens: Sequence[int]) -> float:
        rows = [log_softmax(four([*prompt, *tokens[:n]])) for n in range(len(tokens))]
        return float(sum(row[token] for row, token in zip(rows, tokens, strict=True)))

    found = searched(Decoding(max_tokens=2, num_beams=16, length_penalty=0.0), prompt, four)
    assert found[0].logprob == pytest.approx(max(chance(tokens) for tokens in [(END,), *texts]))
    assert found[0].logprob == pytest.approx(chance(found[0].tokens))


def test_a_forbidden_token_is_in_no_text() -> None:
    def after(tokens: Sequence[int]) -> np.ndarray:
        row = np.full(12, -np.inf, np.float32)
        row[[2, 3]] = [1.0, 0.0]
        return row

    found = searched(Decoding(max_tokens=2, num_beams=16), [1], after)
    assert {beam.tokens for beam in found} == set(product((2, 3), repeat=2))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_number_is_refused(wrong: float) -> None:
    row = logits_after([1])
    row[5] = wrong
    with pytest.raises(EngineUnavailable, match="ASSAY_PRECISION"):
        searched(Decoding(max_tokens=2, num_beams=2), [1], lambda tokens: row)


def test_greedy_decoding_is_not_left_behind() -> None:
    decoding = Decoding(max_tokens=8, num_beams=2, length_penalty=0.0)
    for first in range(1, 10):
        tokens: list[int] = []
        while len(tokens) < 8 and END not in tokens:
            tokens.append(int(logits_after([first, *tokens]).argmax()))
        best = searched(decoding, [first])[0]
        assert best.logprob >= probability([first], tokens) - 1e-9
