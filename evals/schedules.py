"""When a suite is run by itself: cron expressions, time zones, which tick is due. Pure.

A tick is a moment at which a schedule wants a run. Moments are UTC without zone, as everywhere in
`evals`; only the cron expression is read on the clock of its zone. Where that clock jumps, it is
as in Debian's cron: a time of day that the jump leaves out is made up for right after it, one that
comes twice is taken the first time; an expression whose hour or minute begins with `*` follows the
time that passes instead.
"""

import difflib
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias, get_args
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from evals.errors import BadSchedule
from evals.types import Json

# Older missed ticks than these are passed over without a record of their own.
RECORDED_SKIPS = 100
LONGEST_NAME = 200
_LONGEST_CRON = 200
_FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
_LIMITS = MappingProxyType(
    {
        "minute": "0 to 59",
        "hour": "0 to 23",
        "day-of-month": "1 to 31, L for the last day, and it must occur in the month",
        "month": "1 to 12 or JAN to DEC",
        "day-of-week": "0 to 7 (0 and 7 are Sunday) or SUN to SAT",
    }
)
_AN_HOUR = timedelta(hours=1)
# How far back ticks are looked for, until enough are found: an expression may mean each minute,
# and the machine may have been off for a year.
_WINDOWS = (*(timedelta(days=days) for days in (1, 32, 366 * 5)), timedelta(days=366 * 100))
_NAMED = MappingProxyType(
    {
        "@hourly": "0 * * * *",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *",
        "@yearly": "0 0 1 1 *",
    }
)

Way: TypeAlias = Literal["file", "webhook", "mail"]
TickState: TypeAlias = Literal["running", "passed", "failed", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where a result goes: `target` is a folder, a mail address, or empty for the webhook.

    The address and the secrets of the webhook and the mail server are settings, never kept here.
    """

    way: Way
    target: str = ""

    def __post_init__(self) -> None:
        if self.way == "webhook" and self.target:
            raise BadSchedule(
                "the webhook's address is the setting ASSAY_WEBHOOK_URL, since it may hold a "
                f"secret; write `webhook` instead of {str(self)!r}"
            )
        if self.way != "webhook" and not self.target:
            what = "a folder" if self.way == "file" else "an address"
            raise BadSchedule(f"{self.way!r} needs {what}: `{self.way}:…`")

    def __str__(self) -> str:
        return f"{self.way}:{self.target}" if self.target else self.way


def delivery_of(text: str) -> Delivery:
    """Read `file:FOLDER`, `webhook` or `mail:ADDRESS`.

    Raises:
        BadSchedule: it is none of these.
    """
    way, _, target = text.partition(":")
    for known in get_args(Way):
        if way == known:
            return Delivery(known, target.strip())
    raise BadSchedule(f"{text!r} is no way to deliver; use file:FOLDER, webhook or mail:ADDRESS")


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a suite is run, with which options, and what happens with the result.

    Args:
        options: of the run, as `app.evaluation.running` reads them.
        policy: path of the gate's policy file; None: every finished run passes.
        probes_leaks: whether the leak probe runs, too.
        since: ticks up to here are nobody's.
    """

    id: int
    name: str
    suite: str
    cron: str
    timezone: str
    since: datetime
    options: Mapping[str, Json] = field(default_factory=dict)
    policy: str | None = None
    probes_leaks: bool = False
    deliveries: tuple[Delivery, ...] = ()
    is_enabled: bool = True


class TickOutcome(NamedTuple):
    """What came of a tick. `detail` is for the operator and holds no words of documents."""

    state: TickState
    detail: str = ""
    undelivered: tuple[str, ...] = ()


class Tick(NamedTuple):
    """A tick that was taken. `finished_at` is None while it runs, or when it was killed."""

    schedule: str
    at: datetime
    taken_at: datetime
    finished_at: datetime | None
    run_id: int | None
    outcome: TickOutcome


class Due(NamedTuple):
    """The tick to run now, and the older ones it stands for, newest first."""

    tick: datetime
    skipped: tuple[datetime, ...]


def due_tick(schedule: Schedule, last_taken: datetime | None, now: datetime) -> Due | None:
    """The newest tick up to `now` that nobody took; None when there is none.

    However many ticks were missed, one run makes up for them: at most `RECORDED_SKIPS` of the
    older ones are named as skipped.

    Args:
        last_taken: the newest tick up to `now` that was taken. Ticks later than `now`, taken when
            the clock was ahead, do not count: they are not taken again once their time comes, since
            they are there.
    """
    if not schedule.is_enabled:
        return None
    after = max(schedule.since, last_taken or schedule.since)
    ticks: list[datetime] = []
    for window in _WINDOWS:
        start = max(after, now - window)
        ticks = list(_ticks(schedule.cron, schedule.timezone, start, now))
        if start == after or len(ticks) > RECORDED_SKIPS:
            break
    newest_first = ticks[::-1][: RECORDED_SKIPS + 1]
    return Due(newest_first[0], tuple(newest_first[1:])) if ticks else None


def next_tick(schedule: Schedule, now: datetime) -> datetime | None:
    """The first tick later than `now`; None when the schedule is disabled, or has no more."""
    if not schedule.is_enabled:
        return None
    return _first_after(schedule.cron, schedule.timezone, max(now, schedule.since))


def check_cron(cron: str, timezone: str, now: datetime) -> None:
    """Refuse an expression or a zone that cannot be read, or that never comes true.

    Raises:
        BadSchedule: it names the field, its value and what is allowed.
    """
    _zone(timezone)
    _fields(cron)
    if _first_after(cron, timezone, now) is None:
        raise BadSchedule(f"cron {cron!r} comes true on no day of the next 50 years")


def check_name(name: str) -> None:
    """Refuse a name that cannot be shown on one line.

    Raises:
        BadSchedule: it is empty, too long, or holds control characters.
    """
    if not name.strip() or not name.isprintable():
        raise BadSchedule(f"the name {name!r} is empty or not printable; choose another")
    if len(name) > LONGEST_NAME:
        raise BadSchedule(f"the name has {len(name)} characters; the limit is {LONGEST_NAME}")


def shown(moment: datetime, timezone: str) -> str:
    """A moment (UTC without zone) as it stands on the clock of a zone, with the zone."""
    there = moment.replace(tzinfo=UTC).astimezone(_zone(timezone))
    return f"{there:%Y-%m-%d %H:%M %Z} ({timezone})"


def _first_after(cron: str, timezone: str, moment: datetime) -> datetime | None:
    return next((at for at in _walk(cron, timezone, moment)), None)


def _ticks(cron: str, timezone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    return takewhile(lambda tick: tick <= until, _walk(cron, timezone, after))


def _walk(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """Each tick later than `after`, in order."""
    zone = _zone(timezone)
    # The hour before, since one and the same reading of a clock that is set back means two moments.
    there = (after - _AN_HOUR).replace(tzinfo=UTC).astimezone(zone)
    for at in CronSim(" ".join(_fields(cron)), there):
        tick = at.astimezone(UTC).replace(tzinfo=None)
        if tick > after:
            after = tick
            yield tick


def _fields(cron: str) -> list[str]:
    """The five fields of an expression, checked."""
    if len(cron) > _LONGEST_CRON:
        raise BadSchedule(f"cron has {len(cron)} characters; the limit is {_LONGEST_CRON}")
    fields = _NAMED.get(cron.strip().lower(), cron).split()
    if len(fields) != len(_FIELDS):
        raise BadSchedule(
            f"cron {cron!r} has {len(fields)} fields; it needs five: {', '.join(_FIELDS)} "
            f"(for example `0 2 * * *`), or one of {', '.join(_NAMED)}"
        )
    try:
        CronSim(" ".join(fields), datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        name = str(error).removeprefix("Bad ")
        value = fields[_FIELDS.index(name)] if name in _FIELDS else cron
        limit = _LIMITS.get(name, "as in crontab(5)")
        raise BadSchedule(f"cron {cron!r}: the {name} is {value!r}; it must be {limit}") from error
    return fields


def _zone(timezone: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone)
    except (KeyError, OSError, ValueError) as error:
        near = difflib.get_close_matches(timezone, zoneinfo.available_timezones(), n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]!r}?" if near else " (for example `Europe/Paris`)"
        raise BadSchedule(f"there is no time zone {timezone!r} on this machine{hint}") from error
