"""Whether a run lost something against a baseline: the relative rules of a policy. Pure.

They are tests of the paired difference, and several of them: they alarm only when the interval at
the level that Holm's correction leaves them lies wholly beyond what may be lost, and when an exact
test agrees that anything was lost at all (`draw_differences`). So two runs of the same thing fail
at the policy's `alarm_rate` at most, however many rules there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from evals.comparing.paired import Drawn, Matched, draw_differences, holm, match
from evals.gating.policies import Allowance, Policy
from evals.gating.rulings import Outcome, RuleOutcome, worst_pairs
from evals.types import Result, Run

# A run to compare with, and its results.
BaselineRun: TypeAlias = tuple[Run, Sequence[Result]]
# Below this share of a run's cases, nothing lost among the shared ones says nothing of the run.
COMPARABLE_AT_LEAST = 0.5


@dataclass(frozen=True, slots=True)
class _Test:
    """One relative rule: what may be lost, and in which direction."""

    metric: str
    allowance: Allowance
    is_rise: bool

    @property
    def rule(self) -> str:
        return "may_rise" if self.is_rise else "may_drop"


def regressions(
    policy: Policy,
    run: Run,
    results: Sequence[Result],
    baseline: BaselineRun | None,
    *,
    edited: frozenset[str],
    draws: int,
    seed: int,
) -> tuple[list[RuleOutcome], list[str]]:
    """What became of each relative rule of a policy; and notes on what limits that.

    Without a baseline all are skipped. With one, there is a rule beside them: that enough of the
    run's cases can be compared. Else a suite of all other questions would pass.
    """
    tests = _tests(policy)
    if not tests:
        return [], []
    if baseline is None:
        skipped = [_skipped(test, None, "there is no baseline") for test in tests]
        return skipped, [_why_no_baseline(policy, run)]
    before, old_results = baseline
    matched = match(old_results, results, edited=edited)
    comparable = _comparable(matched, results, before)
    if not matched.pairs:
        return [comparable, *(_skipped(test, None, "no case is shared") for test in tests)], []
    metrics = sorted({test.metric for test in tests})
    drawn = draw_differences(matched, metrics, draws=draws, seed=seed)
    lost = {
        metric for metric in metrics if _is_scored(before, metric) and not _is_scored(run, metric)
    }
    found = _tested(tests, drawn, policy.alarm_rate, matched.pairs, lost)
    return [comparable, *found], _limits(matched, before, policy.alarm_rate / len(tests))


def _comparable(matched: Matched, results: Sequence[Result], before: Run) -> RuleOutcome:
    """Whether the baseline has enough of the run's cases, those that failed left aside."""
    asked = sum(one.error is None for one in results)
    shared = sum(first.error is None and second.error is None for first, second in matched.pairs)
    is_met = asked > 0 and shared >= COMPARABLE_AT_LEAST * asked
    detail = f"{shared} of {asked} cases can be compared with run {before.id}"
    advice = (
        "; name a run of these cases with `--against`, or, for a new version of the suite, "
        "write `baseline: none` into the policy"
    )
    return RuleOutcome(
        rule="comparable_at_least",
        metric="cases",
        outcome=Outcome.PASSED if is_met else Outcome.FAILED,
        value=shared / asked if asked else None,
        limit=f"{COMPARABLE_AT_LEAST:g}",
        n=asked,
        detail=detail if is_met else detail + advice,
    )


def _limits(matched: Matched, before: Run, level: float) -> list[str]:
    notes = []
    left_out = len(matched.only_second) + len(matched.edited)
    if left_out:
        notes.append(f"{left_out} cases are new or edited since run {before.id}: not compared")
    if 0.5**matched.clusters > level:
        notes.append(
            f"{matched.clusters} independent groups of cases are too few for relative rules to "
            "alarm; ask about more documents"
        )
    return notes


def _tests(policy: Policy) -> list[_Test]:
    found = []
    for rules in policy.rules:
        if rules.may_drop is not None:
            found.append(_Test(rules.metric, rules.may_drop, is_rise=False))
        if rules.may_rise is not None:
            found.append(_Test(rules.metric, rules.may_rise, is_rise=True))
    return found


def _why_no_baseline(policy: Policy, run: Run) -> str:
    if policy.baseline == "none":
        return "the policy wants no baseline: its relative rules were skipped"
    return (
        "there is no earlier run to compare with: only absolute rules count; "
        f"run {run.id} can be the baseline of the next"
    )


def _is_scored(run: Run, metric: str) -> bool:
    measured = run.summary.get(metric)
    return measured is not None and measured.value is not None


def _tested(
    tests: Sequence[_Test],
    drawn: dict[str, Drawn],
    rate: float,
    pairs: Sequence[tuple[Result, Result]],
    lost: set[str],
) -> list[RuleOutcome]:
    chances = {}
    for place, test in enumerate(tests):
        of = drawn[test.metric]
        allowance = test.allowance.of(of.difference.first or 0.0)
        chance = of.chance_of_loss(is_rise=test.is_rise, allowance=allowance)
        if chance is not None:
            chances[f"{place:03}"] = chance
    levels = holm(chances, rate)
    found = []
    for place, test in enumerate(tests):
        of, name = drawn[test.metric], f"{place:03}"
        if name in chances:
            found.append(_judged(test, of, chances[name], levels[name], pairs))
        else:
            found.append(_undefined(test, of, is_lost=test.metric in lost))
    return found


def _judged(
    test: _Test,
    drawn: Drawn,
    chance: float,
    level: float,
    pairs: Sequence[tuple[Result, Result]],
) -> RuleOutcome:
    difference, interval = drawn.difference, drawn.interval(level)
    is_met = chance > level
    low, high = interval or (None, None)
    before, now = difference.first or 0.0, difference.second or 0.0
    return RuleOutcome(
        rule=test.rule,
        metric=test.metric,
        outcome=Outcome.PASSED if is_met else Outcome.FAILED,
        value=difference.value,
        limit=str(test.allowance),
        low=low,
        high=high,
        n=difference.pairs,
        detail=f"{before:.3f} -> {now:.3f}, p {chance:.4f} against {level:.4f}",
        level=level,
        chance=chance,
        worst=() if is_met else worst_pairs(test.metric, pairs, is_rise=test.is_rise),
    )


def _undefined(test: _Test, drawn: Drawn, *, is_lost: bool) -> RuleOutcome:
    """A metric that the baseline has, and the run for no case any more, is a loss."""
    if is_lost:
        reason = "the baseline has a value and this run has none"
        return replace(_skipped(test, None, reason), outcome=Outcome.FAILED)
    if not drawn.difference.pairs:
        return _skipped(test, None, "no case was scored in both runs")
    return _skipped(test, drawn.difference.value, "too few cases for an interval")


def _skipped(test: _Test, value: float | None, reason: str) -> RuleOutcome:
    return RuleOutcome(
        rule=test.rule,
        metric=test.metric,
        outcome=Outcome.SKIPPED,
        value=value,
        limit=str(test.allowance),
        detail=reason,
    )
