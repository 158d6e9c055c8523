"""A reader that gets little of the processor is waited for; one that waits for nothing is not."""

import os
import signal
import threading
import time

import pytest

from ingestion.errors import BreaksReader
from ingestion.limited_process import is_starved, processor_seconds
from ingestion.sandbox import ReaderProcess

LINUX = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")  # noqa: PTH110


@pytest.mark.parametrize(
    ("got", "since", "expected"),
    [
        (3.0, 3.0, True),  # a fortieth of a processor
        (60.0, 1.2, True),
        (60.0, 1.1, False),  # nearly nothing any more: it waits for something else
        (0.0, 0.0, False),
        (120.0, 100.0, False),  # it had all its time
        (None, None, False),  # nobody knows: the clock on the wall counts
    ],
)
def test_who_is_starved_and_who_is_slow_by_himself(got, since, expected):
    assert is_starved(got, since_last_look=since, limit=120.0) is expected


@LINUX
def test_the_system_tells_how_much_of_a_processor_a_process_had():
    before = processor_seconds(os.getpid())
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    after = processor_seconds(os.getpid())
    assert before is not None
    assert after is not None
    assert after - before >= 0.1
    assert processor_seconds(2**31 - 1) is None


@LINUX
def test_a_reader_that_stands_still_is_given_up_after_one_limit():
    with ReaderProcess(timeout_seconds=1) as reader:
        reader.read("a.txt", b"one")
        assert reader.pid is not None
        os.kill(reader.pid, signal.SIGSTOP)
        with pytest.raises(BreaksReader, match="longer than the limit of 1 seconds"):
            reader.read("b.txt", b"two")
        assert reader.read("c.txt", b"three").text == "three"


@LINUX
def test_a_file_is_read_although_the_machine_gives_its_reader_little():
    """The reader is stopped most of the time: it takes much longer than its limit, but works."""
    rows = b"a,b\n" + b"some words,1\n" * 25_000  # about .2 s of a processor
    with ReaderProcess(timeout_seconds=2) as reader:
        reader.read("a.txt", b"one")
        pid, over = reader.pid, threading.Event()
        assert pid is not None

        def starve() -> None:
            while not over.wait(0.02):
                os.kill(pid, signal.SIGSTOP)
                over.wait(0.4)
                os.kill(pid, signal.SIGCONT)

        thread = threading.Thread(target=starve)
        thread.start()
        try:
            assert reader.read("b.csv", rows).text.count("some words") == 25_000
        finally:
            over.set()
            thread.join()
        assert reader.pid == pid
