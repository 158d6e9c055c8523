"""`assay ingest`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from app.cli.job_text import progress_text, report_of
from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option, progress
from app.errors import CommandFailed

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from ingestion.jobs.types import Job
    from ingestion.pipeline import Report

DEFAULT_COLLECTION = "documents"


@click.command(
    epilog="\b\nExamples:\n  assay ingest handbook.pdf prices.docx\n"
    "  assay ingest ~/contracts --collection contracts\n"
    "  assay ingest ~/contracts --collection contracts --sync\n"
    "  assay ingest ~/contracts --collection contracts --sync --watch\n"
    "  assay ingest --urls pages.txt --collection handbook\n"
    "  assay ingest ~/contracts --include '*.pdf' --exclude drafts/ --dry-run"
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--collection", default=DEFAULT_COLLECTION, show_default=True, metavar="NAME")
@click.option("--sync", is_flag=True, help="Remove documents whose file has gone from a folder.")
@click.option("--yes", is_flag=True, help="Let --sync remove more than 20 % of the documents.")
@click.option(
    "--include", multiple=True, metavar="GLOB", help="Only files in folders that match; repeatable."
)
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Not files and folders that match; repeatable."
)
@click.option(
    "--urls",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Bring in the web pages of a list, an address a line; needs ASSAY_URLS=true.",
)
@click.option(
    "--password-file",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="Passwords that may open encrypted files, one a line; - is standard input.",
)
@click.option("--ask-password", is_flag=True, help="Ask for one, without showing it.")
@click.option("--watch", is_flag=True, help="Follow the folders until Ctrl-C.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@json_option
@click.pass_obj
def ingest(
    terminal: Terminal,
    *,
    paths: tuple[Path, ...],
    collection: str,
    sync: bool,
    yes: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    urls: Path | None,
    password_file: TextIO | None,
    ask_password: bool,
    watch: bool,
    dry_run: bool,
) -> None:
    """Bring files and folders in.

    Reads office files, PDF, web pages, e-mail, text and archives of these, by content. Unchanged
    files cost nothing; a file that cannot be read is named with the reason and stops nothing. Stop
    with Ctrl-C at any time and run the same command to go on. What a folder's .assayignore names,
    with the rules of .gitignore, is passed over. Passwords are kept nowhere: an encrypted file that
    has changed needs its password again.
    """
    from app.job_worker import make_and_work
    from app.upkeep import sweep_left_overs
    from ingestion.ignoring import Selection
    from ingestion.jobs.types import Source, SourceKind

    if bool(paths) == (urls is not None):
        raise click.UsageError("give files and folders, or --urls FILE")
    if urls is not None:
        if sync or watch or dry_run or include or exclude or password_file or ask_password:
            raise click.UsageError("--urls goes with --collection and --json only")
        _ingest_urls(terminal, urls, collection)
        return
    selection = Selection(include, exclude)
    passwords = _passwords(password_file, is_asked=ask_password)
    assay = open_assay()
    if dry_run:
        from app.cli.dry_run import show_plan

        show_plan(terminal, assay, paths, collection=collection, sync=sync, selection=selection)
        return
    sweep_left_overs(assay)
    target = assay.store.ensure_collection(collection)
    source = Source(
        SourceKind.PATHS,
        paths=tuple(str(path.resolve()) for path in paths),
        sync=sync,
        allow_mass_removal=yes,
        include=include,
        exclude=exclude,
    )
    if watch:
        from app.cli.watch import watch_folders

        watch_folders(terminal, assay, target, source)
    terminal.note("Comparing files…") if not terminal.is_json else None
    with job_bar(assay) as show:
        job = make_and_work(
            assay, target, source, on_written=show, ingester=assay.ingester(passwords=passwords)
        )
    show_report(terminal, report_of(assay, job), collection)


def _ingest_urls(terminal: Terminal, file: Path, collection: str) -> None:
    """Bring in the pages of a list."""
    from app.bootstrap import URLS_OFF
    from app.fetching.url_list import listed_urls, source_of
    from app.job_worker import ToDo, make_and_work

    with click.open_file(str(file), encoding="utf-8") as lines:
        source, items = source_of(listed_urls(lines))
    assay = open_assay()
    if not assay.settings.urls:
        raise CommandFailed(URLS_OFF)
    target = assay.store.ensure_collection(collection)
    with job_bar(assay) as show:
        job = make_and_work(assay, target, source, on_written=show, found=ToDo(items, 0, (), 0))
    show_report(terminal, report_of(assay, job), collection)


def _passwords(file: TextIO | None, *, is_asked: bool) -> list[str]:
    """What may open encrypted files, without the line ends; blank lines are none."""
    read = [line.rstrip("\r\n") for line in file] if file is not None else []
    found = [password for password in read if password.strip()]
    if is_asked:
        found.append(click.prompt("Password", hide_input=True, err=True))
    return found


@contextmanager
def job_bar(assay: "Assay") -> Iterator[Callable[["Job"], None]]:
    """Show on a terminal how far a job is; what it yields is told that there is news."""
    with progress("Reading and embedding", 1.0, remarks_time_left=True) as show:

        def tell(job: "Job") -> None:
            if not sys.stderr.isatty():
                return
            far = assay.jobs.progress(job.id)
            show(far.bytes_done / max(1, far.bytes_total), progress_text(far))

        yield tell


def show_report(terminal: Terminal, report: "Report", collection: str) -> None:
    """Print what became of the files, as text or JSON."""
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
