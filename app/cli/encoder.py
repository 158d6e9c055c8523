"""`assay encoder`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option, progress
from app.errors import CommandFailed

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from app.encoders import KnownEncoder


@click.group()
def encoder() -> None:
    """Say which embedding models have read the documents, and change the one that is asked."""


@encoder.command("list", epilog="\b\nExample:\n  assay encoder list")
@json_option
@click.pass_obj
def list_(terminal: Terminal) -> None:
    """List the embedding models whose vectors are kept."""
    from app.encoders import known_encoders

    assay = open_assay()
    found = known_encoders(assay)
    if terminal.is_json:
        terminal.result(
            {"configured": assay.settings.encoder, "encoders": [asdict(one) for one in found]}
        )
        return
    terminal.line(f"configured: {assay.settings.encoder}")
    for one in found:
        terminal.line(f"  {one.fingerprint}: {one.vectors} of {one.passages} passages")
    if not found:
        terminal.line("none has read anything yet; bring documents in with `assay ingest PATH`")


@encoder.command(
    epilog="\b\nExamples:\n  assay encoder use ~/models/multilingual-e5-small\n"
    "  assay encoder use all-MiniLM-L6-v2"
)
@click.argument("model")
@json_option
@click.pass_obj
def use(terminal: Terminal, model: str) -> None:
    """Search with another embedding model from now on.

    MODEL is a folder, a hub id, or the bundled model's name. Its vectors are made beside those of
    the present one, which answers until all are there; then the setting is written and the index
    made. Going back is the same command with the model before: its vectors are still there. A
    command that was stopped goes on where it was.
    """
    from app.bootstrap import Assay
    from app.encoders import embed_missing
    from app.settings import read_settings, set_by_environment
    from app.settings_file import write_kept

    settings = read_settings()
    if hidden := set_by_environment("encoder"):
        raise CommandFailed(
            f"{hidden} is set in the environment and would win over the file; unset it first"
        )
    path = Path(model).expanduser()
    name = str(path.resolve()) if path.exists() else model
    assay = Assay(settings.model_copy(update={"encoder": name}))
    try:
        with progress("Embedding", None) as show:
            made = embed_missing(
                assay,
                assay.encoder,
                on_progress=lambda done, total: show(done, f"{done} of {total} passages"),
            )
        file = write_kept(settings.home, {"encoder": name})
        assay.vectors.save()
        fingerprint = assay.encoder.fingerprint
    finally:
        assay.close()
    if terminal.is_json:
        terminal.result({"encoder": fingerprint, "embedded": made, "file": str(file)})
        return
    terminal.line(
        f"{made} passages embedded; {fingerprint} is searched with from now on ({file}); "
        "restart `assay serve` if it runs"
    )


@encoder.command(epilog="\b\nExample:\n  assay encoder forget all-MiniLM-L6-v2:0a1b2c3d4e5f6071")
@click.argument("fingerprint")
@json_option
@click.pass_obj
def forget(terminal: Terminal, fingerprint: str) -> None:
    """Remove the vectors of an embedding model that is no longer asked.

    FINGERPRINT is as `assay encoder list` says. Going back to it then means embedding everything.
    """
    from app.encoders import known_encoders

    assay = open_assay()
    removed = _forgotten(assay, fingerprint, known_encoders(assay))
    if terminal.is_json:
        terminal.result({"removed": removed})
        return
    terminal.line(f"{removed} vectors of {fingerprint} removed")


def _forgotten(assay: "Assay", fingerprint: str, known: "list[KnownEncoder]") -> int:
    names = [one.fingerprint for one in known]
    if fingerprint not in names:
        raise CommandFailed(
            f"there is no encoder {fingerprint!r}; known are {', '.join(names) or 'none'}"
        )
    if fingerprint == assay.encoder.fingerprint:
        raise CommandFailed(
            f"{fingerprint} is the one that is searched with; `assay encoder use` another first"
        )
    return assay.maintenance.remove_vectors(encoder=fingerprint)
