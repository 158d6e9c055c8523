"""How well labels, and probabilities, tell two classes apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of a two-class decision. What they do not define is None."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP); None when nothing was decided to be positive."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """TP / (TP + FN); None when nothing is positive."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float | None:
        """2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall (van Rijsbergen 1979).

        None when nothing is positive nor decided to be.
        """
        doubled = 2 * self.true_positives
        return _ratio(doubled, doubled + self.false_positives + self.false_negatives)

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean of both classes' recalls (Brodersen et al., ICPR 2010); None with one class."""
        other = _ratio(self.true_negatives, self.true_negatives + self.false_positives)
        return None if self.recall is None or other is None else (self.recall + other) / 2


def confusion(positive: NDArray[np.bool_], decided: NDArray[np.bool_]) -> Confusion:
    """Compare what is positive with what was decided to be; both of shape (n,)."""
    return Confusion(
        true_positives=int(np.sum(positive & decided)),
        false_positives=int(np.sum(~positive & decided)),
        false_negatives=int(np.sum(positive & ~decided)),
        true_negatives=int(np.sum(~positive & ~decided)),
    )


def auroc(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float | None:
    """Area under the ROC curve: P(a positive scores higher than a negative), ties counting half.

    The Mann-Whitney U statistic over all pairs, from ranks that ties share (Hanley and McNeil,
    Radiology 1982).

    Args:
        positive: (n,) the class.
        score: (n,) larger for what is more probably positive.

    Returns:
        In [0, 1]; None with one class.
    """
    positives = int(np.sum(positive))
    negatives = len(positive) - positives
    if not positives or not negatives:
        return None
    _, group, sizes = np.unique(score, return_inverse=True, return_counts=True)
    # A group of equal scores has the mean of the ranks it takes, counted from 1.
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    wins = float(np.sum(ranks[positive])) - positives * (positives + 1) / 2
    return wins / (positives * negatives)


def expected_calibration_error(
    positive: NDArray[np.bool_], probability: NDArray[np.float64], *, bins: int = 15
) -> float | None:
    """Mean distance between probability and frequency, over bins of equal width.

    Sum over bins of (share of cases in it) * |mean probability - share of positives|, bins being
    (0, 1/b], (1/b, 2/b], … with 0 in the first (Naeini et al., AAAI 2015; 15 bins as in Guo et
    al., ICML 2017, but of the probability of the one class, not of the predicted one).

    Returns:
        In [0, 1]; None without cases.
    """
    if not len(positive):
        return None
    place = np.clip(np.ceil(probability * bins).astype(int) - 1, 0, bins - 1)
    excess = np.bincount(place, weights=probability - positive, minlength=bins)
    return float(np.sum(np.abs(excess))) / len(positive)


def brier(positive: NDArray[np.bool_], probability: NDArray[np.float64]) -> float | None:
    """Mean squared distance of probability and outcome (Brier 1950, half his sum over classes)."""
    return float(np.mean((probability - positive) ** 2)) if len(positive) else None


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
