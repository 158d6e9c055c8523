"""Two rankings become one, by their scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.fusion import weighted_fusion
from retrieval.types import Candidate


def ranking(scores: dict[int, float]) -> list[Candidate]:
    made = [Candidate(i, score) for i, score in scores.items()]
    return sorted(made, key=lambda candidate: (-candidate.score, candidate.passage_id))


# Cosines lie in [-1, 1]; of the smallest floats a share is no longer exact.
cosines = st.dictionaries(st.integers(1, 12), st.floats(-1, 1).map(lambda x: round(x, 6)))
bm25 = st.dictionaries(st.integers(1, 12), st.floats(0.001, 90).map(lambda x: round(x, 6)))


def ids(fused: list[Candidate]) -> list[int]:
    return [candidate.passage_id for candidate in fused]


def test_worked_by_hand():
    # 1: .6 * .8 + 0              = .48
    # 2: .6 * .4 + .4 * 10/20     = .44
    # 3: .6 * .4 + .4 * 20/20     = .64, only words found it: as near as the farthest
    fused = weighted_fusion(ranking({1: 0.8, 2: 0.4}), ranking({3: 20, 2: 10}), dense_share=0.6)
    assert ids(fused) == [3, 1, 2]
    assert [score for _, score in fused] == pytest.approx([0.64, 0.48, 0.44])


def test_where_nothing_is_near_words_decide():
    lexical = ranking({9: 20, 1: 10})
    near = ranking({1: 0.9, 9: 0.6})
    far = ranking({1: 0.3, 9: 0.2})
    # the same proportions of the cosines: .2 * .6 apart and .1 * .6
    assert ids(weighted_fusion(near, ranking({9: 20, 1: 16}), dense_share=0.6)) == [1, 9]
    assert ids(weighted_fusion(far, ranking({9: 20, 1: 16}), dense_share=0.6)) == [9, 1]
    assert ids(weighted_fusion(far, lexical)) == [9, 1]


def test_an_index_that_cannot_tell_its_candidates_apart_leaves_it_to_the_other():
    """As an encoder does with a language it never learnt."""
    dense = ranking({i: 0.30 - i / 1000 for i in range(1, 9)})
    assert ids(weighted_fusion(dense, ranking({8: 30, 7: 5})))[0] == 8
    lexical = ranking({i: 5.0 - i / 100 for i in range(1, 9)})
    assert ids(weighted_fusion(ranking({8: 0.9, 1: 0.2, 2: 0.2}), lexical))[0] == 8


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_nothing_fused_is_nothing_and_one_ranking_keeps_its_order(share):
    alone = ranking({5: 0.9, 3: 0.5, 9: 0.1})
    assert weighted_fusion([], [], dense_share=share) == []
    if share:
        assert ids(weighted_fusion(alone, [], dense_share=share)) == [5, 3, 9]
    if share < 1:
        assert ids(weighted_fusion([], alone, dense_share=share)) == [5, 3, 9]


def test_cosines_below_zero_are_as_far_as_zero():
    assert weighted_fusion(ranking({1: -0.5, 2: -0.1}), []) == [Candidate(1, 0), Candidate(2, 0)]
    assert ids(weighted_fusion(ranking({1: -0.5, 2: -0.1}), ranking({1: 3}))) == [1, 2]


def test_ties_go_by_id():
    assert ids(weighted_fusion(ranking({9: 0.5, 2: 0.5}), [])) == [2, 9]


@given(cosines, bm25)
def test_every_id_once_and_best_first_within_0_and_1(dense, lexical):
    fused = weighted_fusion(ranking(dense), ranking(lexical))
    assert sorted(ids(fused)) == sorted(dense.keys() | lexical.keys())
    assert fused == sorted(fused, key=lambda candidate: (-candidate.score, candidate.passage_id))
    assert all(0 <= score <= 1 + 1e-9 for _, score in fused)


@given(cosines, bm25, st.floats(0.5, 40))
def test_the_scale_of_the_scores_does_not_matter(dense, lexical, factor):
    scaled = {i: score * factor for i, score in lexical.items()}
    one = dict(weighted_fusion(ranking(dense), ranking(lexical)))
    assert dict(weighted_fusion(ranking(dense), ranking(scaled))) == pytest.approx(one)


@pytest.mark.parametrize("twice", [0, 1])
def test_a_repeated_id_is_refused(twice):
    rankings = [[Candidate(1, 0.5)], [Candidate(2, 0.5)]]
    rankings[twice] *= 2
    with pytest.raises(ValueError, match="repeats an id"):
        weighted_fusion(*rankings)
