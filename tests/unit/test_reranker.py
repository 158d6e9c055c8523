"""What a reranker says decides the order of what it has read, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.reranker import reranked
from retrieval.types import Candidate

FOUND = [Candidate(7, 0.9), Candidate(3, 0.5), Candidate(5, 0.5), Candidate(1, 0.1)]


def test_worked_by_hand():
    first, second, third, fourth = reranked(FOUND, [-1.0, 2.0, 0.0])
    assert [c.passage_id for c in (first, second, third, fourth)] == [3, 5, 7, 1]
    # 1 + 1 / (1 + e^-s)
    assert [first.score, second.score, third.score] == pytest.approx(
        [1.8808, 1.5, 1.2689], abs=1e-4
    )
    assert fourth == FOUND[3]


def test_equal_scores_stay_in_the_order_they_were_found_in():
    assert [c.passage_id for c in reranked(FOUND, [4.0, 4.0, 4.0, 4.0])] == [7, 3, 5, 1]


def test_without_scores_nothing_changes():
    assert reranked(FOUND, []) == FOUND
    assert reranked([], []) == []


def test_what_cannot_be_ordered_is_refused():
    with pytest.raises(ValueError, match="2 scores for 1 candidates"):
        reranked(FOUND[:1], [1.0, 2.0])
    with pytest.raises(ValueError, match="not a number"):
        reranked(FOUND, [1.0, float("nan")])


@given(st.lists(st.floats(allow_nan=False), max_size=12), st.integers(0, 5))
def test_all_of_them_come_out_once_best_first(scores, others):
    found = [Candidate(i, 1 - i / 100) for i in range(len(scores) + others)]
    order = reranked(found, scores)
    assert sorted(c.passage_id for c in order) == list(range(len(found)))
    assert [c.score for c in order] == sorted((c.score for c in order), reverse=True)
    said = [scores[c.passage_id] for c in order[: len(scores)]]
    assert said == sorted(said, reverse=True)
    assert order[len(scores) :] == found[len(scores) :]
