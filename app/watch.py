"""Follows folders: when something in them has changed and come to rest, a job brings it in."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import CommandFailed
from app.job_worker import ToDo, make_and_work
from app.mounts import disks_below, is_remote
from ingestion.errors import IngestionError, TooManyRemoved
from ingestion.finding import shown
from ingestion.ignoring import Selection
from ingestion.jobs.states import ENDED
from ingestion.jobs.types import ItemState, Job, JobState, Source
from ingestion.jobs.work import items_of
from ingestion.watching import FilesOverTime, FolderMark, Tried
from retrieval.errors import RetrievalError
from retrieval.types import Collection

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from ingestion.pipeline import Listing

# So often the wait for a change is interrupted, to see whether files have come to rest.
TICK_SECONDS = 1.0
# Looked at without being told, in case the file system tells nothing: most do, network ones do not.
UNTOLD_SECONDS = 60.0
DEAF_SECONDS = 5.0
# What a look costs counts: it shall take a small share of the time.
_TIMES_OF_A_LOOK = 20.0
_LONGEST_MOVE_SECONDS = 30.0
_DEBOUNCE_MILLISECONDS = 400


@dataclass(frozen=True, slots=True)
class Watching:
    """What a watch tells; `job` when one has ended; `is_trouble`: it is not as asked for."""

    text: str
    job: Job | None = None
    is_trouble: bool = False


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why it is not as asked for. One of the same kind is not told again, whatever its numbers."""

    kind: str
    text: str = field(compare=False)


_UNSURE = _Trouble("removals", "this is another folder than when watching began: looking at it")


def _unmounted(places: Sequence[str]) -> _Trouble:
    names = ", ".join(map(shown, places))
    return _Trouble(
        f"unmounted {names}",
        f"no longer mounted: {names}; nothing under it is removed while this watch goes on",
    )


class FolderWatch:
    """Keeps a collection in step with folders, a step at a time.

    Args:
        source: its `paths` are folders.
        tell: told what happens, each thing once.
        on_written: told now and then that a job has news in the store.

    Raises:
        CommandFailed: one of the folders is none.
    """

    def __init__(
        self,
        assay: "Assay",
        collection: Collection,
        source: Source,
        *,
        tell: Callable[[Watching], None],
        on_written: Callable[[Job], None] = lambda _: None,
        files: FilesOverTime | None = None,
        clock: Callable[[], float] = time.monotonic,
        disks: Callable[[Path], frozenset[str]] = disks_below,
    ) -> None:
        self._assay, self._collection, self._source = assay, collection, source
        self._tell, self._on_written, self._clock = tell, on_written, clock
        self._files = files or FilesOverTime()
        self._ingester = assay.ingester(take=self._files.hashed)
        self.folders = [Path(path) for path in source.paths]
        self._marks = self._present_marks()
        for folder, mark in zip(self.folders, self._marks, strict=True):
            if mark is None:
                raise CommandFailed(f"{shown(folder)} is no folder; --watch follows folders only")
        self._disks_below = disks
        self._disks: set[str] = set()
        self._tried = Tried(clock=clock)
        self._trouble: _Trouble | None = None
        self._held_by: int | None = None
        self._is_first = self._is_restless = True
        self._look_seconds = 0.0
        self._looked = -math.inf
        self._moving_since = math.inf
        # The file system tells of no changes: look more often.
        self.is_deaf = False

    def step(self, *, has_changed: bool) -> None:
        """Look, if there is reason to, and bring in what has changed and come to rest."""
        if self._is_held():
            return
        pause = max(
            DEAF_SECONDS if self.is_deaf else UNTOLD_SECONDS, _TIMES_OF_A_LOOK * self._look_seconds
        )
        if not (has_changed or self._is_restless or self._clock() - self._looked >= pause):
            return
        self._is_restless = False
        try:
            trouble = self._look()
        except (IngestionError, RetrievalError, OSError) as error:
            text = getattr(error, "strerror", None) or str(error)
            trouble = _Trouble(type(error).__name__, text)
        self._looked = self._clock()
        if trouble != self._trouble:
            self._trouble = trouble
            self._tell(
                Watching("goes on" if trouble is None else trouble.text, None, bool(trouble))
            )

    def _look(self) -> _Trouble | None:
        """Returns what is not as it should be, if anything is."""
        marks = self._present_marks()
        if None in marks:
            self._is_restless = True
            missing = (f for f, mark in zip(self.folders, marks, strict=True) if mark is None)
            names = ", ".join(map(shown, missing))
            return _Trouble(
                "missing", f"{names} is not there: nothing is removed; waiting until it is back"
            )
        begun = self._clock()
        gone = self._gone_disks()
        listing, trouble = self._listing(gone, is_trusted=marks == self._marks)
        self._look_seconds = self._clock() - begun
        if self._present_marks() != marks or self._gone_disks() != gone:
            self._is_restless = True  # it went while it was looked at: what was found is not all
            return trouble
        if trouble is None:
            self._marks = marks
        found = listing.found
        self._files.end_look([*(file.path for file in found.files), *found.unsettled])
        self._is_restless = bool(found.unsettled)
        self._work(listing)
        return trouble

    def _listing(
        self, gone: Sequence[str], *, is_trusted: bool
    ) -> "tuple[Listing, _Trouble | None]":
        """What there is to do, and why nothing will be removed, if something perhaps should be.

        Args:
            gone: where disks were mounted and are not any more.
            is_trusted: the folders are those that were there when watching began.
        """
        source = self._source

        def look(*, sync: bool) -> "Listing":
            return self._ingester.look(
                self.folders,
                collection=self._collection,
                sync=sync,
                allow_mass_removal=source.allow_mass_removal and is_trusted,
                selection=Selection(source.include, source.exclude),
                unopened=gone,
            )

        listing = look(sync=False)
        if not source.sync:
            return listing, None
        trouble = _unmounted(gone) if gone else None
        if self._may_be_moving(listing):
            return listing, self._trouble if is_trusted else self._trouble or _UNSURE
        try:
            return look(sync=True), trouble
        except TooManyRemoved as error:
            which = "" if is_trusted else "this is another folder than when watching began; "
            return listing, _Trouble("removals", f"nothing is removed: {which}{error}")

    def _may_be_moving(self, listing: "Listing") -> bool:
        """Whether what seems gone may be there under another name, as soon as that has settled.

        Not for ever: some files are written to all the time.
        """
        if not listing.found.unsettled:
            self._moving_since = math.inf
            return False
        self._moving_since = min(self._moving_since, self._clock())
        return self._clock() - self._moving_since < _LONGEST_MOVE_SECONDS

    def _work(self, listing: "Listing") -> None:
        """Have a job do what is new in a listing. The first does it all, whatever was tried."""
        plan, found = listing.plan, listing.found
        hashes = {file.path: file.sha256 for file in plan.to_read}
        hashes |= {**found.rejected, **found.failed}
        items = [
            item
            for item in items_of(listing)
            if not self._tried.is_over(item.path, hashes[item.path])
        ]
        if not (items or plan.to_remove or self._is_first):
            return
        job = make_and_work(
            self._assay,
            self._collection,
            self._source,
            found=ToDo(items, len(plan.unchanged), plan.to_remove, len(found.ignored)),
            on_written=self._on_written,
            ingester=self._ingester,
        )
        self._is_first = False
        for item in self._assay.jobs.items(job.id).items:
            if item.state in {ItemState.REJECTED, ItemState.FAILED}:
                is_rejected = item.state is ItemState.REJECTED
                self._tried.note(item.path, hashes[item.path], is_rejected=is_rejected)
        if job.state is JobState.PAUSED:
            self._held_by = job.id
            self._tell(Watching(f"job {job.id} is paused; waiting until it is resumed and done"))
        else:
            self._tell(Watching(f"job {job.id} {job.state.value}", job))

    def _is_held(self) -> bool:
        """Whether somebody has paused our job: another one shall not do its work meanwhile."""
        if self._held_by is not None and self._assay.jobs.job(self._held_by).state in ENDED:
            self._held_by = None
            self._is_restless = True
        return self._held_by is not None

    def _gone_disks(self) -> list[str]:
        """Where, below the folders, a disk was seen since watching began and is none now."""
        here = frozenset[str]().union(*map(self._disks_below, self.folders))
        self._disks |= here
        return sorted(self._disks - here)

    def _present_marks(self) -> list[FolderMark | None]:
        return [FolderMark.of(folder) for folder in self.folders]


def changes_in(folders: Sequence[Path]) -> Iterator[bool]:
    """Whether anything has changed under folders, again and again, at most a second apart.

    Raises:
        OSError: the file system cannot tell, or one of the folders is not there.
    """
    from watchfiles import watch

    for changes in watch(
        *folders,
        watch_filter=None,
        debounce=_DEBOUNCE_MILLISECONDS,
        rust_timeout=int(TICK_SECONDS * 1000),
        yield_on_timeout=True,
        ignore_permission_denied=True,
    ):
        yield bool(changes)


def follow(watch: FolderWatch) -> None:
    """Keep a watch going until Ctrl-C."""
    while True:
        marks = [FolderMark.of(folder) for folder in watch.folders]
        watch.is_deaf = any(map(is_remote, watch.folders))
        try:
            for has_changed in changes_in(watch.folders):
                watch.step(has_changed=has_changed)
                if [FolderMark.of(folder) for folder in watch.folders] != marks:
                    break  # who listens at the old folder hears nothing of the new one
        except OSError:  # more folders than the system lets us listen at, or one that is gone
            watch.is_deaf = True
            watch.step(has_changed=False)
            time.sleep(TICK_SECONDS)
