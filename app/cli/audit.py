"""`assay audit`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_line, json_option

if TYPE_CHECKING:
    from app.audit import Object


@click.command(
    epilog="\b\nExamples:\n  assay audit --actor maria --since 2026-11-01\n"
    "  assay audit --action grant --json > grants.jsonl\n  assay audit --about document:77"
)
@click.option("--actor", metavar="NAME", help="Only what this user did.")
@click.option("--action", metavar="WORD", help="`grant.given`, or `grant` for all of them.")
@click.option("--about", metavar="KIND:NUMBER", help="Only what was done to it: `document:77`.")
@click.option("--since", type=click.DateTime(), help="Not before (UTC).")
@click.option("--until", type=click.DateTime(), help="Before (UTC).")
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), help="The newest so many  [default: all]"
)
@json_option
@click.pass_obj
def audit(
    terminal: Terminal,
    actor: str | None,
    action: str | None,
    about: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
) -> None:
    """Say who did what, the newest first; with --json, each on a line of its own."""
    from itertools import islice

    from app.api.people_wire import entry_json
    from app.audit import Wanted

    wanted = Wanted(actor, action, _object(about), _naive(since), _naive(until))
    for entry in islice(open_assay().audit.every(wanted), limit):
        if terminal.is_json:
            click.echo(json_line(entry_json(entry)))
            continue
        of = f"  {entry.object.kind} {entry.object.id}" if entry.object else ""
        viewed = f" as {entry.actor.viewed_as}" if entry.actor.viewed_as else ""
        said = ", ".join(f"{name} {value}" for name, value in entry.details.items() if value)
        terminal.line(
            f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.actor.name}{viewed}  {entry.action}{of}"
            f"{'  ' if said else ''}{said}"
        )


def _object(about: str | None) -> "Object | None":
    from app.audit import Object
    from app.errors import CommandFailed

    if about is None:
        return None
    kind, _, number = about.partition(":")
    if not kind or not number.isdecimal():
        raise CommandFailed(f"--about is {about!r}; give a kind and a number, such as document:77")
    return Object(kind, int(number))


def _naive(at: datetime | None) -> datetime | None:
    return at if at is None or at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
