"""`assay jobs`."""

from typing import TYPE_CHECKING

import click

from app.cli.job_text import COLOURS, duration_text, progress_text, size_text, source_text
from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from ingestion.jobs.types import Command, Item, Job

_LEFT = (
    "nobody works on it: the process that did has ended; a running server, `assay jobs work` or "
    "the same `assay ingest` goes on with it"
)
_STATES = ("queued", "running", "paused", "cancelled", "done", "failed")
_ITEM_STATES = (
    "queued",
    "reading",
    "embedding",
    "indexed",
    "unchanged",
    "rejected",
    "failed",
)


@click.group()
def jobs() -> None:
    """Watch ingestions, pause them, go on with them.

    `assay ingest` makes a job and works on it at once; an upload makes one that `assay serve` works
    on. A job survives whatever happens to the process that works on it.
    """


@jobs.command(
    name="list", epilog="\b\nExamples:\n  assay jobs list\n  assay jobs list --state failed --json"
)
@click.option("--state", "states", multiple=True, type=click.Choice(_STATES), help="Only these.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@json_option
@click.pass_obj
def list_jobs(terminal: Terminal, states: tuple[str, ...], limit: int) -> None:
    """List jobs, newest first."""
    from ingestion.jobs.types import JobState

    assay = open_assay()
    found = assay.jobs.jobs(states=[JobState(state) for state in states], limit=limit)
    if terminal.is_json:
        terminal.result({"jobs": [_json(assay, job) for job in found]})
        return
    for job in found:
        _line(terminal, assay, job)
    if not found:
        terminal.line("no jobs")


@jobs.command(epilog="\b\nExamples:\n  assay jobs show 12\n  assay jobs show 12 --state rejected")
@click.argument("job", type=int)
@click.option(
    "--state", "states", multiple=True, type=click.Choice(_ITEM_STATES), help="Only files in it."
)
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1_000_000))
@json_option
@click.pass_obj
def show(terminal: Terminal, job: int, states: tuple[str, ...], limit: int) -> None:
    """Show a job and what became of each of its files."""
    from app.api.jobs_wire import item_json
    from ingestion.jobs.types import ItemState

    assay = open_assay()
    found = assay.jobs.job(job)
    page = assay.jobs.items(job, states=[ItemState(state) for state in states], limit=limit)
    if terminal.is_json:
        items = [item_json(item, with_path=True) for item in page.items]
        terminal.result({**_json(assay, found), "items": items, "total": page.total})
        return
    _line(terminal, assay, found)
    for item in page.items:
        terminal.line(f"  {_item_text(item)}")
    if page.total > len(page.items):
        terminal.line(f"  … and {page.total - len(page.items)} more; --limit shows them")


@jobs.command(epilog="\b\nExample:\n  assay jobs pause 12")
@click.argument("job", type=int)
@click.pass_obj
def pause(terminal: Terminal, job: int) -> None:
    """Stop working on a job after the files that are being read now."""
    from ingestion.jobs.types import Command

    _command(terminal, job, Command.PAUSE)


@jobs.command(epilog="\b\nExample:\n  assay jobs resume 12")
@click.argument("job", type=int)
@click.pass_obj
def resume(terminal: Terminal, job: int) -> None:
    """Let a paused job go on."""
    from ingestion.jobs.types import Command

    _command(terminal, job, Command.RESUME)


@jobs.command(epilog="\b\nExample:\n  assay jobs cancel 12")
@click.argument("job", type=int)
@click.pass_obj
def cancel(terminal: Terminal, job: int) -> None:
    """End a job; what it has indexed stays."""
    from ingestion.jobs.types import Command

    _command(terminal, job, Command.CANCEL)


@jobs.command(epilog="\b\nExamples:\n  assay jobs retry 12\n  assay jobs retry 12 --rejected")
@click.argument("job", type=int)
@click.option("--rejected", is_flag=True, help="Try rejected files again too.")
@click.pass_obj
def retry(terminal: Terminal, job: int, rejected: bool) -> None:  # noqa: FBT001
    """Try failed files again, or go on with a job that was cancelled or has failed."""
    from ingestion.jobs.types import Command

    _command(terminal, job, Command.RETRY, rejected=rejected)


@jobs.command(epilog="\b\nExamples:\n  assay jobs work\n  assay jobs work --json")
@click.option(
    "--background",
    is_flag=True,
    help="Give way to all else, end with whoever started it, and say only what went wrong.",
)
@json_option
@click.pass_context
def work(context: click.Context, *, background: bool) -> None:
    """Work on the jobs that wait, and on those that a killed process left; then exit.

    `assay serve` has this done by itself. Exits with 1 when a job failed.
    """
    if background:
        import os

        from app.nightly.giving_way import give_way

        # Half of the machine, and little of it while somebody else wants it: who has uploaded a
        # file waits for it, but not as who has asked a question does.
        give_way(threads=max(1, (os.cpu_count() or 1) // 2), niceness=10)
    from app.job_worker import work_and_wait, work_through

    terminal: Terminal = context.obj
    assay = open_assay()
    if background:
        context.exit(1 if work_and_wait(assay).stuck else 0)
    worked = work_through(assay)
    if terminal.is_json:
        ended = [*worked.ended, *worked.failed]
        terminal.result({"jobs": [_json(assay, job) for job in ended], "stuck": worked.stuck})
    else:
        for job in (*worked.ended, *worked.failed):
            _line(terminal, assay, job)
        if not worked.ended and not worked.failed:
            terminal.line("nothing waits")
    context.exit(1 if worked.failed or worked.stuck else 0)


def _command(
    terminal: Terminal, job_id: int, command: "Command", *, rejected: bool = False
) -> None:
    from app.audit import COMMAND_LINE
    from app.job_commands import command_job

    assay = open_assay()
    job = command_job(assay.jobs, assay.audit, COMMAND_LINE, job_id, command, rejected=rejected)
    _line(terminal, assay, job)


def _line(terminal: Terminal, assay: "Assay", job: "Job") -> None:
    from app.job_worker import is_left
    from ingestion.jobs.states import ENDED

    far = assay.jobs.progress(job.id)
    text = f"{job.id}  {job.state.value}  {job.collection.name}  {source_text(job)}"
    terminal.line(text, colour=COLOURS.get(job.state.value))
    counts = [f"{count} {state.value}" for state, count in assay.jobs.tally(job.id).files.items()]
    if job.unchanged:
        counts.append(f"{job.unchanged} unchanged when looked at")
    if job.removed:
        counts.append(f"{job.removed} removed")
    if job.source.ignored:
        counts.append(f"{job.source.ignored} ignored")
    terminal.line(f"    {progress_text(far, has_ended=job.state in ENDED)}")
    if counts:
        worked = f"; {duration_text(job.active_seconds)} of work" if job.active_seconds else ""
        terminal.line(f"    {', '.join(counts)}{worked}")
    if is_left(job, assay.settings.home):
        terminal.line(f"    {_LEFT}")
    if job.reason:
        terminal.line(f"    {job.reason}")


def _item_text(item: "Item") -> str:
    parts = [item.change or item.state.value, item.name, size_text(item.size)]
    if item.passages:
        parts.append(f"{item.passages} passages")
    if item.seconds is not None:
        parts.append(duration_text(item.seconds))
    if item.attempts > 1:
        parts.append(f"{item.attempts} attempts")
    text = "  ".join(parts)
    return f"{text}: {item.reason}" if item.reason else text


def _json(assay: "Assay", job: "Job") -> dict[str, object]:
    from app.api.jobs_wire import job_json

    return dict(job_json(job, assay.jobs.tally(job.id), with_paths=True))
