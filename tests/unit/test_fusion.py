"""Several rankings become one, by ranks alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.fusion import reciprocal_rank_fusion

rankings = st.lists(st.lists(st.integers(1, 12), unique=True, max_size=8), max_size=5)


def test_worked_by_hand():
    # 2: 1/62 + 1/61 = .032522   1: 1/61 = .016393   3: 1/62 = .016129
    fused = reciprocal_rank_fusion([[1, 2], [2, 3]])
    assert [passage_id for passage_id, _ in fused] == [2, 1, 3]
    assert [score for _, score in fused] == pytest.approx([0.032522, 0.016393, 0.016129], abs=1e-6)


def test_rank_constant_flattens_the_top():
    # constant 1: 7 gets 1/2 and 8 gets 1/3 + 1/3; constant 1000: two places beat one
    assert reciprocal_rank_fusion([[7, 8], [9, 8]], rank_constant=1)[0] == (8, pytest.approx(2 / 3))
    assert reciprocal_rank_fusion([[7], [9, 10, 8], [7]], rank_constant=1)[0].passage_id == 7


@pytest.mark.parametrize("empty", [[], [[]], [[], []]])
def test_nothing_fused_is_nothing(empty):
    assert reciprocal_rank_fusion(empty) == []


def test_one_ranking_keeps_its_order():
    assert [passage_id for passage_id, _ in reciprocal_rank_fusion([[5, 3, 9]])] == [5, 3, 9]


def test_ties_go_by_id():
    assert [passage_id for passage_id, _ in reciprocal_rank_fusion([[9, 2], [2, 9]])] == [2, 9]
    assert [passage_id for passage_id, _ in reciprocal_rank_fusion([[9], [2], [5]])] == [2, 5, 9]


def test_ties_of_the_same_ranks_in_another_order_are_ties():
    """Both stand at ranks 1, 2 and 4: floating sums in different orders must not part them."""
    first, second = [9, 2, 7, 8], [2, 7, 8, 9]
    third = [7, 9, 8, 2]
    scores = dict(reciprocal_rank_fusion([first, second, third]))
    assert scores[9] == scores[2]


@given(rankings, st.randoms())
def test_the_order_of_the_retrievers_does_not_matter(rankings, random):
    shuffled = random.sample(rankings, len(rankings))
    assert reciprocal_rank_fusion(shuffled) == reciprocal_rank_fusion(rankings)


@given(rankings)
def test_every_id_once_and_best_first(rankings):
    fused = reciprocal_rank_fusion(rankings)
    assert sorted(passage_id for passage_id, _ in fused) == sorted(set().union(*rankings))
    assert fused == sorted(fused, key=lambda candidate: (-candidate.score, candidate.passage_id))


def test_a_repeated_id_is_refused():
    with pytest.raises(ValueError, match="repeats an id"):
        reciprocal_rank_fusion([[1, 2], [3, 3]])
