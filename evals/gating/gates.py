"""Whether a run may pass: each rule of a policy held against it. Pure.

Absolute rules look at the run alone: the value must hold, or the end of its 95 % interval where
the rule is `confident`. Relative rules look at the difference to a baseline (`regressions`).
"""

from collections.abc import Iterator, Sequence

from evals.catalogue import metric_of
from evals.errors import RunUnfinished
from evals.gating.policies import DEFAULT_POLICY, MetricRules, Policy, parse_policy, read_policy
from evals.gating.regressions import BaselineRun, regressions
from evals.gating.rulings import (
    WORST_CASES,
    GateReport,
    Outcome,
    RuleOutcome,
    WorstCase,
    worst_cases,
)
from evals.types import Measured, Result, Run, RunState

__all__ = [
    "DEFAULT_POLICY",
    "GateReport",
    "Outcome",
    "Policy",
    "check",
    "choose_baseline",
    "parse_policy",
    "read_policy",
]

# The smallest level of ten rules at 0.05 is 0.005: fifty of these draws lie beyond it.
_DRAWS = 10_000
_NOTHING_SCORED = Measured(None, None, None, 0, 0)


def choose_baseline(policy: Policy, run: Run, known: Sequence[Run]) -> Run | None:
    """The run to compare with, of those that are known: finished, and older than `run`.

    One that asked fewer cases is taken only when there is no other. Ties go to the newest.
    A policy that names a run by its number is not decided here.
    """
    older = [one for one in known if one.id < run.id and one.state is RunState.FINISHED]
    whole = [one for one in older if one.cases >= run.cases] or older
    if policy.baseline == "last":
        return max(whole, key=lambda one: one.id, default=None)
    if policy.baseline != "best":
        return None
    sign = -1 if metric_of(policy.best_by).higher_is_better is False else 1
    scored = [
        (sign * measured.value, one.id, one)
        for one in whole
        if (measured := one.summary.get(policy.best_by)) and measured.value is not None
    ]
    return max(scored)[2] if scored else None


def check(
    policy: Policy,
    run: Run,
    results: Sequence[Result],
    baseline: BaselineRun | None = None,
    *,
    edited: frozenset[str] = frozenset(),
    leaks: int | None = None,
    blind_spots: int = 0,
    draws: int = _DRAWS,
    seed: int = 0,
) -> GateReport:
    """Hold every rule of a policy against a run.

    Args:
        results: of the run.
        baseline: the run to compare with, and its results; None when there is none yet: relative
            rules are then skipped, and the report says so. One that shares too few cases with the
            run fails the gate.
        edited: keys of cases that are not the same in both (`edited_keys`).
        leaks: how many the leak probe found; None when it was not run.
        blind_spots: how often it did not find what may be read, and so proves nothing.

    Raises:
        RunUnfinished: the run has not ended.
    """
    if run.state is RunState.RUNNING:
        raise RunUnfinished(run.id, run.done, run.cases)
    outcomes = [*_of_the_run(policy, run, results), *_leaks(policy, leaks, blind_spots)]
    for rules in policy.rules:
        outcomes += _absolute(rules, run.summary.get(rules.metric, _NOTHING_SCORED), results)
    relative, notes = regressions(
        policy, run, results, baseline, edited=edited, draws=draws, seed=seed
    )
    outcomes += relative
    return GateReport(
        run=run.id,
        baseline=None if baseline is None else baseline[0].id,
        passed=not any(one.outcome is Outcome.FAILED for one in outcomes),
        alarm_rate=policy.alarm_rate,
        rules=tuple(outcomes),
        notes=tuple(notes),
    )


# --- The run as a whole ------------------------------------------------------------------------


def _of_the_run(policy: Policy, run: Run, results: Sequence[Result]) -> Iterator[RuleOutcome]:
    failed = [one for one in results if one.error is not None]
    share = len(failed) / len(results) if results else None
    yield RuleOutcome(
        rule="failed_at_most",
        metric="failed",
        outcome=_outcome(is_met=share is not None and share <= policy.failed_at_most),
        value=share,
        limit=f"{policy.failed_at_most:g}",
        n=len(results),
        detail=f"{len(failed)} of {run.cases} cases failed",
        worst=tuple(WorstCase(one.key, one.position, None, None) for one in failed[:WORST_CASES]),
    )


def _leaks(policy: Policy, leaks: int | None, blind_spots: int) -> Iterator[RuleOutcome]:
    if policy.leaks is None:
        return
    if leaks is None:
        detail = "the leak probe did not run"
    elif blind_spots:
        detail = f"{leaks} leaks seen, but {blind_spots} times a reader did not find what is theirs"
    else:
        detail = f"{leaks} leaks were found"
    is_met = leaks == 0 and not blind_spots
    yield RuleOutcome(
        rule="leaks",
        metric="leaks",
        outcome=_outcome(is_met=is_met),
        value=leaks,
        limit="0",
        detail=detail if is_met else f"{detail}; `assay eval probe` says who and what",
    )


# --- Absolute rules ------------------------------------------------------------------------------


def _absolute(
    rules: MetricRules, measured: Measured, results: Sequence[Result]
) -> Iterator[RuleOutcome]:
    for name, limit in (("at_least", rules.at_least), ("at_most", rules.at_most)):
        if limit is not None:
            yield _bound(rules, name, limit, measured, results)
    if rules.unscored_at_most is not None:
        yield _unscored(rules.metric, rules.unscored_at_most, measured)


def _bound(
    rules: MetricRules, name: str, limit: float, measured: Measured, results: Sequence[Result]
) -> RuleOutcome:
    is_floor = name == "at_least"
    end = (measured.low if is_floor else measured.high) if rules.confident else measured.value
    is_met = end is not None and (end >= limit if is_floor else end <= limit)
    what = "the end of the interval" if rules.confident else "the value"
    if measured.value is None:
        detail = "nothing was scored, so nothing can be said"
    elif end is None:
        detail = f"{measured.scored} cases give no interval; ask more, or drop `confident`"
    else:
        word = "is" if is_met else "is not"
        detail = f"{what}, {end:.3f}, {word} {'at least' if is_floor else 'at most'} {limit:g}"
    return RuleOutcome(
        rule=name,
        metric=rules.metric,
        outcome=_outcome(is_met=is_met),
        value=measured.value,
        limit=f"{limit:g}",
        low=measured.low,
        high=measured.high,
        n=measured.scored,
        detail=detail,
        worst=() if is_met else worst_cases(rules.metric, results, is_rise=not is_floor),
    )


def _unscored(metric: str, limit: float, measured: Measured) -> RuleOutcome:
    whole = measured.scored + measured.unscored
    share = measured.unscored / whole if whole else None
    return RuleOutcome(
        rule="unscored_at_most",
        metric=metric,
        outcome=_outcome(is_met=share is not None and share <= limit),
        value=share,
        limit=f"{limit:g}",
        n=whole,
        detail=f"{measured.unscored} of {whole} values are missing",
    )


def _outcome(*, is_met: bool) -> Outcome:
    return Outcome.PASSED if is_met else Outcome.FAILED
