"""`assay backup` and `assay restore`."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option, progress

if TYPE_CHECKING:
    from app.archive import Manifest
    from app.restore import HomeFolder

_QUIET_SECONDS = 2.0
_INTERRUPTED = 130
_NAMED_AT_MOST = 20


@click.command(
    epilog="\b\nExamples:\n  assay backup /mnt/backups/assay-$(date +%F).backup\n"
    "  assay backup --force /mnt/backups/assay.backup"
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace a backup that is there.")
@json_option
@click.pass_context
def backup(context: click.Context, file: Path, force: bool) -> None:  # noqa: FBT001
    """Write everything that cannot be made again into one file, and read it back.

    A server and ingestions may run meanwhile. The file is as confidential as the home folder: it
    holds every document, and it is not encrypted.

    Exit code 1 when an original was missing or damaged; the backup holds everything else.
    """
    from app.backup import write_backup

    terminal = context.ensure_object(Terminal)
    try:
        with progress("Backing up", 1.0, after_seconds=_QUIET_SECONDS) as show:
            made = write_backup(open_assay(), file, force=force, on_progress=show)
    except KeyboardInterrupt:
        terminal.note(f"stopped; no backup was written to {file}")
        context.exit(_INTERRUPTED)
    if terminal.is_json:
        terminal.result(
            {
                "file": str(file),
                "bytes": made.bytes,
                "seconds": round(made.seconds, 3),
                **made.manifest.model_dump(mode="json"),
                "removed_meanwhile": made.removed_meanwhile,
                "missing": [
                    {"name": original.name, "path": original.path, "sha256": original.sha256}
                    for original in made.missing
                ],
            }
        )
    terminal.line(
        f"{file}: {_holds(made.manifest)}; {made.bytes / 1e6:,.1f} MB, written and read back in "
        f"{made.seconds:.1f} s"
    )
    if made.removed_meanwhile:
        terminal.line(
            f"{made.removed_meanwhile} documents were removed meanwhile and are not in it"
        )
    for original in made.missing[:_NAMED_AT_MOST]:
        terminal.note(f"  not in it: the original of {original.name} ({original.path})")
    if made.missing:
        terminal.note(
            f"{len(made.missing)} originals are missing or damaged; `assay doctor --repair` takes "
            "them again from where they were ingested, if they are there; all else is in the backup"
        )
        context.exit(1)


@click.command(
    epilog="\b\nExamples:\n  assay restore --check /mnt/backups/assay.backup\n"
    "  assay restore /mnt/backups/assay.backup\n"
    "  assay restore --replace /mnt/backups/assay.backup"
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only say whether the backup could be restored.")
@click.option("--replace", is_flag=True, help="Let what is in the home folder go.")
@click.option("--yes", is_flag=True, help="With --replace: do not ask.")
@json_option
@click.pass_context
def restore(
    context: click.Context,
    file: Path,
    check: bool,  # noqa: FBT001
    replace: bool,  # noqa: FBT001
    yes: bool,  # noqa: FBT001
) -> None:
    """Put a backup into an empty home folder, or in the place of what is there.

    All of it is unpacked and checked first; until then, and when anything is wrong with it, nothing
    is changed. No server or other command may use the home folder meanwhile.
    """
    from app.restore import check_backup, ready_restore

    terminal = context.ensure_object(Terminal)
    home = _home_folder()
    with ExitStack() as until_the_end:
        try:
            with progress("Reading", 1.0, after_seconds=_QUIET_SECONDS) as show:
                if check:
                    manifest = check_backup(file, home.folder, on_progress=show)
                    _say(terminal, manifest, f"{file} is whole, nothing was changed")
                    return
                ready = until_the_end.enter_context(
                    ready_restore(file, home, replace=replace, on_progress=show)
                )
            if ready.replaces and not yes:
                click.confirm(
                    f"{home.folder} holds {ready.replaces}. Replace all of it by the backup of "
                    f"{ready.manifest.created_at:%d %B %Y, %H:%M} UTC with "
                    f"{_holds(ready.manifest)}?",
                    abort=True,
                    err=True,
                )
        except (KeyboardInterrupt, click.Abort):
            terminal.note("stopped; nothing was changed")
            context.exit(_INTERRUPTED)
        try:
            ready.put_in_place()
        except KeyboardInterrupt:
            terminal.note(
                "stopped while it was put in place: what was there before is complete, or the "
                "backup is, and `assay status` says which; run it again to be sure"
            )
            context.exit(_INTERRUPTED)
    _say(terminal, ready.manifest, f"{home.folder} is what it was at the time of the backup")
    terminal.line(
        "Everybody must log in again. Passwords, grants and API keys are those of that time: "
        "`assay key list` shows keys that were revoked since, and are valid again."
    )
    if ready.manifest.originals_missing:
        terminal.note(
            f"{ready.manifest.originals_missing} originals are not in the backup; `assay doctor "
            "--repair` takes them again from where they were ingested, if they are there"
        )


def _say(terminal: Terminal, manifest: "Manifest", what: str) -> None:
    if terminal.is_json:
        terminal.result(manifest.model_dump(mode="json"))
    terminal.line(
        f"{what}: {_holds(manifest)}, made at {manifest.created_at:%Y-%m-%d %H:%M} UTC by Assay "
        f"{manifest.assay}"
    )


def _holds(manifest: "Manifest") -> str:
    return (
        f"{manifest.documents:,} documents, {manifest.passages:,} passages, {manifest.users:,} "
        f"users, {manifest.originals:,} originals"
    )


def _home_folder() -> "HomeFolder":
    from app.restore import HomeFolder
    from app.settings import read_settings

    settings = read_settings()
    return HomeFolder(settings.home, settings.database, settings.originals, settings.vector_index)
