"""The one thread that computes for all requests of an engine."""

import logging
from collections.abc import Callable
from dataclasses import replace
from threading import Condition, Thread, current_thread

from generation.engines.openvino.batching import Batch, Load
from generation.engines.openvino.jobs import Job
from generation.errors import EngineUnavailable

_CLOSE_SECONDS = _FORGET_SECONDS = 10.0
_logger = logging.getLogger(__name__)


class Worker:
    """Takes requests from all threads and steps a batch while there is work.

    The thread starts with the first request and ends with `close` or with the process.

    Args:
        new_batch: makes an empty batch; asked again after a computation failed.
    """

    def __init__(self, new_batch: Callable[[], Batch]) -> None:
        self._new_batch = new_batch
        self._batch = new_batch()
        self._changed = Condition()
        self._arrived: list[Job] = []
        self._thread: Thread | None = None
        self._is_closed = self._is_forgetting = False

    @property
    def load(self) -> Load:
        """What there is to do, as of some moment of the running step."""
        load = self._batch.load
        return replace(load, waiting=load.waiting + len(self._arrived))

    def submit(self, job: Job) -> None:
        """Hand a request over; what becomes of it comes as its events.

        Raises:
            EngineUnavailable: closed.
        """
        with self._changed:
            if self._is_closed:
                raise EngineUnavailable("the engine was closed; start Assay again")
            self._arrived.append(job)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="openvino", daemon=True)
                self._thread.start()
            self._changed.notify()

    def forget(self) -> bool:
        """Have nothing found again that was read until now; between two steps, at most 10 seconds.

        Returns:
            Whether it is so.
        """
        with self._changed:
            if self._thread is None or self._is_closed:
                self._batch.forget()
                return True
            self._is_forgetting = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._is_forgetting, _FORGET_SECONDS)

    def close(self) -> None:
        """End all requests with an error, and the thread. Twice is as good as once."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not current_thread():
            thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while self._take_arrived():
            try:
                self._batch.step()
            except Exception as error:  # whatever it is, those who wait must hear of it
                _logger.exception("the computation of an answer failed")
                failed = EngineUnavailable(f"the computation failed ({error}); ask again")
                self._batch.drop_all(failed)
                self._batch = self._new_batch()
        self._batch.drop_all(EngineUnavailable("the engine was closed; start Assay again"))

    def _take_arrived(self) -> bool:
        """Wait until there is work; False when closed."""
        with self._changed:
            while True:
                if self._is_forgetting:
                    self._batch.forget()
                    self._is_forgetting = False
                    self._changed.notify_all()
                if self._is_closed or self._arrived or not self._batch.is_idle:
                    break
                self._changed.wait()
            for job in self._arrived:
                self._batch.add(job)
            self._arrived.clear()
            return not self._is_closed
