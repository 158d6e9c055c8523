"""`assay eval schedule`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.evals.asking import Asking
from app.cli.evals.run_options import run_options
from app.cli.evals.schedule_text import last_text, next_text, ran_json, schedule_json
from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from app.evaluation.running import RunOptions
    from app.nightly.worker import Finished, Ran
    from evals.running import Progress
    from evals.schedules import Delivery, Schedule
    from evals.types import Run

DEFAULT_POLICY = "default"
_CLOCK = Path("/etc/localtime")
_COLOURS = {"passed": "green", "failed": "red", "error": "red"}


@click.group(
    epilog="\b\nExamples:\n"
    '  assay eval schedule add nightly leases "0 2 * * *" --timezone Europe/Paris\n'
    '  assay eval schedule add smoke leases "@hourly" --limit 20 --policy policy.yaml\n'
    "  assay eval schedule list\n  assay eval schedule due"
)
def schedule() -> None:
    """Run suites by themselves: every night, or whenever a cron expression says.

    `assay serve` runs what is due. Without a server, let a timer call `assay eval schedule due`.
    """


@schedule.command(
    epilog="\b\nExamples:\n"
    '  assay eval schedule add nightly leases "0 2 * * *" --timezone Europe/Paris\n'
    '  assay eval schedule add nightly leases "0 2 * * MON-FRI" --policy default \\\n'
    "    --leak-probe --to file:/srv/reports --to mail:ada@example.org\n"
    '  assay eval schedule add smoke leases "@hourly" --limit 20 --to webhook'
)
@click.argument("name")
@click.argument("suite")
@click.argument("cron")
@click.option("--timezone", metavar="ZONE", help="Whose clock CRON is read on  [default: ours]")
@click.option(
    "--policy", metavar="FILE|default", help="Judge each run by this policy, or the default one."
)
@click.option("--leak-probe", "probes_leaks", is_flag=True, help="Run the leak probe as well.")
@click.option(
    "--to",
    "deliveries",
    metavar="WHERE",
    multiple=True,
    help="Tell the result: file:FOLDER, webhook or mail:ADDRESS. May be repeated.",
)
@run_options
@json_option
@click.pass_obj
def add(
    terminal: Terminal,
    name: str,
    suite: str,
    cron: str,
    *,
    timezone: str | None,
    policy: str | None,
    probes_leaks: bool,
    deliveries: tuple[str, ...],
    options: "RunOptions",
) -> None:
    """Run SUITE whenever CRON says, from the next time on.

    CRON has five fields: minute, hour, day of month, month, day of week; or is @hourly, @daily,
    @weekly, @monthly. Of missed times, while nothing ran, the last one is made up for.
    """
    from app.evaluation.running import OPTIONS
    from app.nightly.worker import utc_now

    assay = open_assay()
    assay.readable_by(options.as_user, options.collection)  # an unknown name is said now
    made = assay.schedules.add(
        name,
        suite=suite,
        cron=cron,
        timezone=timezone or _own_zone(),
        options=OPTIONS.dump_python(options, mode="json", exclude_defaults=True),
        policy=None if policy is None else _policy_text(policy),
        probes_leaks=probes_leaks,
        deliveries=tuple(_checked_delivery(text) for text in deliveries),
    )
    _warn_of_missing_carriers(terminal, assay, made)
    if terminal.is_json:
        terminal.result(schedule_json(made, None, utc_now()))
    else:
        terminal.line(f"{name}: next at {next_text(made)}")
    if not assay.settings.scheduler:
        terminal.note("ASSAY_SCHEDULER is off: let a timer call `assay eval schedule due`")


@schedule.command("list", epilog="\b\nExamples:\n  assay eval schedule list\n")
@json_option
@click.pass_obj
def list_schedules(terminal: Terminal) -> None:
    """Say when each schedule runs next, and what came of its last tick."""
    from app.nightly.worker import utc_now

    assay = open_assay()
    known = assay.schedules.schedules()
    last = {one.name: next(iter(assay.schedules.ticks(one.name, limit=1)), None) for one in known}
    if terminal.is_json:
        now = utc_now()
        terminal.result({"schedules": [schedule_json(one, last[one.name], now) for one in known]})
        return
    if not known:
        terminal.line("There is no schedule yet; `assay eval schedule add --help` shows how.")
    for one in known:
        terminal.line(f"{one.name}: suite {one.suite}, {one.cron}")
        terminal.line(f"  next  {next_text(one)}")
        terminal.line(f"  last  {last_text(assay, one, last[one.name])}")
        for way in one.deliveries:
            terminal.line(f"  to    {way}")


@schedule.command(epilog="\b\nExamples:\n  assay eval schedule remove nightly\n")
@click.argument("name")
@click.pass_obj
def remove(terminal: Terminal, name: str) -> None:
    """Remove a schedule. Its runs stay."""
    open_assay().schedules.remove(name)
    terminal.line(f"{name} is removed; its runs stay")


@schedule.command(epilog="\b\nExamples:\n  assay eval schedule enable nightly\n")
@click.argument("name")
@click.pass_obj
def enable(terminal: Terminal, name: str) -> None:
    """Switch a schedule on again. What it missed while it was off is not made up for."""
    assay = open_assay()
    assay.schedules.enable(name)
    terminal.line(f"{name}: next at {next_text(assay.schedules.schedule(name))}")


@schedule.command(epilog="\b\nExamples:\n  assay eval schedule disable nightly\n")
@click.argument("name")
@click.pass_obj
def disable(terminal: Terminal, name: str) -> None:
    """Switch a schedule off, until `enable`."""
    open_assay().schedules.enable(name, is_enabled=False)
    terminal.line(f"{name} is off; `assay eval schedule enable` switches it on again")


@schedule.command(
    epilog="\b\nExamples:\n  assay eval schedule due\n  assay eval schedule due --json\n"
    "  assay eval schedule due --watch"
)
@click.option("--watch", is_flag=True, help="Go on looking, until Ctrl-C.")
@click.option(
    "--background",
    is_flag=True,
    help="Give way to all else, end with whoever started it, and say only what went wrong.",
)
@json_option
@click.pass_context
def due(context: click.Context, *, watch: bool, background: bool) -> None:
    """Run what is due now, and go on with what a killed process left; then exit.

    Exits with 0 when nothing was due or all passed, with 1 when a gate failed, a run could not be
    made, or a result could not be delivered.
    """
    if background:
        from app.nightly.giving_way import give_way

        give_way()  # before anything heavy is imported
    terminal: Terminal = context.obj
    assay = open_assay()
    if watch:
        _watch(terminal, assay)
        return
    finished = _run_due(terminal, assay, is_quiet=background)
    if terminal.is_json:
        ran = [ran_json(one) for one in finished.ran]
        terminal.result({"ran": ran, "busy": finished.is_busy})
    else:
        _tell(terminal, finished, is_quiet=background)
    context.exit(0 if all(_is_well(one) for one in finished.ran) else 1)


def _is_well(one: "Ran") -> bool:
    return one.outcome.state == "passed" and not one.outcome.undelivered


def _run_due(terminal: Terminal, assay: "Assay", *, is_quiet: bool) -> "Finished":
    from app.evaluation.running import Begun
    from app.nightly.scheduled_run import ScheduledRuns
    from app.nightly.worker import run_due

    if is_quiet:
        runs = ScheduledRuns(assay)
        return run_due(assay.schedules, assay.settings.home, runs.work, cases_done=runs.cases_done)
    with Asking(assay, terminal) as asking:

        def begin(run: "Run") -> None:
            asking.begin(Begun(run))

        def show(one: "Progress") -> None:
            asking.show(one)
            if asking.is_stopped():
                raise KeyboardInterrupt  # the tick has no outcome, and is gone on with

        runs = ScheduledRuns(assay, on_begin=begin, on_progress=show)
        return run_due(assay.schedules, assay.settings.home, runs.work, cases_done=runs.cases_done)


def _watch(terminal: Terminal, assay: "Assay") -> None:
    from app.nightly.worker import Worker

    terminal.note("looking for what is due; Ctrl-C stops")
    worker = Worker(assay.schedules, assay.settings.home)
    try:
        worker.run()
    finally:
        worker.stop()


def _tell(terminal: Terminal, finished: "Finished", *, is_quiet: bool) -> None:
    for one in finished.ran:
        outcome = one.outcome
        if is_quiet and _is_well(one):
            continue
        detail = f": {outcome.detail}" if outcome.detail else ""
        colour = _COLOURS.get(outcome.state)
        terminal.line(f"{one.tick.schedule}: {outcome.state}{detail}", colour=colour)
        for failure in outcome.undelivered:
            terminal.line(f"  not delivered: {failure}", colour="red")
    if is_quiet:
        return
    if finished.is_busy:
        terminal.line("Another process runs what is due.")
    elif not finished.ran:
        terminal.line("Nothing is due.")


def _policy_text(policy: str) -> str:
    """The text of a policy file, which the schedule keeps; empty for the default policy."""
    if policy == DEFAULT_POLICY:
        return ""
    from evals.gating.gates import read_policy

    path = Path(policy)
    read_policy(path)  # refuses what it cannot use, with the line
    return path.read_text(encoding="utf-8-sig")


def _checked_delivery(text: str) -> "Delivery":
    from app.delivery.mail import check_address
    from evals.schedules import Delivery, delivery_of

    delivery = delivery_of(text)
    if delivery.way == "mail":
        check_address(delivery.target)
    if delivery.way == "file":
        # Whoever delivers need not stand in this folder.
        return Delivery("file", str(Path(delivery.target).expanduser().resolve()))
    return delivery


def _warn_of_missing_carriers(terminal: Terminal, assay: "Assay", made: "Schedule") -> None:
    """Say what is not set up here; where the schedule is run it may be."""
    ways = {one.way for one in made.deliveries}
    if "webhook" in ways and assay.settings.webhook_url is None:
        terminal.note("ASSAY_WEBHOOK_URL is not set here: no result can be posted without it")
    if "mail" in ways and assay.settings.mail_host is None:
        terminal.note("ASSAY_MAIL_HOST is not set here: no result can be mailed without it")


def _own_zone() -> str:
    """The zone of this machine's clock, as the system's link names it; UTC when it does not."""
    _, found, name = os.path.realpath(_CLOCK).partition("/zoneinfo/")
    return name if found else "UTC"
