"""Who uses a home folder: any number of commands at once, or a restore alone.

Locks of the operating system, which end with the process that holds them, however it ends.
"""

import fcntl
import os
import shutil
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import HomeInUse

_IN_USE = "lock"
_UNFINISHED = "unfinished"
_PATIENCE_SECONDS = 5.0
_RETRY_SECONDS = 0.05


class HomeUse:
    """A home folder is in use until `end`, or until this object or the process is gone.

    Args:
        alone: nobody else uses it meanwhile.

    Raises:
        HomeInUse: somebody else uses the folder alone; or at all, when it is wanted alone.
    """

    def __init__(self, home: Path, *, alone: bool = False) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = _open(home / _IN_USE)
        self.end = weakref.finalize(self, os.close, descriptor)
        if not _locks(descriptor, shared=not alone):
            self.end()
            raise HomeInUse(
                f"{home} is in use by `assay serve` or another command; stop the server, or wait "
                "for the command to end, and run this again"
                if alone
                else f"a backup is being restored into {home}; run this again when that has ended"
            )


@contextmanager
def scratch_folder(home: Path) -> Iterator[Path]:
    """An empty folder inside the home, for one command at a time; removed at the end.

    What a killed command left in it is removed by the next, or by `sweep_scratch`.

    Raises:
        HomeInUse: another command has it.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = _open(home / f"{_UNFINISHED}.lock")
    folder = home / _UNFINISHED
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _locks(descriptor, shared=False):
            if time.monotonic() > deadline:
                raise HomeInUse(
                    f"a backup of {home} is being made or checked already; wait for it to end and "
                    "run this again"
                )
            time.sleep(_RETRY_SECONDS)
        _remove(folder)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            _remove(folder)
    finally:
        os.close(descriptor)


def has_left_scratch(home: Path) -> bool:
    """Whether a killed command left something."""
    with _nobody_has_scratch(home) as is_left:
        return is_left


def sweep_scratch(home: Path) -> None:
    """Remove what a killed command left."""
    with _nobody_has_scratch(home) as is_left:
        if is_left:
            _remove(home / _UNFINISHED)


@contextmanager
def _nobody_has_scratch(home: Path) -> Iterator[bool]:
    if not (home / _UNFINISHED).exists():
        yield False
        return
    descriptor = _open(home / f"{_UNFINISHED}.lock")
    try:
        yield _locks(descriptor, shared=False)
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except KeyboardInterrupt:  # large files take a while, and nothing shall be left behind
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locks(descriptor: int, *, shared: bool) -> bool:
    """Take the lock now; False when somebody else has it."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
