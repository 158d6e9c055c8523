"""How the next token is chosen from logits, worked out by hand."""

from collections import Counter
from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.decoding import Decoding
from generation.engines.choosing import (
    Chooser,
    drawn,
    kept_tokens,
    log_softmax,
    logprob,
    penalized,
)


def logits(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_log_probabilities_are_of_the_softmax() -> None:
    # Probabilities 1/2, 1/4, 1/4.
    given_logits = logits(log(2), 0, 0)
    assert log_softmax(given_logits) == pytest.approx([log(0.5), log(0.25), log(0.25)])
    assert logprob(given_logits, 0) == pytest.approx(log(0.5))
    assert logprob(given_logits + 1000, 2) == pytest.approx(log(0.25), abs=1e-4)


def test_greedy_takes_the_lowest_id_of_a_tie() -> None:
    chooser = Chooser(Decoding(), [])
    assert chooser.next(logits(0, 3, 3)) == 1


def test_repetition_divides_positive_and_multiplies_negative_logits_of_what_was_seen() -> None:
    steered = penalized(
        logits(4, -4, 4, -4), Decoding(repetition_penalty=2.0), {0: None, 1: None}, Counter()
    )
    assert steered.tolist() == [2, -8, 4, -4]


def test_presence_and_frequency_are_taken_off_negative_logits_too() -> None:
    # OpenAI: logit - count x frequency - (count > 0) x presence.
    decoding = Decoding(presence_penalty=0.5, frequency_penalty=1.0)
    steered = penalized(logits(4, -4, 4), decoding, {2: None}, Counter({0: 1, 1: 3}))
    assert steered.tolist() == [2.5, -7.5, 4]


def test_without_penalties_nothing_is_copied() -> None:
    given_logits = logits(1, 2)
    assert penalized(given_logits, Decoding(), {0: None}, Counter({1: 1})) is given_logits


def test_penalties_steer_greedy_decoding_as_it_writes() -> None:
    chooser = Chooser(Decoding(frequency_penalty=1.0), [0])
    # 0 leads by 1.5, and is charged for its first and second time only after they were written.
    row = logits(1.5, 0, -9)
    assert [chooser.next(row) for _ in range(5)] == [0, 0, 1, 0, 1]


def test_what_may_be_drawn_is_cut_by_top_k_then_top_p_then_min_p() -> None:
    # Probabilities 0.4, 0.3, 0.2, 0.1.
    row = logits(log(4), log(3), log(2), log(1))
    ids, probabilities = kept_tokens(row, Decoding(temperature=1.0))
    assert ids.tolist() == [0, 1, 2, 3]
    assert probabilities == pytest.approx([0.4, 0.3, 0.2, 0.1])
    ids, probabilities = kept_tokens(row, Decoding(temperature=1.0, top_k=2))
    assert ids.tolist() == [0, 1]
    assert probabilities == pytest.approx([4 / 7, 3 / 7])
    # Of the two that top_k leaves, the first has 4/7 = 0.57 already.
    ids, _ = kept_tokens(row, Decoding(temperature=1.0, top_k=2, top_p=0.5))
    assert ids.tolist() == [0]
    # 0.4 is not enough for 0.6, 0.7 is.
    ids, _ = kept_tokens(row, Decoding(temperature=1.0, top_p=0.6))
    assert ids.tolist() == [0, 1]
    # At least 0.6 x 0.4 = 0.24.
    ids, _ = kept_tokens(row, Decoding(temperature=1.0, min_p=0.6))
    assert ids.tolist() == [0, 1]


def test_temperature_sharpens_and_flattens() -> None:
    row = logits(log(2), 0)
    _, cold = kept_tokens(row, Decoding(temperature=0.5))
    assert cold == pytest.approx([4 / 5, 1 / 5])
    _, hot = kept_tokens(row, Decoding(temperature=2.0))
    assert hot == pytest.approx([2**0.5 / (2**0.5 + 1), 1 / (2**0.5 + 1)])
    ids, icy = kept_tokens(row, Decoding(temperature=1e-300))
    assert ids[0] == 0
    assert icy[0] == 1


@pytest.mark.parametrize(
    ("number", "token"), [(0.0, 1), (0.49, 1), (0.51, 0), (0.74, 0), (0.76, 2), (0.999999, 2)]
)
def test_a_number_draws_the_token_at_its_place(number: float, token: int) -> None:
    # In order of probability: token 1 (1/2), then 0 and 2 (1/4 each).
    assert drawn(logits(0, log(2), 0), Decoding(temperature=1.0), number) == token


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 2000),
    st.sampled_from([0.3, 1.0, 2.0]),
    st.sampled_from([0.05, 0.5, 0.9, 1.0]),
    st.sampled_from([0, 1, 7, 600]),
    st.sampled_from([0.0, 0.02, 1.0]),
)
def test_looking_at_few_tokens_first_changes_nothing(
    seed: int, size: int, temperature: float, top_p: float, top_k: int, min_p: float
) -> None:
    row = np.random.default_rng(seed).normal(0, 3, size).astype(np.float32)
    decoding = Decoding(temperature=temperature, top_p=top_p, top_k=top_k, min_p=min_p)
    ids, probabilities = kept_tokens(row, decoding)
    order = sorted(range(size), key=lambda i: (-row[i], i))
    weights = [exp((float(row[i]) - float(row[order[0]])) / temperature) for i in order]
    if top_k:
        order, weights = order[:top_k], weights[:top_k]
    shares = np.array(weights) / sum(weights)
    kept = len(order)
    if top_p < 1:
        kept = int((np.cumsum(shares) < top_p - 1e-12).sum()) + 1
    kept = min(kept, int((shares >= min_p * shares[0]).sum()))
    # A share that stands on the limit may fall on either side of it by rounding.
    assert abs(len(ids) - kept) <= 1
    assert ids.tolist() == order[: len(ids)]
    assert probabilities.sum() == pytest.approx(1)


def test_a_seed_repeats_and_another_one_differs() -> None:
    row = np.zeros(100, dtype=np.float32)
    texts = [
        [chooser.next(row) for _ in range(20)]
        for chooser in (
            Chooser(Decoding(temperature=1.0, seed=seed), []) for seed in (7, 7, 8, -1, None, None)
        )
    ]
    assert texts[0] == texts[1]
    assert len({tuple(text) for text in texts}) == 5


def test_a_seed_means_the_same_everywhere() -> None:
    # Worked out once; numpy promises that this generator's stream does not change.
    chooser = Chooser(Decoding(temperature=1.0, seed=7), [])
    row = np.zeros(1000, dtype=np.float32)
    numbers = np.random.Generator(np.random.Philox(7)).random(3)
    assert [chooser.next(row) for _ in range(3)] == [int(n * 1000) for n in numbers]
