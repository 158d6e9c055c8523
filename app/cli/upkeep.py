"""`assay status` and `assay doctor`."""

from dataclasses import asdict

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option


@click.command(epilog="\b\nExamples:\n  assay status\n  assay status --json")
@json_option
@click.pass_obj
def status(terminal: Terminal) -> None:
    """Say what is there: collections, models, folder."""
    from app.upkeep import status_of

    found = status_of(open_assay())
    if terminal.is_json:
        terminal.result(asdict(found))
        return
    terminal.line(f"Assay {found.version}, everything in {found.home} ({found.megabytes} MB)")
    terminal.line(f"encoder {found.encoder}, model {found.model}")
    terminal.line(f"change number {found.change_number}, {found.users} users")
    for collection in found.collections:
        terminal.line(
            f"  {collection.name}: {collection.documents} documents, {collection.passages} passages"
        )
    if not found.collections:
        terminal.line("no documents yet; bring some in with `assay ingest PATH`")


@click.command(epilog="\b\nExamples:\n  assay doctor\n  assay doctor --repair")
@click.option("--repair", is_flag=True, help="Mend what can be mended.")
@json_option
@click.pass_context
def doctor(context: click.Context, repair: bool) -> None:  # noqa: FBT001
    """Check the models, the store against its indexes, the disk and the versions.

    Exit code 0 when all is well, 1 when something is not.
    """
    from app.upkeep import examine

    terminal = context.ensure_object(Terminal)
    findings = []
    for finding in examine(open_assay(), repair=repair):
        findings.append(finding)
        mark = "ok  " if finding.is_ok else "FIX " if finding.is_repaired else "BAD "
        terminal.line(f"{mark}{finding.check}: {finding.detail}")
        if finding.fix and not finding.is_ok and not finding.is_repaired:
            terminal.line(f"     {finding.fix}")
    healthy = all(finding.is_ok or finding.is_repaired for finding in findings)
    if terminal.is_json:
        terminal.result({"healthy": healthy, "findings": [asdict(f) for f in findings]})
    context.exit(0 if healthy else 1)
