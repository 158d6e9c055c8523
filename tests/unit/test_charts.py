"""Charts: golden drawings, worked-by-hand axes, hostile words, nothing to show."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.reports.charts import (
    ReliabilityPoint,
    RiskPoint,
    TrendPoint,
    letters,
    reliability,
    risk_coverage,
    stacked,
    trend,
)
from evals.reports.drawing import axis, percent

GOLDEN = Path(__file__).parents[1] / "data" / "charts"
HOSTILE = "</svg><script>alert(1)</script>" + "w" * 10_000
shares = st.floats(0, 1)


def nights() -> list[TrendPoint]:
    return [
        TrendPoint("1 Nov", 0.10, 0.05, 0.17),
        TrendPoint("2 Nov", 0.12, 0.07, 0.19, "new model"),
        TrendPoint("3 Nov", None, None, None),
        TrendPoint("4 Nov", 0.08, None, None),
        TrendPoint("5 Nov", 0.09, 0.04, 0.15, "<b>back</b>"),
    ]


CHARTS = {
    "trend": trend("Hallucination rate", nights(), shown=percent, bounds=(0.0, 1.0)),
    "risk": risk_coverage("Risk", [RiskPoint(0.25, 0.0), RiskPoint(0.5, 0.1), RiskPoint(1, 0.3)]),
    "reliability": reliability(
        "Answerability",
        [ReliabilityPoint(0.15, 0.1, 0.02, 0.4, 10), ReliabilityPoint(0.8, 0.9, 0.7, 0.97, 40)],
    ),
    "stacked": stacked(
        "Verdicts",
        [("today", {"supported": 7, "contradicted": 1}), ("yesterday", {})],
        kinds=("supported", "partly", "contradicted"),
    ),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_drawn_as_it_was(name):
    # To change a drawing on purpose, look at it and put the new one in its place.
    expected = (GOLDEN / f"{name}.svg").read_text(encoding="utf-8")
    assert CHARTS[name].svg + "\n" == expected


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_well_formed_and_says_what_it_shows(name):
    root = ElementTree.fromstring(CHARTS[name].svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == CHARTS[name].description
    attributes = {key for element in root.iter() for key in element.keys()}  # noqa: SIM118
    assert "style" not in attributes
    assert not any(key.startswith("on") for key in attributes)


def test_the_table_has_every_number_of_the_trend():
    table = CHARTS["trend"].table
    assert table.columns == ("Run", "Value", "From", "To", "Note")
    assert table.rows[1] == ("2 Nov", "12.0\u00a0%", "7.0\u00a0%", "19.0\u00a0%", "new model")
    assert table.rows[2] == ("3 Nov", "–", "–", "–", "")
    assert "10.0\u00a0% at first (1 Nov), 9.0\u00a0% now (5 Nov)" in CHARTS["trend"].description


def test_a_trend_breaks_where_nothing_was_measured():
    svg = CHARTS["trend"].svg
    assert svg.count("<polyline") == 2  # nights 1-2 and 4-5
    assert svg.count("<polygon") == 1  # intervals of nights 1-2
    assert svg.count('class="chart-whisker"') == 1  # that of night 5
    assert svg.count("<circle") == 4
    assert svg.count('class="chart-letter"') == 2


def test_an_axis_worked_by_hand():
    # 0.04 to 0.19: spread 0.15, a step of 0.05 gives three parts
    assert axis([0.04, 0.19]) == pytest.approx((0.0, 0.2, 0.05))
    assert axis([0.9, 1.0], (0.0, 1.0)) == pytest.approx((0.9, 1.0, 0.05))
    assert axis([]) == pytest.approx((0.0, 1.0, 0.5))
    low, high, _ = axis([0.5])
    assert low < 0.5 < high
    assert axis([0.0]) == pytest.approx((-0.5, 0.5, 0.5))
    assert axis([0.0], (0.0, None)) == pytest.approx((0.0, 0.5, 0.5))


@given(st.lists(st.floats(-1e6, 1e6), max_size=8))
def test_every_value_lies_on_its_axis(values):
    low, high, step = axis(values)
    assert low < high
    assert step > 0
    assert all(low - step / 1e3 <= value <= high + step / 1e3 for value in values)


@given(st.lists(st.tuples(shares, shares), max_size=12))
def test_any_curve_is_well_formed(points):
    made = risk_coverage("Risk", [RiskPoint(*point) for point in points])
    ElementTree.fromstring(made.svg)
    assert len(made.table.rows) == len(points)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_nothing_one_and_two_can_be_drawn(number):
    for made in [
        trend("T", nights()[:number], shown=percent),
        risk_coverage("T", [RiskPoint(0.5, 0.1), RiskPoint(1.0, 0.2)][:number]),
        reliability("T", [ReliabilityPoint(0.5, 0.5, None, None, 1)] * number),
        stacked("T", [("a", {"x": 1})] * number, kinds=("x",)),
    ]:
        ElementTree.fromstring(made.svg)
        assert len(made.table.rows) == number
        assert "nan" not in made.svg.lower()


def test_words_from_outside_stay_words_and_do_not_grow():
    made = [
        trend(HOSTILE, [TrendPoint(HOSTILE, 0.5, None, None, HOSTILE)], shown=percent),
        stacked(HOSTILE, [(HOSTILE, {"x": 3})], kinds=("x",)),
    ]
    for chart in made:
        ElementTree.fromstring(chart.svg)
        assert "<script" not in chart.svg
        assert len(chart.svg) < 5000


def test_a_long_curve_has_a_table_one_can_read():
    made = risk_coverage("Risk", [RiskPoint(i / 1000, i / 1000) for i in range(1, 1001)])
    assert len(made.table.rows) == 20
    assert made.table.rows[-1] == ("100.0\u00a0%", "100.0\u00a0%")


def test_letters_go_on_after_z():
    assert letters(28)[-3:] == ["Z", "AA", "AB"]
