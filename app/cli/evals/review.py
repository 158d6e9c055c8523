"""`assay eval review`."""

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option, printable
from app.errors import CommandFailed

if TYPE_CHECKING:
    from evals.store import EvalStore, Proposal
    from evals.types import Case

_KEYS = {"a": "accepted", "e": "edited", "d": "dropped", "s": "skipped", "q": "stopped"}
_AT_ONCE = 10_000


@click.command(
    epilog="\b\nExamples:\n  assay eval review leases\n"
    "  assay eval review leases --accept-all --json"
)
@click.argument("suite")
@click.option("--accept-all", is_flag=True, help="Take every case as it is, and ask nothing.")
@json_option
@click.pass_obj
def review(terminal: Terminal, suite: str, accept_all: bool) -> None:  # noqa: FBT001
    """Accept, edit or drop the cases that wait for a suite, one by one.

    Each decision is kept at once: stop with q or Ctrl-C and go on another time. What is accepted
    makes a new version of the suite.
    """
    if terminal.is_json and not accept_all:
        raise CommandFailed("with --json nobody is asked; add --accept-all")
    evals = open_assay().evals
    waiting = evals.proposals(suite, limit=_AT_ONCE)
    counts: Counter[str] = Counter()
    for place, proposal in enumerate(waiting, start=1):
        if accept_all:
            evals.settle(proposal.id, proposal.case)
            counts["accepted"] += 1
            continue
        _show(terminal, proposal, place, len(waiting))
        done = _settle(evals, proposal)
        if done == "stopped":
            break
        counts[done] += 1
    left = evals.proposal_counts().get(suite, 0)
    if terminal.is_json:
        version = next((one.number for one in evals.suites() if one.suite == suite), None)
        terminal.result(
            {"suite": suite, "version": version, "accepted": counts["accepted"], "waiting": left}
        )
        return
    said = ", ".join(f"{count} {what}" for what, count in counts.items()) or "nothing to review"
    terminal.line(f"{said}; {left} wait")
    if not waiting:
        terminal.line(f"`assay eval write {suite}` proposes cases")


def _show(terminal: Terminal, proposal: "Proposal", place: int, count: int) -> None:
    case = proposal.case
    terminal.line(f"\n{place} of {count} · {', '.join(case.tags)}")
    terminal.line(f"  Question:  {case.question}")
    for reference in case.references:
        terminal.line(f"  Answer:    {reference}")
    if case.expectation is not None and case.expectation.value == "abstain":
        terminal.line("  Answer:    none: Assay should decline", colour="yellow")
    for one in case.relevant:
        terminal.line(f"  Source:    {one.document}: “{one.text}”")
    if case.note:
        terminal.line(f"  Note:      {case.note}")


def _settle(evals: "EvalStore", proposal: "Proposal") -> str:
    key = click.prompt(
        "[a]ccept, [e]dit, [d]rop, [s]kip, [q]uit",
        type=click.Choice(list(_KEYS)),
        show_choices=False,
        default="a",
        err=True,
    )
    if key == "a":
        evals.settle(proposal.id, proposal.case)
    elif key == "e":
        evals.settle(proposal.id, _edited(proposal.case))
    elif key == "d":
        evals.settle(proposal.id, None)
    return _KEYS[key]


def _edited(case: "Case") -> "Case":
    """The case as somebody wants it. It keeps its key: it is the same case, in better words."""
    question = _asked("Question", case.question)
    if not case.references:
        return replace(case, question=question)
    return replace(
        case,
        question=question,
        references=(_asked("Answer", case.references[0]), *case.references[1:]),
    )


def _asked(name: str, default: str) -> str:
    shown = printable(default)
    value: str = click.prompt(
        f"{name} (Enter keeps it)", default=shown, show_default=False, err=True
    )
    return default if value == shown else value
