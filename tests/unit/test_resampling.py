"""Intervals by drawing whole clusters."""

import math

import numpy as np
import pytest

from evals.metrics.resampling import Interval, clustered_bootstrap, difference


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
