"""Counts what readers were told, beside the answers: it never delays or fails one."""

import logging
import queue
import time
from collections.abc import Callable
from threading import Lock, Thread

from generation.types import Answer

_MOST_WAITING = 1_000
_logger = logging.getLogger(__name__)


class LiveCounter:
    """Takes answers at once and counts them in a thread of its own, which the first one starts.

    Args:
        count: keeps one answer's verdicts. It may wait for the database, and may fail: that answer
            is then not counted.
    """

    def __init__(self, count: Callable[[Answer], None]) -> None:
        self._count = count
        self._waiting: queue.Queue[Answer] = queue.Queue(_MOST_WAITING)
        self._starting = Lock()
        self._thread: Thread | None = None

    def take(self, answer: Answer) -> None:
        """Note an answer. Never waits; when too many wait already it is not counted."""
        try:
            self._waiting.put_nowait(answer)
        except queue.Full:
            _logger.warning("an answer was not counted: %d others wait", _MOST_WAITING)
            return
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="live-counts", daemon=True)
                self._thread.start()

    def flush(self, seconds: float) -> bool:
        """Wait until all that were taken are counted, at most so long. Whether they are."""
        deadline = time.monotonic() + seconds
        while self._waiting.unfinished_tasks:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def _run(self) -> None:
        while True:
            answer = self._waiting.get()
            try:
                self._count(answer)
            except Exception as error:  # noqa: BLE001 - a count is never worth an answer, or this thread
                _logger.warning("an answer was not counted: %s: %s", type(error).__name__, error)
            finally:
                self._waiting.task_done()
