"""The baselines a verifier is compared with: features by hand, fits against a reference."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.baselines import (
    always_flagged,
    best_threshold,
    cross_fitted,
    features_of,
    fit_logistic_regression,
    fitted_on,
    grouped_folds,
)
from generation.groundedness.signals import LexicalFeatures
from generation.groundedness.types import Claim


def test_lexical_features_worked_by_hand():
    evidence = ("The clock was built in 1887.", "It strikes every hour.")
    response = "The clock was built in 1889. It strikes every hour and plays bells."
    # content: clock, built, 1889 | strike, every, hour, play, bell: 1889, play, bell are new
    assert features_of(Claim("", evidence, response)) == LexicalFeatures(
        unseen=pytest.approx(3 / 8),
        unseen_count=pytest.approx(math.log(4)),
        worst_unseen=pytest.approx(2 / 5),
        numbers_unseen=1,
        length=pytest.approx(math.log(9)),
        sentences=pytest.approx(math.log(3)),
    )


def test_what_says_nothing_is_missing_nothing():
    assert features_of(Claim("", (), "")) == LexicalFeatures(0, 0, 0, 0, 0, 0)
    assert features_of(Claim("", (), "Tea.")).unseen == 1
    assert features_of(Claim("", ("Tea.",), "Tea.")).unseen == 0


def drawn(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(n, 3)) * [1, 10, 0.1] + [0, 5, 0]
    logit = features @ [1.5, -0.2, 4] + 0.5
    return features, generator.random(n) < 1 / (1 + np.exp(-logit))


def test_the_regression_is_that_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    features, positive = drawn()
    model = fit_logistic_regression(features, positive)
    standardised = (features - features.mean(axis=0)) / features.std(axis=0)
    reference = linear_model.LogisticRegression(C=1.0, tol=1e-8, max_iter=1000)
    reference.fit(standardised, positive)
    assert model.coefficients == pytest.approx(reference.coef_[0], abs=1e-4)
    assert model.intercept == pytest.approx(reference.intercept_[0], abs=1e-4)
    assert model.probability(features) == pytest.approx(
        reference.predict_proba(standardised)[:, 1], abs=1e-4
    )


def test_classes_that_can_be_told_apart_give_finite_weights():
    features = np.arange(20.0)[:, np.newaxis] * 1000
    model = fit_logistic_regression(features, features[:, 0] >= 9500)
    probability = model.probability(features)
    assert np.all(np.isfinite(probability))
    assert np.all(np.diff(probability) > 0)


def test_a_column_that_never_varies_says_nothing():
    features, positive = drawn()
    features[:, 1] = 7
    assert fit_logistic_regression(features, positive).coefficients[1] == pytest.approx(0)


@pytest.mark.parametrize("is_positive", [True, False])
def test_one_class_alone_is_a_constant(is_positive):
    features = np.array([[1.0], [2.0], [4.0]])
    model = fit_logistic_regression(features, np.full(3, is_positive))
    expected = 3.5 / 4 if is_positive else 0.5 / 4
    assert model.probability(np.array([[1.0], [100.0]])) == pytest.approx([expected, expected])


def f1_from(positive, score, threshold) -> float:
    flagged = score >= threshold
    found = int(np.sum(positive & flagged))
    return 2 * found / max(1, int(np.sum(positive)) + int(np.sum(flagged)))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=20))
def test_no_threshold_has_a_larger_f1(cases):
    positive = np.array([is_positive for is_positive, _ in cases])
    score = np.array([value / 5 for _, value in cases])
    chosen = best_threshold(positive, score)
    best = max(f1_from(positive, score, threshold) for threshold in score)
    assert f1_from(positive, score, chosen) == pytest.approx(best)
    assert (chosen == math.inf) == (not positive.any())


def test_of_equal_thresholds_the_highest_is_taken():
    # From .9 on: 2 * 1 / (1 + 2) = 2/3; from .1 on: 2 * 2 / (4 + 2) = 2/3
    positive = np.array([True, False, False, True])
    assert best_threshold(positive, np.array([0.9, 0.5, 0.3, 0.1])) == 0.9


def test_a_cluster_is_in_one_fold_and_folds_are_alike_in_size():
    clusters = [f"source {i % 20}" for i in range(60)]
    folds = grouped_folds(clusters)
    by_cluster = {cluster: set(folds[np.array(clusters) == cluster]) for cluster in clusters}
    assert all(len(found) == 1 for found in by_cluster.values())
    assert np.bincount(folds).tolist() == [12] * 5
    assert folds.tolist() == grouped_folds(clusters).tolist()
    assert folds.tolist() != grouped_folds(clusters, seed=1).tolist()


def test_no_case_is_labelled_by_a_fit_that_saw_its_cluster():
    # Each cluster's class can be told from its own cases alone: whoever saw them would know it.
    generator = np.random.default_rng(0)
    classes = generator.random(200) < 0.5
    features = np.repeat(np.eye(200), 2, axis=0)
    positive, clusters = np.repeat(classes, 2), np.repeat(np.arange(200), 2).tolist()
    found = cross_fitted(features, positive, clusters)
    for fold in range(5):
        assert np.ptp(found.score[grouped_folds(clusters) == fold]) == 0
    seen = fitted_on(features, positive, features)
    assert np.array_equal(seen.flagged, positive)


def test_one_cluster_leaves_nothing_to_fit_to():
    found = cross_fitted(np.ones((3, 1)), np.array([True, False, True]), ["a"] * 3)
    assert not found.flagged.any()


def test_always_is_always():
    assert always_flagged(2).flagged.tolist() == [True, True]
    assert always_flagged(0).score.tolist() == []
