"""Runs what is due: one process at a time takes ticks, and goes on with those of a killed one.

Whoever takes a tick holds a lock of the operating system while it works. The lock ends with the
process, however that ends: a tick that has no outcome, when the lock is free, was killed.
"""

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeAlias

from app.background_child import BackgroundChild, start_command
from evals.errors import UnknownSchedule
from evals.schedule_store import RUNNING, ScheduleStore
from evals.schedules import Schedule, Tick, TickOutcome, due_tick

# A tick is given up when it was begun so often without getting further: it brings its process down.
MOST_ATTEMPTS = 5
LOOK_SECONDS = 30.0
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


class Worker(BackgroundChild):
    """Looks now and then whether something is due, and has a child process do it.

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
        super().__init__(
            "schedules",
            has_work=lambda: has_work(schedules, home, clock()),
            start=start or start_child,
            look_seconds=look_seconds,
            expected_codes=frozenset({0, 1}),
        )


def start_child() -> "subprocess.Popen[bytes]":
    """Start `assay eval schedule due` at the lowest priority."""
    return start_command("eval", "schedule", "due", "--background")


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
