"""The original bytes of every revision, by content.

A file's place follows from its SHA-256, so the same bytes are kept once and a damaged file shows
itself. Call `put` and `remove` inside a write transaction of the store: its lock is what keeps one
process from removing the bytes another is about to refer to.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def sha256_of(content: bytes) -> str:
    """SHA-256 in lower-case hexadecimal, 64 characters."""
    return hashlib.sha256(content).hexdigest()


class Originals:
    """A folder of files named by the SHA-256 of what is in them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha256: str) -> Path:
        """Where the bytes with this hash are, or would be."""
        return self._folder / sha256[:2] / sha256

    def put(self, content: bytes) -> str:
        """Keep `content` and return its hash. On disk before this returns; nothing to do twice."""
        sha256 = sha256_of(content)
        path = self.path(sha256)
        if self.is_intact(sha256):
            return sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{sha256}.{os.getpid()}.partial")
        with partial.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(path)
        return sha256

    def read(self, sha256: str) -> bytes | None:
        """The bytes with this hash; None when they are gone or damaged."""
        try:
            content = self.path(sha256).read_bytes()
        except FileNotFoundError:
            return None
        return content if sha256_of(content) == sha256 else None

    def is_intact(self, sha256: str) -> bool:
        """Whether the bytes are there and still have this hash."""
        path = self.path(sha256)
        return path.is_file() and sha256_of(path.read_bytes()) == sha256

    def size(self, sha256: str) -> int | None:
        """How many bytes these are; None when they are not there."""
        path = self.path(sha256)
        return path.stat().st_size if path.is_file() else None

    def remove(self, sha256: str) -> None:
        """Forget the bytes. Not an error when they are not there."""
        self.path(sha256).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """The name of every file in the folder, in no order; much cheaper than `files`."""
        with suppress(FileNotFoundError), os.scandir(self._folder) as folders:
            for folder in folders:
                if folder.is_dir(follow_symlinks=False):
                    with os.scandir(folder.path) as files:
                        yield from (one.name for one in files if one.is_file(follow_symlinks=False))

    def files(self) -> Iterator[Path]:
        """Every file in the folder, unfinished ones of a killed process among them."""
        yield from (path for path in sorted(self._folder.glob("*/*")) if path.is_file())
