"""What a run has to do, from what the store knows and what is on disk. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from ingestion.errors import TooManyRemoved
from ingestion.ignoring import EVERYTHING, Selection
from retrieval.types import KnownFile

REMOVAL_LIMIT_PERCENT = 20


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file on disk. `path` identifies it; `name` is what readers will see.

    `path` is absolute, and where the bytes lie, unless `location` says otherwise: an upload is
    known by a path of its own.
    """

    path: str
    name: str
    size: int
    sha256: str
    location: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do.

    `to_read` holds new and changed files in the order found; `to_remove` the ids of documents
    whose file has gone; `in_scope` how many documents the store knows under the synced folders.
    `moved` of those to remove are there under another path, with the same bytes.
    """

    unchanged: tuple[FoundFile, ...]
    to_read: tuple[FoundFile, ...]
    to_remove: tuple[int, ...]
    in_scope: int
    moved: int = 0


def plan_changes(
    found: Sequence[FoundFile],
    known: Mapping[str, KnownFile],
    *,
    synced_folders: Sequence[str] = (),
    unopened: Sequence[str] = (),
    selection: Selection = EVERYTHING,
) -> Plan:
    """Compare files with the store by content.

    Args:
        found: each path once.
        known: the collection's documents by path.
        synced_folders: absolute folders that were walked; a known document under one of them
            that was not found is to be removed. Empty: nothing is removed.
        unopened: absolute files and folders that are there but could not be opened: what is not
            found at or under them has not gone.
    """
    unchanged: list[FoundFile] = []
    to_read: list[FoundFile] = []
    for file in found:
        match = known.get(file.path)
        is_unchanged = match is not None and match.sha256 == file.sha256
        (unchanged if is_unchanged else to_read).append(file)
    here = {file.path for file in found}
    in_scope = [path for path in known if _is_in_scope(path, synced_folders, selection)]
    gone = [
        known[path] for path in in_scope if path not in here and not _lies_under(path, unopened)
    ]
    contents = {file.sha256 for file in found}
    return Plan(
        tuple(unchanged),
        tuple(to_read),
        tuple(one.document_id for one in gone),
        len(in_scope),
        sum(one.sha256 in contents for one in gone),
    )


def refuse_mass_removal(plan: Plan) -> None:
    """Stop a sync that would remove a large share of what is known.

    Raises:
        TooManyRemoved: more than `REMOVAL_LIMIT_PERCENT` of the documents in scope have gone,
            and are nowhere else.
    """
    lost = len(plan.to_remove) - plan.moved
    if lost * 100 > plan.in_scope * REMOVAL_LIMIT_PERCENT:
        raise TooManyRemoved(lost, plan.in_scope, REMOVAL_LIMIT_PERCENT)


def _is_in_scope(path: str, folders: Sequence[str], selection: Selection) -> bool:
    return any(
        selection.refusal(PurePath(path).relative_to(folder).as_posix()) is None
        for folder in folders
        if PurePath(path).is_relative_to(folder)
    )


def _lies_under(path: str, folders: Sequence[str]) -> bool:
    return any(PurePath(path).is_relative_to(folder) for folder in folders)
