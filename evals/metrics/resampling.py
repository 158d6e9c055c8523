"""How much a statistic depends on the cases that happened to be drawn."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_TAILS = (0.025, 0.975)
_DEFINED_AT_LEAST = 0.95
# Numbers in one block of resamples by cases: 32 MB, whatever the number of cases.
_BLOCK = 4_000_000

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Interval:
    """A statistic of all cases and its 95 % interval. None is undefined.

    `low` and `high` are None when there are fewer than two clusters, or when the statistic was
    undefined in more than a twentieth of the resamples: the others would not be fair to it.
    """

    value: float | None
    low: float | None
    high: float | None


def clustered_bootstrap(
    measure: Callable[[NDArray[np.intp]], Mapping[Name, float | None]],
    clusters: Sequence[Hashable],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[Name, Interval]:
    """Percentile intervals, drawing whole clusters with replacement (Field and Welsh, JRSS B 2007).

    Cases of one cluster, such as several responses to one source, are not independent: drawing
    them one by one would make the intervals too narrow. All statistics of one resample see the
    same cases, so that a difference of two of them is a paired one.

    Args:
        measure: given rows of the cases, some of them repeatedly, gives statistics by name; always
            the same names.
        clusters: the cluster of each case.
    """
    whole = measure(np.arange(len(clusters)))
    rows = _rows_by_cluster(clusters)
    drawn: dict[Name, list[float]] = {name: [] for name in whole}
    if len(rows) >= 2:
        generator = np.random.default_rng(seed)
        for _ in range(resamples):
            chosen = generator.integers(len(rows), size=len(rows))
            for name, value in measure(np.concatenate([rows[i] for i in chosen])).items():
                if value is not None:
                    drawn[name].append(value)
    return {name: _interval(whole[name], drawn[name], resamples) for name in whole}


def weighted_bootstrap(
    measure: Callable[[NDArray[np.float64]], Mapping[Name, NDArray[np.float64]]],
    clusters: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[Name, Interval]:
    """`clustered_bootstrap` for statistics that many resamples can be given at once.

    Clusters are drawn in the order of their names, so that the order of the cases changes nothing.

    Args:
        measure: given (m, n) how often each of n cases was drawn in each of m resamples, whole
            numbers, gives (m,) of each statistic, NaN where it is undefined; always the same names.
        clusters: the cluster of each case; at least one case.
    """
    whole = measure(np.ones((1, len(clusters))))
    drawn: dict[Name, list[NDArray[np.float64]]] = {name: [] for name in whole}
    for draws in _blocks_of_draws(clusters, resamples, seed):
        for name, values in measure(draws).items():
            drawn[name].append(values[~np.isnan(values)])
    return {
        name: _interval(
            None if np.isnan(value[0]) else float(value[0]),
            np.concatenate([np.empty(0), *drawn[name]]),
            resamples,
        )
        for name, value in whole.items()
    }


def effective_number(weights: NDArray[np.float64]) -> float:
    """How many equally weighted ones say as much: (sum w)^2 / sum w^2 (Kish 1965); 0 of none."""
    squares = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / squares if squares else 0.0


def difference(first: float | None, second: float | None) -> float | None:
    """`first - second`; None when one of them is undefined."""
    return None if first is None or second is None else first - second


def _rows_by_cluster(clusters: Sequence[Hashable]) -> list[NDArray[np.intp]]:
    rows: dict[Hashable, list[int]] = {}
    for row, cluster in enumerate(clusters):
        rows.setdefault(cluster, []).append(row)
    return [np.array(of_one, dtype=np.intp) for of_one in rows.values()]


def _blocks_of_draws(
    clusters: Sequence[str], resamples: int, seed: int
) -> Iterator[NDArray[np.float64]]:
    """How often each case is drawn: (m, n) at a time; nothing with fewer than two clusters."""
    names, place = np.unique(np.array(clusters, dtype=object), return_inverse=True)
    if len(names) < 2:
        return
    generator = np.random.default_rng(seed)
    at_once = max(1, _BLOCK // len(clusters))
    for start in range(0, resamples, at_once):
        m = min(at_once, resamples - start)
        chosen = generator.integers(len(names), size=(m, len(names)))
        chosen += np.arange(m)[:, None] * len(names)
        counts = np.bincount(chosen.ravel(), minlength=m * len(names)).reshape(m, len(names))
        yield counts[:, place].astype(np.float64)


def _interval(
    value: float | None, drawn: Sequence[float] | NDArray[np.float64], resamples: int
) -> Interval:
    if value is None or not len(drawn) or len(drawn) < _DEFINED_AT_LEAST * resamples:
        return Interval(value, None, None)
    low, high = np.quantile(np.array(drawn), _TAILS)
    return Interval(value, float(low), float(high))
