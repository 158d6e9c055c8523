"""Ticks are run once, whoever tries and whoever is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from app.bootstrap import Assay
from app.nightly.worker import (
    MOST_ATTEMPTS,
    Finished,
    Worker,
    has_work,
    is_running,
    run_due,
    utc_now,
)
from app.settings import Settings
from evals.errors import BadSchedule, UnknownSchedule, UnknownSuite
from evals.schedules import Delivery, Due, TickOutcome, due_tick
from tests.component.nights import (
    PASSED,
    PATIENCE_SECONDS,
    SINCE,
    SPAWN,
    at,
    run,
    scheduled,
    with_leases,
)


@pytest.fixture
def assay(tmp_path):
    with closing(with_leases(tmp_path / "home")) as opened:
        yield opened


# --- What is kept ---------------------------------------------------------------------------


def test_a_schedule_comes_out_as_it_went_in(assay):
    made = scheduled(
        assay,
        timezone="Europe/London",
        options={"limit": 2, "judges": ["a"]},
        policy="metrics: {}",
        probes_leaks=True,
        deliveries=(Delivery("webhook"), Delivery("mail", "ada@example.org")),
    )
    assert assay.schedules.schedules() == [made] == [assay.schedules.schedule("nightly")]
    assert made.options == {"limit": 2, "judges": ["a"]}
    assert made.deliveries == (Delivery("webhook"), Delivery("mail", "ada@example.org"))
    assert (made.since, made.is_enabled, made.policy) == (SINCE, True, "metrics: {}")


def test_what_cannot_be_is_refused_and_nothing_is_kept(assay):
    scheduled(assay)
    with pytest.raises(BadSchedule, match="a schedule 'nightly' already"):
        scheduled(assay)
    with pytest.raises(UnknownSuite, match="rents"):
        scheduled(assay, "b", suite="rents")
    with pytest.raises(BadSchedule, match="the hour is '25'"):
        scheduled(assay, "b", cron="0 25 * * *")
    with pytest.raises(UnknownSchedule, match="no schedule 'b'; the schedules are: nightly"):
        assay.schedules.remove("b")
    assert len(assay.schedules.schedules()) == 1


def test_a_removed_schedule_takes_its_ticks_and_leaves_its_runs(assay):
    schedule = scheduled(assay)
    assert assay.schedules.take(schedule, Due(at("2026-01-02T02:00"), ()))
    version = assay.evals.suite("leases")
    run_id = assay.evals.start_run(version, cases=1, origin="schedule", pins={}).id
    assay.schedules.remove("nightly")
    assert assay.schedules.unfinished() == []
    assert not assay.schedules.take(schedule, Due(at("2026-01-03T02:00"), ()))
    assert assay.evals.run(run_id).id == run_id


def test_a_removed_suite_takes_its_schedules(assay):
    scheduled(assay)
    assay.evals.remove_suite("leases")
    assert assay.schedules.schedules() == []


def test_what_a_schedule_missed_while_it_was_off_is_nobodys(assay):
    scheduled(assay)
    assay.schedules.enable("nightly", is_enabled=False)
    assert run(assay, lambda *_: PASSED).ran == []
    assay.schedules.enable("nightly", now=at("2026-01-02T11:00"))
    assert run(assay, lambda *_: PASSED).ran == []
    [ran] = run(assay, lambda *_: PASSED, "2026-01-03T02:00").ran
    assert ran.tick.at == at("2026-01-03T02:00")


def test_enabling_what_is_on_changes_nothing(assay):
    before = scheduled(assay)
    assay.schedules.enable("nightly", now=at("2026-05-01T00:00"))
    assert assay.schedules.schedule("nightly") == before


# --- One run per tick -----------------------------------------------------------------------


def test_missed_ticks_are_one_run_and_the_others_are_recorded(assay):
    scheduled(assay)
    seen = []
    done = run(assay, lambda _, tick: seen.append(tick.at) or PASSED, "2026-01-04T12:00")
    assert seen == [at("2026-01-04T02:00")]
    assert [one.outcome.state for one in done.ran] == ["passed"]
    kept = [(tick.at.day, tick.outcome.state) for tick in assay.schedules.ticks("nightly")]
    assert kept == [(4, "passed"), (3, "skipped"), (2, "skipped"), (1, "skipped")]
    assert run(assay, lambda *_: pytest.fail("nothing is due"), "2026-01-04T12:00").ran == []


def test_a_clock_that_goes_back_and_forth_runs_each_tick_once(assay):
    scheduled(assay)
    seen = []
    for now in ("2026-01-03T03:00", "2026-01-02T03:00", "2026-01-03T01:00", "2026-01-03T04:00"):
        run(assay, lambda _, tick: seen.append(tick.at) or PASSED, now)
    assert seen == [at("2026-01-03T02:00")]


def test_after_a_clock_that_was_years_ahead_life_goes_on(assay):
    scheduled(assay)
    seen = []
    for now in ("2099-01-01T03:00", "2026-01-02T03:00", "2026-01-03T03:00"):
        run(assay, lambda _, tick: seen.append(tick.at) or PASSED, now)
    assert seen == [
        at("2099-01-01T02:00"), at("2026-01-02T02:00"), at("2026-01-03T02:00")
    ]  # fmt: skip


def test_a_killed_tick_is_gone_on_with_and_has_its_run(assay):
    schedule = scheduled(assay)
    due = due_tick(schedule, None, at("2026-01-02T03:00"))
    assert assay.schedules.take(schedule, due)
    [killed] = assay.schedules.unfinished()
    assay.schedules.set_run(killed, 17)
    [ran] = run(assay, lambda _, tick: TickOutcome("passed", f"run {tick.run_id}")).ran
    assert (ran.tick.at, ran.outcome.detail) == (due.tick, "run 17")
    assert assay.schedules.unfinished() == []


def begin_and_die(assay, cases_done=lambda _: 0) -> int:
    """How often work is begun until the tick has an outcome, when each time the process dies."""
    begun = 0

    def work(*_):
        nonlocal begun
        begun += 1
        raise KeyboardInterrupt

    while True:
        try:
            run(assay, work, "2026-01-01T03:00", cases_done=cases_done)
        except KeyboardInterrupt:
            continue
        return begun


def test_a_tick_that_kills_its_process_is_given_up(assay):
    scheduled(assay)
    assert begin_and_die(assay) == MOST_ATTEMPTS
    [tick] = assay.schedules.ticks("nightly")
    assert tick.outcome.state == "error"
    assert f"begun {MOST_ATTEMPTS} times" in tick.outcome.detail


def test_a_tick_that_gets_further_each_time_is_not_given_up(assay):
    scheduled(assay)
    progress = iter([*range(1, 11), *[10] * 100])
    assert begin_and_die(assay, lambda _: next(progress)) == 10 + MOST_ATTEMPTS


def test_while_one_works_another_leaves_it_alone(assay):
    scheduled(assay)

    def work(*_):
        assert is_running(assay.settings.home)
        assert not has_work(assay.schedules, assay.settings.home, at("2026-01-02T12:00"))
        assert run(assay, lambda *_: pytest.fail("it is taken")) == Finished([], is_busy=True)
        return PASSED

    assert len(run(assay, work).ran) == 1
    assert not is_running(assay.settings.home)


def test_without_schedules_there_is_no_work(assay):
    assert not has_work(assay.schedules, assay.settings.home, utc_now())
    scheduled(assay)
    assert not has_work(assay.schedules, assay.settings.home, SINCE + timedelta(minutes=1))
    assert has_work(assay.schedules, assay.settings.home, SINCE + timedelta(hours=2))


# --- Several processes ----------------------------------------------------------------------


def take_everything(home: Path, together, outcome) -> None:
    """Try to take every tick, without the lock that usually keeps two from trying."""
    assay = Assay(Settings(home=home))
    together.wait(PATIENCE_SECONDS)
    mine = []
    for schedule in assay.schedules.schedules():
        due = due_tick(schedule, None, at("2026-01-02T12:00"))
        if due is not None and assay.schedules.take(schedule, due):
            mine.append(schedule.name)
    outcome.put(mine)


def test_a_tick_is_taken_by_one_of_several_that_try_at_once(assay):
    for number in range(10):
        scheduled(assay, f"s{number}")
    together, outcome = SPAWN.Barrier(3), SPAWN.Queue()
    processes = [
        SPAWN.Process(target=take_everything, args=(assay.settings.home, together, outcome))
        for _ in range(3)
    ]
    for process in processes:
        process.start()
    taken = Counter(name for _ in processes for name in outcome.get(timeout=PATIENCE_SECONDS))
    for process in processes:
        process.join(PATIENCE_SECONDS)
    assert taken == Counter(f"s{number}" for number in range(10))


def work_until_done(home: Path, log: Path, stuck) -> None:
    """A worker; at the fourth tick it begins, the first of them says so and never ends."""
    assay = Assay(Settings(home=home))

    def say(word: str, tick) -> None:
        with log.open("a") as lines:
            lines.write(f"{word} {tick.schedule} {os.getpid()}\n")

    def work(_schedule, tick):
        say("begin", tick)
        if tick.schedule == "s3" and not stuck.is_set():
            stuck.set()
            time.sleep(PATIENCE_SECONDS)
        say("end", tick)
        return PASSED

    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        run_due(assay.schedules, home, work, clock=lambda: at("2026-01-02T12:00"))
        ticks = [tick for one in assay.schedules.schedules() for tick in ticks_of(assay, one)]
        if len(ticks) == 10 and all(tick.finished_at for tick in ticks):
            return
        time.sleep(0.02)


def ticks_of(assay, schedule):
    return [one for one in assay.schedules.ticks(schedule.name) if one.outcome.state != "skipped"]


def test_two_workers_do_ten_ticks_once_each_although_one_is_killed(assay, tmp_path):
    for number in range(10):
        scheduled(assay, f"s{number}")
    log, stuck = tmp_path / "log", SPAWN.Event()
    workers = [
        SPAWN.Process(target=work_until_done, args=(assay.settings.home, log, stuck))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    assert stuck.wait(PATIENCE_SECONDS)
    victim = next(line.split()[2] for line in log.read_text().splitlines() if "begin s3" in line)
    os.kill(int(victim), signal.SIGKILL)
    for worker in workers:
        worker.join(PATIENCE_SECONDS)
    assert sorted(worker.exitcode for worker in workers) == [-signal.SIGKILL, 0]
    lines = [line.split() for line in log.read_text().splitlines()]
    ended = Counter(name for word, name, _ in lines if word == "end")
    begun = Counter(name for word, name, _ in lines if word == "begin")
    assert ended == Counter(f"s{number}" for number in range(10))
    assert begun == ended + Counter(["s3"])
    assert all(
        tick.outcome.state == "passed"
        for schedule in assay.schedules.schedules()
        for tick in ticks_of(assay, schedule)
    )


# --- The worker -----------------------------------------------------------------------------


def child(code: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code])


def test_a_worker_starts_a_child_when_something_is_due_and_ends_it_with_itself(assay):
    scheduled(assay)
    children, is_started = [], threading.Event()

    def start():
        children.append(child("import time; time.sleep(100)"))
        is_started.set()
        return children[-1]

    worker = Worker(assay.schedules, assay.settings.home, start=start, look_seconds=0.01)
    worker.begin()
    assert is_started.wait(PATIENCE_SECONDS)
    worker.stop()
    assert [one.poll() for one in children] == [-signal.SIGTERM]


def test_a_worker_with_nothing_to_do_starts_nothing(assay):
    looks = threading.Semaphore(0)

    def clock():
        looks.release()
        return SINCE

    worker = Worker(
        assay.schedules, assay.settings.home, clock=clock, look_seconds=0.001,
        start=lambda: pytest.fail("there is no schedule"),
    )  # fmt: skip
    worker.begin()
    assert all(looks.acquire(timeout=PATIENCE_SECONDS) for _ in range(5))
    worker.stop()


def test_a_child_that_fails_is_started_again_later_and_later(assay, caplog):
    scheduled(assay)
    starts, third = [], threading.Event()

    def start():
        starts.append(time.monotonic())
        if len(starts) == 3:
            third.set()
        return child("raise SystemExit(3)")

    worker = Worker(assay.schedules, assay.settings.home, start=start, look_seconds=0.2)
    worker.begin()
    assert third.wait(PATIENCE_SECONDS)
    worker.stop()
    assert starts[1] - starts[0] >= 0.4
    assert starts[2] - starts[1] >= 0.8
    assert "code 3" in caplog.text
