"""Finds the files at and under given paths, and hashes each."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ingestion.changes import FoundFile
from ingestion.errors import BadPattern, FileRejected, FileTooLarge, StillWritten
from ingestion.ignoring import EVERYTHING, IGNORE_FILE, RULES_LIMIT_BYTES, IgnoreRules, Selection
from retrieval.originals import sha256_of

FILE_LIMIT_BYTES = 200 * 1024 * 1024
# Hidden files, and what Office keeps beside a file that somebody has open.
_NO_DOCUMENT = (".", "~$")


@dataclass(frozen=True, slots=True)
class Found:
    """What is at and under the given paths, each path once.

    Args:
        rejected: reason by path: what no run will ever take.
        failed: reason by path: what could not be opened now.
        unopened: what is there but could not be opened or was rejected, files and folders.
        ignored: reason by path: what `.assayignore` or the selection passes over, a folder for
            all that is in it.
        unsettled: what is still being written, among `unopened` too.
    """

    files: tuple[FoundFile, ...]
    rejected: Mapping[str, str]
    failed: Mapping[str, str]
    unopened: tuple[str, ...]
    ignored: Mapping[str, str]
    unsettled: tuple[str, ...] = ()


def find_files(
    paths: Sequence[Path],
    selection: Selection = EVERYTHING,
    take: Callable[[Path, str], FoundFile] | None = None,
) -> Found:
    """Look at every given file, and at the folders to the bottom.

    Hidden files and folders and what a file system link points to are passed over inside folders,
    and so is what their `.assayignore` files or the selection leave out. A folder whose
    `.assayignore` cannot be read fails: what it would have kept out must not come in.

    Args:
        take: what makes a `FoundFile` of a file: `hashed`, unless given. Raises as it does, or
            `StillWritten`.
    """
    looked = _Looked(take or hashed)
    for given in paths:
        walk = _Walk(given, selection, looked)
        for path, name in walk.files():
            looked.add(path, name)
    return looked.found()


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


class _Looked:
    """What was seen so far, each path once."""

    def __init__(self, take: Callable[[Path, str], FoundFile]) -> None:
        self._take = take
        self._files: dict[str, FoundFile] = {}
        self._rejected: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        self._unopened: list[str] = []
        self._unsettled: list[str] = []
        self.ignored: dict[str, str] = {}

    def add(self, path: Path, name: str) -> None:
        """A file."""
        key = shown(path)
        if key in self._files or key in self._rejected or key in self._failed:
            return
        try:
            self._files[key] = self._take(path, name)
        except StillWritten:
            self._unsettled.append(key)
        except FileRejected as rejection:
            self._rejected[key] = str(rejection)
            self._unopened.append(key)
        except OSError as error:
            self.add_failed(key, error)

    def add_failed(self, path: str, error: OSError) -> None:
        """What cannot be opened."""
        if path in self._failed or path in self._rejected:
            return
        self._failed[path] = error.strerror or str(error)
        if not isinstance(error, FileNotFoundError):
            self._unopened.append(path)

    def add_unruly(self, folder: str, reason: str) -> None:
        """A folder whose rules cannot be read."""
        self._failed[folder] = reason
        self._unopened.append(folder)

    def found(self) -> Found:
        """All of it."""
        return Found(
            tuple(self._files.values()),
            self._rejected,
            self._failed,
            (*self._unopened, *self._unsettled),
            self.ignored,
            tuple(self._unsettled),
        )


class _Walk:
    """The files that lie at or under a given path. What it comes across besides, it notes."""

    def __init__(self, given: Path, selection: Selection, looked: _Looked) -> None:
        self._root = given.resolve()
        self._selection = selection
        self._looked = looked
        # Of folders that are still to be walked: the rules of those above them.
        self._rules = {str(self._root): IgnoreRules()}

    def files(self) -> Iterator[tuple[Path, str]]:
        """(absolute path, name) of each file, in order of path."""
        if not self._root.is_dir():
            yield self._root, self._root.name
            return

        def tell(error: OSError) -> None:
            self._looked.add_failed(shown(error.filename), error)

        for folder, subfolders, files in os.walk(self._root, onerror=tell):
            rules = self._rules_in(folder)
            if rules is None:
                subfolders.clear()
                continue
            subfolders[:] = [
                name
                for name in sorted(subfolders)
                if self._is_wanted(Path(folder, name), rules, is_folder=True)
            ]
            self._rules.update((os.path.join(folder, name), rules) for name in subfolders)  # noqa: PTH118 - as os.walk does
            for name in sorted(files):
                path = Path(folder, name)
                if self._is_wanted(path, rules, is_folder=False):
                    yield path, path.relative_to(self._root).as_posix()

    def _rules_in(self, folder: str) -> IgnoreRules | None:
        """The rules that hold in a folder; None when they cannot be known."""
        rules = self._rules.pop(folder)
        try:
            text = _rules_text(Path(folder, IGNORE_FILE))
            return rules if text is None else rules.with_file(self._relative(Path(folder)), text)
        except (BadPattern, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._looked.add_unruly(
                shown(folder), f"passed over: {IGNORE_FILE} cannot be read: {reason}"
            )
            return None

    def _is_wanted(self, path: Path, rules: IgnoreRules, *, is_folder: bool) -> bool:
        if path.name.startswith(_NO_DOCUMENT) or path.is_symlink():
            return False
        relative = self._relative(path)
        reason = rules.reason(relative, is_folder=is_folder) or self._selection.refusal(
            relative.as_posix() + ("/" if is_folder else "")
        )
        if reason is not None:
            self._looked.ignored[shown(path)] = reason
        return reason is None

    def _relative(self, path: Path) -> PurePosixPath:
        return PurePosixPath(path.relative_to(self._root).as_posix())


def _rules_text(path: Path) -> str | None:
    """The rules of a folder; None when it has none.

    Raises:
        OSError, ValueError: they cannot be read.
    """
    if not path.exists():
        return None
    if not path.is_file() or path.stat().st_size > RULES_LIMIT_BYTES:
        raise ValueError(f"it is no file of at most {RULES_LIMIT_BYTES:,} bytes")
    return path.read_bytes().decode("utf-8-sig")
