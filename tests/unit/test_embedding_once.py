"""The same words are embedded once."""

import numpy as np
import pytest

from ingestion.embedding import EmbedsOnce
from ingestion.stage_times import STAGES, StageTimes
from tests.fakes import WordEncoder


@pytest.fixture
def encoder():
    return WordEncoder()


def test_rows_are_those_of_the_texts_whatever_is_repeated(encoder):
    times = StageTimes()
    once = EmbedsOnce(encoder, times)
    for texts in (["a b", "c", "a b"], ["c", "d", "d", "a b"], ["c"]):
        assert np.array_equal(once.encode(texts), WordEncoder().encode(texts))
    assert encoder.encoded == 3
    assert (times.embedded, times.repeated) == (3, 5)


@pytest.mark.parametrize("texts", [[], [""], ["\ud800", "\ud801"]])
def test_nothing_and_what_is_no_text_go_through(encoder, texts):
    assert EmbedsOnce(encoder, StageTimes()).encode(texts).shape == (len(texts), 512)
    assert encoder.encoded == len(texts)


def test_what_was_not_asked_for_longest_is_forgotten(encoder):
    once = EmbedsOnce(encoder, StageTimes(), remembered=2)
    once.encode(["a"])
    once.encode(["b"])
    once.encode(["a", "c"])  # and so b is forgotten
    assert encoder.encoded == 3
    once.encode(["a", "c"])
    assert encoder.encoded == 3
    once.encode(["b"])
    assert encoder.encoded == 4


def test_more_than_is_remembered_in_one_batch_is_right_all_the_same(encoder):
    once = EmbedsOnce(encoder, StageTimes(), remembered=1)
    texts = ["a", "b", "a", "c"]
    assert np.array_equal(once.encode(texts), WordEncoder().encode(texts))
    assert np.array_equal(once.encode(texts), WordEncoder().encode(texts))


def test_the_time_of_what_fails_is_counted_too():
    times = StageTimes()
    with pytest.raises(KeyError), times.taking("storing"):
        raise KeyError
    assert times.seconds["storing"] > 0
    assert set(times.seconds) == set(STAGES)
