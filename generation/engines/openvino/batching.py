"""Several requests in one batch over one model and one bounded key-value cache. Pure.

At each step every text that is being written gets its next token, and what is left of the step
goes to prompts that are still to be read.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from generation.engines.openvino.jobs import Job, Track
from generation.engines.openvino.prefix import BlockPool, PoolCounts

# Texts written at once; further requests wait. More do not write more on a processor.
MOST_TRACKS = 32
# Prompt tokens read in one step: as many as a processor reads well when nobody waits for their
# next token, and fewer while somebody does, whose text would stand still for so long.
_READ_ALONE = 512
_READ_BESIDE = 128
# Guessing ahead pays while the model waits for memory, which it does not for many texts at once.
_GUESSING_TRACKS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens of one text to be read: the first stands at position `past` of the text.

    `blocks` holds the text up to the last of them. Logits are wanted after the last `wanted`.
    """

    tokens: Sequence[int]
    past: int
    blocks: Sequence[int]
    wanted: int


class _Plan(NamedTuple):
    job: Job
    track: Track
    row: Row
    guessed: Sequence[int]


class PagedModel(Protocol):
    """A model whose cache is in blocks."""

    def logits(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """Read rows; the logits wanted, in order: (sum of wanted, vocabulary)."""

    def copy_block(self, source: int, target: int) -> None:
        """Copy what a block holds."""


@dataclass(frozen=True, slots=True)
class Load:
    """What an engine is busy with: requests being written and waiting, and blocks of its cache."""

    running: int
    waiting: int
    blocks: PoolCounts


class Batch:
    """Requests in the order of their arrival; used by one thread."""

    def __init__(self, model: PagedModel, pool: BlockPool, *, most_guessed: int = 0) -> None:
        self._model, self._pool = model, pool
        self._most_guessed = most_guessed
        self._running: list[Job] = []
        self._waiting: deque[Job] = deque()

    @property
    def load(self) -> Load:
        """What there is to do."""
        return Load(len(self._running), len(self._waiting), self._pool.counts)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._running and not self._waiting

    def add(self, job: Job) -> None:
        """Take a request; it begins when there is room."""
        self._waiting.append(job)

    def forget(self) -> None:
        """Let no later request find what was read until now."""
        self._pool.forget()

    def step(self) -> None:
        """Read and write once. What fails for one request is told to it alone."""
        self._drop_those_over()
        self._admit()
        planned = self._planned()
        if not planned:
            return
        logits = self._model.logits([plan.row for plan in planned])
        start = 0
        for job, track, row, guessed in planned:
            track.was_read(len(row.tokens), logits[start : start + row.wanted], self._pool)
            start += row.wanted
            if job.is_ready:
                try:
                    job.go_on(self._pool, guessed)
                except Exception as error:  # noqa: BLE001 - it is of this text, and goes to its reader
                    job.fail(error)
                if job.is_over():
                    self._end(job)

    def drop_all(self, error: BaseException) -> None:
        """End every request with an error."""
        for job in [*self._running, *self._waiting]:
            job.fail(error)
        for job in self._running:
            job.release(self._pool)
        self._running.clear()
        self._waiting.clear()

    def _drop_those_over(self) -> None:
        for job in [job for job in self._running if job.is_over()]:
            self._end(job)
        self._waiting = deque(job for job in self._waiting if not job.is_over())

    def _end(self, job: Job) -> None:
        job.release(self._pool)
        self._running.remove(job)

    def _admit(self) -> None:
        while self._waiting:
            job = self._waiting[0]
            busy = sum(other.width for other in self._running)
            counts = self._pool.counts
            needed = self._pool.blocks_for(job.longest + 1) + job.width
            fits = busy + job.width <= MOST_TRACKS and needed <= counts.free + counts.kept
            # Alone it always begins: it was asked beforehand whether it fits the whole cache.
            if self._running and not fits:
                return
            self._running.append(self._waiting.popleft())

    def _planned(self) -> list[_Plan]:
        writing = [job for job in self._running if job.is_writing]
        reading = [job for job in self._running if not job.is_writing]
        planned: list[_Plan] = []
        most = self._most_guessed
        if sum(len(job.tracks) for job in writing) > _GUESSING_TRACKS:
            most = 0
        for job in writing:
            guessed = job.guess(most) if most else []
            for track in job.tracks:
                self._plan(planned, job, track, 1, guessed)
        budget = _READ_BESIDE if writing else _READ_ALONE
        for job in reading:
            # It may have given way to one that came before it.
            if budget > 0 and job in self._running:
                track = job.to_read(self._pool)
                # No single token is left over: see `BlockPool.matched`.
                count = min(budget, track.unread)
                count -= int(track.unread - count == 1 and count > 1)
                budget -= count
                self._plan(planned, job, track, count)
        return [plan for plan in planned if plan.job in self._running]

    def _plan(
        self, planned: list[_Plan], job: Job, track: Track, count: int, guessed: Sequence[int] = ()
    ) -> None:
        """Read the next `count` tokens of a text and what is guessed to follow, if there is room.

        Requests that came later make room.
        """
        end = track.read + count + len(guessed)
        while job in self._running and not self._has_room(track, end):
            self._give_way(self._running[-1])
        if job not in self._running:
            return
        tokens = [*track.tokens[track.read : track.read + count], *guessed]
        wanted = len(guessed) + int(count == track.unread)
        blocks = track.blocks[: self._pool.blocks_for(end)]
        planned.append(_Plan(job, track, Row(tokens, track.read, blocks, wanted), guessed))

    def _has_room(self, track: Track, end: int) -> bool:
        """Take the blocks for the text up to `end`; a shared one is copied before it changes."""
        place = track.read // self._pool.block_tokens
        if place < len(track.blocks) and self._pool.is_shared(track.blocks[place]):
            own = self._pool.taken()
            if own is None:
                return False
            self._model.copy_block(track.blocks[place], own)
            self._pool.give_back([track.blocks[place]])
            track.blocks[place] = own
        while len(track.blocks) < self._pool.blocks_for(end):
            block = self._pool.taken()
            if block is None:
                return False
            track.blocks.append(block)
        return True

    def _give_way(self, job: Job) -> None:
        """The request that came last gives its blocks back and is read again later."""
        self._running.remove(job)
        job.release(self._pool)
        self._waiting.appendleft(job)
