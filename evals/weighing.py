"""What each metric is, as a function of how much each case counts. Pure.

Summing up a run, drawing its cases again and comparing two runs all come down to weights: a case
that was drawn twice counts twice as much, one that was not drawn 0. A case gives a metric a value
or nothing, and a metric is a mean, a quantile or an area of the values under the weights.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evals.catalogue import Metric, Statistic, metric_of
from evals.metrics.abstention import RiskCurve
from evals.types import Expectation, Result

Array: TypeAlias = NDArray[np.float64]
_QUANTILES: Mapping[Statistic, float] = MappingProxyType({"median": 0.5, "p95": 0.95})
# A sum of weights falls short of its share by rounding, not by a case.
_ROUNDING = 1e-12
# What the cases expect that a metric is over; all others are over every case.
_EXPECTED = frozenset(Expectation)
_OVER: Mapping[str, frozenset[Expectation | None]] = MappingProxyType(
    {
        "abstention_precision": _EXPECTED,
        "abstention_recall": frozenset({Expectation.ABSTAIN}),
        "answered_share": frozenset({Expectation.ANSWER, None}),
        "risk_coverage_area": _EXPECTED,
    }
)


def is_over(metric: Metric, result: Result) -> bool:
    """Whether a case that expects this can go into a metric."""
    return metric.name not in _OVER or result.expectation in _OVER[metric.name]


def known_value(metric: Metric, result: Result) -> float | None:
    """The value of a case that a metric is made from, if it can be reckoned with.

    None of a case that failed; what is not finite is none.
    """
    value = None if result.error is not None else result.values.get(metric.of)
    return value if value is not None and np.isfinite(value) else None


def case_value(name: str, result: Result) -> float | None:
    """What one case gives a metric; None when it does not go into it.

    Abstention precision asks of what was declined whether that was right. Risk-coverage area is
    of no case by itself: it is given the answerability that orders them.
    """
    return _given(metric_of(name), result)


def values_of(metric: Metric, results: Sequence[Result]) -> Array:
    """What each case gives a metric: (n,), NaN where it gives nothing."""
    given = (_given(metric, result) for result in results)
    return np.array([np.nan if value is None else value for value in given], dtype=np.float64)


def _given(metric: Metric, result: Result) -> float | None:
    value = known_value(metric, result)
    if value is None or not is_over(metric, result):
        return None
    if metric.name == "abstention_precision":
        return float(result.expectation is Expectation.ABSTAIN) if value else None
    return 1 - value if metric.name == "answered_share" else value


def is_mean(metric: Metric) -> bool:
    """Whether a metric is the mean of what the cases give it."""
    return metric.statistic not in _QUANTILES and metric.name != "risk_coverage_area"


def aggregates(
    columns: Sequence[tuple[Metric, Array]], results: Sequence[Result]
) -> Callable[[Array], Array]:
    """Metrics as one function of weights: of (m, n) it gives (columns, m), NaN where undefined.

    Args:
        columns: each metric with its values (n,), of `values_of` or others in their place; NaN
            does not go in.
        results: the n cases.
    """
    means = [place for place, (metric, _) in enumerate(columns) if is_mean(metric)]
    stacked = np.array([columns[place][1] for place in means]).reshape(len(means), len(results))
    mean = _means(stacked)
    declined = np.array([one.expectation is Expectation.ABSTAIN for one in results])
    others = {
        place: _quantile(values, _QUANTILES[metric.statistic])
        if metric.statistic in _QUANTILES
        else _area(values, declined)
        for place, (metric, values) in enumerate(columns)
        if not (is_mean(metric) or np.all(np.isnan(values)))
    }

    def of(weights: Array) -> Array:
        found = np.full((len(columns), len(weights)), np.nan)
        found[means] = mean(weights)
        for place, other in others.items():
            found[place] = other(weights)
        return found

    return of


def _means(values: Array) -> Callable[[Array], Array]:
    """Weighted means (metrics, m) of the values (metrics, n) that are known."""
    known = (~np.isnan(values)).astype(np.float64)
    values = np.nan_to_num(values)

    def of(weights: Array) -> Array:
        part, total = values @ weights.T, known @ weights.T
        return np.divide(part, total, out=np.full_like(part, np.nan), where=total > 0)

    return of


def _quantile(values: Array, share: float) -> Callable[[Array], Array]:
    """(m,) the smallest known value that at least `share` of the weight is not above."""
    order = np.argsort(values, kind="stable")[: np.sum(~np.isnan(values))]

    def of(weights: Array) -> Array:
        sums = np.cumsum(weights[:, order], axis=1)
        total = sums[:, -1:]
        place = np.argmax(sums >= share * total * (1 - _ROUNDING), axis=1)
        return np.where(total[:, 0] > 0, values[order][place], np.nan)

    return of


def _area(values: Array, declined: NDArray[np.bool_]) -> Callable[[Array], Array]:
    is_known = ~np.isnan(values)
    curve = RiskCurve(values[is_known], declined[is_known])
    return lambda weights: curve.area(weights[:, is_known])
