"""Runs what is due: one process at a time takes ticks, and goes on with those of a killed one.

Whoever takes a tick holds a lock of the operating system while it works. The lock ends with the
process, however that ends: a tick that has no outcome, when the lock is free, was killed.
"""

import fcntl
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple, TypeAlias

from evals.errors import UnknownSchedule
from evals.schedule_store import RUNNING, ScheduleStore
from evals.schedules import Schedule, Tick, TickOutcome, due_tick

# A tick is given up when it was begun so often without getting further: it brings its process down.
MOST_ATTEMPTS = 5
LOOK_SECONDS = 30.0
_LONGEST_WAIT_SECONDS = 3600.0
_STOP_SECONDS = 5.0
_GLANCE_SECONDS = 0.5
_EXPECTED_CODES = frozenset({0, 1})
_ROOT = str(Path(__file__).resolve().parents[2])
# The folder of our packages is given by hand: a checkout need not be installed, and a package of
# the same name in the working folder shall not be taken for ours.
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from app.cli import main; main()"
_logger = logging.getLogger(__name__)

# Does what a tick asks for.
Work: TypeAlias = Callable[[Schedule, Tick], TickOutcome]


class Ran(NamedTuple):
    """A tick that this process ended."""

    tick: Tick
    outcome: TickOutcome


class Finished(NamedTuple):
    """What a call of `run_due` did; `is_busy` when another process is at it."""

    ran: list[Ran]
    is_busy: bool


def utc_now() -> datetime:
    """Now, UTC without zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def run_due(
    schedules: ScheduleStore,
    home: Path,
    work: Work,
    *,
    cases_done: Callable[[Tick], int] = lambda _: 0,
    clock: Callable[[], datetime] = utc_now,
) -> Finished:
    """Run every tick that is due, one after the other, until none is.

    Args:
        cases_done: how far a tick's run is: a killed tick that got further may be begun again as
            often as need be.
    """
    ran: list[Ran] = []
    while True:
        with _alone(home) as is_ours:
            if not is_ours:
                return Finished(ran, is_busy=True)
            found = _killed(schedules, cases_done) or _taken(schedules, clock())
            if found is None:
                return Finished(ran, is_busy=False)
            schedule, tick, attempts = found
            outcome = work(schedule, tick) if attempts <= MOST_ATTEMPTS else _given_up(attempts - 1)
            schedules.finish(tick, outcome, now=clock())
            ran.append(Ran(schedules.tick(tick.schedule, tick.at) or tick, outcome))


def has_work(schedules: ScheduleStore, home: Path, now: datetime) -> bool:
    """Whether `run_due` would find something to do, and nobody does it yet."""
    if not schedules.unfinished() and not any(
        due_tick(one, schedules.last_taken(one, now), now) for one in schedules.schedules()
    ):
        return False
    with _alone(home) as is_ours:
        return is_ours


def is_running(home: Path) -> bool:
    """Whether some process works on a tick now."""
    with _alone(home) as is_ours:
        return not is_ours


class Worker:
    """Looks now and then whether something is due, and has a child process do it.

    In a child: the chat stays quick, what crashes there does not reach it, and its memory is given
    back. The child ends with this process, on Linux even if that is killed; what it had begun is
    gone on with.

    Args:
        start: starts the child. Linux ends it with the thread that started it.
    """

    def __init__(
        self,
        schedules: ScheduleStore,
        home: Path,
        *,
        start: "Callable[[], subprocess.Popen[bytes]] | None" = None,
        look_seconds: float = LOOK_SECONDS,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._schedules = schedules
        self._home = home
        self._start = start or start_child
        self._look_seconds = look_seconds
        self._clock = clock
        self._stopping = Event()
        self._thread: Thread | None = None

    def begin(self) -> None:
        """Look from now on, in a thread of its own."""
        self._thread = Thread(target=self.run, name="schedules", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop looking, and end a child that runs."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(2 * _STOP_SECONDS)

    def run(self) -> None:
        """Look until `stop`."""
        failures = 0
        while not self._stopping.is_set():
            code = self._look()
            failures = 0 if code in _EXPECTED_CODES else failures + 1
            pause = min(self._look_seconds * 2**failures, _LONGEST_WAIT_SECONDS)
            self._stopping.wait(pause)

    def _look(self) -> int:
        """Do what is due. Returns the child's exit code, 0 when there was nothing to do."""
        try:
            if not has_work(self._schedules, self._home, self._clock()):
                return 0
            return self._watch(self._start())
        except Exception:  # whatever it is, the next look may go well, and the chat goes on
            _logger.exception("schedules: cannot look for what is due")
            return -1

    def _watch(self, child: "subprocess.Popen[bytes]") -> int:
        """Wait for the child; end it when we are told to stop, or by Ctrl-C."""
        try:
            while not self._stopping.is_set():
                with suppress(subprocess.TimeoutExpired):
                    code = child.wait(timeout=_GLANCE_SECONDS)
                    if code not in _EXPECTED_CODES:
                        _logger.warning("schedules: a run ended with code %d; it goes on", code)
                    return code
        finally:
            _end(child)
        return 0


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def start_child() -> "subprocess.Popen[bytes]":
    """Start `assay eval schedule due` at the lowest priority. Its warnings go where ours go."""
    command = ["eval", "schedule", "due", "--background"]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-P", "-c", _START, _ROOT, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def _killed(
    schedules: ScheduleStore, cases_done: Callable[[Tick], int]
) -> tuple[Schedule, Tick, int] | None:
    """A tick that its process left, since nobody holds the lock but us."""
    for tick in schedules.unfinished():
        try:
            schedule = schedules.schedule(tick.schedule)
        except UnknownSchedule:  # removed at this moment; its ticks go with it
            continue
        return schedule, tick, schedules.take_over(tick, done=cases_done(tick))
    return None


def _taken(schedules: ScheduleStore, now: datetime) -> tuple[Schedule, Tick, int] | None:
    """A tick that is due and now ours."""
    for schedule in schedules.schedules():
        due = due_tick(schedule, schedules.last_taken(schedule, now), now)
        if due is not None and schedules.take(schedule, due, now=now):
            return schedule, Tick(schedule.name, due.tick, now, None, None, RUNNING), 1
    return None


def _given_up(attempts: int) -> TickOutcome:
    return TickOutcome(
        "error",
        f"given up: it was begun {attempts} times and its process ended each time before another "
        "case was done; is there enough memory? `assay eval run` shows what happens",
    )


@contextmanager
def _alone(home: Path) -> Iterator[bool]:
    """Have the ticks of a home for as long as the context lasts, or until the process is gone.

    Yields:
        False when another process, or another thread, has them.
    """
    descriptor = os.open(home / "schedules.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
