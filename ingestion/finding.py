"""Finds the files at and under given paths, and hashes each."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ingestion.changes import FoundFile
from ingestion.errors import BadPattern, FileRejected, FileTooLarge
from ingestion.ignoring import EVERYTHING, IGNORE_FILE, RULES_LIMIT_BYTES, IgnoreRules, Selection
from retrieval.originals import sha256_of

FILE_LIMIT_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """What is at and under the given paths, each path once.

    Args:
        rejected: reason by path: what no run will ever take.
        failed: reason by path: what could not be opened now.
        unopened: what is there but could not be opened or was rejected, files and folders.
        ignored: reason by path: what `.assayignore` or the selection passes over, a folder for
            all that is in it.
    """

    files: tuple[FoundFile, ...]
    rejected: Mapping[str, str]
    failed: Mapping[str, str]
    unopened: tuple[str, ...]
    ignored: Mapping[str, str]


def find_files(paths: Sequence[Path], selection: Selection = EVERYTHING) -> Found:
    """Look at every given file, and at the folders to the bottom.

    Hidden files and folders and what a file system link points to are passed over inside folders,
    and so is what their `.assayignore` files or the selection leave out. A folder whose
    `.assayignore` cannot be read fails: what it would have kept out must not come in.
    """
    files: dict[str, FoundFile] = {}
    rejected: dict[str, str] = {}
    failed: dict[str, str] = {}
    unopened: list[str] = []
    ignored: dict[str, str] = {}

    def note_failed(path: str, error: OSError) -> None:
        if path in failed or path in rejected:
            return
        failed[path] = error.strerror or str(error)
        if not isinstance(error, FileNotFoundError):
            unopened.append(path)

    def note_unruly(folder: str, reason: str) -> None:
        failed[folder] = reason
        unopened.append(folder)

    for given in paths:
        walk = _Walk(given, selection, ignored, on_error=note_failed, on_unruly=note_unruly)
        for path, name in walk.files():
            key = shown(path)
            if key in files or key in rejected or key in failed:
                continue
            try:
                files[key] = hashed(path, name)
            except FileRejected as rejection:
                rejected[key] = str(rejection)
                unopened.append(key)
            except OSError as error:
                note_failed(key, error)
    return Found(tuple(files.values()), rejected, failed, tuple(unopened), ignored)


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


class _Walk:
    """What lies at or under a given path.

    Args:
        ignored: gets the reason by path of what is passed over by a rule.
        on_error: told what cannot be opened.
        on_unruly: told of folders whose rules cannot be read, and why.
    """

    def __init__(
        self,
        given: Path,
        selection: Selection,
        ignored: dict[str, str],
        *,
        on_error: Callable[[str, OSError], None],
        on_unruly: Callable[[str, str], None],
    ) -> None:
        self._root = given.resolve()
        self._selection = selection
        self._ignored = ignored
        self._on_error, self._on_unruly = on_error, on_unruly
        # Of folders that are still to be walked: the rules of those above them.
        self._rules = {str(self._root): IgnoreRules()}

    def files(self) -> Iterator[tuple[Path, str]]:
        """(absolute path, name) of each file, in order of path."""
        if not self._root.is_dir():
            yield self._root, self._root.name
            return

        def tell(error: OSError) -> None:
            self._on_error(shown(error.filename), error)

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
            self._on_unruly(shown(folder), f"passed over: {IGNORE_FILE} cannot be read: {reason}")
            return None

    def _is_wanted(self, path: Path, rules: IgnoreRules, *, is_folder: bool) -> bool:
        if path.name.startswith(".") or path.is_symlink():
            return False
        relative = self._relative(path)
        reason = rules.reason(relative, is_folder=is_folder) or self._selection.refusal(
            relative.as_posix() + ("/" if is_folder else "")
        )
        if reason is not None:
            self._ignored[shown(path)] = reason
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
