"""The metrics of a run: means, medians and abstention over its cases, with 95 % intervals. Pure.

**Counts.** A value of a case is there or None (unscored: it ought to be there, but a judge failed);
a metric that does not apply to a case has no value in it at all, and the case is neither scored nor
unscored. A case that failed is unscored for every metric that another case has, or for all of them
when none was observed.

**Intervals** are percentiles of 1,000 bootstrap resamples of whole clusters: cases of one document
are not independent. Two things are different from the textbook:

- Where the bootstrap says nothing - all values are equal, so that each resample is the same, fewer
  than two clusters, or a share that is undefined in many resamples - a metric in [0, 1] has
  Wilson's interval for as many cases as there are clusters (their effective number, by weight).
  For values between 0 and 1 it is wider than need be.
- Unscored cases widen the interval of a metric in [0, 1] on its bad side: the end is where it would
  be had each of them got the worst value (Manski, AER 1990). Leaving out what failed must not make
  a run look better; `value` is over the scored cases alone, since what is undefined is not 0.

With fewer than some ten clusters the percentiles are too narrow, as bootstrap intervals are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evals.catalogue import METRICS, Metric, metric_of
from evals.metrics.abstention import (
    OperatingPoint,
    ReliabilityBin,
    RiskPoint,
    operating_points,
    reliability,
    risk_coverage,
)
from evals.metrics.estimate import wilson_bounds
from evals.metrics.resampling import Interval, effective_number, weighted_bootstrap
from evals.types import Expectation, Measured, Result, Summary
from evals.weighing import Array, aggregates, is_mean, is_over, known_value, values_of

__all__ = [
    "METRICS",
    "Metric",
    "OperatingPoint",
    "ReliabilityBin",
    "RiskPoint",
    "metric_of",
    "operating_points",
    "reliability",
    "risk_coverage",
    "summarise",
]

_UNDEFINED = Interval(None, None, None)


@dataclass(frozen=True, slots=True)
class _Column:
    """A metric over the cases, (n,) each, NaN where a case gives nothing.

    `worst` are its values, and of an unscored case the worst that it could give.
    """

    metric: Metric
    value: Array
    worst: Array
    unscored: int

    @property
    def scored(self) -> int:
        return int(np.sum(~np.isnan(self.value)))

    @property
    def is_bounded(self) -> bool:
        """Whether values are in [0, 1]. A judge's scale is what it gave."""
        if self.metric.unit == "share":
            return True
        known = self.value[~np.isnan(self.value)]
        return self.metric.unit == "score" and bool(np.all((known >= 0) & (known <= 1)))


def summarise(results: Sequence[Result], *, resamples: int = 1000, seed: int = 0) -> Summary:
    """Every metric of `METRICS` and every judge's, by name; empty without results.

    One that applies to no case is undefined, with 0 scored and 0 unscored. The order of the results
    changes nothing, nor does a factor on all weights.
    """
    if not results:
        return {}
    ordered = sorted(results, key=lambda result: (result.position, result.key))
    weight = np.array([result.weight for result in ordered], dtype=np.float64)
    clusters = [result.cluster for result in ordered]
    columns = [_column(metric, ordered) for metric in _metrics_of(ordered)]
    sides = _sides([column for column in columns if column.scored])
    statistics = aggregates(list(sides.values()), ordered)
    intervals = weighted_bootstrap(
        lambda draws: dict(zip(sides, statistics(draws * weight), strict=True)),
        clusters,
        resamples=resamples,
        seed=seed,
    )
    return {
        column.metric.name: _measured(column, intervals, weight, clusters) for column in columns
    }


def _metrics_of(results: Sequence[Result]) -> list[Metric]:
    known = {metric.of for metric in METRICS.values()}
    others = {name for result in results if result.error is None for name in result.values} - known
    return [*METRICS.values(), *(metric_of(name) for name in sorted(others))]


def _column(metric: Metric, results: Sequence[Result]) -> _Column:
    if not _applies_to_some(metric, results):
        nothing = np.full(len(results), np.nan)
        return _Column(metric, nothing, nothing, 0)
    values = values_of(metric, results)
    worst = values.copy()
    unscored = [n for n, result in enumerate(results) if _is_unscored(metric, result)]
    for n in unscored:
        worst[n] = _worst(metric, results[n].expectation)
    return _Column(metric, values, worst, len(unscored))


def _applies_to_some(metric: Metric, results: Sequence[Result]) -> bool:
    """Whether a case has a value for it, or none was observed that could say so."""
    if metric.name == "risk_coverage_area" and len({r.expectation for r in results} - {None}) < 2:
        return False  # with one kind of case every order of them is as good
    observed = [result for result in results if result.error is None]
    return not observed or any(metric.of in result.values for result in observed)


def _is_unscored(metric: Metric, result: Result) -> bool:
    """Whether a case ought to have a value, and has none that can be reckoned with."""
    applies = result.error is not None or metric.of in result.values
    return applies and is_over(metric, result) and known_value(metric, result) is None


def _worst(metric: Metric, expectation: Expectation | None) -> float:
    """What an unscored case would give at worst; NaN is nothing."""
    is_to_decline = expectation is Expectation.ABSTAIN
    if metric.name == "risk_coverage_area":  # the wrong end of the order
        return 2.0 if is_to_decline else -1.0
    if metric.name == "abstention_precision" and is_to_decline:
        return math.nan  # to decline it would have been right
    return 0.0 if metric.higher_is_better else 1.0


def _sides(columns: Sequence[_Column]) -> dict[tuple[str, str], tuple[Metric, Array]]:
    """What intervals are made of: each metric's values, and those at worst where they matter."""
    sides = {(column.metric.name, "value"): (column.metric, column.value) for column in columns}
    at_worst = [column for column in columns if column.unscored and column.is_bounded]
    return sides | {
        (column.metric.name, "worst"): (column.metric, column.worst) for column in at_worst
    }


def _measured(
    column: _Column,
    intervals: Mapping[tuple[str, str], Interval],
    weight: Array,
    clusters: Sequence[str],
) -> Measured:
    name = column.metric.name
    found = intervals.get((name, "value"), _UNDEFINED)
    value = found.value
    if value is None:
        return Measured(None, None, None, column.scored, column.unscored)
    low, high = found.low, found.high
    if is_mean(column.metric):
        value = _mean(column.value, weight)
    if column.is_bounded:
        worst = intervals.get((name, "worst"), found)
        low, high = _widened(column, found, worst, weight, clusters)
        value = min(1.0, max(0.0, value))
    if low is None or high is None:
        return Measured(value, None, None, column.scored, column.unscored)
    return Measured(value, min(low, value), max(high, value), column.scored, column.unscored)


def _widened(
    column: _Column, found: Interval, worst: Interval, weight: Array, clusters: Sequence[str]
) -> tuple[float | None, float | None]:
    """Both ends of an interval in [0, 1], as the head of this module says; or neither."""
    is_low_bad = bool(column.metric.higher_is_better)
    bad = worst.low if is_low_bad else worst.high
    good = found.high if is_low_bad else found.low
    if is_mean(column.metric) and (good is None or _is_constant(column.value)):
        good = _wilson(column.value, weight, clusters)[1 if is_low_bad else 0]
        bad = _worst_end(column, bad, _wilson(column.worst, weight, clusters))
    if bad is None or good is None:
        return None, None
    low, high = (bad, good) if is_low_bad else (good, bad)
    return max(0.0, low), min(1.0, high)


def _worst_end(column: _Column, resampled: float | None, wilson: tuple[float, float]) -> float:
    """The bad end where Wilson's interval is taken.

    What was too often undefined to be resampled is not known to be better than that: with cases
    unscored, the end is the worst there can be.
    """
    is_low_bad = bool(column.metric.higher_is_better)
    by_wilson = wilson[0] if is_low_bad else wilson[1]
    if resampled is None:
        resampled = by_wilson if not column.unscored else (0.0 if is_low_bad else 1.0)
    return min(resampled, by_wilson) if is_low_bad else max(resampled, by_wilson)


def _is_constant(values: Array) -> bool:
    known = values[~np.isnan(values)]
    return bool(np.all(known == known[0]))


def _wilson(values: Array, weight: Array, clusters: Sequence[str]) -> tuple[float, float]:
    """Wilson's interval of a mean in [0, 1], each cluster counted as one case."""
    is_known = ~np.isnan(values)
    if not np.any(is_known):
        return 0.0, 1.0
    _, place = np.unique(np.array(clusters, dtype=object)[is_known], return_inverse=True)
    by_cluster = np.bincount(place, weights=weight[is_known]).astype(np.float64)
    return wilson_bounds(min(1.0, max(0.0, _mean(values, weight))), effective_number(by_cluster))


def _mean(values: Array, weight: Array) -> float:
    """The weighted mean of the known values; summed without rounding, so that 1s make 1."""
    is_known = ~np.isnan(values)
    total = math.fsum(weight[is_known])
    return math.fsum(values[is_known] * weight[is_known]) / total
