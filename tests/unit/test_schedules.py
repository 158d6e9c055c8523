"""Which tick is due: missed ones, clocks that jump, expressions that cannot be read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.errors import BadSchedule
from evals.schedules import (
    RECORDED_SKIPS,
    Delivery,
    Due,
    Schedule,
    check_cron,
    check_name,
    delivery_of,
    due_tick,
    next_tick,
    shown,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def every(cron: str, timezone: str = "UTC", since: str = "2026-01-01T00:00") -> Schedule:
    return Schedule(1, "nightly", "leases", cron, timezone, at(since))


def all_ticks(schedule: Schedule, until: datetime) -> list[datetime]:
    """Each tick, as a worker that is always awake takes them."""
    taken = []
    moment = schedule.since
    while (tick := next_tick(schedule, moment)) is not None and tick <= until:
        taken.append(tick)
        moment = tick
    return taken


NIGHTLY = every("0 2 * * *")


def test_before_the_first_tick_nothing_is_due():
    assert due_tick(NIGHTLY, None, at("2026-01-01T01:59:59")) is None


def test_a_tick_is_due_from_its_moment_on_until_it_is_taken():
    tick = at("2026-01-01T02:00")
    assert due_tick(NIGHTLY, None, tick) == Due(tick, ())
    assert due_tick(NIGHTLY, None, tick + timedelta(hours=3)) == Due(tick, ())
    assert due_tick(NIGHTLY, tick, tick + timedelta(hours=3)) is None


def test_the_newest_missed_tick_makes_up_for_the_older_ones():
    due = due_tick(NIGHTLY, at("2026-01-01T02:00"), at("2026-01-05T12:00"))
    assert due == Due(
        at("2026-01-05T02:00"),
        (at("2026-01-04T02:00"), at("2026-01-03T02:00"), at("2026-01-02T02:00")),
    )


def test_a_year_of_missed_minutes_is_one_run_and_a_bounded_record():
    due = due_tick(every("* * * * *"), None, at("2027-01-01T00:00:30"))
    assert due.tick == at("2027-01-01T00:00")
    assert len(due.skipped) == RECORDED_SKIPS
    assert due.skipped[-1] == at("2027-01-01T00:00") - timedelta(minutes=RECORDED_SKIPS)


@pytest.mark.parametrize(
    ("cron", "since", "now", "tick"),
    [
        ("0 3 1 * *", "2026-01-15T00:00", "2026-03-02T00:00", "2026-03-01T03:00"),
        ("0 3 29 2 *", "2020-01-01T00:00", "2027-01-01T00:00", "2024-02-29T03:00"),
        ("@weekly", "2026-01-01T00:00", "2026-01-17T00:00", "2026-01-11T00:00"),
        ("30 23 L * *", "2026-01-01T00:00", "2026-03-01T00:00", "2026-02-28T23:30"),
        ("0 7 * * MON-FRI", "2026-01-01T00:00", "2026-01-04T12:00", "2026-01-02T07:00"),
    ],
)
def test_rare_ticks_are_found_however_long_ago(cron, since, now, tick):
    assert due_tick(every(cron, since=since), None, at(now)).tick == at(tick)


def test_a_clock_that_goes_back_runs_nothing_twice():
    last = at("2026-01-05T02:00")
    assert due_tick(NIGHTLY, last, at("2026-01-05T01:00")) is None
    assert due_tick(NIGHTLY, last, at("2025-06-01T00:00")) is None


def test_a_schedule_that_is_off_has_no_ticks():
    off = replace(NIGHTLY, is_enabled=False)
    assert due_tick(off, None, at("2026-02-01T00:00")) is None
    assert next_tick(off, at("2026-02-01T00:00")) is None


# --- Summer time: Europe/London, 2026-03-29 01:00 -> 02:00 and 2026-10-25 02:00 -> 01:00 -----


def test_a_time_of_day_that_does_not_exist_is_made_up_for_right_after_the_jump():
    schedule = every("30 1 * * *", "Europe/London", since="2026-03-28T12:00")
    assert all_ticks(schedule, at("2026-03-30T12:00")) == [
        at("2026-03-29T01:00"),  # 02:00 summer time, the first moment after 00:59
        at("2026-03-30T00:30"),
    ]


def test_times_that_all_fall_into_the_jump_are_one_tick():
    schedule = every("15,30,45 1 * * *", "Europe/London", since="2026-03-28T12:00")
    assert all_ticks(schedule, at("2026-03-29T12:00")) == [at("2026-03-29T01:00")]


def test_a_time_of_day_that_comes_twice_is_taken_the_first_time():
    schedule = every("30 1 * * *", "Europe/London", since="2026-10-24T12:00")
    assert all_ticks(schedule, at("2026-10-26T12:00")) == [
        at("2026-10-25T00:30"),  # 01:30 summer time; 01:30 winter time would be 01:30 UTC
        at("2026-10-26T01:30"),
    ]


@pytest.mark.parametrize("minute", range(0, 120, 5))
def test_nothing_is_due_again_while_the_clock_shows_the_same_hour_once_more(minute):
    schedule = every("30 1 * * *", "Europe/London", since="2026-10-24T12:00")
    now = at("2026-10-25T00:30") + timedelta(minutes=minute)
    assert due_tick(schedule, None, now).tick == at("2026-10-25T00:30")
    assert due_tick(schedule, at("2026-10-25T00:30"), now) is None


def test_an_hourly_schedule_follows_the_time_that_passes():
    schedule = every("0 * * * *", "Europe/London", since="2026-10-24T23:30")
    ticks = all_ticks(schedule, at("2026-10-25T04:00"))
    assert ticks == [at("2026-10-25T00:00") + timedelta(hours=hour) for hour in range(5)]


ZONES = ["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"]
CRONS = ["0 2 * * *", "*/20 * * * *", "30 1,2 * * *", "0 0 * * *", "59 23 * * 4", "5 */3 1 * *"]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(CRONS),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)),  # noqa: DTZ001 - UTC without zone
    st.lists(st.integers(1, 3 * 24 * 60), min_size=1, max_size=6),
)
def test_a_worker_that_looks_now_and_then_never_repeats_a_tick(cron, zone, start, waits):
    start = start.replace(microsecond=0)
    schedule = every(cron, zone, start.isoformat())
    expected = all_ticks(schedule, start + timedelta(minutes=sum(waits)))
    assert expected == sorted(set(expected))
    now, last, seen = start, None, []
    for wait in waits:
        now += timedelta(minutes=wait)
        due = due_tick(schedule, last, now)
        if due is not None:
            assert due.tick <= now
            last = due.tick
            seen += [*reversed(due.skipped), due.tick]
    assert seen == [tick for tick in expected if tick in set(seen)]  # in order, none twice
    assert (expected[-1:] == seen[-1:]) and (len(seen) == len(expected) or len(seen) > 100)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CRONS), st.sampled_from(ZONES), st.integers(0, 500_000))
def test_a_tick_is_what_the_expression_says_on_the_clock_of_its_zone(cron, zone, minutes):
    tick = next_tick(every(cron, zone), at("2026-01-01T00:00") + timedelta(minutes=minutes))
    there = tick.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    minute = cron.split()[0]
    is_after_a_jump = there.utcoffset() != (there - timedelta(hours=2)).utcoffset()
    assert minute.startswith("*") or there.minute == int(minute) or is_after_a_jump
    assert tick.second == 0


# --- What cannot be read --------------------------------------------------------------------

NOW = at("2026-01-01T00:00")


@pytest.mark.parametrize(
    ("cron", "message"),
    [
        ("61 2 * * *", "the minute is '61'; it must be 0 to 59"),
        ("0 24 * * *", "the hour is '24'; it must be 0 to 23"),
        ("0 2 32 * *", "the day-of-month is '32'"),
        ("0 2 31 2 *", "the day-of-month is '31'; .* it must occur in the month"),
        ("0 2 * 13 *", "the month is '13'"),
        ("0 2 * * 8", "the day-of-week is '8'"),
        ("0 2 * * MONDAY", "the day-of-week is 'MONDAY'"),
        ("*/0 * * * *", "the minute is '\\*/0'"),
        ("5-1 * * * *", "the minute is '5-1'"),
        ("", "0 fields; it needs five"),
        ("0 2 * *", "4 fields"),
        ("0 0 2 * * *", "6 fields"),
        ("@nightly", "1 fields.*@daily"),
        ("0 2 */20 * 1L", "comes true on no day"),
        ("0 " * 101, "202 characters; the limit is 200"),
    ],
)
def test_a_bad_expression_is_refused_by_field(cron, message):
    with pytest.raises(BadSchedule, match=message):
        check_cron(cron, "UTC", NOW)


@given(st.text("0123456789*/-,#L@ monW\x00²é", max_size=40))
@settings(max_examples=300, deadline=None)
def test_whatever_is_written_is_taken_or_refused(cron):
    try:
        check_cron(cron, "UTC", NOW)
    except BadSchedule:
        return
    assert next_tick(every(cron), NOW) > NOW


@pytest.mark.parametrize("zone", ["Europe/Londn", "", "/etc/passwd", "../x", "Africa", "a\x00b"])
def test_a_zone_that_is_none_is_refused(zone):
    with pytest.raises(BadSchedule, match="there is no time zone"):
        check_cron("0 2 * * *", zone, NOW)


def test_a_misspelt_zone_is_answered_with_one_that_exists():
    with pytest.raises(BadSchedule, match="did you mean 'Europe/London'"):
        check_cron("0 2 * * *", "Europe/Londn", NOW)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\x1b[2J", "n" * 201])
def test_a_name_that_cannot_be_shown_is_refused(name):
    with pytest.raises(BadSchedule, match="name"):
        check_name(name)


def test_the_longest_name_is_taken():
    check_name("n" * 200)


@pytest.mark.parametrize("text", ["file:/srv/reports", "webhook", "mail:ada@example.org"])
def test_a_delivery_is_written_as_it_is_read(text):
    assert str(delivery_of(text)) == text


@pytest.mark.parametrize("text", ["file", "file:", "mail: ", "fax:1", "", "webhook:https://x.org"])
def test_a_delivery_that_leads_nowhere_is_refused(text):
    with pytest.raises(BadSchedule):
        delivery_of(text)


def test_the_address_of_a_webhook_is_a_setting():
    with pytest.raises(BadSchedule, match="ASSAY_WEBHOOK_URL"):
        Delivery("webhook", "https://hooks.example.org/secret")


def test_a_moment_is_shown_on_its_clock_with_the_zone():
    assert shown(at("2026-07-01T01:00"), "Europe/London") == "2026-07-01 02:00 BST (Europe/London)"
