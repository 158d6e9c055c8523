"""`assay eval agreement`."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.terminal import Terminal, json_option, progress

if TYPE_CHECKING:
    from evals.judges.agreement import Agreement
    from evals.judges.names import Asked
    from evals.judges.registry import Tally

_DEFAULT = ("rubric:faithful",)


@click.command(
    epilog="\b\nExamples:\n  assay eval agreement dev.jsonl.gz --limit 60\n"
    "  assay eval agreement dev.jsonl.gz --judge ragas:faithfulness --judge rubric:faithful --json"
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--judge", "judges", metavar="NAME", multiple=True, default=_DEFAULT, show_default=True,
    help="A judge of grounding; NAME@3 asks three times and takes the mean.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="Draw so many rows  [default: all]")
@json_option
@click.pass_obj
def agreement(terminal: Terminal, file: Path, judges: tuple[str, ...], limit: int | None) -> None:
    """Measure how far judges agree with people, and remember it.

    FILE has a labelled response on each line, as for `assay bench groundedness`. The figures are
    printed beside those of our verifier on the same rows. `assay eval run` shows them beside the
    judges' scores from then on.
    """
    from app.cli.opening import open_assay
    from app.errors import CommandFailed
    from app.evaluation.judging import judge_name, judging_of, keep_agreements
    from evals.groundedness import read_cases
    from evals.judges.agreement import agreements, can_be_compared, drawn
    from evals.judges.names import JUDGES

    for asked in _asked(judges):
        if not can_be_compared(asked.judge):
            known = ", ".join(name for name, judge in JUDGES.items() if can_be_compared(judge))
            raise CommandFailed(
                f"{asked.judge.name} does not say whether the contexts support a response, which "
                f"is what the labels say; judges that do: {known}"
            )
    cases = drawn(read_cases(file), limit)
    assay = open_assay()
    judging = judging_of(assay, judges)
    with progress("Judging", len(cases)) as show:
        found = agreements(
            cases,
            judging,
            assay.verifier,
            on_progress=lambda done: show(done, f"{done} of {len(cases)} responses"),
        )
    model, verifier = judge_name(assay), assay.verifier.version
    keep_agreements(assay.settings.home, model, file.name, found, verifier)
    if terminal.is_json:
        terminal.result(_as_json(found, judging.tallies, model, verifier))
        return
    terminal.line(f"{len(cases)} responses of {file.name}; unsupported is the positive class")
    terminal.line("intervals: 95 %, by bootstrap of whole sources")
    for name, one in found.items():
        _show(terminal, judging.tallies[name], one, model)


def _asked(judges: tuple[str, ...]) -> "list[Asked]":
    from app.errors import CommandFailed
    from evals.judges.names import asked_for

    try:
        return asked_for(judges)
    except ValueError as error:
        raise CommandFailed(str(error)) from error


def _show(terminal: Terminal, tally: "Tally", one: "Agreement", model: str) -> None:
    from app.evaluation.judging import shown

    by = f" by {model}" if tally.judge.asks_a_model else ""
    terminal.line()
    terminal.line(f"{tally.judge.name}{by}: {one.unscored} of {one.rows} unscored")
    for reason, count in tally.failures.most_common():
        terminal.line(f"  {count} of {tally.attempts} attempts: {reason}")
    terminal.line(f"  {'':20}{'judge':28}our verifier, on the rows that the judge scored")
    for name, interval in one.judge.items():
        terminal.line(f"  {name:20}{shown(interval):28}{shown(one.verifier[name])}")


def _as_json(
    found: Mapping[str, "Agreement"], tallies: Mapping[str, "Tally"], model: str, verifier: str
) -> dict[str, object]:
    return {
        "verifier": verifier,
        "positive": "unsupported",
        "judges": {
            name: {
                **asdict(one),
                "model": model if tallies[name].judge.asks_a_model else None,
                "unscored_share": one.unscored_share,
                "attempts": tallies[name].attempts,
                "failures": dict(tallies[name].failures),
            }
            for name, one in found.items()
        },
    }
