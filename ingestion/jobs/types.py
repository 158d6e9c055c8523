"""The values of jobs. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from retrieval.types import Collection


class JobState(StrEnum):
    """Where a job stands. `FAILED`: the job itself, not one of its files, could not go on."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"
    FAILED = "failed"


class ItemState(StrEnum):
    """How far a file of a job has come."""

    QUEUED = "queued"
    READING = "reading"
    EMBEDDING = "embedding"
    INDEXED = "indexed"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    FAILED = "failed"


class Command(StrEnum):
    """What people may ask of a job."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"


class SourceKind(StrEnum):
    """Where the files of a job come from."""

    PATHS = "paths"
    UPLOAD = "upload"
    URLS = "urls"
    ORIGINALS = "originals"


@dataclass(frozen=True, slots=True)
class Source:
    """What a job brings in.

    `paths` are absolute files and folders of this machine, which the job looks at when it begins,
    or the addresses of pages.
    `staging` names the folder that holds the bytes of an upload. With `sync`, documents whose file
    has gone are removed: `removals` are their ids, known once the folders were looked at, as is
    how many files and folders were `ignored`. `include` and `exclude` are as in `Selection`. A job
    of originals reads again what was brought in before; it comes with its items.
    """

    kind: SourceKind
    paths: tuple[str, ...] = ()
    sync: bool = False
    allow_mass_removal: bool = False
    staging: str = ""
    removals: tuple[int, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class NewItem:
    """A file that a job is to bring in; as `FoundFile`, and what is known of it already."""

    path: str
    name: str
    size: int
    location: str = ""
    state: ItemState = ItemState.QUEUED
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A file of a job.

    `change` is "added" or "changed" once it is indexed. `attempts` counts how often it was begun,
    `seconds` is what the last attempt took, from when it was handed to the reader.
    """

    id: int
    position: int
    path: str
    name: str
    location: str
    size: int
    state: ItemState
    change: str
    reason: str
    attempts: int
    seconds: float | None
    passages: int


@dataclass(frozen=True, slots=True)
class Job:
    """An ingestion into one collection. Times are UTC without zone.

    `unchanged` counts files that were found unchanged when the folders were looked at: no items
    are kept of them. `active_seconds` is how long it was worked on. `reason` says why it failed.
    """

    id: int
    collection: Collection
    source: Source
    state: JobState
    reason: str
    started_by: str | None
    created_at: datetime
    finished_at: datetime | None
    is_listed: bool
    unchanged: int
    removed: int
    active_seconds: float


@dataclass(frozen=True, slots=True)
class ItemUpdate:
    """What happened to an item since it was last written; `at_seconds` is by the job's clock."""

    item_id: int
    state: ItemState
    change: str
    reason: str
    attempts: int
    seconds: float | None
    passages: int
    at_seconds: float | None
