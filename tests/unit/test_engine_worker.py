"""The thread that computes for all: what fails is told to all who wait, and the next are served."""

import threading

import pytest

from generation.decoding import Decoding
from generation.engines.openvino.batching import Batch
from generation.engines.openvino.jobs import Ended, Event, Failed
from generation.engines.openvino.prefix import BlockPool
from generation.engines.openvino.worker import Worker
from generation.errors import EngineUnavailable
from tests.unit.test_batching import BLOCK, KeepingModel, alone, job


def new_worker() -> tuple[Worker, KeepingModel]:
    model = KeepingModel(32)
    return Worker(lambda: Batch(model, BlockPool(32, BLOCK))), model


def last_event(asked: object) -> Event:
    while True:
        event: Event = asked.events.get(timeout=30)  # type: ignore[attr-defined]
        if isinstance(event, Ended | Failed):
            return event


def test_a_failed_computation_is_told_to_all_and_the_next_request_is_served() -> None:
    worker, model = new_worker()
    try:
        model.error = RuntimeError("no memory")
        jobs = [job([1, 2, n], Decoding(max_tokens=5)) for n in range(4)]
        for asked in jobs:
            worker.submit(asked)
        for asked in jobs:
            event = last_event(asked)
            assert isinstance(event, Failed)
            assert isinstance(event.error, EngineUnavailable)
            assert "no memory" in str(event.error)
            assert "ask again" in str(event.error)
        model.error = None
        asked = job([1, 2], Decoding(max_tokens=5))
        worker.submit(asked)
        event = last_event(asked)
        assert isinstance(event, Ended)
        assert event.reason == alone([1, 2], Decoding(max_tokens=5))[1]
    finally:
        worker.close()


def test_the_thread_starts_with_the_first_request_and_ends_when_closed() -> None:
    before = threading.active_count()
    worker, _ = new_worker()
    assert threading.active_count() == before
    asked = job([1], Decoding(max_tokens=2))
    worker.submit(asked)
    assert isinstance(last_event(asked), Ended)
    assert threading.active_count() == before + 1
    worker.close()
    assert threading.active_count() == before
    worker.close()
    with pytest.raises(EngineUnavailable, match="closed"):
        worker.submit(job([1], Decoding()))


def test_a_worker_that_was_never_asked_can_be_closed() -> None:
    worker, _ = new_worker()
    worker.close()
    assert worker.load.running == worker.load.waiting == 0


def test_closing_ends_those_that_are_written_and_those_that_wait() -> None:
    worker, _ = new_worker()
    jobs = [job([1, n], Decoding(max_tokens=100_000), is_end=lambda token: False) for n in range(3)]
    for asked in jobs:
        worker.submit(asked)
    worker.close()
    for asked in jobs:
        event = last_event(asked)
        assert isinstance(event, Failed)
        assert isinstance(event.error, EngineUnavailable)


def test_many_threads_may_ask_at_once() -> None:
    worker, _ = new_worker()
    found: dict[int, list[int]] = {}

    def ask(number: int) -> None:
        asked = job([1, number], Decoding(max_tokens=12))
        worker.submit(asked)
        tokens = []
        while not isinstance(event := asked.events.get(timeout=60), Ended):
            assert not isinstance(event, Failed)
            tokens.append(event.token)
        found[number] = tokens

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    worker.close()
    assert found == {n: alone([1, n], Decoding(max_tokens=12))[0] for n in range(12)}
