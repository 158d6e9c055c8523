"""What a gate says of a run: each rule, what was found, and which cases to look at. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from evals.types import Result
from evals.weighing import case_value

WORST_CASES = 5


class Outcome(StrEnum):
    """What became of a rule."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class WorstCase:
    """A case to look at. `before` is its value in the baseline, None without one."""

    key: str
    position: int
    before: float | None
    now: float | None


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """A rule held against a run.

    `value` is what was judged: the metric, or its difference to the baseline; `low` and `high`
    its interval, at 95 % for an absolute rule and at the corrected `level` (outside it, at each
    end) for a relative one. `chance` is the p-value of a relative rule. `n` cases went into it.
    """

    rule: str
    metric: str
    outcome: Outcome
    limit: str
    detail: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    level: float | None = None
    chance: float | None = None
    worst: tuple[WorstCase, ...] = ()


@dataclass(frozen=True, slots=True)
class GateReport:
    """A run judged. `baseline` is the number of the run it was compared with, if any."""

    run: int
    baseline: int | None
    passed: bool
    alarm_rate: float
    rules: tuple[RuleOutcome, ...]
    notes: tuple[str, ...]


def worst_cases(metric: str, results: Sequence[Result], *, is_rise: bool) -> tuple[WorstCase, ...]:
    """The cases that weigh most on a metric, the worst first."""
    found = [
        WorstCase(one.key, one.position, None, value)
        for one in results
        if (value := case_value(metric, one)) is not None
    ]
    sign = -1 if is_rise else 1
    found.sort(key=lambda case: (sign * (case.now or 0.0), case.position))
    return tuple(found[:WORST_CASES])


def worst_pairs(
    metric: str, pairs: Sequence[tuple[Result, Result]], *, is_rise: bool
) -> tuple[WorstCase, ...]:
    """The cases that lost most, the worst first."""
    sign = 1 if is_rise else -1
    found = []
    for first, second in pairs:
        before, now = case_value(metric, first), case_value(metric, second)
        if before is not None and now is not None and sign * (now - before) > 0:
            case = WorstCase(second.key, second.position, before, now)
            found.append((-sign * (now - before), second.position, case))
    return tuple(case for *_, case in sorted(found, key=lambda one: one[:2])[:WORST_CASES])
