"""`assay eval compare`."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from app.cli.evals.difference_text import amount, signed
from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option

if TYPE_CHECKING:
    from evals.comparing.comparison import Comparison
    from evals.comparing.flipping import FlippedCase
    from evals.comparing.paired import Difference

_SHOWN_FLIPS = 20
_SHOWN_KEYS = 5


@click.command(
    epilog="\b\nExamples:\n  assay eval compare 3 4\n  assay eval compare 3 4 --flips 100\n"
    "  assay eval compare 3 4 --json"
)
@click.argument("first", metavar="A", type=click.IntRange(1))
@click.argument("second", metavar="B", type=click.IntRange(1))
@click.option(
    "--flips",
    metavar="N",
    default=_SHOWN_FLIPS,
    show_default=True,
    type=click.IntRange(0),
    help="Show this many cases that went the other way.",
)
@json_option
@click.pass_obj
def compare(terminal: Terminal, first: int, second: int, flips: int) -> None:
    """Say what run B did differently from run A, and why.

    Over the cases that both asked: the difference of each metric with its 95 % interval, and the
    cases that went the other way, each with the likely cause.
    """
    from evals.comparing.comparison import compare as compare_runs
    from evals.comparing.comparison import edited_keys

    assay = open_assay()
    one, other = assay.evals.run(first), assay.evals.run(second)
    edited: frozenset[str] = frozenset()
    if one.version.digest != other.version.digest:
        edited = edited_keys(assay.evals.cases(one.version), assay.evals.cases(other.version))
    found = compare_runs(
        one,
        assay.evals.results(first),
        other,
        assay.evals.results(second),
        edited=edited,
    )
    if terminal.is_json:
        terminal.result(comparison_json(found))
    else:
        _tell(terminal, found, flips)


def comparison_json(found: "Comparison") -> dict[str, Any]:
    """A comparison as the object that `--json` prints."""
    return {
        "first": found.first_run,
        "second": found.second_run,
        "pairs": found.pairs,
        "clusters": found.clusters,
        "only_first": list(found.only_first),
        "only_second": list(found.only_second),
        "edited": list(found.edited),
        "pins": [asdict(pin) for pin in found.pins],
        "differences": {
            one.metric: {name: value for name, value in asdict(one).items() if name != "metric"}
            for one in found.differences
        },
        "flips": [_flip_json(flip) for flip in found.flips],
        "causes": {cause.value: count for cause, count in found.causes.items()},
        "notes": list(found.notes),
    }


def _flip_json(flip: "FlippedCase") -> dict[str, Any]:
    return {
        "key": flip.key,
        "first_position": flip.first_position,
        "second_position": flip.second_position,
        "now": {kind.value: holds for kind, holds in flip.now.items()},
        "worse": flip.is_worse,
        "cause": flip.cause.value,
        "evidence": flip.evidence,
    }


def _tell(terminal: Terminal, found: "Comparison", flips: int) -> None:
    terminal.line(
        f"Run {found.second_run} minus run {found.first_run}, {found.pairs} cases in both"
    )
    for note in (*found.notes, *_left_out(found)):
        terminal.line(f"  {note}")
    terminal.line()
    terminal.line("Metrics (95 % interval of the paired difference; * leaves out 0)")
    width = max((len(one.metric) for one in found.differences), default=0)
    for one in found.differences:
        terminal.line(f"  {one.metric:<{width}}  {_row(one)}")
    terminal.line()
    terminal.line("Ran on")
    for pin in found.pins:
        terminal.line(f"  {pin}")
    if not found.pins:
        terminal.line("  the same")
    _tell_flips(terminal, found, flips)


def _tell_flips(terminal: Terminal, found: "Comparison", flips: int) -> None:
    worse = sum(flip.is_worse is True for flip in found.flips)
    better = sum(flip.is_worse is False for flip in found.flips)
    terminal.line()
    terminal.line(
        f"Cases that went the other way: {len(found.flips)} ({worse} worse, {better} better)"
    )
    for cause, count in found.causes.items():
        terminal.line(f"  {count:4}  {cause.value}")
    # What got worse is what to look at first.
    ranked = sorted(found.flips, key=lambda flip: flip.is_worse is not True)
    for flip in ranked[:flips]:
        mark = {True: "-", False: "+", None: "·"}[flip.is_worse]
        terminal.line(f"{mark} {flip.key}: {', '.join(_said(flip))}")
        terminal.line(f"    {flip.cause.value}: {flip.evidence}")
    if len(ranked) > flips:
        terminal.line(f"… and {len(ranked) - flips} more; --flips {len(ranked)} shows all")
    if ranked:
        terminal.line()
        terminal.line(f"Next: assay eval show {found.second_run} --case {ranked[0].key}")


_WORDS = {
    ("failed", True): "failed",
    ("failed", False): "no longer fails",
    ("answered", True): "answered",
    ("answered", False): "abstained",
    ("right", True): "right",
    ("right", False): "wrong",
    ("hallucinated", True): "hallucinated",
    ("hallucinated", False): "no longer hallucinates",
    ("retrieved", True): "found what is relevant",
    ("retrieved", False): "lost what is relevant",
}


def _said(flip: "FlippedCase") -> Iterator[str]:
    for kind, holds in flip.now.items():
        yield _WORDS[kind.value, holds]


def _row(one: "Difference") -> str:
    unscored = f", {one.unscored} scored in one run only" if one.unscored else ""
    if one.value is None:
        return f"undefined ({one.pairs} pairs{unscored})"
    row = f"{amount(one.first)} -> {amount(one.second)}  {signed(one.value)}"
    is_clear = one.low is not None and one.high is not None and (one.low > 0 or one.high < 0)
    if one.low is not None and one.high is not None:
        row += f"  ({signed(one.low)} to {signed(one.high)}){' *' if is_clear else '  '}"
    return f"{row}  {one.pairs} pairs{unscored}"


def _left_out(found: "Comparison") -> Iterator[str]:
    for keys, why in (
        (found.only_first, f"in run {found.first_run} only"),
        (found.only_second, f"in run {found.second_run} only"),
        (found.edited, "edited in between, so not compared"),
    ):
        if keys:
            yield f"{len(keys)} {why}: {_keys(keys)}"


def _keys(keys: Sequence[str]) -> str:
    more = len(keys) - _SHOWN_KEYS
    return ", ".join(keys[:_SHOWN_KEYS]) + (f" and {more} more" if more > 0 else "")
