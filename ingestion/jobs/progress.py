"""How far a job has come, how fast it goes, and how long it will take. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ingestion.jobs.states import FINAL_ITEMS
from ingestion.jobs.types import ItemState

# What is looked at for the present pace, in seconds of work.
RECENT_SECONDS = 60.0
# Opening and publishing a file costs something even if it is empty: about as much as these bytes.
_BYTES_PER_FILE = 4_096
_FEWEST_FILES = 3
_LEAST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Pace:
    """What was done in some seconds of work."""

    seconds: float
    files: int
    bytes: int
    passages: int

    def seconds_for(self, files: int, size: int) -> float:
        """How long so many files of so many bytes together take at this pace; inf if it stands."""
        done = self.bytes + self.files * _BYTES_PER_FILE
        wanted = size + files * _BYTES_PER_FILE
        return self.seconds * wanted / done if done else math.inf


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """Seconds of work that are left: a guess, and between what it may well turn out to be."""

    seconds: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Tally:
    """What the items of a job add up to.

    `files` and `sizes` are counts and bytes by state. `overall` is what ended while the job was
    worked on (not what was over before, or was found to be after a crash), `recent` what did
    within the last `RECENT_SECONDS` of work.
    """

    files: Mapping[ItemState, int]
    sizes: Mapping[ItemState, int]
    passages: int
    overall: Pace
    recent: Pace


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job has come. `passages_per_second` and `left` are None while nobody can say."""

    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    passages: int
    passages_per_second: float | None
    left: TimeLeft | None


def progress_of(tally: Tally) -> JobProgress:
    """What to tell of a job, from what its items add up to."""
    files_done = sum(count for state, count in tally.files.items() if state in FINAL_ITEMS)
    bytes_done = sum(size for state, size in tally.sizes.items() if state in FINAL_ITEMS)
    files_total, bytes_total = sum(tally.files.values()), sum(tally.sizes.values())
    recent = tally.recent
    has_pace = recent.files > 0 and recent.seconds > 0
    return JobProgress(
        files_done=files_done,
        files_total=files_total,
        bytes_done=bytes_done,
        bytes_total=bytes_total,
        passages=tally.passages,
        passages_per_second=recent.passages / recent.seconds if has_pace else None,
        left=time_left(
            tally.overall, recent, files=files_total - files_done, size=bytes_total - bytes_done
        ),
    )


def time_left(overall: Pace, recent: Pace, *, files: int, size: int) -> TimeLeft | None:
    """How long the rest will take, if it goes as it went.

    The present pace gives the guess. The pace of the whole job and the present one give the
    bounds, widened by 1/sqrt(files done), at most by half: a rule of thumb, no confidence
    interval. Nothing foresees that the last file is the hardest.

    Args:
        files: how many are left; 0 means that nothing is.
        size: how many bytes they have together.

    Returns:
        None when too little was done to tell.
    """
    if files == 0:
        return TimeLeft(0.0, 0.0, 0.0)
    if overall.files < _FEWEST_FILES or overall.seconds < _LEAST_SECONDS:
        return None
    whole = overall.seconds_for(files, size)
    present = recent.seconds_for(files, size)
    guess = present if math.isfinite(present) else whole
    doubt = min(0.5, 1 / math.sqrt(overall.files))
    return TimeLeft(guess, min(whole, guess) * (1 - doubt), max(whole, guess) * (1 + doubt))
