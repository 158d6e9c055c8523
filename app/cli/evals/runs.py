"""`assay eval runs`, `assay eval show` and `assay eval note`."""

from dataclasses import asdict
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from app.cli.evals.run_text import (
    cases_of,
    failed_in,
    metrics_json,
    plain,
    state_of,
    tell_changes_meanwhile,
    tell_run,
    tell_summary,
    tell_worst,
    worst_of,
    wrongs_of,
)
from app.cli.opening import open_assay
from app.cli.terminal import MARKS, Terminal, excerpt, json_option
from app.errors import CommandFailed

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from evals.types import Case, Observation, Result, Run, SeenPassage

_COLOURS = {"supported": "green", "partly": "yellow", "unsupported": "red", "contradicted": "red"}
_NEAR_KEYS = 3


@click.command(epilog="\b\nExamples:\n  assay eval runs\n  assay eval runs --suite leases --json")
@click.option("--suite", metavar="NAME", help="Only runs of this suite.")
@click.option("--limit", metavar="N", default=20, show_default=True, type=click.IntRange(1))
@json_option
@click.pass_obj
def runs(terminal: Terminal, suite: str | None, limit: int) -> None:
    """List runs, newest first."""
    from app.evaluation.locks import RunLocks

    assay = open_assay()
    if suite is not None:
        assay.evals.suite(suite)  # a name that is misspelt is said to be
    locks = RunLocks(assay.settings.home)
    listed = assay.evals.runs(suite=suite, limit=limit)
    states = {run.id: state_of(run, is_held=locks.is_held(run.id)) for run in listed}
    if terminal.is_json:
        terminal.result({"runs": [_run_json(run, states[run.id]) for run in listed]})
        return
    for run in listed:
        _tell_listed(terminal, run, states[run.id])
    if not listed:
        terminal.line("no runs yet; `assay eval run FILE` makes one")


@click.command(
    epilog="\b\nExamples:\n  assay eval show 12\n  assay eval show 12 --case s07\n"
    "  assay eval show 12 --json"
)
@click.argument("run", metavar="RUN", type=click.IntRange(1))
@click.option("--case", "key", metavar="KEY", help="Show this case: answer, verdicts, passages.")
@json_option
@click.pass_obj
def show(terminal: Terminal, run: int, key: str | None) -> None:
    """Show what a run came to and what it ran on, or one of its cases."""
    from app.evaluation.locks import RunLocks

    assay = open_assay()
    found = assay.evals.run(run)
    results = assay.evals.results(run)
    if key is not None:
        _show_case(assay, terminal, found, _result_of(found, results, key))
        return
    state = state_of(found, is_held=RunLocks(assay.settings.home).is_held(run))
    _show_run(assay, terminal, found, results, state)


@click.command(
    epilog='\b\nExamples:\n  assay eval note 12 "new chat model"\n  assay eval note 12 ""'
)
@click.argument("run", metavar="RUN", type=click.IntRange(1))
@click.argument("text", metavar="TEXT")
@json_option
@click.pass_obj
def note(terminal: Terminal, run: int, text: str) -> None:
    """Say something of a run, which its pages and the trend show; an empty text takes it away."""
    noted = open_assay().evals.annotate(run, " ".join(text.split()))
    if terminal.is_json:
        terminal.result({"run": noted.id, "note": noted.note})
    else:
        terminal.line(f"run {noted.id}: {noted.note}" if noted.note else f"run {noted.id}: no note")


def _tell_listed(terminal: Terminal, run: "Run", state: str) -> None:
    from evals.reports.presenting import key_figures, moment

    about = [
        f"{run.id}",
        f"{run.version.suite} version {run.version.number}",
        moment(run.started_at),
    ]
    terminal.line("  ".join([*about, state, cases_of(run)]))
    figures = [f"{one.title} {plain(one.value)}" for one in key_figures(run.summary)]
    if figures:
        terminal.line(f"    {', '.join(figures)}")
    if run.note:
        terminal.line(f"    note: {excerpt(run.note)}")


def _run_json(run: "Run", state: str) -> dict[str, Any]:
    return {
        "run": run.id,
        "suite": run.version.suite,
        "version": run.version.number,
        "state": state,
        "origin": run.origin,
        "started_at": f"{run.started_at.isoformat()}Z",
        "finished_at": f"{run.finished_at.isoformat()}Z" if run.finished_at else None,
        "cases": run.cases,
        "done": run.done,
        "note": run.note,
        "metrics": metrics_json(run.summary),
    }


def _show_run(
    assay: "Assay", terminal: Terminal, run: "Run", results: "list[Result]", state: str
) -> None:
    from evals.reports.presenting import pins_of
    from evals.summary import summarise

    summary = run.summary or summarise(results)
    if terminal.is_json:
        worst = [{"key": one.key, "wrong": wrongs_of(one)} for one in worst_of(results)]
        shown = _run_json(run, state) | {"metrics": metrics_json(summary)}
        terminal.result({**shown, "failed": failed_in(results), "worst": worst, "pins": run.pins})
        return
    tell_run(terminal, run, failed_in(results))
    terminal.line(f"{state}, begun by {run.origin}" + (f"; note: {run.note}" if run.note else ""))
    tell_summary(terminal, summary)
    tell_worst(terminal, results, {case.key: case for case in assay.evals.cases(run.version)})
    terminal.line()
    terminal.line("It ran on")
    for name, value in pins_of(run.pins):
        terminal.line(f"  {name}: {plain(value)}")
    tell_changes_meanwhile(terminal, results)


def _result_of(run: "Run", results: "list[Result]", key: str) -> "Result":
    for result in results:
        if result.key == key:
            return result
    keys = [result.key for result in results]
    near = get_close_matches(key, keys, n=_NEAR_KEYS) or keys[:_NEAR_KEYS]
    names = ", ".join(repr(one) for one in near) or "none yet"
    raise CommandFailed(f"run {run.id} has no case {key!r}; its cases are like {names}")


def _show_case(assay: "Assay", terminal: Terminal, run: "Run", result: "Result") -> None:
    cases = assay.evals.cases(run.version)
    case = next((one for one in cases if one.key == result.key), None)
    if terminal.is_json:
        terminal.result(_case_json(assay, run, result, case))
        return
    terminal.line(f"Case {result.key} of run {run.id}, suite {run.version.suite}")
    if case is not None:
        _tell_case(terminal, case)
    terminal.line()
    if result.error is not None:
        terminal.line(f"failed: {result.error}", colour="red")
    elif result.observation is None:
        terminal.line("its answer is gone: a document that it was made from has been deleted")
    else:
        _tell_answer(assay, terminal, result.observation)
    terminal.line()
    for name, value in result.values.items():
        terminal.line(f"  {name}: {'unscored' if value is None else f'{value:.3f}'}")


def _tell_case(terminal: Terminal, case: "Case") -> None:
    for turn in case.history:
        terminal.line(f"  {turn.role}: {excerpt(turn.content)}")
    terminal.line(f"  question: {case.question}")
    for reference in case.references:
        terminal.line(f"  reference: {excerpt(reference)}")
    for relevant in case.relevant:
        about = " ".join(filter(None, [relevant.document, excerpt(relevant.text)]))
        terminal.line(f"  relevant: {about}")
    if case.expectation is not None:
        terminal.line(f"  expected: {case.expectation.value}")


def _tell_answer(assay: "Assay", terminal: Terminal, seen: "Observation") -> None:
    if seen.abstained:
        terminal.line(seen.text)
    for sentence in seen.sentences:
        verdict = sentence.verdict.value
        shown = f"{MARKS[verdict]} {sentence.score:.2f}  {sentence.text}"
        terminal.line(shown, colour=_COLOURS[verdict])
        for one in sentence.citations:
            terminal.line(f"        {_place(one.document, one.page)}: “{excerpt(one.quote)}”")
    terminal.line()
    terminal.line(f"Retrieved (answerability {seen.answerability:.2f})")
    for rank, passage in enumerate(seen.retrieved, start=1):
        terminal.line(f"  {rank}. {_place(passage.document, passage.page)}  {passage.score:.4f}")
        terminal.line(f"     {excerpt(_text_of(assay, passage) or 'the revision is gone')}")


def _case_json(assay: "Assay", run: "Run", result: "Result", case: "Case | None") -> dict[str, Any]:
    seen = result.observation
    observation = None if seen is None else asdict(seen)
    if seen is not None and observation is not None:
        for shown, passage in zip(observation["retrieved"], seen.retrieved, strict=True):
            shown["text"] = _text_of(assay, passage)
    return {
        "run": run.id,
        "case": None if case is None else asdict(case),
        "key": result.key,
        "values": dict(result.values),
        "error": result.error,
        "observation": observation,
    }


def _text_of(assay: "Assay", passage: "SeenPassage") -> str | None:
    return assay.store.revision_slice(passage.revision_id, passage.start, passage.end)


def _place(document: str, page: int | None) -> str:
    return f"{document}, page {page}" if page is not None else document
