"""What a verifier must beat: labellers that read no meaning. Pure.

Six numbers about shared words, the length of the response, or nothing at all, each with a
logistic regression and a threshold fitted to labelled cases.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generation.groundedness.evidence import read_evidence, response_spans
from generation.groundedness.signals import LexicalFeatures, lexical_features
from generation.groundedness.types import Claim
from generation.groundedness.words import words_of

FOLDS = 5
_PENALTY = 1.0
_STEPS = 50


def features_of(claim: Claim) -> LexicalFeatures:
    """The lexical features that the verifier fuses with its model, on their own."""
    sentences = [words_of(claim.response[a:b]) for a, b in response_spans(claim.response)]
    return lexical_features(sentences, read_evidence(claim.evidence))


@dataclass(frozen=True, slots=True)
class LogisticRegression:
    """P(positive) = 1 / (1 + exp(-(intercept + coefficients · (x - mean) / scale)))."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercept: float

    def probability(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, d) features to (n,) probabilities in [0, 1]."""
        logit = self.intercept + (features - self.mean) / self.scale @ self.coefficients
        return _sigmoid(logit)


def fit_logistic_regression(
    features: NDArray[np.float64], positive: NDArray[np.bool_]
) -> LogisticRegression:
    """Maximum likelihood with an L2 penalty, by iteratively reweighted least squares.

    Newton's method, as in Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.3.
    Features are standardised; the penalty, one half of the sum of squares, spares the intercept.

    Args:
        features: (n, d), n > 0. A column that never varies gets coefficient 0.
        positive: (n,). With one class alone, the result is a constant near 0 or 1.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    design = np.hstack([np.ones((len(features), 1)), (features - mean) / scale])
    # Half a case of each class: with one class alone the intercept would grow without end.
    positives = float(np.sum(positive))
    start = math.log((positives + 0.5) / (len(positive) - positives + 0.5))
    weights = np.zeros(design.shape[1])
    weights[0] = start
    if 0 < positives < len(positive):
        penalty = _PENALTY * np.diag([0.0] + [1.0] * features.shape[1])
        for _ in range(_STEPS):
            fitted = _sigmoid(design @ weights)
            gradient = design.T @ (fitted - positive) + penalty @ weights
            hessian = (design.T * (fitted * (1 - fitted))) @ design + penalty
            step = np.linalg.solve(hessian, gradient)
            weights = weights - step
            if np.max(np.abs(step)) < 1e-8:
                break
    return LogisticRegression(mean, scale, weights[1:], float(weights[0]))


def best_threshold(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """The score from which on calling a case positive gives the largest F1; the highest of equals.

    Infinity when no threshold finds a positive. Needs one case at least.
    """
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    true_positives = np.cumsum(positive[order])
    f1 = 2 * true_positives / (np.arange(1, len(score) + 1) + np.sum(positive))
    # Equal scores are called the same: only the last of them is a place to cut.
    f1[:-1][ordered[1:] == ordered[:-1]] = 0.0
    best = int(np.argmax(f1))
    return float(ordered[best]) if f1[best] > 0 else math.inf


@dataclass(frozen=True, slots=True)
class Labels:
    """What a labeller says about n responses: P(unsupported), and whether it flags them."""

    score: NDArray[np.float64]
    flagged: NDArray[np.bool_]


def always_flagged(n: int) -> Labels:
    """Flags everything."""
    return Labels(np.ones(n), np.ones(n, dtype=np.bool_))


def fitted_on(
    features: NDArray[np.float64],
    positive: NDArray[np.bool_],
    unseen: NDArray[np.float64],
) -> Labels:
    """Labels for `unseen` by a regression and a threshold fitted to the labelled cases."""
    model = fit_logistic_regression(features, positive)
    threshold = best_threshold(positive, model.probability(features))
    score = model.probability(unseen)
    return Labels(score, score >= threshold)


def cross_fitted(
    features: NDArray[np.float64],
    positive: NDArray[np.bool_],
    clusters: Sequence[Hashable],
    *,
    seed: int = 0,
) -> Labels:
    """Labels for each case by a fit to the folds it is not in. A cluster is in one fold.

    With fewer than two clusters there is nothing else to fit to: nothing is flagged.
    """
    n = len(positive)
    labels = Labels(np.zeros(n), np.zeros(n, dtype=np.bool_))
    fold_of = grouped_folds(clusters, seed=seed)
    if len(set(clusters)) < 2:
        return labels
    for fold in np.unique(fold_of):
        here, elsewhere = fold_of == fold, fold_of != fold
        found = fitted_on(features[elsewhere], positive[elsewhere], features[here])
        labels.score[here], labels.flagged[here] = found.score, found.flagged
    return labels


def grouped_folds(
    clusters: Sequence[Hashable], *, folds: int = FOLDS, seed: int = 0
) -> NDArray[np.intp]:
    """The fold of each case, from 0: whole clusters, dealt out in an order drawn by `seed`."""
    distinct = list(dict.fromkeys(clusters))
    order = np.random.default_rng(seed).permutation(len(distinct))
    fold = {distinct[index]: place % folds for place, index in enumerate(order)}
    return np.array([fold[cluster] for cluster in clusters], dtype=np.intp)


def _sigmoid(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    # Beyond 500 the exponential overflows, and nothing changes any more.
    return 1 / (1 + np.exp(-np.clip(logit, -500, 500)))
