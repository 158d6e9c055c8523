"""Intervals by drawing whole clusters."""

import math

import numpy as np
import pytest

from evals.metrics import resampling
from evals.metrics.resampling import (
    Interval,
    clustered_bootstrap,
    difference,
    effective_number,
    weighted_bootstrap,
)


def mean_of(values):
    array = np.array(values, dtype=float)
    return lambda rows: {"mean": float(np.mean(array[rows]))}


def interval(values, clusters, **options) -> Interval:
    return clustered_bootstrap(mean_of(values), clusters, **options)["mean"]


def test_the_value_is_that_of_all_cases():
    assert interval([1, 2, 6], "abc").value == 3


def test_independent_cases_get_the_textbook_interval():
    values = np.random.default_rng(1).normal(size=400)
    found = interval(values, range(400))
    half = 1.96 * np.std(values) / math.sqrt(400)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.15)
    assert found.low < found.value < found.high


def test_cases_that_hang_together_widen_the_interval():
    # Four copies of each of 100 values are 100 observations, not 400.
    values = np.repeat(np.random.default_rng(1).normal(size=100), 4)
    alone = interval(values, range(400))
    together = interval(values, np.repeat(np.arange(100), 4).tolist())
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(2, rel=0.2)


def test_clusters_are_drawn_whole():
    seen = []

    def measure(rows):
        seen.append(sorted(rows.tolist()))
        return {"n": float(len(rows))}

    clustered_bootstrap(measure, ["a", "b", "b"], resamples=50)
    assert seen[0] == [0, 1, 2]
    assert {tuple(rows) for rows in seen} == {(0, 0), (0, 1, 2), (1, 1, 2, 2)}


def test_it_repeats_and_the_seed_matters():
    values = np.random.default_rng(2).normal(size=30)
    assert interval(values, range(30)) == interval(values, range(30))
    assert interval(values, range(30)) != interval(values, range(30), seed=1)


@pytest.mark.parametrize("clusters", [["a"], ["a", "a", "a"]])
def test_one_cluster_tells_nothing_about_others(clusters):
    assert interval([1] * len(clusters), clusters) == Interval(1, None, None)


def test_what_is_undefined_has_no_interval():
    def measure(rows):
        # Undefined in the quarter of resamples that draw "b" twice, and never defined.
        return {"often": 1.0 if 0 in rows else None, "never": None, "always": 2.0}

    found = clustered_bootstrap(measure, "ab")
    assert found["never"] == Interval(None, None, None)
    assert found["often"] == Interval(1, None, None)
    assert found["always"] == Interval(2, 2, 2)


def test_a_paired_difference_is_narrower_than_what_it_compares():
    hard = np.random.default_rng(3).normal(size=200)

    def measure(rows):
        first, second = float(np.mean(hard[rows] + 0.1)), float(np.mean(hard[rows]))
        return {"first": first, "difference": difference(first, second)}

    found = clustered_bootstrap(measure, range(200))
    assert found["difference"].low == pytest.approx(0.1)
    assert found["difference"].high == pytest.approx(0.1)
    assert found["first"].high - found["first"].low > 0.2


@pytest.mark.parametrize(("first", "second"), [(None, 1), (1, None), (None, None)])
def test_a_difference_of_what_is_undefined_is_undefined(first, second):
    assert difference(first, second) is None


def weighted_mean_of(values):
    array = np.array(values, dtype=float)
    return lambda draws: {"mean": draws @ array / np.sum(draws, axis=1)}


def test_many_resamples_at_once_give_the_same_interval_but_for_chance():
    values = np.random.default_rng(6).normal(size=90).tolist()
    clusters = [f"source {n % 30}" for n in range(90)]
    fast = weighted_bootstrap(weighted_mean_of(values), clusters, resamples=4000)["mean"]
    slow = interval(values, clusters, resamples=4000)
    assert fast.value == pytest.approx(slow.value)
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), abs=0.03)


def test_whole_clusters_are_counted_in_every_resample():
    seen = []

    def measure(draws):
        seen.append(draws.copy())
        return {"n": np.sum(draws, axis=1)}

    weighted_bootstrap(measure, ["b", "a", "b"], resamples=50)
    whole, draws = seen
    assert whole.tolist() == [[1, 1, 1]]
    assert draws.shape == (50, 3)
    assert {tuple(row) for row in draws.tolist()} == {(0, 2, 0), (1, 1, 1), (2, 0, 2)}


def test_blocks_of_resamples_are_joined(monkeypatch):
    values, clusters = list(range(10)), [str(n) for n in range(10)]
    monkeypatch.setattr(resampling, "_BLOCK", 35)  # three resamples of ten cases at a time
    found = weighted_bootstrap(weighted_mean_of(values), clusters, resamples=400)["mean"]
    assert found.value == 4.5
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.std(values) / 10**0.5, rel=0.15)


@pytest.mark.parametrize("clusters", [["a"], ["a", "a"]])
def test_one_cluster_has_a_value_and_no_interval(clusters):
    measure = weighted_mean_of([3] * len(clusters))
    assert weighted_bootstrap(measure, clusters)["mean"] == Interval(3, None, None)


def test_what_is_nan_is_undefined():
    def measure(draws):
        # Undefined in the quarter of resamples that draw "b" twice, and never defined.
        return {
            "often": np.where(draws[:, 0] > 0, 1.0, np.nan),
            "never": np.full(len(draws), np.nan),
        }

    found = weighted_bootstrap(measure, ["a", "b"])
    assert found["often"] == Interval(1, None, None)
    assert found["never"] == Interval(None, None, None)


def test_the_effective_number_of_cases():
    assert effective_number(np.array([2.0, 2.0, 2.0])) == 3
    assert effective_number(np.array([3.0, 1.0])) == pytest.approx(1.6)
    assert effective_number(np.array([])) == 0
