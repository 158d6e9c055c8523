"""Risk, coverage and reliability of answerability, against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics.abstention import (
    OperatingPoint,
    RiskCurve,
    RiskPoint,
    operating_points,
    reliability,
    risk_coverage,
)
from evals.metrics.estimate import wilson
from evals.types import Expectation, Result

EXPECTED = {"+": Expectation.ANSWER, "-": Expectation.ABSTAIN, " ": None}
_cases = st.lists(st.tuples(st.sampled_from("+-"), st.integers(0, 5)), min_size=1, max_size=12)


def results(expected: str, answerability, weights=None) -> list[Result]:
    return [
        Result(
            place,
            str(place),
            "",
            1.0 if weights is None else weights[place],
            EXPECTED[letter],
            {} if value is None else {"answerability": value},
            None,
        )
        for place, (letter, value) in enumerate(zip(expected, answerability, strict=True))
    ]


def area(expected: str, answerability, weights=None) -> float:
    declined = np.array([letter == "-" for letter in expected])
    curve = RiskCurve(np.array(answerability, dtype=float), declined)
    weight = np.ones((1, len(expected))) if weights is None else np.array([weights], dtype=float)
    return float(curve.area(weight)[0])


def test_the_curve_worked_by_hand():
    # best first: + - + -; risks 0, 1/2, 1/3, 1/2
    found = risk_coverage(results("+-+-", [0.9, 0.7, 0.4, 0.2]))
    assert [point.threshold for point in found] == [0.9, 0.7, 0.4, 0.2]
    assert [point.coverage for point in found] == [0.25, 0.5, 0.75, 1]
    assert [point.risk for point in found] == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert area("+-+-", [0.9, 0.7, 0.4, 0.2]) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_cases_of_one_answerability_are_answered_together():
    found = risk_coverage(results("+-+", [0.5, 0.5, 0.1]))
    assert found == [RiskPoint(0.5, pytest.approx(2 / 3), 0.5), RiskPoint(0.1, 1, 1 / 3)]
    assert area("+-+", [0.5, 0.5, 0.1]) == pytest.approx(2 / 3 * 1 / 2 + 1 / 3 * 1 / 3)
    assert area("-++", [0.5, 0.5, 0.1]) == area("+-+", [0.5, 0.5, 0.1])


def test_a_weight_of_two_is_the_same_case_twice():
    assert area("+-+", [0.9, 0.5, 0.1], [1, 2, 1]) == pytest.approx(
        area("+--+", [0.9, 0.5, 0.5, 0.1])
    )
    assert area("+-+", [0.9, 0.5, 0.1], [1, 0, 1]) != area("+-+", [0.9, 0.5, 0.1])


@pytest.mark.parametrize("expected", ["+", "-", "++", "--"])
def test_with_one_kind_of_case_there_is_no_area(expected):
    assert np.isnan(area(expected, [0.5] * len(expected)))


def test_cases_that_say_nothing_are_left_out():
    assert risk_coverage([]) == risk_coverage(results(" +", [0.5, None])) == []
    assert len(risk_coverage(results("+ -", [0.9, 0.5, None]))) == 1


@given(_cases)
def test_the_perfect_order_has_the_least_area_and_its_reverse_the_most(cases):
    expected = "".join(letter for letter, _ in cases)
    found = area(expected, [value for _, value in cases])
    best = area(expected, [letter == "+" for letter in expected])
    if np.isnan(found):
        assert len(set(expected)) == 1
        return
    # Between equals the curve is read at its end, so compare with orders without ties.
    sharp = sorted(expected)  # "+" before "-"
    n = len(sharp)
    least = area("".join(sharp), np.arange(n, 0, -1))
    most = area("".join(sharp[::-1]), np.arange(n, 0, -1))
    assert 0 <= least - 1e-12 <= found <= most + 1e-12 <= 1 + 2e-12
    assert best == pytest.approx(expected.count("-") ** 2 / n**2)


@given(_cases)
def test_the_curve_ends_with_everything_answered(cases):
    expected = "".join(letter for letter, _ in cases)
    last = risk_coverage(results(expected, [value / 5 for _, value in cases]))[-1]
    assert last.coverage == 1
    assert last.risk == pytest.approx(expected.count("-") / len(expected))


def test_reliability_worked_by_hand():
    bins = reliability(results("++-- ", [0.95, 1.0, 0.9, 0.0, 0.9]))
    assert len(bins) == 10
    assert bins[0][:5] == (0, 0.1, 1, 0, 0)
    assert bins[9][:4] == (0.9, 1, 3, pytest.approx(0.95))
    assert bins[9].observed == pytest.approx(2 / 3)
    two_of_three = wilson(2, 3)
    assert bins[9][5:] == pytest.approx((two_of_three.low, two_of_three.high))
    assert bins[5] == (0.5, 0.6, 0, None, None, None, None)


def test_a_bin_ends_before_the_next_begins():
    assert [one.cases for one in reliability(results("+++", [0.1, 0.3, 0.7]))] == [
        0, 1, 0, 1, 0, 0, 0, 1, 0, 0,
    ]  # fmt: skip


def test_reliability_is_weighted():
    [tenth] = [one for one in reliability(results("+-", [0.5, 0.52], [3, 1])) if one.cases]
    assert tenth.observed == 0.75
    assert tenth.predicted == pytest.approx(0.505)


def test_operating_points_worked_by_hand():
    found = operating_points(results("+-+-", [0.9, 0.7, 0.4, 0.2]), [0.0, 0.4, 0.5, 1.0])
    assert found == [
        OperatingPoint(0.0, 1.0, None, 0.0, 1.0, 0.5),
        OperatingPoint(0.4, 0.75, 1.0, 0.5, 1.0, pytest.approx(1 / 3)),
        OperatingPoint(0.5, 0.5, 0.5, 0.5, 0.5, 0.5),
        OperatingPoint(1.0, 0.0, 0.5, 1.0, 0.0, None),
    ]


def test_without_cases_there_are_no_operating_points():
    assert operating_points([]) == []
    assert [one.cases for one in reliability([])] == [0] * 10


def test_one_expectation_leaves_the_other_undefined():
    [point] = operating_points(results("+", [0.9]), [0.5])
    assert point.abstention_recall is None
    assert point.answered_share == 1
