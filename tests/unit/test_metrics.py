"""Retrieval metrics and their intervals, by hand and against trec_eval's own code."""

import math

import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics.estimate import Estimate, estimate, wilson, wilson_bounds
from evals.metrics.retrieval import (
    context_precision,
    context_recall,
    hit,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
)

_documents = st.sampled_from("abcdefghij")
_rankings = st.lists(_documents, unique=True)
_relevance = st.dictionaries(_documents, st.integers(-1, 3))
BY_K = [hit, ndcg, precision, recall, reciprocal_rank]


def test_ndcg_worked_by_hand():
    # gains 0, 2, 1: 2/log2(3) + 1/log2(4) = 1.761860; ideal 2, 1: 2/1 + 1/log2(3) = 2.630930
    assert ndcg(["x", "b", "a"], {"a": 1, "b": 2}, k=10) == pytest.approx(0.669672, abs=1e-6)
    assert ndcg(["b", "a"], {"a": 1, "b": 2}, k=10) == 1.0
    # k cuts the ideal too: one place, filled with the lower grade
    assert ndcg(["a", "b"], {"a": 1, "b": 2}, k=1) == 0.5
    assert ndcg([], {"a": 1}, k=10) == 0.0


def test_gain_is_the_grade_and_not_two_to_the_grade():
    assert ndcg(["a"], {"a": 1, "b": 3}, k=1) == pytest.approx(1 / 3)


def test_recall_worked_by_hand():
    relevance = {"a": 1, "b": 2, "c": 0, "d": 1}
    assert recall(["a", "c", "x", "b"], relevance, k=4) == pytest.approx(2 / 3)
    assert recall(["a", "c", "x", "b"], relevance, k=3) == pytest.approx(1 / 3)
    assert recall([], relevance, k=3) == 0.0


def test_reciprocal_rank_worked_by_hand():
    assert reciprocal_rank(["x", "y", "a", "b"], {"a": 1, "b": 5}, k=10) == pytest.approx(1 / 3)
    assert reciprocal_rank(["x", "y", "a"], {"a": 1}, k=2) == 0.0
    assert reciprocal_rank(["a"], {"a": 1}, k=1) == 1.0


@pytest.mark.parametrize("metric", BY_K)
@pytest.mark.parametrize("relevance", [{}, {"a": 0}, {"a": -1}])
def test_nothing_relevant_is_undefined_not_zero(metric, relevance):
    assert metric(["a", "b"], relevance, k=10) is None


@given(_rankings, _relevance, st.integers(1, 12))
def test_metrics_stay_between_nothing_and_everything(ranking, relevance, k):
    for metric in BY_K:
        value = metric(ranking, relevance, k=k)
        assert value is None or 0 <= value <= 1 + 1e-12


def test_precision_is_of_k_places_whatever_the_ranking():
    relevance = {"a": 1, "b": 2, "c": 0}
    assert precision(["a", "x", "b", "c"], relevance, k=4) == 1 / 2
    assert precision(["a"], relevance, k=4) == 1 / 4
    assert precision(["a", "x", "b"], relevance, k=1) == 1


def test_a_hit_is_one_of_the_first():
    assert hit(["x", "a"], {"a": 1, "b": 1}, k=2) == 1
    assert hit(["x", "a"], {"a": 1}, k=1) == hit([], {"a": 1}, k=5) == 0


def test_context_precision_worked_by_hand():
    # relevant at 1 and 3: (1/1 + 2/3) / 2; what was not found does not count
    assert context_precision([True, False, True, False]) == pytest.approx(5 / 6)
    assert context_precision([False, True]) == 1 / 2
    assert context_precision([True, True]) == 1
    assert context_precision([False, False]) == context_precision([]) == 0


def test_context_recall_is_over_the_whole_ranking():
    ranking = [*"xxxxxxxxxxxx", "a"]
    assert context_recall(ranking, {"a": 1, "b": 1}) == 1 / 2
    assert context_recall([], {"a": 1}) == 0
    assert context_recall(["a"], {}) is None


@given(st.lists(st.booleans(), max_size=10))
def test_moving_a_relevant_passage_up_never_lowers_context_precision(relevant):
    value = context_precision(relevant)
    assert 0 <= value <= 1
    assert context_precision(sorted(relevant, reverse=True)) in (0, 1)
    for place in range(len(relevant) - 1):
        better = list(relevant)
        better[place : place + 2] = sorted(better[place : place + 2], reverse=True)
        assert context_precision(better) >= value - 1e-12


@given(_rankings, _relevance)
def test_they_are_what_trec_eval_says(ranking, relevance):
    grades = {document: max(0, grade) for document, grade in relevance.items()}
    if not any(grades.values()):
        return  # trec_eval has 0 there, and Assay None
    measures = {"ndcg_cut.5", "recall.5", "P.5", "recip_rank", "success.5", "map"}
    judge = pytrec_eval.RelevanceEvaluator({"q": grades}, measures)
    scores = {document: float(-rank) for rank, document in enumerate(ranking)}
    # It has nothing to say of an empty ranking; one without anything relevant is the same.
    expected = judge.evaluate({"q": scores or {"nothing": 0.0}})["q"]
    found = {
        "ndcg_cut_5": ndcg(ranking, grades, k=5),
        "recall_5": recall(ranking, grades, k=5),
        "P_5": precision(ranking, grades, k=5),
        "success_5": hit(ranking, grades, k=5),
        "recip_rank": reciprocal_rank(ranking, grades, k=10),
    }
    assert found == pytest.approx({name: expected[name] for name in found})
    # Average precision is context precision times the share that was found at all.
    is_relevant = [grades.get(document, 0) > 0 for document in ranking]
    share = context_recall(ranking, grades)
    assert context_precision(is_relevant) * share == pytest.approx(expected["map"])


@given(_rankings, _relevance)
def test_no_ranking_beats_the_ideal_one(ranking, relevance):
    best = sorted(relevance, key=lambda document: -relevance[document])
    value, ideal = ndcg(ranking, relevance, k=5), ndcg(best, relevance, k=5)
    assert ideal is None or (ideal == pytest.approx(1) and value <= ideal + 1e-12)


def test_nothing_scored_has_no_mean():
    assert estimate([]) == Estimate(None, None, None, 0, 0)
    assert estimate([None, None]) == Estimate(None, None, None, 0, 2)


def test_one_score_has_no_interval():
    assert estimate([None, 0.25]) == Estimate(0.25, None, None, 1, 1)


def test_two_scores_worked_by_hand():
    # mean .5, s = .70711, s/sqrt(2) = .5: .5 +- 1.959964 * .5
    two = estimate([1.0, None, 0.0])
    assert (two.value, two.scored, two.unscored) == (0.5, 2, 1)
    assert (two.low, two.high) == pytest.approx((-0.479982, 1.479982), abs=1e-6)


def test_equal_scores_have_an_interval_of_no_width():
    same = estimate([0.5] * 4)
    assert (same.low, same.value, same.high) == (0.5, 0.5, 0.5)


def test_wilson_worked_by_hand():
    # Agresti and Coull (1998): 0 of 10 gives 0 to .2775; 8 of 10: .4902 to .9433
    assert wilson(0, 0) == Estimate(None, None, None, 0, 0)
    none, most = wilson(0, 10), wilson(8, 10)
    assert (none.value, none.low, none.high) == pytest.approx((0, 0, 0.277533), abs=1e-6)
    assert (most.low, most.high) == pytest.approx((0.490162, 0.943318), abs=1e-6)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_proportion_lies_in_its_interval_and_both_in_0_to_1(counts):
    successes, n = counts
    found = wilson(successes, n)
    assert 0 <= found.low <= found.value <= found.high <= 1
    mirrored = wilson(n - successes, n)
    assert math.isclose(found.low, 1 - mirrored.high, abs_tol=1e-9)


def test_wilson_of_a_fraction_of_cases_lies_between_its_neighbours():
    (low, high), few, many = (wilson_bounds(0.4, n) for n in (7.5, 7, 8))
    assert few[0] < low < many[0] < 0.4 < many[1] < high < few[1]
