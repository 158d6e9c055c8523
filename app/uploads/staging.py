"""The bytes of uploads, from their arrival until they are kept as originals.

Each upload has a folder, with its files numbered as they came: what a client calls them never
reaches the file system. While it arrives the folder is locked; afterwards a job refers to it.
"""

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

# What could not be indexed is kept so long for another try.
KEPT_SECONDS = 7 * 24 * 3600.0
# Left free on the disk: the database, the originals and everybody else want some, too.
SPARE_BYTES = 256 * 1024 * 1024


@dataclass(slots=True)
class Arriving:
    """An upload that arrives. `keep` it, or it is removed again."""

    name: str
    folder: Path
    is_kept: bool = False
    _files: list[Path] = field(default_factory=list)

    @contextmanager
    def next_file(self) -> Iterator[tuple[Path, BinaryIO]]:
        """A new file to write to; on disk before the context ends."""
        path = self.folder / f"{len(self._files):06}"
        self._files.append(path)
        with path.open("xb") as out:
            yield path, out
            out.flush()
            os.fsync(out.fileno())

    def keep(self) -> None:
        """A job refers to it now."""
        self.is_kept = True


class Staging:
    """The folder of uploads in a home folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def arriving(self) -> Iterator[Arriving]:
        """A folder for an upload, which nobody sweeps away meanwhile."""
        name = secrets.token_hex(16)
        folder = self._folder / name
        folder.mkdir(parents=True, mode=0o700)
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            arriving = Arriving(name, folder)
            try:
                yield arriving
            finally:
                if not arriving.is_kept:
                    shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)

    def free_bytes(self) -> int:
        """How much an upload may still bring before the disk is too full."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return shutil.disk_usage(self._folder).free - SPARE_BYTES

    def forget(self, location: str) -> None:
        """Remove the bytes of a file, when they are in here, and a folder that is empty then."""
        path = Path(location)
        if path.parent.parent == self._folder:
            path.unlink(missing_ok=True)
            with suppress(OSError):
                path.parent.rmdir()

    def sweep(self, wanted: Collection[str], *, kept_seconds: float = KEPT_SECONDS) -> int:
        """Remove uploads that nobody refers to, and what has waited too long for another try.

        Args:
            wanted: names that jobs refer to, whose work is not over or might be tried again.

        Returns:
            How many folders went.
        """
        removed = 0
        if not self._folder.is_dir():
            return removed
        for folder in sorted(self._folder.iterdir()):
            with suppress(OSError):
                is_old = time.time() - folder.stat().st_mtime > kept_seconds
                if (folder.name not in wanted or is_old) and _is_free(folder):
                    shutil.rmtree(folder)
                    removed += 1
        return removed

    def left_over(self, wanted: Collection[str]) -> int:
        """How many folders nobody refers to, nor writes to."""
        if not self._folder.is_dir():
            return 0
        folders = [one for one in self._folder.iterdir() if one.name not in wanted]
        return sum(map(_is_free, folders))


def _is_free(folder: Path) -> bool:
    """Whether no upload arrives in it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
