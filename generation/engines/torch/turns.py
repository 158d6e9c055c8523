"""Taking turns: first come, first served, and who waits may leave. Pure but for the clock."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

# How long who waits may take to notice that it was cancelled.
_LOOK_SECONDS = 0.05


class Turns:
    """One at a time, in the order of asking."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._queue: deque[object] = deque()

    @contextmanager
    def turn(self, is_cancelled: Callable[[], bool]) -> Iterator[bool]:
        """Wait for one's turn and have it until the block ends.

        Gives False at once, and no turn, when `is_cancelled` becomes true while waiting.
        """
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
        try:
            yield self._is_reached(ticket, is_cancelled)
        finally:
            with self._changed:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def _is_reached(self, ticket: object, is_cancelled: Callable[[], bool]) -> bool:
        while True:
            # Asked outside the lock: it is the caller's code and may take its time.
            if is_cancelled():
                return False
            with self._changed:
                if self._queue[0] is ticket:
                    return True
                self._changed.wait(_LOOK_SECONDS)
