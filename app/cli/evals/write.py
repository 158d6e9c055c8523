"""`assay eval write`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option, progress

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from app.evaluation.writing import Written
    from generation.engines.base import Engine

_CONFIGURED = "configured"


@click.command(
    epilog="\b\nExamples:\n  assay eval write leases --collection contracts\n"
    "  assay eval write handbook --cases 100 --seed 7\n"
    "  assay eval write handbook --engine ~/models/larger.gguf"
)
@click.argument("suite")
@click.option("--collection", metavar="NAME", help="Write from this collection only.")
@click.option("--cases", type=click.IntRange(1, 5000), default=50, show_default=True)
@click.option(
    "--engine",
    metavar="MODEL",
    help="Let this chat model write, as ASSAY_MODEL names it, or `configured` for that one.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@json_option
@click.pass_obj
def write(
    terminal: Terminal,
    suite: str,
    collection: str | None,
    cases: int,
    engine: str | None,
    seed: int,
) -> None:
    """Write cases from your documents, and keep them for review.

    Needs no large model: sentences with a date, amount or name, tables, and lines "key: value" are
    turned into questions; a third are altered so that the documents do not answer them. A question
    is proposed when the search finds its passage and the verifier agrees with its answer. `assay
    eval review SUITE` takes them into the suite. The same seed and documents give the same cases.
    """
    from app.evaluation.writing import write_cases

    assay = open_assay()
    readable = assay.readable_by(None, collection)
    with progress("Writing", float(cases)) as show:
        written = write_cases(
            assay,
            suite,
            readable=readable,
            cases=cases,
            seed=seed,
            engine=None if engine is None else _engine(assay, engine),
            on_progress=lambda so_far: show(
                so_far.proposed + so_far.known, f"{so_far.proposed} proposed"
            ),
        )
    _tell(terminal, suite, written)


def _engine(assay: "Assay", name: str) -> "Engine":
    if name == _CONFIGURED:
        return assay.engine
    return assay.local_engine(str(Path(name).expanduser()) if name.startswith("~") else name)


def _tell(terminal: Terminal, suite: str, written: "Written") -> None:
    dropped = {reason.value: count for reason, count in sorted(written.refused.items())}
    failed = {reason.value: count for reason, count in sorted(written.failed.items())}
    if terminal.is_json:
        terminal.result(
            {
                "suite": suite,
                "proposed": written.proposed,
                "known": written.known,
                "documents": len(written.documents),
                "kinds": dict(sorted(written.kinds.items())),
                "dropped": dropped,
                "failed": failed,
                "prompt": written.prompt,
            }
        )
        return
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(written.kinds.items()))
    terminal.line(
        f"{written.proposed} cases proposed for {suite!r} from {len(written.documents)} documents"
        + (f": {kinds}" if kinds else "")
    )
    if written.known:
        terminal.line(f"{written.known} were proposed before")
    for reason, count in {**dropped, **failed}.items():
        terminal.line(f"  {count} dropped: {reason}")
    terminal.line(f"next: assay eval review {suite}")
