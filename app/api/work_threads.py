"""Threads that are kept for slow work, so that it takes none of those that routes run in."""

import weakref
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias

Work: TypeAlias = Callable[[], None]


class WorkThreads:
    """As many threads as there was ever work at once; each does one piece at a time.

    Not a pool of the standard library: those are waited for when the interpreter ends, and one
    answer that hangs would hold up the end of the server for good. Nor anyio's: its forty threads
    serve every route, and forty answers would stop the log-in page. Kept, because a model's library
    sets up workers of its own for each new thread that calls it.
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Work | None] = SimpleQueue()
        self._busy = 0
        self._threads: list[Thread] = []
        weakref.finalize(self, _dismiss, self._waiting, self._threads)

    def do(self, work: Work) -> None:
        """Have a thread do it now. `work` must not raise; call `done` when it is over.

        To be called from one thread only, as `done` is.

        Raises:
            RuntimeError: the system gives no more threads; the work is not done.
        """
        if self._busy == len(self._threads):
            thread = Thread(
                target=_work_on, args=(self._waiting,), name=f"answer-{self._busy + 1}", daemon=True
            )
            thread.start()
            self._threads.append(thread)
        self._busy += 1
        self._waiting.put(work)

    def done(self) -> None:
        """Note that a piece of work is over."""
        self._busy -= 1


def _work_on(waiting: SimpleQueue[Work | None]) -> None:
    while (work := waiting.get()) is not None:
        work()
        del work  # or what it held would stay until there is more


def _dismiss(waiting: SimpleQueue[Work | None], threads: list[Thread]) -> None:
    for _ in threads:
        waiting.put(None)
