"""Files and folders into the store: find, compare, read, publish, remove."""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ingestion.changes import FoundFile, Plan, plan_changes, refuse_mass_removal
from ingestion.errors import FileRejected, FileTooLarge, IngestionError
from ingestion.publishing import ReadFile, publish_all
from ingestion.types import ParsedDocument
from retrieval.encoder import Encoder
from retrieval.originals import sha256_of
from retrieval.store import Outcome, Store
from retrieval.types import Collection

FILE_LIMIT_BYTES = 200 * 1024 * 1024
# Files read ahead of the encoder: parsing goes on in its own process while this one embeds.
_READ_AHEAD = 4


class Reader(Protocol):
    """Turns bytes into text, safely. `ReaderProcess` in the product."""

    def read(self, name: str, data: bytes) -> ParsedDocument:
        """Parse a file.

        Raises:
            FileRejected: it can never be read as it is.
            ReaderCrashed: reading it broke the reader.
        """


@dataclass(slots=True)
class Report:
    """What became of every file of a run. Each counts once; `reasons` is by path."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    rejected: int = 0
    failed: int = 0
    passages_embedded: int = 0
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come. Bytes tell the time left better than files do."""

    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    passages: int


class Ingester:
    """Brings a collection in step with files. Each file is one transaction: stop it anywhere."""

    def __init__(
        self,
        store: Store,
        encoder: Callable[[], Encoder],
        open_reader: Callable[[], AbstractContextManager[Reader]],
    ) -> None:
        """Take `encoder` and `open_reader` unopened: an unchanged folder needs neither."""
        self._store = store
        self._encoder = encoder
        self._open_reader = open_reader

    def ingest(
        self,
        paths: Sequence[Path],
        *,
        collection: Collection,
        sync: bool = False,
        allow_mass_removal: bool = False,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> Report:
        """Publish new and changed files; with `sync`, remove documents whose file has gone.

        Args:
            paths: files and folders, the latter walked to the bottom; hidden files and folders
                and what a file system link points to are passed over inside folders.

        Raises:
            TooManyRemoved: `sync` would remove a large share and `allow_mass_removal` is false;
                nothing was done.
        """
        report = Report()
        unopened: list[str] = []
        found = _found(paths, report, unopened)
        folders = [str(path.resolve()) for path in paths if path.is_dir()] if sync else []
        plan = plan_changes(
            found,
            self._store.known_files(collection),
            synced_folders=folders,
            unopened=unopened,
        )
        if not allow_mass_removal:
            refuse_mass_removal(plan)
        report.unchanged = len(plan.unchanged)
        if plan.to_read:
            self._publish(plan, collection, report, on_progress)
        if plan.to_remove:
            report.removed = self._store.remove(plan.to_remove)
        return report

    def _publish(
        self,
        plan: Plan,
        collection: Collection,
        report: Report,
        on_progress: Callable[[Progress], None],
    ) -> None:
        sizes = {file.path: file.size for file in plan.to_read}
        total_bytes = sum(sizes.values())
        done_bytes = 0

        def tell(path: str) -> None:
            nonlocal done_bytes
            done_bytes += sizes[path]
            done = report.added + report.changed + report.rejected + report.failed
            progress = Progress(done, len(sizes), done_bytes, total_bytes, report.passages_embedded)
            on_progress(progress)

        encoder = self._encoder()
        with (
            self._open_reader() as reader,
            closing(_read_ahead(plan.to_read, reader, report, tell)) as files,
        ):
            for published in publish_all(
                files, store=self._store, collection=collection, encoder=encoder
            ):
                _count(report, published.outcome)
                report.passages_embedded += published.passages
                tell(published.path)


def _count(report: Report, outcome: Outcome) -> None:
    if outcome is Outcome.ADDED:
        report.added += 1
    elif outcome is Outcome.CHANGED:
        report.changed += 1
    else:  # another process published the same bytes meanwhile
        report.unchanged += 1


def _found(paths: Sequence[Path], report: Report, unopened: list[str]) -> list[FoundFile]:
    """Every given file once, with its hash; what cannot be opened is counted as failed.

    Args:
        unopened: told what is there but could not be opened, files and folders.
    """
    found: dict[str, FoundFile] = {}

    def count_failed(error: OSError, path: str) -> None:
        if path in report.reasons:
            return
        report.failed += 1
        report.reasons[path] = error.strerror or str(error)
        if not isinstance(error, FileNotFoundError):
            unopened.append(path)

    for given in paths:
        for path, name in _walk(given, lambda error: count_failed(error, _shown(error.filename))):
            key = _shown(path)
            if key in found or key in report.reasons:
                continue
            try:
                found[key] = _hashed(path, name)
            except FileRejected as rejection:
                report.rejected += 1
                report.reasons[key] = str(rejection)
                unopened.append(key)
            except OSError as error:
                count_failed(error, key)
    return list(found.values())


def _shown(path: str | Path) -> str:
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


def _hashed(path: Path, name: str) -> FoundFile:
    if _shown(path) != str(path):
        raise FileRejected("its name is not UTF-8; rename it")
    size = path.stat().st_size
    if not path.is_file():
        raise FileRejected("it is neither a file nor a folder")
    if size > FILE_LIMIT_BYTES:
        raise FileTooLarge("bytes", size, FILE_LIMIT_BYTES, "split it")
    return FoundFile(str(path), name, size, sha256_of(path.read_bytes()))


def _read_ahead(
    files: Sequence[FoundFile],
    reader: Reader,
    report: Report,
    tell: Callable[[str], None],
) -> Generator[ReadFile, None, None]:
    """Read files in order, a few ahead of the caller; count the unreadable ones and go on."""

    def read(file: FoundFile) -> ReadFile:
        content = Path(file.path).read_bytes()
        return ReadFile(file.path, file.name, content, reader.read(file.name, content))

    waiting: list[tuple[FoundFile, Future[ReadFile]]] = []
    remaining = iter(files)
    # One thread: the reader is one process, and order is what makes two runs alike.
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read")
    try:
        while True:
            while len(waiting) < _READ_AHEAD and (file := next(remaining, None)) is not None:
                waiting.append((file, pool.submit(read, file)))
            if not waiting:
                return
            file, future = waiting.pop(0)
            try:
                content = future.result()
            except FileRejected as rejection:
                report.rejected += 1
                report.reasons[file.path] = str(rejection)
                tell(file.path)
            except (IngestionError, OSError) as error:
                report.failed += 1
                report.reasons[file.path] = str(error)
                tell(file.path)
            else:
                yield content
    finally:
        # The reader is closed next: nothing may be read after that, for it would start another.
        pool.shutdown(cancel_futures=True)
