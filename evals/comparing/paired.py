"""The difference of two runs of the same cases, and how far it may be chance. Pure.

Two questions, two ways of drawing, both by whole clusters because cases of one cluster are not
independent of each other:

- *How large is the difference?* A bootstrap draws clusters with replacement, the same for both
  runs (Field and Welsh, JRSS B 2007), and gives intervals.
- *Is there one at all?* A randomisation test exchanges the two results of a cluster at random, as
  it could be if both runs were of the same thing (Fisher 1935; for a metric of 0 and 1 over
  single cases it is McNemar's exact test, which counts how the discordant pairs fall). It holds
  for any number of cases, where the bootstrap is too bold: of three cases that changed, all for
  the worse, it says "certainly worse" and this says "one in eight".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evals.catalogue import METRICS, Metric, metric_of
from evals.types import Result
from evals.weighing import Array, aggregates, values_of

_DEFINED_AT_LEAST = 0.95
# Draws at once, times rows: what stays within some tens of megabytes.
_CELLS_AT_ONCE = 2_000_000
# Sums of the same numbers in another order are not the same to the last bit.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Matched:
    """The cases that two runs share, and those they do not, by key.

    `edited` have the same key and are another case by now: their results are not compared.
    """

    pairs: tuple[tuple[Result, Result], ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    edited: tuple[str, ...]

    @property
    def clusters(self) -> int:
        """How many groups of cases are independent of each other."""
        return len({second.cluster for _, second in self.pairs})


@dataclass(frozen=True, slots=True)
class Difference:
    """`second - first` of one metric over the cases that both runs share.

    `low` and `high` are its 95 % interval; None when there are fewer than two clusters. `pairs`
    went into it; `unscored` have a value in one run only, so that they are in neither side.
    """

    metric: str
    first: float | None
    second: float | None
    value: float | None
    low: float | None
    high: float | None
    pairs: int
    unscored: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A difference, and draws of it: (draws,) each, undefined ones left out.

    `resampled` scatter about the difference, `exchanged` about 0 as it would be if the two runs
    were of the same thing.
    """

    difference: Difference
    resampled: Array
    exchanged: Array
    is_defined: bool

    def interval(self, tail: float) -> tuple[float, float] | None:
        """The bounds that leave out this share of the resamples at each end, in (0, 0.5)."""
        if not self.is_defined:
            return None
        low, high = np.quantile(self.resampled, (tail, 1 - tail))
        return float(low), float(high)

    def chance_of_loss(self, *, is_rise: bool, allowance: float) -> float | None:
        """P-value of "no more than `allowance` has been lost", in (0, 1]; None when undefined.

        The larger of two: that of the bootstrap for a loss beyond the allowance, and that of the
        exact test for a loss at all.

        Args:
            is_rise: a rise is the loss, as with a share of wrong answers.
        """
        if not self.is_defined or self.difference.value is None:
            return None
        sign = 1 if is_rise else -1
        lost = sign * self.difference.value
        beyond = _share(sign * self.resampled <= allowance + _ROUNDING)
        by_chance = _share(sign * self.exchanged >= lost - _ROUNDING)
        return max(beyond, by_chance)


def match(
    first: Iterable[Result], second: Iterable[Result], *, edited: frozenset[str] = frozenset()
) -> Matched:
    """Match the results of two runs by the keys of their cases, in the order of the second.

    Args:
        edited: keys of cases that are not the same in both runs' suites.
    """
    before = {result.key: result for result in first}
    after = {result.key: result for result in second}
    both = [key for key in after if key in before]
    return Matched(
        pairs=tuple((before[key], after[key]) for key in both if key not in edited),
        only_first=tuple(key for key in before if key not in after),
        only_second=tuple(key for key in after if key not in before),
        edited=tuple(key for key in both if key in edited),
    )


def metrics_of(pairs: Iterable[tuple[Result, Result]]) -> list[str]:
    """The metrics that these results may have: those of every run, and those of judges."""
    known = {metric.of for metric in METRICS.values()}
    named = {name for pair in pairs for one in pair for name in one.values}
    return [*METRICS, *sorted(named - known)]


@dataclass(frozen=True, slots=True)
class _Column:
    """A metric over the rows, (rows,), NaN where one does not go in; and how many pairs do."""

    metric: Metric
    value: Array
    pairs: int
    unscored: int


def draw_differences(
    matched: Matched, metrics: Sequence[str], *, draws: int = 2000, seed: int = 0
) -> dict[str, Drawn]:
    """Each metric's difference over the shared cases, with draws of it.

    All metrics see the same draws, and both runs do. Repeats for a seed.
    """
    n = len(matched.pairs)
    rows = [first for first, _ in matched.pairs] + [second for _, second in matched.pairs]
    columns = [_column(metric_of(name), rows) for name in metrics]
    statistics = aggregates([(column.metric, column.value) for column in columns], rows)
    own = np.array([row.weight for row in rows], dtype=np.float64)

    def measured(before: Array, after: Array) -> Array:
        """(metrics, draws), by how often each case's first and second result count."""
        return statistics(np.hstack([before, after]) * own)

    one, nothing = np.ones((1, n)), np.zeros((1, n))
    first, second = measured(one, nothing)[:, 0], measured(nothing, one)[:, 0]
    resampled, exchanged = [np.empty((len(columns), 0))], [np.empty((len(columns), 0))]
    if matched.clusters >= 2:
        generator, clusters = np.random.default_rng(seed), _clusters(matched)
        for size in _sizes(draws, 2 * n):
            counts = _counted(generator, clusters, size)
            nothing = np.zeros_like(counts)
            resampled.append(measured(nothing, counts) - measured(counts, nothing))
            swapped = _exchanged(generator, clusters, size)
            exchanged.append(measured(swapped, 1 - swapped) - measured(1 - swapped, swapped))
    found = zip(first, second, np.hstack(resampled), np.hstack(exchanged), strict=True)
    return {
        column.metric.name: _drawn(column, *of_it)
        for column, of_it in zip(columns, found, strict=True)
    }


def _column(metric: Metric, rows: Sequence[Result]) -> _Column:
    """A metric over these rows: the results of a first run, then as many of a second.

    A case goes in only when both of its runs scored it: else the two sides would be over other
    cases. Abstention precision is the exception: it is over what was declined, and each run
    declined its own.
    """
    values = values_of(metric, rows).reshape(2, len(rows) // 2)
    has_one = ~np.isnan(values).all(axis=0)
    if metric.name != "abstention_precision":
        values = np.where(np.isnan(values).any(axis=0), np.nan, values)
    goes_in = ~np.isnan(values).all(axis=0)
    return _Column(metric, values.ravel(), int(np.sum(goes_in)), int(np.sum(has_one & ~goes_in)))


def _drawn(
    column: _Column, first: float, second: float, resampled: Array, exchanged: Array
) -> Drawn:
    defined = resampled[np.isfinite(resampled)], exchanged[np.isfinite(exchanged)]
    fewest = min(map(len, defined))
    value = _or_none(second - first)
    is_defined = fewest > 0 and fewest >= _DEFINED_AT_LEAST * len(resampled) and value is not None
    low, high = np.quantile(defined[0], (0.025, 0.975)) if is_defined else (np.nan, np.nan)
    return Drawn(
        Difference(
            metric=column.metric.name,
            first=_or_none(first),
            second=_or_none(second),
            value=value,
            low=_or_none(low),
            high=_or_none(high),
            pairs=column.pairs,
            unscored=column.unscored,
        ),
        *defined,
        is_defined,
    )


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _clusters(matched: Matched) -> NDArray[np.intp]:
    """(n,) the number of each pair's cluster."""
    numbers: dict[str, int] = {}
    of_pairs = [numbers.setdefault(second.cluster, len(numbers)) for _, second in matched.pairs]
    return np.array(of_pairs, dtype=np.intp)


def _sizes(draws: int, rows: int) -> list[int]:
    at_once = max(1, _CELLS_AT_ONCE // max(1, rows))
    whole, rest = divmod(draws, at_once)
    return [at_once] * whole + ([rest] if rest else [])


def _counted(generator: np.random.Generator, clusters: NDArray[np.intp], size: int) -> Array:
    """(size, n): how often each case is in each resample."""
    count = int(clusters.max()) + 1
    counts = generator.multinomial(count, np.full(count, 1 / count), size=size)
    return counts[:, clusters].astype(np.float64)


def _exchanged(generator: np.random.Generator, clusters: NDArray[np.intp], size: int) -> Array:
    """(size, n) of 0 and 1: whether a case's two results change places."""
    drawn = generator.integers(2, size=(size, int(clusters.max()) + 1))
    return drawn[:, clusters].astype(np.float64)


def _share(holds: NDArray[np.bool_]) -> float:
    """Of draws and of what was seen, which is one more of them: never 0 (Davison and Hinkley)."""
    return float((1 + np.sum(holds)) / (1 + len(holds)))


def holm(chances: Mapping[str, float], rate: float) -> dict[str, float]:
    """The level each p-value is held against, so that any false alarm at all has this `rate`.

    Holm's step-down (Scandinavian Journal of Statistics 1979): the smallest of m against rate / m,
    the next against rate / (m - 1), and so on; after the first that passes its level, nothing
    alarms, and what is left shares that level.
    """
    levels: dict[str, float] = {}
    level, is_open = 0.0, True
    ranked = sorted(chances, key=lambda name: (chances[name], name))
    for rank, name in enumerate(ranked):
        if is_open:
            level = rate / (len(ranked) - rank)
            is_open = chances[name] <= level
        levels[name] = level
    return levels
