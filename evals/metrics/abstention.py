"""Whether Assay declines what it should: by what it did, and by how answerable it thought it was.

A case that expects an abstention is *to be declined*. Its risk curve answers what a limit on
answerability would do: of the cases from the limit up, those would be answered, what share should
have been declined.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evals.metrics.estimate import wilson_bounds
from evals.metrics.resampling import effective_number
from evals.types import Expectation, Result

_TENTHS = 10
_LIMITS = tuple(limit / 20 for limit in range(21))


class RiskPoint(NamedTuple):
    """With this limit a share of `coverage` is answered, `risk` of which should be declined."""

    threshold: float
    coverage: float
    risk: float


class ReliabilityBin(NamedTuple):
    """Cases with an answerability from `first` up to `last`; weighted, but for their number.

    `predicted` is their mean answerability, `observed` the share that expected an answer, with its
    Wilson 95 % interval from `low` to `high`; None without cases.
    """

    first: float
    last: float
    cases: int
    predicted: float | None
    observed: float | None
    low: float | None
    high: float | None


class OperatingPoint(NamedTuple):
    """What declining below a limit of answerability would come to; None is undefined."""

    threshold: float
    answered: float
    abstention_precision: float | None
    abstention_recall: float | None
    answered_share: float | None
    risk: float | None


def risk_coverage(results: Sequence[Result]) -> list[RiskPoint]:
    """The risk-coverage curve (El-Yaniv and Wiener, JMLR 2010), strictest limit first.

    One point for each answerability that occurs, since cases of the same can only be answered
    together. Cases without an expectation, and those that failed, are left out; empty without any.
    """
    judged = _judged(results)
    if not len(judged.answerability):
        return []
    curve = RiskCurve(judged.answerability, judged.declined)
    points = curve.points(judged.weight[None, :])
    return [
        RiskPoint(float(threshold), float(coverage), float(risk))
        for threshold, coverage, risk in zip(curve.thresholds, *points, strict=True)
    ]


def reliability(results: Sequence[Result]) -> list[ReliabilityBin]:
    """Answerability in tenths against the share of cases that expected an answer.

    Bins are [0, .1), [.1, .2), … [.9, 1]; all ten are there, also those without cases.
    """
    judged = _judged(results)
    place = np.clip((judged.answerability * _TENTHS).astype(int), 0, _TENTHS - 1)
    return [_bin(judged, place == tenth, tenth) for tenth in range(_TENTHS)]


def operating_points(
    results: Sequence[Result], thresholds: Sequence[float] = _LIMITS
) -> list[OperatingPoint]:
    """What each limit of answerability would come to, were it all that decides.

    A case is answered from the limit up. In truth some are declined in addition, where nothing
    that was written is supported. Empty when no case has an expectation.
    """
    judged = _judged(results)
    if not len(judged.answerability):
        return []
    points = []
    for threshold in thresholds:
        answered = judged.answerability >= threshold
        points.append(
            OperatingPoint(
                threshold,
                float(np.average(answered, weights=judged.weight)),
                _mean(judged.declined[~answered], judged.weight[~answered]),
                _mean(~answered[judged.declined], judged.weight[judged.declined]),
                _mean(answered[~judged.declined], judged.weight[~judged.declined]),
                _mean(judged.declined[answered], judged.weight[answered]),
            )
        )
    return points


def _bin(judged: "_Judged", here: NDArray[np.bool_], tenth: int) -> ReliabilityBin:
    weight = judged.weight[here]
    predicted = _mean(judged.answerability[here], weight)
    observed = _mean(~judged.declined[here], weight)
    low = high = None
    if observed is not None:
        low, high = wilson_bounds(min(1.0, observed), effective_number(weight))
    cases = int(np.sum(here))
    return ReliabilityBin(
        tenth / _TENTHS, (tenth + 1) / _TENTHS, cases, predicted, observed, low, high
    )


class RiskCurve:
    """The cases in the order of their answerability, for any weights of them.

    Args:
        answerability: (n,), n > 0.
        declined: (n,) whether the case is to be declined.
    """

    def __init__(self, answerability: NDArray[np.float64], declined: NDArray[np.bool_]) -> None:
        self._order = np.argsort(-answerability, kind="stable")
        ordered = answerability[self._order]
        self._starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        self._declined = declined[self._order]
        self.thresholds: NDArray[np.float64] = ordered[self._starts]

    def points(self, weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Coverage and risk at each threshold, each (thresholds,), for weights of (1, n)."""
        covered, declined = self._sums(weight)
        total = np.cumsum(covered, axis=1)
        return (total / total[:, -1:])[0], (np.cumsum(declined, axis=1) / total)[0]

    def area(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Area under the curve: (m,) for m sets of weights (m, n), NaN with one kind of case.

        Sum over thresholds of the coverage gained by the risk there: the mean risk over limits.
        Without ties that is AURC (Geifman and El-Yaniv, NIPS 2017), the mean over k of the risk of
        the k most answerable. In [0, 1], and never below the area of the perfect order.
        """
        covered, declined = self._sums(weight)
        total, risky = np.cumsum(covered, axis=1), np.cumsum(declined, axis=1)
        risk = np.divide(risky, total, out=np.zeros_like(total), where=total > 0)
        kinds = np.sum(declined > 0, axis=1) > 0, np.sum(covered > declined, axis=1) > 0
        area = np.sum(covered * risk, axis=1) / np.where(total[:, -1] > 0, total[:, -1], 1)
        return np.where(kinds[0] & kinds[1], area, np.nan)

    def _sums(self, weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weight, and weight to be declined, of the cases at each threshold: (m, thresholds)."""
        ordered = weight[:, self._order]
        return (
            np.add.reduceat(ordered, self._starts, axis=1),
            np.add.reduceat(ordered * self._declined, self._starts, axis=1),
        )


@dataclass(frozen=True, slots=True)
class _Judged:
    """The cases with an expectation and an answerability, (n,) each."""

    answerability: NDArray[np.float64]
    declined: NDArray[np.bool_]
    weight: NDArray[np.float64]


def _judged(results: Sequence[Result]) -> _Judged:
    rows = [
        (known, result.expectation is Expectation.ABSTAIN, result.weight)
        for result in results
        if result.expectation is not None
        and (known := result.values.get("answerability")) is not None
    ]
    return _Judged(
        np.array([row[0] for row in rows], dtype=np.float64),
        np.array([row[1] for row in rows], dtype=np.bool_),
        np.array([row[2] for row in rows], dtype=np.float64),
    )


def _mean(
    values: NDArray[np.bool_] | NDArray[np.float64], weight: NDArray[np.float64]
) -> float | None:
    return float(np.average(values, weights=weight)) if len(values) else None
