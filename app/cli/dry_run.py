"""What `assay ingest` would do."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.terminal import Terminal

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from ingestion.ignoring import Selection


def show_plan(
    terminal: Terminal,
    assay: "Assay",
    paths: Sequence[Path],
    *,
    collection: str,
    sync: bool,
    selection: "Selection",
) -> None:
    """Print what would become of every file, and why some are passed over; change nothing."""
    from retrieval.types import Collection

    known_ones = {known.name: known for known in assay.store.collections()}
    target = known_ones.get(collection, Collection(0, collection))
    listing = assay.ingester().look(
        paths, collection=target, sync=sync, allow_mass_removal=True, selection=selection
    )
    found, plan = listing.found, listing.plan
    known = assay.store.known_files(target)
    path_of = {file.document_id: path for path, file in known.items()}
    fates = {
        "add": {file.path: "" for file in plan.to_read if file.path not in known},
        "change": {file.path: "" for file in plan.to_read if file.path in known},
        "remove": {path_of[number]: "" for number in plan.to_remove},
        "ignore": dict(found.ignored),
        "reject": dict(found.rejected),
        "fail": dict(found.failed),
    }
    if terminal.is_json:
        told = {
            fate: files if fate in {"ignore", "reject", "fail"} else list(files)
            for fate, files in fates.items()
        }
        terminal.result({**told, "unchanged": len(plan.unchanged)})
        return
    for fate, files in fates.items():
        for path, reason in files.items():
            terminal.line(f"  {fate}  {path}: {reason}" if reason else f"  {fate}  {path}")
    counts = [f"{len(files)} to {fate}" for fate, files in fates.items() if files]
    counts.append(f"{len(plan.unchanged)} unchanged")
    terminal.line(f"{', '.join(counts)}; nothing was done")
