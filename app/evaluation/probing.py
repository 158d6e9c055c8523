"""The leak probe over the wired product: one at a time, and nothing left behind."""

import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from app.errors import HomeInUse
from evals.probing.granted import read_granted
from evals.probing.probe import Answers, ProbeReport, probe

if TYPE_CHECKING:
    from app.bootstrap import Assay

_LOCK = "leak-probe.lock"


def probe_leaks(
    assay: "Assay",
    *,
    answers: Answers = "sample",
    on_progress: Callable[[int, int, str], object] = lambda _done, _total, _remark: None,
) -> ProbeReport:
    """Probe the home folder as it is, over its own database, indexes and models.

    Raises:
        HomeInUse: another probe is running: the two would sweep each other's canaries.
        NothingToProbe: there is no collection.
    """
    with _alone(assay.settings.home), _ended_by_termination():
        if answers != "none":
            _ = assay.answerer  # loaded before anything is planted: it takes a while
        return probe(
            assay.store,
            assay.encoder,
            assay.access,
            lambda: read_granted(assay.database),
            assay.searcher.search,
            lambda: assay.answerer.answer,
            answers=answers,
            on_progress=on_progress,
        )


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    descriptor = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HomeInUse(
                f"another leak probe of {home} is running; wait for it to end and run this again"
            ) from error
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _ended_by_termination() -> Iterator[None]:
    """Being told to end, as by a service manager, is Ctrl-C here: what was planted is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
