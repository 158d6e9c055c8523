"""Metrics of two classes, against numbers worked out by hand and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.metrics.classification import (
    Confusion,
    auroc,
    brier,
    confusion,
    expected_calibration_error,
)

_cases = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=30)


def arrays(cases) -> tuple[np.ndarray, np.ndarray]:
    """Classes, and scores of which many are equal."""
    positive = np.array([is_positive for is_positive, _ in cases], dtype=bool)
    return positive, np.array([score / 6 for _, score in cases], dtype=float)


def booleans(text: str) -> np.ndarray:
    return np.array([char == "+" for char in text], dtype=bool)


def test_a_confusion_worked_by_hand():
    found = confusion(booleans("+++--"), booleans("++-+-"))
    assert found == Confusion(2, 1, 1, 1)
    assert found.precision == found.recall == found.f1 == pytest.approx(2 / 3)
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2) / 2)


@pytest.mark.parametrize(
    ("positive", "decided", "precision", "recall", "f1", "balanced"),
    [
        ("", "", None, None, None, None),
        ("--", "--", None, None, None, None),
        ("--", "+-", 0, None, 0, None),
        ("++", "--", None, 0, 0, None),
        ("+-", "--", None, 0, 0, 0.5),
        ("+", "+", 1, 1, 1, None),
    ],
)
def test_what_is_undefined_is_none_and_not_zero(positive, decided, precision, recall, f1, balanced):
    found = confusion(booleans(positive), booleans(decided))
    assert (found.precision, found.recall, found.f1) == (precision, recall, f1)
    assert found.balanced_accuracy == balanced


def test_auroc_worked_by_hand():
    # pairs (.9,.5) (.9,.1) (.5,.1) won, (.5,.5) a tie: 3.5 of 4
    assert auroc(booleans("++--"), np.array([0.9, 0.5, 0.5, 0.1])) == 3.5 / 4
    assert auroc(booleans("+-"), np.array([0.0, 1.0])) == 0
    assert auroc(booleans("+-+-"), np.ones(4)) == 0.5


@pytest.mark.parametrize("positive", ["", "+", "--"])
def test_auroc_needs_both_classes(positive):
    assert auroc(booleans(positive), np.zeros(len(positive))) is None


@given(_cases)
def test_auroc_is_the_share_of_pairs_in_order(cases):
    positive, score = arrays(cases)
    above, below = score[positive], score[~positive]
    pairs = [(a > b) + (a == b) / 2 for a in above for b in below]
    assert auroc(positive, score) == (pytest.approx(np.mean(pairs)) if pairs else None)


@settings(deadline=None)  # the first case imports the reference
@given(_cases, st.integers(0, 6))
def test_the_metrics_are_those_of_scikit_learn(cases, cut):
    reference = pytest.importorskip("sklearn.metrics")
    positive, score = arrays(cases)
    decided = score >= cut / 6
    found = confusion(positive, decided)
    if positive.any():
        assert found.recall == pytest.approx(reference.recall_score(positive, decided))
        assert found.f1 == pytest.approx(reference.f1_score(positive, decided))
    if decided.any():
        assert found.precision == pytest.approx(reference.precision_score(positive, decided))
    if positive.any() and not positive.all():
        expected = reference.balanced_accuracy_score(positive, decided)
        assert found.balanced_accuracy == pytest.approx(expected)
        assert auroc(positive, score) == pytest.approx(reference.roc_auc_score(positive, score))
        assert brier(positive, score) == pytest.approx(reference.brier_score_loss(positive, score))


def test_calibration_worked_by_hand():
    # two bins: (.2, .4) with one of two positive, excess |.6 - 1|; (.9) not positive, excess .9
    positive, probability = booleans("+--"), np.array([0.2, 0.4, 0.9])
    assert expected_calibration_error(positive, probability, bins=2) == pytest.approx(1.3 / 3)
    assert expected_calibration_error(booleans(""), np.array([])) is None


def test_the_edges_of_bins_belong_to_the_lower_one():
    # 0 and .5 share the first of two bins: their mean .25 meets their frequency .5
    found = expected_calibration_error(booleans("+-"), np.array([0.0, 0.5]), bins=2)
    assert found == pytest.approx(0.25)
    assert expected_calibration_error(booleans("+"), np.array([1.0])) == 0


def test_brier_worked_by_hand():
    assert brier(booleans("+-"), np.array([0.5, 0.1])) == pytest.approx((0.25 + 0.01) / 2)
    assert brier(booleans(""), np.array([])) is None
