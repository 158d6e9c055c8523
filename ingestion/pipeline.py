"""Files and folders into the store: find, compare, read, publish, remove."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Protocol

from ingestion.changes import FoundFile, Plan, plan_changes, refuse_mass_removal
from ingestion.errors import FileRejected, IngestionError, Unchanged
from ingestion.finding import Found, find_files, read_whole
from ingestion.ignoring import EVERYTHING, Selection
from ingestion.stage_times import StageTimes
from ingestion.types import FileEvent, FileStage, ParsedDocument
from retrieval.encoder import Encoder
from retrieval.store import Outcome, Store
from retrieval.types import Collection

if TYPE_CHECKING:
    from ingestion.publishing import ReadFile

# Files read ahead of the encoder by each reader: parsing goes on in processes of its own while
# this one embeds.
_READ_AHEAD = 4
_STAGES = {
    Outcome.ADDED: FileStage.ADDED,
    Outcome.CHANGED: FileStage.CHANGED,
    Outcome.UNCHANGED: FileStage.UNCHANGED,  # another process published the same bytes meanwhile
    Outcome.STALE: FileStage.FAILED,
}
_STALE = (
    "not read again: the document was deleted or changed meanwhile, or its original is damaged; "
    "look at it, and bring the file in once more"
)


class Reader(Protocol):
    """Turns bytes into text, safely. `ReaderProcess` in the product."""

    def read(self, name: str, data: bytes) -> ParsedDocument:
        """Parse a file.

        Raises:
            FileRejected: it can never be read as it is.
            ReaderCrashed: the reader ended, perhaps by no fault of the file.
        """


@dataclass(frozen=True, slots=True)
class Listing:
    """What there is to do: what was found, and how it differs from what the store knows."""

    found: Found
    plan: Plan


@dataclass(slots=True)
class Report:
    """What became of every file of a run. Each counts once; `reasons` is by path.

    `ignored` counts files and folders that a rule passes over, a folder once for all in it.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    rejected: int = 0
    failed: int = 0
    ignored: int = 0
    passages_embedded: int = 0
    reasons: dict[str, str] = field(default_factory=dict)

    def count(self, event: FileEvent) -> None:
        """Count a file that has come to its end; another stage changes nothing."""
        if not event.stage.is_final:
            return
        setattr(self, event.stage.value, getattr(self, event.stage.value) + 1)
        self.passages_embedded += event.passages
        if event.reason:
            self.reasons[event.path] = event.reason


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
        *,
        readers: int = 1,
        times: StageTimes | None = None,
        take: Callable[[Path, str], FoundFile] | None = None,
        load: Callable[[FoundFile], bytes] | None = None,
    ) -> None:
        """Take `encoder` and `open_reader` unopened: an unchanged folder needs neither.

        Args:
            readers: files that are read at a time, each by a reader of its own.
            times: told where the time goes.
            take: as in `find_files`.
            load: gets the bytes of a file, by several threads; from the disk unless given. May
                raise `Unchanged`, and what `Reader.read` and opening a file raise.
        """
        self._take = take
        self._load = load or _bytes_of
        self._store = store
        self._encoder = encoder
        self._open_reader = open_reader
        self._readers = readers
        self._times = times or StageTimes()

    def ingest(
        self,
        paths: Sequence[Path],
        *,
        collection: Collection,
        sync: bool = False,
        allow_mass_removal: bool = False,
        selection: Selection = EVERYTHING,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> Report:
        """Publish new and changed files; with `sync`, remove documents whose file has gone.

        Args:
            paths: files and folders, the latter walked to the bottom; hidden files and folders
                and what a file system link points to are passed over inside folders.
            selection: which files inside folders it is about.

        Raises:
            TooManyRemoved: `sync` would remove a large share and `allow_mass_removal` is false;
                nothing was done.
        """
        listing = self.look(
            paths,
            collection=collection,
            sync=sync,
            allow_mass_removal=allow_mass_removal,
            selection=selection,
        )
        found, plan = listing.found, listing.plan
        report = Report(
            unchanged=len(plan.unchanged),
            rejected=len(found.rejected),
            failed=len(found.failed),
            ignored=len(found.ignored),
            reasons={**found.rejected, **found.failed},
        )
        sizes = {file.path: file.size for file in plan.to_read}
        done = Progress(0, len(sizes), 0, sum(sizes.values()), 0)

        def tell(event: FileEvent) -> None:
            nonlocal done
            report.count(event)
            if event.stage.is_final:
                done = Progress(
                    done.files_done + 1,
                    done.files_total,
                    done.bytes_done + sizes[event.path],
                    done.bytes_total,
                    report.passages_embedded,
                )
                on_progress(done)

        gone = plan.to_remove
        self.bring_in(plan.to_read, collection=collection, on_event=tell, gone=gone)
        if gone:
            report.removed = self.remove_gone(collection, gone, sizes)
        return report

    def look(
        self,
        paths: Sequence[Path],
        *,
        collection: Collection,
        sync: bool = False,
        allow_mass_removal: bool = False,
        selection: Selection = EVERYTHING,
        unopened: Sequence[str] = (),
    ) -> Listing:
        """Find and compare; nothing is changed yet.

        Args:
            unopened: absolute folders of which the caller knows that what is in them cannot be
                seen now: nothing under them has gone.

        Raises:
            TooManyRemoved: as `ingest`.
        """
        found = find_files(paths, selection, self._take)
        folders = [str(path.resolve()) for path in paths if path.is_dir()] if sync else []
        plan = plan_changes(
            found.files,
            self._store.known_files(collection),
            synced_folders=folders,
            unopened=(*found.unopened, *unopened),
            selection=selection,
        )
        if not allow_mass_removal:
            refuse_mass_removal(plan)
        return Listing(found, plan)

    def bring_in(
        self,
        files: Sequence[FoundFile],
        *,
        collection: Collection,
        on_event: Callable[[FileEvent], None],
        should_stop: Callable[[], bool] = lambda: False,
        anew: bool = False,
        gone: Sequence[int] = (),
    ) -> None:
        """Read and publish files, whether they have changed or not.

        Args:
            gone: documents whose file is no longer there. A new file with the same bytes is one of
                them that has moved: the document stays, and has the file's path and name.
            anew: they are originals, whose documents get a new revision of the same bytes.
            on_event: told, in this thread, of every stage of every file; what it raises ends all.
            should_stop: asked before each file; when true, what was read is still published, and
                files that were announced as being read may have come no further.
        """
        if not files:
            return
        from ingestion.publishing import publish_all

        with (
            closing(self._read_ahead(files, on_event, should_stop)) as read,
            ThreadPoolExecutor(1, "load") as loading,
        ):
            # Loaded while the first file is read.
            encoder = loading.submit(self._encoder)
            first = next(read, None)
            for published in publish_all(
                read if first is None else chain([first], read),
                store=self._store,
                collection=collection,
                encoder=encoder.result(),
                times=self._times,
                anew=anew,
                gone=self._paths_by_hash(collection, gone),
            ):
                is_stale = published.outcome is Outcome.STALE
                on_event(
                    FileEvent(
                        published.path,
                        _STAGES[published.outcome],
                        _STALE if is_stale else "",
                        0 if is_stale else published.passages,
                    )
                )

    def remove_gone(self, collection: Collection, gone: Sequence[int], here: Iterable[str]) -> int:
        """Remove documents whose file has gone, but for those that have moved.

        Args:
            here: paths of the files that were brought in meanwhile.
        """
        known = self._store.known_files(collection)
        moved = {known[path].document_id for path in here if path in known}
        return self._store.remove([one for one in gone if one not in moved])

    def _paths_by_hash(
        self, collection: Collection, document_ids: Sequence[int]
    ) -> Mapping[str, Sequence[str]]:
        wanted = frozenset(document_ids)
        paths: dict[str, list[str]] = {}
        for path, known in self._store.known_files(collection).items() if wanted else ():
            if known.document_id in wanted:
                paths.setdefault(known.sha256, []).append(path)
        return paths

    def _read_ahead(
        self,
        files: Sequence[FoundFile],
        tell: Callable[[FileEvent], None],
        should_stop: Callable[[], bool],
    ) -> "Generator[ReadFile, None, None]":
        """Read files, a few ahead of the caller; tell of the unreadable ones and go on.

        They come in the order given, however many readers there are: that makes two runs alike.
        """
        from ingestion.publishing import ReadFile

        # Each thread has a reader of its own: Linux ends a child with the thread that started it.
        own = local()
        opened = ExitStack()

        def read(file: FoundFile) -> "ReadFile":
            if not hasattr(own, "reader"):
                own.reader = opened.enter_context(self._open_reader())
            content = self._load(file)
            with self._times.reading():
                return ReadFile(file.path, file.name, content, own.reader.read(file.name, content))

        waiting: list[tuple[FoundFile, Future[ReadFile]]] = []
        remaining = iter(files)
        ahead = _READ_AHEAD * self._readers
        pool = ThreadPoolExecutor(max_workers=self._readers, thread_name_prefix="read")
        with opened:
            try:
                while not should_stop():
                    while len(waiting) < ahead and (file := next(remaining, None)) is not None:
                        tell(FileEvent(file.path, FileStage.READING))
                        waiting.append((file, pool.submit(read, file)))
                    if not waiting:
                        return
                    file, future = waiting.pop(0)
                    try:
                        with self._times.taking("waiting"):
                            content = future.result()
                    except (IngestionError, OSError) as error:
                        tell(_fate(file.path, error))
                    else:
                        tell(FileEvent(file.path, FileStage.EMBEDDING))
                        yield content
            finally:
                # Readers are closed next: nothing may be read after that, or another is started.
                pool.shutdown(cancel_futures=True)


def _bytes_of(file: FoundFile) -> bytes:
    return read_whole(Path(file.location or file.path))


def _fate(path: str, error: IngestionError | OSError) -> FileEvent:
    """What becomes of a file that could not be read."""
    if isinstance(error, Unchanged):
        return FileEvent(path, FileStage.UNCHANGED)
    if isinstance(error, FileRejected):
        return FileEvent(path, FileStage.REJECTED, str(error))
    reason = error.strerror if isinstance(error, OSError) else None
    return FileEvent(path, FileStage.FAILED, reason or str(error))
