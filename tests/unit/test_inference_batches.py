"""What is computed together, and how it is laid out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.inference.batches import batches
from retrieval.inference.padding import padded


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 600), st.integers(1, 8))
def test_every_text_is_in_one_batch_that_keeps_to_both_limits(lengths, tokens, rows):
    found = list(batches(lengths, tokens=tokens, rows=rows))
    assert sorted(i for batch in found for i in batch) == list(range(len(lengths)))
    for batch in found:
        longest = max(lengths[i] for i in batch)
        assert len(batch) == 1 or (len(batch) <= rows and longest * len(batch) <= tokens)
    in_order = [lengths[i] for batch in found for i in batch]
    assert in_order == sorted(lengths, reverse=True)


def test_texts_of_one_length_keep_their_order():
    assert list(batches([2, 3, 2, 3, 2], tokens=6, rows=9)) == [[1, 3], [0, 2, 4]]
    assert list(batches([], tokens=6, rows=9)) == []


def test_padding_is_no_token_and_lengths_are_multiples_of_eight():
    found = padded([[5, 6, 7], [8]], [[0, 1, 1], [1]], padding=9)
    assert found.tokens.tolist() == [[5, 6, 7, 9, 9, 9, 9, 9], [8, 9, 9, 9, 9, 9, 9, 9]]
    assert found.types[0].tolist() == [0, 1, 1, 0, 0, 0, 0, 0]
    assert found.mask.sum(axis=1).tolist() == [3, 1]
    assert all(part.dtype == np.int64 for part in found)


@pytest.mark.parametrize(("length", "padded_to"), [(0, 8), (1, 8), (8, 8), (9, 16), (20, 20)])
def test_there_are_never_more_positions_than_the_model_has(length, padded_to):
    found = padded([[4] * length], first_position=2, longest=20)
    assert found.tokens.shape == (1, padded_to)
    assert found.positions[0, :length].tolist() == list(range(2, 2 + length))
    assert set(found.positions[0, length:].tolist()) <= {1}
