"""`assay eval run`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from app.cli.evals.asking import ask_suite
from app.cli.evals.run_options import run_options
from app.cli.evals.run_text import (
    failed_in,
    run_json,
    tell_changes_meanwhile,
    tell_run,
    tell_summary,
    tell_worst,
)
from app.cli.evals.suites import version_to_ask
from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from app.evaluation.running import RunOptions
    from evals.types import Result, Run


@click.command(
    epilog="\b\nExamples:\n  assay eval run questions.jsonl\n"
    "  assay eval run leases --limit 50 --judge ragas:semantic_similarity\n"
    "  assay eval run leases --engine ~/models/larger.gguf --abstain-below 0.5\n"
    "  assay eval run leases --as maria --json"
)
@click.argument("suite", metavar="SUITE|FILE")
@run_options
@click.option("--new", "is_new", is_flag=True, help="Go on with no unfinished run.")
@json_option
@click.pass_context
def run(context: click.Context, suite: str, *, is_new: bool, options: "RunOptions") -> None:
    """Ask a suite's questions and measure the answers.

    SUITE is the name of a suite. FILE has a JSON object with a question on each line, and what is
    known of a good answer: a reference, an expectation ("answer" or "abstain"). It becomes a suite
    of its own name, and a new version of it when the file has changed; a file that lacks cases that
    the suite has from elsewhere is refused. The same command goes on with a run that was stopped.
    """
    terminal: Terminal = context.obj
    assay = open_assay()
    version = version_to_ask(assay, terminal, suite)
    ended = ask_suite(
        assay,
        terminal,
        version,
        options,
        origin="command",
        is_new=is_new,
        remark="--new begins another",
    )
    results = assay.evals.results(ended.id)
    tell_changes_meanwhile(terminal, results)
    if terminal.is_json:
        terminal.result(run_json(ended, failed_in(results)))
    else:
        _tell(assay, terminal, ended, results)
    context.exit(1 if ended.state == "failed" else 0)


def _tell(assay: "Assay", terminal: Terminal, ended: "Run", results: "Sequence[Result]") -> None:
    """What a run came to, and what to do next."""
    tell_run(terminal, ended, failed_in(results))
    tell_summary(terminal, ended.summary)
    cases = {case.key: case for case in assay.evals.cases(ended.version)}
    tell_worst(terminal, results, cases)
    terminal.line()
    earlier = [
        one.id
        for one in assay.evals.runs(suite=ended.version.suite)
        if one.id < ended.id and one.state == "finished"
    ]
    terminal.line(f"Next: assay eval show {ended.id} --case KEY")
    if earlier:
        terminal.line(f"      assay eval compare {max(earlier)} {ended.id}")
