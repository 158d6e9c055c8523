"""Limits on answerability over a run's cases, worked by hand, and the one that meets an aim."""

from datetime import UTC, datetime

import pytest

from evals.operating import Aim, limit_for, limits_of
from evals.reports.charts import operating
from evals.types import (
    Expectation,
    Observation,
    Result,
    Run,
    RunState,
    SeenSentence,
    SuiteVersion,
)
from generation.types import Origin, Verdict

NOW = datetime(2026, 11, 29, tzinfo=UTC)
VERSION = SuiteVersion(1, "leases", 1, "d", 4, "", NOW)
ANSWER, ABSTAIN = Expectation.ANSWER, Expectation.ABSTAIN


def run(below: float = 0.0) -> Run:
    pins = {"settings": {"abstain_below": below}}
    return Run(7, VERSION, RunState.FINISHED, "command", NOW, NOW, 4, 4, pins, {}, "")


def result(answerability: float, verdicts: str, expectation: Expectation | None) -> Result:
    """`verdicts`: s for each supported sentence, u for each unsupported; none: it abstained."""
    kinds = {"s": Verdict.SUPPORTED, "u": Verdict.UNSUPPORTED}
    sentences = tuple(SeenSentence("…", Origin.GENERATED, kinds[v], 0.5) for v in verdicts)
    seen = Observation("…", not sentences, answerability, sentences, (), 0, 0, 0, None, 0, 1)
    return Result(0, "k", "c", 1.0, expectation, {"answerability": answerability}, seen)


FOUR = [
    result(0.9, "ss", ANSWER),
    result(0.7, "su", ANSWER),
    result(0.5, "u", ABSTAIN),
    result(0.3, "", ABSTAIN),
]


def at(threshold: float):
    [found] = [one for one in limits_of(run(), FOUR) if abs(one.threshold - threshold) < 1e-9]
    return found


def test_a_limit_by_hand():
    assert at(0.0)[1:] == (0.75, 0.4, pytest.approx(1 / 3), 1.0, 0.5)
    assert at(0.6)[1:] == (0.5, 0.25, 0.0, 1.0, 1.0)
    assert at(0.8)[1:] == (0.25, 0.0, 0.0, pytest.approx(2 / 3), 1.0)
    assert at(1.0)[1:] == (0.0, None, None, 0.5, 1.0)


def test_the_lowest_limit_that_meets_an_aim_is_taken():
    limits = limits_of(run(), FOUR)
    assert limit_for(limits, Aim()).threshold == 0.0
    assert limit_for(limits, Aim(most_unsupported=0.3)).threshold == pytest.approx(0.52)
    assert limit_for(limits, Aim(most_unsupported=0.1)).threshold == pytest.approx(0.72)
    assert limit_for(limits, Aim(most_wrongly=0.0)).threshold == pytest.approx(0.52)


def test_an_aim_that_nothing_meets_has_no_limit():
    limits = limits_of(run(), FOUR)
    assert limit_for(limits, Aim(most_unsupported=0.1, least_answered=0.5)) is None
    assert limit_for(limits_of(run(), [result(0.5, "u", ABSTAIN)]), Aim(0.5)) is None
    assert limit_for([], Aim()) is None


def test_limits_below_that_of_the_run_are_not_known():
    assert limits_of(run(0.45), FOUR)[0].threshold == 0.45
    assert limits_of(run(), []) == []


def test_an_aim_is_made_of_shares():
    with pytest.raises(ValueError, match="most_unsupported is 5"):
        Aim(most_unsupported=5)


def test_the_chart_says_what_the_limit_in_force_comes_to():
    chart = operating("When to decline", limits_of(run(), FOUR), 0.6)
    assert "0.60, 50\u00a0% of questions are answered" in chart.svg or "0.60, 50" in chart.svg
    assert len(chart.table.rows) == 20
    assert "nothing to show" in operating("When to decline", [], 0.4).svg
