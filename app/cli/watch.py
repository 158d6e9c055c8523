"""`assay ingest --watch`."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from app.cli.job_text import progress_text, report_of
from app.cli.terminal import Terminal, printable

if TYPE_CHECKING:
    from rich.status import Status

    from app.bootstrap import Assay
    from app.watch import Watching
    from ingestion.jobs.types import Job, Source
    from retrieval.types import Collection

_TOLD = ("added", "changed", "removed", "rejected", "failed", "unchanged", "ignored")


def watch_folders(
    terminal: Terminal, assay: "Assay", collection: "Collection", source: "Source"
) -> None:
    """Follow folders until Ctrl-C or SIGTERM; raises KeyboardInterrupt then."""
    from app.watch import FolderWatch, follow
    from app.watch_locks import following

    signal.signal(signal.SIGTERM, _stop)
    folders = [Path(path) for path in source.paths]
    with following(assay.settings.home, collection, folders), _status_line() as status:

        def working(job: "Job") -> None:
            status.show(progress_text(assay.jobs.progress(job.id)))

        def tell(news: "Watching") -> None:
            status.pause()
            if news.job is not None:
                _show_job(terminal, assay, news.job)
            else:
                terminal.note(f"{_time()}  {news.text}")
            status.show(f"waiting for changes; last at {_time()}: {news.text}")

        watch = FolderWatch(assay, collection, source, tell=tell, on_written=working)
        names = ", ".join(source.paths)
        terminal.note(f"watching {names} for collection {collection.name!r}; Ctrl-C stops")
        status.show("comparing files")
        follow(watch)


def _show_job(terminal: Terminal, assay: "Assay", job: "Job") -> None:
    report = report_of(assay, job)
    if terminal.is_json:
        terminal.result({"job": job.id, "state": job.state.value, **asdict(report)})
        sys.stdout.flush()
        return
    counts = asdict(report)
    reasons = counts.pop("reasons")
    told = ", ".join(f"{counts[name]} {name}" for name in _TOLD if counts[name]) or "nothing new"
    terminal.line(f"{_time()}  {told} (job {job.id} {job.state.value})")
    for path, reason in reasons.items():
        terminal.line(f"    {path}: {reason}")


def _time() -> str:
    return f"{datetime.now().astimezone():%H:%M:%S}"


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class _NoStatus:
    """Where nobody watches the terminal."""

    def show(self, text: str) -> None:
        """Say what is going on."""

    def pause(self) -> None:
        """Leave the line to others."""


class _Status(_NoStatus):
    """A line that says what is going on, below all that was printed."""

    def __init__(self, status: "Status") -> None:
        self._status = status

    def show(self, text: str) -> None:
        from rich.text import Text

        self._status.update(Text(printable(text)))
        self._status.start()

    def pause(self) -> None:
        self._status.stop()


@contextmanager
def _status_line() -> Iterator[_NoStatus]:
    if not sys.stderr.isatty():
        yield _NoStatus()
        return
    from rich.console import Console

    status = Console(stderr=True).status("")
    try:
        yield _Status(status)
    finally:
        status.stop()
