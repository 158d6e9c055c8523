"""A run of a suite, for people and as JSON."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.cli.terminal import Terminal, excerpt

if TYPE_CHECKING:
    from evals.reports.presenting import Figure
    from evals.types import Case, Result, Run, Summary

_WORST = 5


def run_json(run: "Run", failed: int) -> dict[str, Any]:
    """What a run came to: the object that `assay eval run --json` ends with."""
    return {
        "run": run.id,
        "suite": run.version.suite,
        "version": run.version.number,
        "cases": run.cases,
        "failed": failed,
        "metrics": metrics_json(run.summary),
    }


def metrics_json(summary: "Summary") -> dict[str, Any]:
    """Metrics by name, each with its interval and how many cases went into it."""
    from dataclasses import asdict

    return {name: asdict(measured) for name, measured in summary.items()}


def failed_in(results: "Sequence[Result]") -> int:
    """How many cases failed."""
    return sum(result.error is not None for result in results)


def tell_run(terminal: Terminal, run: "Run", failed: int) -> None:
    """One line that says which run it is and how it went."""
    from evals.reports.presenting import duration

    took = duration(run)
    said = [
        f"Run {run.id}",
        f"suite {run.version.suite}, version {run.version.number}",
        cases_of(run),
        *([f"{failed} failed"] if failed else []),
        *([plain(took)] if took else []),
    ]
    terminal.line(" · ".join(said))


def cases_of(run: "Run") -> str:
    """How many cases a run has, and how many of them are done when that is not all."""
    noun = "case" if run.cases == 1 else "cases"
    return f"{run.cases} {noun}" if run.done == run.cases else f"{run.done} of {run.cases} {noun}"


def tell_summary(terminal: Terminal, summary: "Summary") -> None:
    """The metrics, in groups, with their intervals and numbers of cases."""
    from evals.reports.presenting import grouped

    groups = grouped(summary)
    rows = [_cells(figure) for _, figures in groups for figure in figures]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    remaining = iter(rows)
    for title, figures in groups:
        terminal.line()
        terminal.line(title)
        for _ in figures:
            name, value, interval, counts = next(remaining)
            terminal.line(
                f"  {name:<{widths[0]}}  {value:>{widths[1]}}  {interval:<{widths[2]}}  {counts}"
            )


def worst_of(results: "Sequence[Result]") -> "list[Result]":
    """The cases with something wrong, worst first."""
    from evals.reports.presenting import FILTERS, worst_first

    kinds = FILTERS.values()
    return [one for one in worst_first(results) if any(kind.holds(one) for kind in kinds)]


def wrongs_of(result: "Result") -> list[str]:
    """What is wrong with a case, in words."""
    from evals.reports.presenting import labels_of

    return [words for words, kind in labels_of(result) if kind == "bad"]


def tell_worst(
    terminal: Terminal, results: "Sequence[Result]", cases: "Mapping[str, Case]"
) -> None:
    """The cases to look at first: what is wrong with each, and its question or its error."""
    worst = worst_of(results)
    if not worst:
        return
    terminal.line()
    terminal.line(f"Worst cases ({min(_WORST, len(worst))} of {len(worst)} with something wrong)")
    for result in worst[:_WORST]:
        terminal.line(f"  {result.key}: {', '.join(wrongs_of(result))}", colour="red")
        case = cases.get(result.key)
        about = result.error or (case.question if case else "")
        if about:
            terminal.line(f"    {excerpt(about)}")


def tell_changes_meanwhile(terminal: Terminal, results: "Sequence[Result]") -> None:
    """Say so when documents changed while a run was made: its cases do not share one state."""
    numbers = {one.observation.change_number for one in results if one.observation}
    if len(numbers) > 1:
        terminal.note(
            f"the documents changed while this run was made (change {min(numbers)} to "
            f"{max(numbers)}): later cases were asked of others than earlier ones"
        )


def state_of(run: "Run", *, is_held: bool) -> str:
    """How far a run is, in words."""
    if run.state == "running" and not is_held:
        return "stopped"
    return str(run.state)


def plain(text: str) -> str:
    """Figures with the spaces that a terminal knows."""
    return text.replace("\u00a0", " ")


def _cells(figure: "Figure") -> tuple[str, str, str, str]:
    unscored = f", {figure.unscored} unscored" if figure.unscored else ""
    counts = f"n {figure.scored}{unscored}"
    return figure.title, plain(figure.value), plain(figure.interval), counts
