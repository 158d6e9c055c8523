"""Files that are looked at again and again: which have changed, and which still do."""

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from ingestion.changes import FoundFile
from ingestion.errors import StillWritten
from ingestion.finding import hashed

# So long a file must have stayed the same before it is taken. More than the two seconds in which
# some file systems count: a change that leaves size and time as they were would be missed.
SETTLE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file as it was when it was looked at last, since when by our clock; hashed once settled."""

    signature: tuple[int, ...]
    since: float
    file: FoundFile | None = None


class FilesOverTime:
    """Hashes a file when it has come to rest, and again only after it has changed.

    What it rests on is size, times and number of a file, as the file system tells them; whoever
    begins anew hashes all of them.

    Args:
        clock: seconds that never go back.
        now: seconds by the clock on the wall, which files carry.
    """

    def __init__(
        self,
        *,
        settle_seconds: float = SETTLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settle_seconds = settle_seconds
        self._clock, self._now = clock, now
        self._seen: dict[str, _Seen] = {}
        self._is_first_look = True

    def hashed(self, path: Path, name: str) -> FoundFile:
        """A file as it is now.

        Raises:
            StillWritten: it has changed a moment ago.
            FileRejected, OSError: as `finding.hashed`.
        """
        status = path.stat()
        signature = (
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
            status.st_dev,
        )
        seen = self._seen.get(str(path))
        if seen is None or seen.signature != signature:
            seen = _Seen(signature, self._since(max(status.st_mtime, status.st_ctime)))
            self._seen[str(path)] = seen
        if seen.file is not None:
            return replace(seen.file, name=name)
        if self._clock() - seen.since < self._settle_seconds:
            raise StillWritten(path)
        found = hashed(path, name)
        self._seen[str(path)] = replace(seen, file=found)
        return found

    def end_look(self, paths: Collection[str]) -> None:
        """Forget files other than those that were found now."""
        self._is_first_look = False
        for path in self._seen.keys() - set(paths):
            del self._seen[path]

    def _since(self, changed: float) -> float:
        """Since when a file is as it is.

        Later than at the first look, the time that a file carries is not believed: it is that of
        the machine it lies on, or of the file it was copied from.
        """
        age = self._now() - changed
        return self._clock() - age if self._is_first_look and age > 0 else self._clock()


@dataclass(frozen=True, slots=True)
class FolderMark:
    """Which folder a path leads to: after a disk was unmounted, the same path leads to another."""

    device: int
    number: int

    @classmethod
    def of(cls, folder: Path) -> "FolderMark | None":
        """None when there is no such folder."""
        try:
            status = folder.stat()
        except OSError:
            return None
        return cls(status.st_dev, status.st_ino) if folder.is_dir() else None


class Tried:
    """What need not be tried again: rejected files until they change, failed ones for a while."""

    def __init__(
        self, *, again_seconds: float = 600.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._again_seconds, self._clock = again_seconds, clock
        self._until: dict[str, tuple[str, float]] = {}

    def note(self, path: str, sha256: str, *, is_rejected: bool) -> None:
        """A file was tried in vain."""
        wait = math.inf if is_rejected else self._clock() + self._again_seconds
        self._until[path] = (sha256, wait)

    def forget(self, path: str) -> None:
        """It was not in vain this time."""
        self._until.pop(path, None)

    def is_over(self, path: str, sha256: str) -> bool:
        """Whether trying again would do the same."""
        known, until = self._until.get(path, ("", -math.inf))
        return known == sha256 and self._clock() < until
