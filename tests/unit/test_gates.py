"""Policies are read strictly, rules judged as they say; the gate is neither deaf nor shy."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.comparing.paired import draw_differences, holm, match
from evals.errors import BadPolicy, RunUnfinished
from evals.gating.gates import DEFAULT_POLICY, check, choose_baseline, parse_policy, read_policy
from evals.gating.policies import FAILED_AT_MOST, Allowance, MetricRules, Policy
from evals.gating.rulings import Outcome
from evals.types import Expectation, Measured, RunState
from tests.simulated import Quality, lose_every_second_hit, result_of, run_of, simulated

ROOT = Path(__file__).resolve().parents[2]


def outcome_of(report, metric: str, rule: str):
    [found] = [one for one in report.rules if (one.metric, one.rule) == (metric, rule)]
    return found


def of_metrics(report):
    """What became of the rules of a policy's metrics: without those that every gate has."""
    usual = {"failed_at_most", "comparable_at_least"}
    return [one for one in report.rules if one.rule not in usual]


def policy_of(*rules: MetricRules, **options) -> Policy:
    return Policy(rules=rules, **options)


# --- Reading a policy --------------------------------------------------------------------------


def test_a_whole_policy():
    policy = parse_policy(
        """
baseline: best
best_by: containment
alarm_rate: 0.01
failed_at_most: 0.05
leaks: 0
metrics:
  faithfulness: {at_least: 0.8, confident: true, may_drop: 0.02, unscored_at_most: 0.1}
  seconds_p95:
    at_most: 30
    may_rise: 20%
  judge_helpful: {at_least: 3}
"""
    )
    assert policy == Policy(
        rules=(
            MetricRules("faithfulness", at_least=0.8, confident=True, may_drop=Allowance(0.02),
                        unscored_at_most=0.1),
            MetricRules("seconds_p95", at_most=30, may_rise=Allowance(0.2, is_share=True)),
            MetricRules("judge_helpful", at_least=3),
        ),
        baseline="best", best_by="containment", alarm_rate=0.01, failed_at_most=0.05, leaks=0,
    )  # fmt: skip
    assert parse_policy("baseline: 12\nleaks: 0").baseline == 12
    assert parse_policy("leaks: 0").failed_at_most == FAILED_AT_MOST == 0.02
    assert parse_policy("failed_at_most: 1").failed_at_most == 1
    assert str(policy.rules[1].may_rise) == "20 %"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("metrics:\n  faithfullness: {at_least: 1}", 2, "did you mean 'faithfulness'?"),
        ("metrics:\n  faithfulness:\n    atleast: 1", 3, "did you mean 'at_least'?"),
        ("leaks: 0\nbase_line: last", 2, "did you mean 'baseline'?"),
        ("xyzzy: 1", 1, "known are alarm_rate, "),
        ("metrics:\n  ndcg: {at_least: 1}\n  ndcg: {at_least: 0}", 3, "'ndcg' is there twice"),
        ("metrics:\n  ndcg: {may_rise: 0.1}", 2, "did you mean may_drop?"),
        ("metrics:\n  hallucination_rate: {may_drop: 0.1}", 2, "did you mean may_rise?"),
        ("metrics:\n  ndcg: {at_least: 'much'}", 2, "expected a number, not 'much'"),
        ("metrics:\n  ndcg: {at_least: .nan}", 2, "not '.nan'"),
        ("metrics:\n  ndcg: {at_least: [1]}", 2, "expected a number, not something else"),
        ("metrics:\n  ndcg: {at_least: 0.9, at_most: 0.1}", 2, "0.9 is above at_most 0.1"),
        ("metrics:\n  ndcg: {confident: true}", 2, "ndcg demands nothing"),
        ("metrics:\n  ndcg: {confident: true, may_drop: 0}", 2, "`confident` needs at_least"),
        ("metrics:\n  ndcg: {at_least: 0, confident: maybe}", 2, "expected true or false"),
        ("metrics:\n  ndcg: {unscored_at_most: 2}", 2, "a share is from 0 to 1, not 2"),
        ("metrics:\n  ndcg: {may_drop: -0.1}", 2, "0 or more, not -0.1"),
        ("metrics:\n  ndcg: {may_drop: nan%}", 2, "0 or more, not nan%"),
        ("metrics:\n  ndcg: {may_drop: x%}", 2, "not 'x%'"),
        ("metrics:\n  ndcg: 0.9", 2, "ndcg: expected keys with values"),
        ("metrics: []", 1, "metrics: expected keys with values"),
        ("- 1", 1, "the policy: expected keys with values"),
        ("baseline: last", 1, "demands nothing"),
        ("baseline: 0\nleaks: 0", 1, "baseline is last, best, none or a run's number"),
        ("baseline: newest\nleaks: 0", 1, "not 'newest'"),
        ("leaks: 3", 1, "one leak is one too many"),
        ("alarm_rate: 0\nleaks: 0", 1, "alarm_rate is above 0"),
        ("best_by: good\nleaks: 0", 1, "best_by: there is no 'good'"),
        ("metrics: {", 1, "it is not YAML"),
        ("", 0, "it is empty"),
        ("leaks: !!python/object/apply:os.system [x]", 1, "expected 0"),
        ("[" * 10_000, 0, "it is not YAML"),
        ("x" * 200_000, 0, "at most 100000"),
        ("a: &a [*a]", 1, "there is no 'a'"),
    ],
)  # fmt: skip
def test_what_a_policy_may_not_say_is_refused_with_its_line(text, line, says):
    with pytest.raises(BadPolicy) as refused:
        parse_policy(text, name="p.yaml")
    assert says in str(refused.value)
    assert str(refused.value).startswith(f"p.yaml, line {line}:" if line else "p.yaml")


@given(st.text(max_size=200))
def test_no_text_brings_the_reader_down(text):
    try:
        assert isinstance(parse_policy(text), Policy)
    except BadPolicy as refused:
        assert str(refused)


def test_files_that_are_not_there_or_not_text(tmp_path):
    with pytest.raises(BadPolicy, match="No such file"):
        read_policy(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"\xff")
    with pytest.raises(BadPolicy, match="not UTF-8"):
        read_policy(tmp_path / "bad.yaml")
    (tmp_path / "good.yaml").write_bytes("\ufeffleaks: 0".encode())
    assert read_policy(tmp_path / "good.yaml").leaks == 0


def test_the_policy_in_the_documentation_can_be_read():
    page = (ROOT / "docs" / "EVALS.md").read_text(encoding="utf-8")
    [example] = [part.split("```")[0] for part in page.split("```yaml\n# policy.yaml")[1:]]
    policy = parse_policy(example)
    assert policy.is_relative
    assert policy.leaks == 0


# --- Absolute rules ----------------------------------------------------------------------------


def measured_run(metric: str, value: Measured, results=()):
    return replace(run_of(2, list(results)), summary={metric: value})


@pytest.mark.parametrize(
    ("rules", "measured", "outcome"),
    [
        (MetricRules("ndcg", at_least=0.8), Measured(0.8, 0.7, 0.9, 10, 0), Outcome.PASSED),
        (MetricRules("ndcg", at_least=0.81), Measured(0.8, 0.7, 0.9, 10, 0), Outcome.FAILED),
        (MetricRules("ndcg", at_least=0.7, confident=True), Measured(0.8, 0.7, 0.9, 10, 0),
         Outcome.PASSED),
        (MetricRules("ndcg", at_least=0.71, confident=True), Measured(0.8, 0.7, 0.9, 10, 0),
         Outcome.FAILED),
        (MetricRules("hallucination_rate", at_most=0.1), Measured(0.1, 0.0, 0.2, 10, 0),
         Outcome.PASSED),
        (MetricRules("hallucination_rate", at_most=0.1, confident=True),
         Measured(0.1, 0.0, 0.2, 10, 0), Outcome.FAILED),
        # No interval, nothing scored: a gate that passes on nothing is open.
        (MetricRules("ndcg", at_least=0.1, confident=True), Measured(0.8, None, None, 1, 0),
         Outcome.FAILED),
        (MetricRules("ndcg", at_least=0.1), Measured(None, None, None, 0, 9), Outcome.FAILED),
        (MetricRules("mrr", at_least=0.1), Measured(1, 1, 1, 9, 0), Outcome.FAILED),
        (MetricRules("ndcg", unscored_at_most=0.1), Measured(0.8, 0.7, 0.9, 9, 1), Outcome.PASSED),
        (MetricRules("ndcg", unscored_at_most=0.1), Measured(0.8, 0.7, 0.9, 8, 2), Outcome.FAILED),
    ],
)  # fmt: skip
def test_an_absolute_rule_looks_at_the_value_or_at_the_end_of_its_interval(
    rules, measured, outcome
):
    report = check(policy_of(rules), measured_run("ndcg" if rules.metric == "mrr" else rules.metric,
                                                  measured), [result_of("a")])  # fmt: skip
    assert [one.outcome for one in of_metrics(report)] == [outcome]
    assert report.passed == (outcome is Outcome.PASSED)


def test_a_rule_that_fails_names_the_worst_cases_first():
    values = [1.0, 0.2, 0.0, None, 0.9]
    results = [result_of(f"c{i}", i, faithfulness=value) for i, value in enumerate(values)]
    report = check(
        policy_of(MetricRules("faithfulness", at_least=0.99)), run_of(2, results), results
    )
    [rule] = of_metrics(report)
    assert [case.key for case in rule.worst] == ["c2", "c1", "c4", "c0"]
    assert (rule.value, rule.n) == (pytest.approx(0.525), 4)


def test_failed_cases_and_leaks():
    results = [result_of("a", faithfulness=1.0), result_of("b", 1, error="too long")]
    policy = policy_of(failed_at_most=0.4, leaks=0)
    report = check(policy, run_of(2, results), results, leaks=0)
    assert [one.outcome for one in report.rules] == [Outcome.FAILED, Outcome.PASSED]
    assert report.rules[0].worst[0].key == "b"
    assert check(replace(policy, failed_at_most=0.5), run_of(2, results), results, leaks=0).passed
    for found in ({"leaks": 1}, {"leaks": None}, {"leaks": 0, "blind_spots": 1}):
        report = check(policy_of(leaks=0), run_of(2, results[:1]), results[:1], **found)
        assert not report.passed
        assert "assay eval probe" in outcome_of(report, "leaks", "leaks").detail


def test_no_policy_passes_on_the_few_cases_that_did_not_fail():
    before = [result_of(f"{i}", i, faithfulness=1.0) for i in range(40)]
    now = [result_of(f"{i}", i, error="too long") for i in range(36)] + before[36:]
    policy = parse_policy("metrics: {faithfulness: {at_least: 0.8, may_drop: 0.02}}")
    report = check(policy, run_of(2, now), now, (run_of(1, before), before))
    assert [one.outcome for one in of_metrics(report)] == [Outcome.PASSED, Outcome.PASSED]
    failed = outcome_of(report, "failed", "failed_at_most")
    assert (failed.outcome, failed.value, failed.limit) == (Outcome.FAILED, 0.9, "0.02")
    assert not report.passed
    assert check(replace(policy, failed_at_most=0.9), run_of(2, now), now).passed


def test_an_unfinished_run_is_not_judged():
    results = [result_of("a", faithfulness=1.0)]
    with pytest.raises(RunUnfinished, match="run 2 has not ended"):
        check(DEFAULT_POLICY, run_of(2, results, state=RunState.RUNNING), results)


# --- The baseline -------------------------------------------------------------------------------


def test_which_run_is_the_baseline():
    def made(number: int, faithfulness: float, n: int = 4, state=RunState.FINISHED):
        results = [result_of(f"{i}", i, faithfulness=faithfulness) for i in range(n)]
        return run_of(number, results, state=state)

    run = made(10, 0.5)
    small, good, last = made(9, 1.0, n=1), made(3, 0.9), made(8, 0.7)
    killed, later = made(7, 1.0, state=RunState.RUNNING), made(11, 1.0)
    known = [later, small, last, killed, good, run]
    assert choose_baseline(policy_of(), run, known) is last
    assert choose_baseline(policy_of(baseline="best"), run, known) is good
    # One that asked fewer cases, when there is no other.
    assert choose_baseline(policy_of(), run, [small, killed]) is small
    assert choose_baseline(policy_of(), run, [run, later]) is None
    assert choose_baseline(policy_of(baseline="none"), run, known) is None
    worst_is_best = policy_of(baseline="best", best_by="seconds_median")
    assert choose_baseline(worst_is_best, run, known) is None


def test_without_a_baseline_only_absolute_rules_count_and_that_is_said():
    results = [result_of(f"{i}", i, faithfulness=1.0) for i in range(4)]
    policy = policy_of(MetricRules("faithfulness", at_least=0.5, may_drop=Allowance(0)))
    report = check(policy, run_of(2, results), results)
    assert [one.outcome for one in of_metrics(report)] == [Outcome.PASSED, Outcome.SKIPPED]
    assert report.passed
    assert "run 2 can be the baseline of the next" in report.notes[0]


def test_a_baseline_of_other_questions_fails_the_gate_and_says_what_to_do():
    results = [result_of(f"{i}", i, faithfulness=0.0) for i in range(40)]
    strangers = [result_of(f"other {i}", i, faithfulness=1.0) for i in range(40)]
    report = check(DEFAULT_POLICY, run_of(2, results), results, (run_of(1, strangers), strangers))
    assert {one.outcome for one in of_metrics(report)} == {Outcome.SKIPPED}
    found = outcome_of(report, "cases", "comparable_at_least")
    assert (found.outcome, found.value, found.n) == (Outcome.FAILED, 0.0, 40)
    assert "0 of 40 cases can be compared with run 1" in found.detail
    assert "--against" in found.detail
    assert "baseline: none" in found.detail
    assert not report.passed
    alone = check(replace(DEFAULT_POLICY, baseline="none"), run_of(2, results), results)
    assert alone.passed
    # Rules that look at the run alone need no baseline to be of any use.
    absolute = policy_of(MetricRules("faithfulness", at_most=0.0))
    assert check(absolute, run_of(2, results), results, (run_of(1, strangers), strangers)).passed


@pytest.mark.parametrize(("shared", "outcome"), [(20, Outcome.PASSED), (19, Outcome.FAILED)])
@pytest.mark.parametrize("why", ["new", "edited", "failed"])
def test_half_of_the_cases_must_be_comparable(shared, outcome, why):
    now = [result_of(f"{i}", i, faithfulness=1.0) for i in range(40)]
    others = range(shared, 40)
    before = {
        "new": now[:shared],
        "edited": now,
        "failed": now[:shared] + [result_of(f"{i}", i, error="too long") for i in others],
    }[why]
    edited = frozenset(f"{i}" for i in others) if why == "edited" else frozenset()
    baseline = run_of(1, before), before
    report = check(DEFAULT_POLICY, run_of(2, now), now, baseline, edited=edited)
    found = outcome_of(report, "cases", "comparable_at_least")
    assert (found.outcome, found.value) == (outcome, shared / 40)
    assert report.passed == (outcome is Outcome.PASSED)


def test_cases_that_failed_in_this_run_are_not_missing_from_the_baseline():
    before = [result_of(f"{i}", i, faithfulness=1.0) for i in range(10)]
    now = [result_of(f"{i}", i, error="too long") for i in range(8)] + before[8:]
    policy = replace(DEFAULT_POLICY, failed_at_most=1.0)
    baseline = run_of(1, before), before
    found = outcome_of(check(policy, run_of(2, now), now, baseline), "cases", "comparable_at_least")
    assert (found.outcome, found.value, found.n) == (Outcome.PASSED, 1.0, 2)
    failed = [result_of(f"{i}", i, error="too long") for i in range(10)]
    report = check(policy, run_of(2, failed), failed, baseline)
    assert outcome_of(report, "cases", "comparable_at_least").outcome is Outcome.FAILED


def test_a_metric_that_is_gone_is_a_loss_and_a_new_one_is_not():
    before = [result_of(f"{i}", i, faithfulness=1.0) for i in range(9)]
    now = [result_of(f"{i}", i, containment=1.0) for i in range(9)]
    policy = policy_of(
        MetricRules("faithfulness", may_drop=Allowance(0.5)),
        MetricRules("containment", may_drop=Allowance(0.5)),
    )
    report = check(policy, run_of(2, now), now, (run_of(1, before), before))
    assert [one.outcome for one in of_metrics(report)] == [Outcome.FAILED, Outcome.SKIPPED]


# --- Relative rules ------------------------------------------------------------------------------


def test_holm_worked_by_hand():
    # .01 <= .05 / 3; .02 <= .05 / 2; .3 > .05
    assert holm({"a": 0.3, "b": 0.01, "c": 0.02}, 0.05) == pytest.approx(
        {"b": 0.05 / 3, "c": 0.05 / 2, "a": 0.05}
    )
    # .03 > .05 / 2: nothing after it alarms, though .04 <= .05.
    levels = holm({"a": 0.03, "b": 0.04}, 0.05)
    assert levels == {"a": 0.025, "b": 0.025}
    assert holm({}, 0.05) == {}


@pytest.mark.parametrize("lost", [1, 3, 6, 9])
def test_the_exact_test_is_mcnemars(lost):
    n = 60
    before = [result_of(f"{i}", i, containment=1.0) for i in range(n)]
    now = [result_of(f"{i}", i, containment=float(i >= lost)) for i in range(n)]
    drawn = draw_differences(match(before, now), ["containment"], draws=20_000)["containment"]
    chance = drawn.chance_of_loss(is_rise=False, allowance=0.0)
    # All discordant pairs fall the same way: each could have fallen the other.
    assert chance >= 0.5**lost * 0.7
    assert drawn.chance_of_loss(is_rise=True, allowance=0.0) == 1
    if lost >= 6:  # the bootstrap has nothing against it any more
        assert chance == pytest.approx(0.5**lost, rel=0.35)


def test_few_changed_cases_are_not_called_a_regression():
    # The bootstrap alone would say so of three: e^-3 is .05.
    before = [result_of(f"{i}", i, containment=1.0) for i in range(100)]
    now = [result_of(f"{i}", i, containment=float(i >= 3)) for i in range(100)]
    policy = policy_of(MetricRules("containment", may_drop=Allowance(0)))
    assert check(policy, run_of(2, now), now, (run_of(1, before), before)).passed


def test_an_allowance_is_allowed():
    before = [result_of(f"{i}", i, containment=1.0) for i in range(100)]
    now = [result_of(f"{i}", i, containment=float(i >= 20)) for i in range(100)]
    judged = [
        check(policy_of(MetricRules("containment", may_drop=allowance)), run_of(2, now), now,
              (run_of(1, before), before)).passed
        for allowance in (Allowance(0.05), Allowance(0.19), Allowance(0.3, is_share=True))
    ]  # fmt: skip
    assert judged == [False, True, True]


def test_cases_of_one_document_count_as_one():
    def run(number: int, lost: int, cluster_size: int):
        results = [
            result_of(f"{i}", i, cluster=f"{i // cluster_size}", containment=float(i >= lost))
            for i in range(100)
        ]
        return run_of(number, results), results

    policy = policy_of(MetricRules("containment", may_drop=Allowance(0)))
    assert not check(policy, *run(2, 20, 1), run(1, 0, 1)).passed
    report = check(policy, *run(2, 20, 20), run(1, 0, 20))  # one document of five
    assert report.passed
    report = check(policy, *run(2, 20, 25), run(1, 0, 25))
    assert any("4 independent groups of cases are too few" in note for note in report.notes)


def test_the_report_says_what_was_lost_and_where():
    before = [result_of(f"{i}", i, hallucinated=0.0) for i in range(40)]
    now = [result_of(f"{i}", i, hallucinated=float(i in range(5, 20))) for i in range(40)]
    policy = policy_of(MetricRules("hallucination_rate", may_rise=Allowance(0.02)))
    report = check(policy, run_of(2, now), now, (run_of(1, before), before))
    [rule] = of_metrics(report)
    assert (rule.outcome, rule.value, rule.n) == (Outcome.FAILED, 0.375, 40)
    assert rule.low > 0.02
    assert rule.chance <= rule.level
    assert "0.000 -> 0.375" in rule.detail
    assert [case.key for case in rule.worst] == ["5", "6", "7", "8", "9"]
    assert (rule.worst[0].before, rule.worst[0].now) == (0, 1)


def test_edited_cases_are_not_compared_and_that_is_said():
    before = [result_of(f"{i}", i, containment=1.0) for i in range(40)]
    now = [result_of(f"{i}", i, containment=float(i >= 20)) for i in range(40)]
    edited = frozenset(f"{i}" for i in range(20))
    policy = policy_of(MetricRules("containment", may_drop=Allowance(0)))
    baseline = run_of(1, before), before
    assert not check(policy, run_of(2, now), now, baseline).passed
    report = check(policy, run_of(2, now), now, baseline, edited=edited)
    assert report.passed
    assert "20 cases are new or edited since run 1" in report.notes[0]


# --- Neither shy nor deaf: simulated runs of 100 cases ------------------------------------------

USUAL = Quality()


def judged(before, now) -> set[str]:
    """The metrics for which the default policy alarms."""
    report = check(DEFAULT_POLICY, run_of(2, now), now, (run_of(1, before), before), draws=2000)
    return {one.metric for one in report.rules if one.outcome is Outcome.FAILED}


def pair(quality: Quality, seed: int):
    before = simulated(100, USUAL, cases=seed, draw=1000 + seed)
    return before, simulated(100, quality, cases=seed, draw=2000 + seed)


def test_twenty_pairs_of_the_same_thing_alarm_twice_at_most():
    alarms = [judged(*pair(USUAL, seed)) for seed in range(20)]
    assert sum(map(bool, alarms)) <= 2
    # There was something to mistake for a loss.
    before, now = pair(USUAL, 0)
    assert sum(b.values != n.values for b, n in zip(before, now, strict=True)) > 40


@pytest.mark.parametrize("seed", range(3))
def test_every_second_hit_lost_is_caught(seed):
    before, now = pair(USUAL, seed)
    assert "hit_at_5" in judged(before, lose_every_second_hit(now))


@pytest.mark.parametrize("seed", range(3))
def test_evidence_lost_from_the_prompt_is_caught(seed):
    assert {"faithfulness", "hallucination_rate"} <= judged(
        *pair(replace(USUAL, supported=0.5, right=0.3), seed)
    )


@pytest.mark.parametrize(
    ("threshold", "metric"), [(0.55, "answered_share"), (0.15, "abstention_recall")]
)
@pytest.mark.parametrize("seed", range(3))
def test_a_threshold_that_is_off_is_caught(threshold, metric, seed):
    assert metric in judged(*pair(replace(USUAL, threshold=threshold), seed))


def test_what_is_wanted_of_an_abstention_is_simulated():
    results = simulated(100, USUAL, cases=0, draw=0)
    assert {one.expectation for one in results} == set(Expectation)
