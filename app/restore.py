"""Puts a backup in the place of a home folder's contents, or only looks whether that would do.

The order is what makes it safe to kill at any moment. All is unpacked aside and checked first.
Originals are named by their content, so those of the backup can lie beside those that are there.
One `rename` then replaces the database, which says what everything else means: before it the home
is what it was, after it what the backup was. The rest is sweeping, which `assay serve` and `assay
ingest` do as well.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.archive import DATABASE, Contents, Manifest, read_backup, read_label
from app.errors import BackupRefused, CommandFailed, HomeInUse, HomeNotEmpty
from app.migrations import HEAD, schema_version, upgrade
from app.occupancy import HomeUse, scratch_folder
from retrieval.database import (
    damage_of,
    opened_alone,
    schema_objects,
    seal_database,
    side_files,
)
from retrieval.errors import StoreBusy
from retrieval.maintenance import Maintenance, counts_at
from retrieval.originals import Originals

_SPARE_BYTES = 64 << 20

OnProgress = Callable[
    [float, str], object
]  # the share that is done, 0 to 1, and what is being done


@dataclass(frozen=True, slots=True)
class HomeFolder:
    """Where things are in a home."""

    folder: Path
    database: Path
    originals: Path
    vector_index: Path


@dataclass(frozen=True, slots=True)
class ReadyRestore:
    """A backup that was unpacked and is well. `replaces` says what would go, None in an empty home.

    Nothing was changed so far.
    """

    manifest: Manifest
    replaces: str | None
    _home: HomeFolder
    _unpacked: Path
    _originals: frozenset[str]

    def put_in_place(self) -> None:
        """Make the home what the backup is.

        Raises:
            HomeInUse: another program has the database open.
        """
        _close_orderly(self._home)
        kept = Originals(self._home.originals)
        for staged in Originals(self._unpacked / "originals").files():
            target = kept.path(staged.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            _move(staged, target)
        _sync_folders(self._home.originals)
        # It would be refused and made again anyhow; but nothing of what goes should stay.
        shutil.rmtree(self._home.vector_index, ignore_errors=True)
        for path in side_files(self._home.database):
            path.unlink(missing_ok=True)
        _move(self._unpacked / DATABASE, self._home.database.resolve())
        _sync_folder(self._home.folder)
        for path in kept.files():
            if path.name not in self._originals:
                path.unlink(missing_ok=True)


def check_backup(file: Path, home: Path, *, on_progress: OnProgress) -> Manifest:
    """Do all that a restore does, but for changing anything.

    Args:
        home: where the database is unpacked for a while; others may be using it.

    Raises:
        BackupRefused: the file is not a whole backup that this version can restore.
    """
    use = HomeUse(home)
    try:
        _refuse_label(file)
        with scratch_folder(home) as scratch:
            database = scratch / DATABASE
            _refuse_full_disk(home, file)
            found = read_backup(
                file, database_to=database, on_bytes=_share_of(file, "checking", on_progress)
            )
            _examine(file, database, found)
    finally:
        use.end()
    return found.manifest


@contextmanager
def ready_restore(
    file: Path, home: HomeFolder, *, replace: bool, on_progress: OnProgress
) -> Iterator[ReadyRestore]:
    """Unpack and check a backup beside what is there, which nobody may use meanwhile.

    Args:
        replace: what is there may go.

    Raises:
        HomeInUse: a server or another command uses the home.
        HomeNotEmpty: it holds something, and `replace` is not set.
        BackupRefused: the file is not a whole backup that this version can restore.
    """
    use = HomeUse(home.folder, alone=True)
    try:
        _refuse_label(file)
        holds = _database_holds(home)
        if holds and not replace:
            raise HomeNotEmpty(home.folder, holds)
        _refuse_full_disk(home.folder, file)
        with scratch_folder(home.folder) as scratch:
            database, originals = scratch / DATABASE, scratch / "originals"
            originals.mkdir()
            found = read_backup(
                file,
                database_to=database,
                originals_to=originals,
                on_bytes=_share_of(file, "unpacking", on_progress),
            )
            _examine(file, database, found)
            holds = holds or _originals_hold(home, found.originals)
            if holds and not replace:
                raise HomeNotEmpty(home.folder, holds)
            _sync_files(scratch)
            yield ReadyRestore(found.manifest, holds, home, scratch, found.originals)
    finally:
        use.end()


def _refuse_label(file: Path) -> None:
    if not file.is_file():
        raise CommandFailed(f"{file} is not a file that can be read; name a backup")
    label = read_label(file)
    if label.schema_version > HEAD:
        raise BackupRefused(
            file,
            f"was made by Assay {label.assay} with schema {label.schema_version}, and this version "
            f"knows up to {HEAD}",
            f"install Assay {label.assay} or newer",
        )


def _refuse_full_disk(folder: Path, file: Path) -> None:
    needed = (file.stat().st_size + _SPARE_BYTES) // 1_000_000
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < needed:
        raise CommandFailed(
            f"{file} needs {needed:,} MB in {folder}, and {free:,} MB are free; free some "
            "space, or set ASSAY_HOME to another disk (nothing was changed)"
        )


def _share_of(file: Path, step: str, on_progress: OnProgress) -> Callable[[int], None]:
    total, done = max(1, file.stat().st_size), 0

    def add(size: int) -> None:
        nonlocal done
        done += size
        on_progress(min(done / total, 1.0), step)

    return add


def _database_holds(home: HomeFolder) -> str | None:
    """What would be lost with the database, in words; None when that is nothing."""
    if not home.database.exists():
        return None
    counts = counts_at(home.database)
    if counts is None:
        return "a database that cannot be read"
    if counts.documents or counts.users:
        return f"{counts.documents} documents and {counts.users} users"
    return None


def _originals_hold(home: HomeFolder, coming: frozenset[str]) -> str | None:
    """A home may have lost its database, and keep the only copies of files."""
    files = [path for path in Originals(home.originals).files() if path.name not in coming]
    return f"{len(files)} original files that are not in the backup" if files else None


def _examine(file: Path, database: Path, found: Contents) -> None:
    """Compare a backup's database with what was said of it, and bring it to this schema."""
    if damage := damage_of(database):
        raise BackupRefused(file, f"holds a damaged database ({damage})")
    with opened_alone(database) as engine:
        if any(kind == "view" for kind, _ in schema_objects(engine)):
            raise BackupRefused(file, "holds a database that Assay did not make")
        manifest, schema = found.manifest, schema_version(engine)
        if schema != manifest.schema_version:
            raise BackupRefused(
                file, f"has schema {schema}, and its manifest says {manifest.schema_version}"
            )
        upgrade(engine)
        with opened_alone(database.with_name("expected.db")) as blank:
            upgrade(blank)
            _refuse_foreign(file, schema_objects(engine), schema_objects(blank))
        maintenance = Maintenance(engine)
        counts = maintenance.counts()
        if counts != (manifest.documents, manifest.passages, manifest.users):
            raise BackupRefused(file, "holds another number of documents than its manifest says")
        hashes = maintenance.original_hashes()
    if extra := sorted(found.originals - hashes):
        raise BackupRefused(file, f"holds the original {extra[0]}, which is of no document")
    if len(hashes - found.originals) != manifest.originals_missing:
        raise BackupRefused(file, "lacks originals that its manifest does not call missing")


def _refuse_foreign(
    file: Path, found: dict[tuple[str, str], str], expected: dict[tuple[str, str], str]
) -> None:
    """Refuse a schema other than the one this version makes: a trigger would run by itself."""
    different = sorted(key for key, _ in found.items() ^ expected.items())
    if different:
        kind, name = different[0]
        raise BackupRefused(
            file, f"holds a database that Assay did not make (its {kind} {name[:80]!r} differs)"
        )


def _close_orderly(home: HomeFolder) -> None:
    """Bring what is in the old write-ahead log into the old database: it may have to stay."""
    if not home.database.exists():
        return
    try:
        seal_database(home.database)
    except StoreBusy as error:
        raise HomeInUse(
            f"another program has {home.database} open; end it and run this again (nothing was "
            "changed)"
        ) from error


def _move(source: Path, target: Path) -> None:
    """Give a file its place at one stroke, on another disk as well."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        near = target.with_name(f"{target.name}.partial")
        shutil.copyfile(source, near)
        _sync_file(near)
        near.replace(target)


def _sync_files(folder: Path) -> None:
    os.sync()  # in one go; what follows then finds little left to do
    for path in folder.rglob("*"):
        if path.is_file():
            _sync_file(path)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folders(folder: Path) -> None:
    if folder.is_dir():
        for path in [*folder.iterdir(), folder]:
            if path.is_dir():
                _sync_folder(path)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
