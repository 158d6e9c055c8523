"""Makes a backup of a home folder that is in use: database and originals in one file, read back.

The file shows the store at one moment, but for documents that are removed while it is being made:
they are left out, since whoever removes one must not find it again after a restore.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, NamedTuple

from app.accounts import Accounts
from app.archive import (
    DATABASE,
    FORMAT,
    LABEL,
    MANIFEST,
    ArchiveWriter,
    Label,
    Manifest,
    read_backup,
    read_label,
)
from app.bootstrap import Assay
from app.errors import BackupRefused, CommandFailed
from app.migrations import HEAD, schema_version
from app.occupancy import scratch_folder
from retrieval.database import (
    copy_database,
    damage_of,
    opened_alone,
)
from retrieval.maintenance import Counts, KeptOriginal, Maintenance
from retrieval.originals import Originals
from retrieval.store import Store

# How often documents may be removed while originals are packed, which then begins anew.
_ROUNDS = 20
_SPARE_BYTES = 64 << 20

OnProgress = Callable[
    [float, str], object
]  # the share that is done, 0 to 1, and what is being done


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was written and read back."""

    manifest: Manifest
    bytes: int
    missing: tuple[KeptOriginal, ...]
    removed_meanwhile: int
    seconds: float


def write_backup(assay: Assay, file: Path, *, force: bool, on_progress: OnProgress) -> Backup:
    """Write a backup to `file`, which appears when all of it was read back, or not at all.

    Originals that are missing or damaged cannot be in it; the result names them.

    Args:
        force: take the place of a backup that is there.

    Raises:
        CommandFailed: there is no place for it, or what was written reads differently.
        HomeInUse: another backup of this home is being made.
    """
    begun = time.monotonic()
    home = assay.settings.home
    _refuse_place(file, home, force=force)
    progress = _Progress(assay, on_progress)
    progress.refuse_full_disks(home, file.parent)
    with _written_aside(file, force=force) as (aside, out), scratch_folder(home) as scratch:
        packing = _Packing(assay, scratch / DATABASE, ArchiveWriter(out), progress)
        manifest = packing.write()
        size = out.tell()
        with suppress(AttributeError, OSError):  # read back from the disk, where that can be asked
            os.posix_fadvise(out.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        _read_back(aside, manifest, progress.part("reading it back"))
    return Backup(
        manifest, size, packing.missing, packing.removed_meanwhile, time.monotonic() - begun
    )


def _refuse_place(file: Path, home: Path, *, force: bool) -> None:
    if not file.parent.is_dir():
        raise CommandFailed(f"there is no folder {file.parent}; make it, or choose another FILE")
    if file.is_dir():
        raise CommandFailed(f"{file} is a folder; name a file, for example {file / 'assay.backup'}")
    if home.resolve() in file.resolve().parents:
        raise CommandFailed(
            f"{file} is in the home folder {home}, and would be lost with it; choose a FILE "
            "elsewhere, best on another disk"
        )
    if not (file.exists() or file.is_symlink()):
        return
    if not force:
        raise CommandFailed(f"{file} exists; choose another name, or replace it with --force")
    if file.is_symlink() or not file.is_file():
        raise CommandFailed(f"{file} is not a plain file, so it is not replaced; choose another")
    try:
        read_label(file)
    except BackupRefused as error:
        raise CommandFailed(
            f"{file} {error.reason}, so it is not replaced; choose another name"
        ) from error


class _Progress:
    """Adds up the bytes of all steps: copying the database, packing, reading back."""

    def __init__(self, assay: Assay, on_progress: OnProgress) -> None:
        self._tell, self._done = on_progress, 0.0
        self._database = assay.settings.database.stat().st_size
        self._originals = sum(map(_size, assay.originals.files()))

    def refuse_full_disks(self, home: Path, target: Path) -> None:
        """A disk that is too small is said before anything is written."""
        needed = self._database + self._originals
        if home.stat().st_dev == target.stat().st_dev:
            needed += self._database
        for folder, wanted in ((target, needed), (home, self._database)):
            free = shutil.disk_usage(folder).free
            if free < wanted + _SPARE_BYTES:
                raise CommandFailed(
                    f"a backup needs {(wanted + _SPARE_BYTES) // 1_000_000:,} MB in {folder} while "
                    f"it is made, and {free // 1_000_000:,} MB are free; free some space"
                )

    def copied(self, size: int) -> None:
        """So much of the database has been copied."""
        self._done = size
        self._show("copying the database")

    def part(self, step: str) -> Callable[[int], None]:
        """What is told the length of every piece of a step."""

        def add(size: int) -> None:
            self._done += size
            self._show(step)

        return add

    def _show(self, step: str) -> None:
        total = 3 * self._database + 2 * self._originals
        self._tell(min(self._done / max(1, total), 1.0), step)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # removed meanwhile
        return 0


class _Copied(NamedTuple):
    """What the copy of the database says it holds."""

    counts: Counts
    hashes: frozenset[str]


class _Packing:
    """Copies the database, and packs it with its originals."""

    def __init__(
        self, assay: Assay, copy: Path, archive: ArchiveWriter, progress: _Progress
    ) -> None:
        self._assay, self._copy = assay, copy
        self._archive, self._progress = archive, progress
        self.missing: tuple[KeptOriginal, ...] = ()
        self.removed_meanwhile = 0

    def write(self) -> Manifest:
        label = self._copy_database()
        for _ in range(_ROUNDS):
            copied = self._look_at_copy()
            self._archive.restart()
            self._archive.add_json(LABEL, label)
            lost, originals_bytes = self._pack_originals(copied.hashes)
            if not self._forget_removed():
                break
        else:
            raise CommandFailed(
                f"documents were removed {_ROUNDS} times while their originals were being packed; "
                "make the backup when no `assay ingest --sync` runs"
            )
        self.missing = self._named(lost)
        size = self._copy.stat().st_size
        with self._copy.open("rb") as source:
            sha256 = self._archive.add(DATABASE, source, size, self._progress.part("packing"))
        manifest = Manifest(
            **dict(label),
            **copied.counts._asdict(),
            originals=len(copied.hashes) - len(lost),
            originals_bytes=originals_bytes,
            originals_missing=len(lost),
            database_bytes=size,
            database_sha256=sha256 or "",
        )
        self._archive.add_json(MANIFEST, manifest)
        self._archive.finish()
        return manifest

    def _copy_database(self) -> Label:
        now = datetime.now(UTC)
        copy_database(self._assay.database, self._copy, on_progress=self._progress.copied)
        if found := damage_of(self._copy):
            raise CommandFailed(
                f"the database is damaged ({found}), and no backup was made of it; restore an "
                "earlier one with `assay restore FILE --replace`"
            )
        with opened_alone(self._copy) as engine:
            # A session that was ended since must not live again after a restore.
            Accounts(engine).sessions.end_all()
            schema = schema_version(engine) or HEAD
        return Label(format=FORMAT, assay=version("assay"), schema_version=schema, created_at=now)

    def _look_at_copy(self) -> _Copied:
        with opened_alone(self._copy) as engine:
            maintenance = Maintenance(engine)
            return _Copied(maintenance.counts(), maintenance.original_hashes())

    def _pack_originals(self, hashes: frozenset[str]) -> tuple[set[str], int]:
        """Returns those that are not there or not intact, and the bytes of the others."""
        lost, total = set(), 0
        on_bytes = self._progress.part("packing")
        for sha256 in sorted(hashes):
            path = self._assay.originals.path(sha256)
            try:
                size = self._archive.add_original(sha256, path, on_bytes)
            except FileNotFoundError:
                size = None
            if size is None:
                lost.add(sha256)
            else:
                total += size
        return lost, total

    def _forget_removed(self) -> int:
        """Take documents out of the copy that are no longer in the store; return how many."""
        anew = self._copy.with_suffix(".anew")
        with opened_alone(self._copy) as engine:
            removed = Maintenance(engine).document_ids() - self._assay.maintenance.document_ids()
            if not removed:
                return 0
            Store(engine, Originals(self._copy.parent / "none")).remove(sorted(removed))
            copy_database(engine, anew)
        anew.replace(self._copy)
        self.removed_meanwhile += len(removed)
        return len(removed)

    def _named(self, lost: set[str]) -> tuple[KeptOriginal, ...]:
        with opened_alone(self._copy) as engine:
            return tuple(Maintenance(engine).originals_among(lost))


@contextmanager
def _written_aside(file: Path, *, force: bool) -> Iterator[tuple[Path, BinaryIO]]:
    """A file beside `file` that takes its name at the end, and is gone after any failure.

    What a killed backup left there is written over; a running one is left alone.
    """
    aside = file.with_name(f"{file.name}.partial")
    out = _open_new(aside)
    try:
        with out:
            yield aside, out
            _place(aside, file, force=force)
    finally:
        aside.unlink(missing_ok=True)


def _open_new(aside: Path) -> BinaryIO:
    """Open a new file that is this process's own, and its owner's alone."""
    with suppress(FileNotFoundError):
        with aside.open("rb") as left:
            if not _locks(left):
                raise CommandFailed(
                    f"another backup is being written to {aside}; wait for it to end"
                )
        aside.unlink()
    descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    out = os.fdopen(descriptor, "w+b")
    _locks(out)
    return out


def _locks(file: BinaryIO) -> bool:
    """Take the lock; False when another process has it. Some network disks have no locks."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _place(aside: Path, file: Path, *, force: bool) -> None:
    """Give the file its name; on disk before this returns."""
    if force:
        aside.replace(file)
    else:
        try:
            file.hardlink_to(aside)  # unlike `replace` it refuses a file that came meanwhile
        except FileExistsError:
            raise CommandFailed(f"{file} exists by now; choose another name") from None
        except OSError:  # a disk without hard links
            aside.replace(file)
    with suppress(OSError, KeyboardInterrupt):  # not every network disk can; it is there already
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read_back(aside: Path, manifest: Manifest, on_bytes: Callable[[int], None]) -> None:
    try:
        found = read_backup(aside, on_bytes=on_bytes).manifest
    except BackupRefused as error:
        reason = error.reason
    else:
        if found == manifest:
            return
        reason = "holds another manifest"
    raise CommandFailed(
        f"what was written to {aside} {reason}: the disk does not give back what it was given; "
        "no backup was made, choose another disk"
    )
