"""`assay eval gate`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.evals.asking import ask_suite
from app.cli.evals.difference_text import amount, signed
from app.cli.evals.run_options import run_options
from app.cli.evals.suites import version_to_ask
from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option
from app.errors import CommandFailed

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from app.evaluation.running import RunOptions
    from evals.gating.gates import GateReport, Policy
    from evals.gating.rulings import RuleOutcome
    from evals.probing.probe import ProbeReport
    from evals.types import Result, Run

_RUNS_LOOKED_THROUGH = 200
_MARKS = {"passed": "✓", "failed": "✗", "skipped": "·"}
_COLOURS = {"failed": "red", "skipped": "yellow"}


@click.command(
    epilog="\b\nExamples:\n  assay eval gate leases --policy policy.yaml\n"
    "  assay eval gate leases.jsonl --policy policy.yaml\n"
    "  assay eval gate leases --run 7 --against 5\n"
    "  assay eval gate leases --limit 100 --temperature 0.7 --json"
)
@click.argument("suite", metavar="SUITE|FILE")
@click.option(
    "--policy",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What is demanded; without it, or `default`: nothing gets worse by more than 0.02.",
)
@click.option(
    "--run", "number", metavar="N", type=click.IntRange(1), help="Judge this run; make none."
)
@click.option(
    "--against",
    metavar="N",
    type=click.IntRange(1),
    help="Compare with this run, whatever the policy says.",
)
@run_options
@json_option
@click.pass_context
def gate(
    context: click.Context,
    suite: str,
    file: Path | None,
    number: int | None,
    against: int | None,
    *,
    options: "RunOptions",
) -> None:
    """Run a suite and say whether the answers are good enough: exit code 0, or 1.

    SUITE is the name of a suite; FILE becomes one, as `assay eval run` says. The policy says what
    must hold of each metric, and what may be lost against an earlier run.
    """
    from evals.gating.gates import DEFAULT_POLICY, read_policy

    terminal: Terminal = context.obj
    # Read before anything is run: a slip in it shall not cost an hour.
    is_default = file is None or str(file) == "default"
    policy = DEFAULT_POLICY if is_default or file is None else read_policy(file)
    assay = open_assay()
    named = _named_run(assay, suite, number) if number is not None else None
    named_baseline = _baseline_number(assay, policy, against)
    run = named
    if run is None:
        version = version_to_ask(assay, terminal, suite)
        run = ask_suite(assay, terminal, version, options, origin="gate")
    leaks = _leaks(assay, terminal) if policy.leaks is not None else None
    report = _checked(assay, policy, run, named_baseline, leaks)
    if terminal.is_json:
        terminal.result(gate_json(report))
    else:
        _tell(terminal, report)
    context.exit(0 if report.passed else 1)


def gate_json(report: "GateReport") -> dict[str, Any]:
    """A report as the object that `--json` prints."""
    return asdict(report)


def _named_run(assay: "Assay", suite: str, number: int) -> "Run":
    run = assay.evals.run(number)
    if run.version.suite != suite:
        raise CommandFailed(f"run {number} is of suite {run.version.suite!r}, not {suite!r}")
    return run


def _baseline_number(assay: "Assay", policy: "Policy", against: int | None) -> "Run | None":
    """The baseline that is named by its number, so that a wrong one is refused at once."""
    number = policy.baseline if against is None else against
    return assay.evals.run(number) if isinstance(number, int) else None


def _leaks(assay: "Assay", terminal: Terminal) -> "ProbeReport":
    from app.cli.evals.probe import probed

    return probed(assay, terminal, "sample")


def _checked(
    assay: "Assay",
    policy: "Policy",
    run: "Run",
    named_baseline: "Run | None",
    leaks: "ProbeReport | None",
) -> "GateReport":
    from evals.comparing.comparison import edited_keys
    from evals.gating.gates import check, choose_baseline

    earlier = assay.evals.runs(suite=run.version.suite, limit=_RUNS_LOOKED_THROUGH)
    before = named_baseline or choose_baseline(policy, run, earlier)
    baseline: tuple[Run, Sequence[Result]] | None = None
    edited: frozenset[str] = frozenset()
    if before is not None:
        baseline = before, assay.evals.results(before.id)
        if before.version.digest != run.version.digest:
            cases = assay.evals.cases
            edited = edited_keys(cases(before.version), cases(run.version))
    return check(
        policy,
        run,
        assay.evals.results(run.id),
        baseline,
        edited=edited,
        leaks=None if leaks is None else len(leaks.leaks),
        blind_spots=0 if leaks is None else len(leaks.blind_spots),
    )


def _tell(terminal: Terminal, report: "GateReport") -> None:
    against = f" against run {report.baseline}" if report.baseline is not None else ""
    terminal.line(f"Run {report.run}{against}")
    for note in report.notes:
        terminal.line(f"  {note}")
    for rule in report.rules:
        outcome = rule.outcome.value
        terminal.line(f"{_MARKS[outcome]} {_rule(rule)}", colour=_COLOURS.get(outcome))
        terminal.line(f"    {rule.detail}")
        if rule.worst:
            cases = ", ".join(case.key for case in rule.worst)
            terminal.line(f"    look at: {cases}")
    failed = sum(rule.outcome.value == "failed" for rule in report.rules)
    terminal.line()
    if report.passed:
        terminal.line("passed")
        return
    terminal.line(f"FAILED: {failed} of {len(report.rules)} rules", colour="red")
    if report.baseline is not None:
        terminal.line(f"Next: assay eval compare {report.baseline} {report.run}")
    worst = next((case for rule in report.rules for case in rule.worst), None)
    if worst is not None:
        terminal.line(f"      assay eval show {report.run} --case {worst.key}")


def _rule(rule: "RuleOutcome") -> str:
    """A rule on a line: what is demanded, what was found, its interval, of how many cases."""
    is_relative = rule.rule in {"may_drop", "may_rise"}
    shown = signed if is_relative else amount
    said = f"{rule.metric} {rule.rule} {rule.limit}: {shown(rule.value)}"
    if rule.low is not None and rule.high is not None:
        said += f" ({shown(rule.low)} to {shown(rule.high)})"
    return f"{said}, n {rule.n}" if rule.n else said
