"""Where the time of an ingestion goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Literal, TypeAlias

# What the thread that publishes does one after the other; `waiting` is for a file to be read.
Stage: TypeAlias = Literal["waiting", "cutting", "embedding", "storing"]
STAGES: tuple[Stage, ...] = ("waiting", "cutting", "embedding", "storing")


class StageTimes:
    """Adds up seconds by stage, and counts; several threads may read files beside it."""

    def __init__(self) -> None:
        self.seconds: dict[Stage, float] = dict.fromkeys(STAGES, 0.0)
        self.reading_seconds = 0.0
        self.embedded = 0
        self.repeated = 0
        self._lock = Lock()

    @contextmanager
    def taking(self, stage: Stage) -> Iterator[None]:
        """Count the time of a block to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - began

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Count the time of a block to the reading of files, which goes on beside the stages."""
        began = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.reading_seconds += time.perf_counter() - began
