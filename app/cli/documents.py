"""`assay ingest`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option, progress

if TYPE_CHECKING:
    from ingestion.pipeline import Report

DEFAULT_COLLECTION = "documents"


@click.command(
    epilog="\b\nExamples:\n  assay ingest handbook.pdf prices.docx\n"
    "  assay ingest ~/contracts --collection contracts\n"
    "  assay ingest ~/contracts --collection contracts --sync"
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--collection", default=DEFAULT_COLLECTION, show_default=True, metavar="NAME")
@click.option("--sync", is_flag=True, help="Remove documents whose file has gone from a folder.")
@click.option("--yes", is_flag=True, help="Let --sync remove more than 20 % of the documents.")
@json_option
@click.pass_obj
def ingest(
    terminal: Terminal,
    paths: tuple[Path, ...],
    collection: str,
    sync: bool,  # noqa: FBT001
    yes: bool,  # noqa: FBT001
) -> None:
    """Bring files and folders in.

    Reads office files, PDF, web pages, e-mail, text and archives of these, by content. Unchanged
    files cost nothing; a file that cannot be read is named with the reason and stops nothing. Stop
    with Ctrl-C at any time and run the same command to go on.
    """
    from app.upkeep import sweep_left_overs

    assay = open_assay()
    sweep_left_overs(assay)
    target = assay.store.ensure_collection(collection)
    terminal.note("Comparing files…") if not terminal.is_json else None
    with progress("Reading and embedding", 1.0) as show:
        report = assay.ingester().ingest(
            paths,
            collection=target,
            sync=sync,
            allow_mass_removal=yes,
            on_progress=lambda done: show(
                done.bytes_done / max(1, done.bytes_total),
                f"{done.files_done} of {done.files_total} files, {done.passages} passages",
            ),
        )
    _show(terminal, report, collection)
    if report.passages_embedded or report.removed:
        assay.vectors.save()


def _show(terminal: Terminal, report: "Report", collection: str) -> None:
    if terminal.is_json:
        terminal.result(asdict(report))
        return
    counts = asdict(report)
    reasons = counts.pop("reasons")
    embedded = counts.pop("passages_embedded")
    terminal.line(
        ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"
    )
    terminal.line(f"{embedded} passages embedded into collection {collection!r}")
    for path, reason in reasons.items():
        terminal.line(f"  {path}: {reason}")
