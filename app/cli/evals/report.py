"""`assay eval report`."""

from pathlib import Path

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option
from app.errors import CommandFailed


@click.command(
    epilog="\b\nExamples:\n  assay eval report 12\n"
    "  assay eval report 12 --output nightly.html --against 9"
)
@click.argument("run", metavar="RUN", type=click.IntRange(1))
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write it; else assay-run-RUN.html in this folder.",
)
@click.option(
    "--against",
    metavar="RUN",
    type=click.IntRange(1),
    help="Compare with this run; else with the finished one before it of the suite.",
)
@json_option
@click.pass_obj
def report(terminal: Terminal, run: int, output: Path | None, against: int | None) -> None:
    """Write a run as one HTML file that needs nothing else: figures, charts, worst cases, pins.

    A file of that name is replaced. The report quotes documents: mind who may read it.
    """
    from evals.reports.report import report_html

    target = output or Path(f"assay-run-{run}.html")
    if not target.parent.is_dir():
        raise CommandFailed(f"there is no folder {target.parent}; make it first")
    written = report_html(open_assay().evals, run, baseline_id=against)
    # Aside first: a full disk must not cost the report that was there.
    partial = target.with_name(f"{target.name}.partial")
    partial.write_text(written, encoding="utf-8", errors="replace")
    partial.replace(target)
    if terminal.is_json:
        terminal.result({"run": run, "file": str(target)})
    else:
        terminal.line(f"run {run}: {target}")
