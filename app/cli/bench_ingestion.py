"""`assay bench ingest`."""

import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.terminal import Terminal, json_option, progress

if TYPE_CHECKING:
    from app.ingestion_speed import MeasuredIngestion

_STAGES = {
    "waiting": "waiting for a file to be read",
    "cutting": "cutting passages",
    "embedding": "embedding",
    "storing": "storing",
    "index": "saving the index",
    "other": "finding, hashing, the rest",
}


@click.command(
    epilog="\b\nExamples:\n  assay bench ingest ~/contracts\n"
    "  assay bench ingest ~/contracts --json"
)
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@json_option
@click.pass_obj
def ingest(terminal: Terminal, folder: Path) -> None:
    """Measure how fast a folder is brought in, and where the time goes.

    Everything is read, cut, embedded and stored as `assay ingest` does, in a temporary folder apart
    from your documents, and once more with nothing changed.
    """
    from app.bootstrap import Assay
    from app.ingestion_speed import measure_ingestion
    from app.settings import read_settings

    settings = read_settings()
    with (
        tempfile.TemporaryDirectory(prefix="assay-bench-") as home,
        closing(Assay(settings.model_copy(update={"home": Path(home)}))) as assay,
        progress("Ingesting", 100) as show,
    ):
        measured = measure_ingestion(
            assay,
            folder,
            lambda done: show(
                100 * done.bytes_done // max(done.bytes_total, 1),
                f"{done.files_done} of {done.files_total} files, {done.passages} passages",
            ),
        )
    if terminal.is_json:
        terminal.result(measured.as_json())
        return
    _show(terminal, measured)


def _show(terminal: Terminal, measured: "MeasuredIngestion") -> None:
    terminal.line(
        f"{measured.files} files, {measured.megabytes:.2f} MB: {measured.indexed} indexed, "
        f"{measured.rejected} rejected, {measured.failed} failed"
    )
    terminal.line(
        f"{measured.passages} passages, {measured.embedded} embedded, "
        f"{measured.repeated} the same as another"
    )
    terminal.line(
        f"{measured.seconds:.1f} s: {measured.passages_per_second:.1f} passages/s, "
        f"{measured.megabytes_per_second:.4f} MB/s; {measured.processor_seconds:.1f} s of processor"
    )
    for stage, seconds in measured.stages.items():
        share = seconds / measured.seconds if measured.seconds else 0.0
        terminal.line(f"  {_STAGES[stage]:30}{seconds:8.2f} s {share:6.1%}")
    terminal.line(f"reading took {measured.reading_seconds:.2f} s, beside all of that")
    terminal.line(f"loading the encoder took {measured.encoder_seconds:.2f} s and is not counted")
    share = measured.unchanged_seconds / measured.seconds if measured.seconds else 0.0
    terminal.line(f"once more, unchanged: {measured.unchanged_seconds:.2f} s, {share:.1%} of that")
    terminal.line(
        f"memory at its peak {measured.peak_mb:.0f} MB, of a reading process "
        f"{measured.readers_peak_mb:.0f} MB"
    )
