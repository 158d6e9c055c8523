"""Finds the files at and under given paths, and hashes each."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingestion.changes import FoundFile
from ingestion.errors import FileRejected, FileTooLarge
from retrieval.originals import sha256_of

FILE_LIMIT_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """What is at and under the given paths, each path once.

    Args:
        rejected: reason by path: what no run will ever take.
        failed: reason by path: what could not be opened now.
        unopened: what is there but could not be opened or was rejected, files and folders.
    """

    files: tuple[FoundFile, ...]
    rejected: Mapping[str, str]
    failed: Mapping[str, str]
    unopened: tuple[str, ...]


def find_files(paths: Sequence[Path]) -> Found:
    """Look at every given file, and at the folders to the bottom.

    Hidden files and folders and what a file system link points to are passed over inside folders.
    """
    files: dict[str, FoundFile] = {}
    rejected: dict[str, str] = {}
    failed: dict[str, str] = {}
    unopened: list[str] = []

    def note_failed(error: OSError, path: str) -> None:
        if path in failed or path in rejected:
            return
        failed[path] = error.strerror or str(error)
        if not isinstance(error, FileNotFoundError):
            unopened.append(path)

    for given in paths:
        for path, name in _walk(given, lambda error: note_failed(error, shown(error.filename))):
            key = shown(path)
            if key in files or key in rejected or key in failed:
                continue
            try:
                files[key] = hashed(path, name)
            except FileRejected as rejection:
                rejected[key] = str(rejection)
                unopened.append(key)
            except OSError as error:
                note_failed(error, key)
    return Found(tuple(files.values()), rejected, failed, tuple(unopened))


def hashed(path: Path, name: str) -> FoundFile:
    """A file as it is now.

    Raises:
        FileRejected: it is none that could be taken.
        OSError: it cannot be opened.
    """
    if shown(path) != str(path):
        raise FileRejected("its name is not UTF-8; rename it")
    content = read_whole(path)
    return FoundFile(str(path), name, len(content), sha256_of(content))


def read_whole(path: Path) -> bytes:
    """The bytes of a file that is not too large to be held.

    Raises:
        FileRejected: it is none, or larger than `FILE_LIMIT_BYTES`.
        OSError: it cannot be opened.
    """
    size = path.stat().st_size
    if not path.is_file():
        raise FileRejected("it is neither a file nor a folder")
    if size > FILE_LIMIT_BYTES:
        raise FileTooLarge("bytes", size, FILE_LIMIT_BYTES, "split it")
    return path.read_bytes()


def shown(path: str | Path) -> str:
    """The path; bytes in it that are not UTF-8, which no store and no terminal takes, escaped."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _walk(given: Path, on_error: Callable[[OSError], None]) -> Iterator[tuple[Path, str]]:
    """(absolute path, name) of each file at or under a given path, in order of path."""
    root = given.resolve()
    if not root.is_dir():
        yield root, root.name
        return
    for folder, subfolders, files in os.walk(root, onerror=on_error):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            if not name.startswith(".") and not path.is_symlink():
                yield path, path.relative_to(root).as_posix()
