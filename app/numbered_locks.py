"""Which process works on what has a number: a lock for each, which ends with its process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CHOOSING = "choosing.lock"


class NumberedLocks:
    """Operating system locks on things with numbers: files in a folder, named after the kind."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder = folder
        self._kind = kind

    @contextmanager
    def choosing(self) -> Iterator[None]:
        """Nobody else takes, begins or lets go of one meanwhile. Waits for its turn."""
        descriptor = self._open(_CHOOSING)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def held(self, number: int) -> Iterator[bool]:
        """Have one for as long as the context lasts, or until the process is gone.

        To be entered while `choosing` and left when that has ended.

        Yields:
            False when another process, or another thread, has it.
        """
        descriptor = self._open(self._name_of(number))
        is_ours = False
        try:
            is_ours = _locks(descriptor)
            yield is_ours
        finally:
            if is_ours:
                # While choosing: else somebody might open the file just before it is removed, and
                # lock what nobody else can see.
                with self.choosing(), suppress(FileNotFoundError):
                    (self._folder / self._name_of(number)).unlink()
            os.close(descriptor)

    def is_held(self, number: int) -> bool:
        """Whether a process has this one now."""
        if not (self._folder / self._name_of(number)).exists():
            return False
        with self.choosing():
            descriptor = self._open(self._name_of(number))
            try:
                return not _locks(descriptor)
            finally:
                os.close(descriptor)

    def _name_of(self, number: int) -> str:
        return f"{self._kind}-{number}.lock"

    def _open(self, name: str) -> int:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locks(descriptor: int) -> bool:
    """Take the lock now; False when somebody else has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
