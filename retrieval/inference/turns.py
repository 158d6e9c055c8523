"""Who computes next, where one computation takes all cores."""

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Condition


class ShortestFirst:
    """One at a time: of those who wait the one with the least to do; of equal ones the first.

    A reader's question is not held up by the many sentences of others' answers.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: list[tuple[int, int]] = []
        self._arrivals = count()
        self._is_taken = False

    @contextmanager
    def turn(self, work: int) -> Iterator[None]:
        """Wait for one's turn and have it; `work` is how much there is to do, in any unit."""
        with self._changed:
            place = (work, next(self._arrivals))
            heapq.heappush(self._waiting, place)
            try:
                self._changed.wait_for(lambda: not self._is_taken and self._waiting[0] == place)
                self._is_taken = True
            finally:
                self._waiting.remove(place)
                heapq.heapify(self._waiting)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._is_taken = False
                self._changed.notify_all()
