"""`assay eval probe`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option, printable, progress

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from evals.probing.probe import ProbeReport

_SHOWN = 20


@click.command(
    epilog="\b\nExamples:\n  assay eval probe\n  assay eval probe --answers all --json\n"
    "  assay eval probe --answers none"
)
@click.option(
    "--answers",
    type=click.Choice(["all", "sample", "none"]),
    default="sample",
    show_default=True,
    help="How many answers to ask for, which are slow; searches are always all made.",
)
@json_option
@click.pass_context
def probe(context: click.Context, answers: Literal["all", "sample", "none"]) -> None:
    """Plant a fact in each collection and let everybody ask for all of them.

    Exit code 1 when somebody sees what nobody granted them, or does not find what they may read.
    The documents that are planted are named "Assay leak probe" and removed in the end.
    """
    terminal: Terminal = context.obj
    found = probed(open_assay(), terminal, answers)
    if terminal.is_json:
        terminal.result(probe_json(found))
    else:
        tell_probe(terminal, found)
    context.exit(0 if found.passed else 1)


def probed(
    assay: "Assay", terminal: Terminal, answers: Literal["all", "sample", "none"]
) -> "ProbeReport":
    """Probe, while people are shown how far it is."""
    from app.evaluation.probing import probe_leaks

    terminal.note("Loading the models…")
    with progress("Probing", 1.0) as show:
        return probe_leaks(
            assay,
            answers=answers,
            on_progress=lambda done, whole, remark: show(done / whole, printable(remark)),
        )


def probe_json(found: "ProbeReport") -> dict[str, Any]:
    """A report as the object that `--json` prints."""
    return {
        "passed": found.passed,
        "collections": found.collections,
        "askers": found.askers,
        "asked": {door.value: count for door, count in found.asked.items()},
        "leaks": [asdict(leak) for leak in found.leaks],
        "blind_spots": [asdict(spot) for spot in found.blind_spots],
        "swept": found.swept,
    }


def tell_probe(terminal: Terminal, found: "ProbeReport") -> None:
    """A report for people: what was asked, what leaked, what was not found."""
    if found.swept:
        terminal.line(f"swept {found.swept} documents that an earlier probe had left behind")
    asked = ", ".join(f"{count} × {door.value}" for door, count in found.asked.items())
    terminal.line(f"{found.askers} askers, {found.collections} collections: {asked}")
    for leak in found.leaks[:_SHOWN]:
        terminal.line(
            f"✗ {leak.asker} saw {leak.collection!r} through {leak.door.value} "
            f"({leak.where}, {leak.times} times)",
            colour="red",
        )
    for spot in found.blind_spots[:_SHOWN]:
        terminal.line(
            f"? {spot.asker} may read {spot.collection!r} and did not find it through "
            f"{spot.door.value}",
            colour="yellow",
        )
    more = len(found.leaks[_SHOWN:]) + len(found.blind_spots[_SHOWN:])
    if more:
        terminal.line(f"… and {more} more; --json lists all")
    terminal.line(_verdict(found))


def _verdict(found: "ProbeReport") -> str:
    if found.leaks:
        return (
            f"{len(found.leaks)} leaks: take the server down or revoke access, and look at what "
            "decides `readable` and at the indexes (`assay doctor`)"
        )
    if found.blind_spots:
        return (
            f"no leak was seen, but {len(found.blind_spots)} times a reader did not find what is "
            "theirs: the probe proves nothing there; `assay doctor` checks the indexes"
        )
    return "no leaks: nobody saw what is not theirs, and everybody found what is"
