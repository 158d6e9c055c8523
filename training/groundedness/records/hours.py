"""Opening hours, as records keep them and as people tell them."""

import random
from collections.abc import Sequence

from training.groundedness.records.sheet import Say, Sheet, Slip, list_of
from training.groundedness.records.words import DAYS

_Times = tuple[int, int]  # minutes after midnight


def clock(minutes: int, style: int) -> str:
    """A time of day; style 4 is the 24-hour clock, which has no am and pm to confuse."""
    hour, minute = divmod(minutes % 1440, 60)
    if style == 4:
        return f"{hour}:{minute:02}"
    if style in {0, 2} and not minute and hour in {0, 12}:
        return "midnight" if hour == 0 else "noon"
    half = (("AM", "PM"), ("AM", "PM"), ("am", "pm"), ("a.m.", "p.m."))[style][hour >= 12]
    space = "" if style == 2 else " "
    shown = hour % 12 or 12
    return f"{shown}:{minute:02}{space}{half}" if minute or style == 1 else f"{shown}{space}{half}"


def _raw_hours(times: _Times, style: int) -> str:
    """Hours as a record writes them."""
    opens, closes = times
    if style == 0:
        return f"{opens // 60}:{opens % 60}-{closes // 60 % 24}:{closes % 60}"
    if style == 1:
        return f"{opens // 60:02}:{opens % 60:02}-{closes // 60 % 24:02}:{closes % 60:02}"
    return f"{clock(opens, 1)} - {clock(closes, 1)}"


def _week(rng: random.Random) -> list[_Times | None]:
    """Hours of each day; None where closed."""
    opens = rng.choice([6, 7, 8, 9, 9, 10, 10, 11, 11, 12, 16]) * 60 + rng.choice([0, 0, 0, 30])
    closes = max(opens + 240, rng.choice([14, 15, 17, 18, 19, 20, 21, 22]) * 60)
    closes += rng.choice([0, 0, 0, 30])
    usual = (opens, closes)
    later = (opens, min(closes + rng.choice([60, 90, 120]), 1380))
    shorter = (opens + 60, max(closes - rng.choice([60, 120]), opens + 180))
    week: list[_Times | None] = [usual] * 7
    shape = rng.randrange(6)
    if shape in {1, 2}:
        week[4] = week[5] = later
    if shape in {2, 3}:
        week[5] = week[6] = shorter
    if shape == 4:
        week[6] = shorter
    if rng.random() < 0.55:
        for day in rng.choice([[6], [0], [6], [5, 6], [0, 1], [rng.randrange(7)]]):
            week[day] = None
    return week


def _runs(week: Sequence[_Times | None]) -> list[tuple[int, int, _Times | None]]:
    """Days in a row with the same hours: first, last (inclusive), hours."""
    runs: list[tuple[int, int, _Times | None]] = []
    for day, times in enumerate(week):
        if runs and runs[-1][2] == times:
            runs[-1] = (runs[-1][0], day, times)
        else:
            runs.append((day, day, times))
    return runs


def _days(rng: random.Random, first: int, last: int) -> str:
    if (first, last) == (0, 4) and rng.random() < 0.3:
        return "on weekdays"
    if (first, last) == (5, 6) and rng.random() < 0.3:
        return "on weekends"
    if first == last:
        return rng.choice([f"on {DAYS[first]}", f"on {DAYS[first]}s"])
    if last == first + 1:
        return rng.choice(
            [f"on {DAYS[first]} and {DAYS[last]}", f"on {DAYS[first]}s and {DAYS[last]}s"]
        )
    return rng.choice(["from {} to {}", "{} through {}", "{} to {}", "from {} through {}"]).format(
        DAYS[first], DAYS[last]
    )


def _between(rng: random.Random, opens: str, closes: str) -> str:
    text = rng.choice(["from {} to {}", "from {} to {}", "between {} and {}", "from {} until {}"])
    return text.format(opens, closes)


def put_hours(sheet: Sheet) -> None:
    """Write the hours of a week, and add what may be said of them."""
    rng = sheet.rng
    section = "hours/opening hours/business hours/hours of operation/schedule"
    if rng.random() < 0.1:
        sheet.put("", section, None)
        slips = [
            Slip(Say(f"is ‹open {days} from 9 AM to {close}›"), "null_stated", contradicts=False)
            for days in ("daily", "Monday to Friday", "seven days a week")
            for close in ("5 PM", "8 PM", "10 PM")
        ]
        sheet.add("hours", (), slips)
        sheet.unknown("the opening hours", is_known=False)
        return
    week = _week(rng)
    raw = rng.choice([0, 0, 1, 2])
    closed: object = {0: "0:0-0:0", 1: "closed", 2: "Closed"}[raw]
    is_missing = rng.random() < 0.35
    shown_days = rng.choice([DAYS, [day.lower() for day in DAYS], [day[:3] for day in DAYS]])
    days: dict[str, str] = {}
    for day, times in enumerate(week):
        if times is not None:
            days[shown_days[day]] = _raw_hours(times, raw)
        elif not is_missing:
            days[shown_days[day]] = str(closed)
    sheet.put("", section, days)
    open_runs = [(a, b, t) for a, b, t in _runs(week) if t is not None]
    right = _right_hours(rng, open_runs, week)
    wrong = _wrong_hours(rng, open_runs, week, says_closed=not is_missing)
    shut = [DAYS[day] for day, times in enumerate(week) if times is None]
    if shut and not is_missing:
        plural = list_of([f"{day}s" for day in shut])
        right += [
            Say(f"is closed on {plural}", denies=True),
            Say(f"does not open on {plural}", denies=True),
        ]
    right_all = [say for say in right if not say.denies]
    sheet.add("hours", rng.sample(right_all, min(3, len(right_all))), wrong)
    if len(right) > len(right_all) or rng.random() < 0.5:
        sheet.add("hours", rng.sample(right, min(3, len(right))), wrong)
    sheet.unknown("the opening hours", is_known=True)


def _right_hours(
    rng: random.Random, runs: list[tuple[int, int, _Times]], week: Sequence[_Times | None]
) -> list[Say]:
    says: list[Say] = []
    for _ in range(3):
        style = rng.choice([0, 0, 1, 1, 2, 3, 4])
        parts = []
        for first, last, (opens, closes) in runs:
            at = _between(rng, clock(opens, style), clock(closes, style))
            if (first, last) == (0, 6):
                daily = rng.choice(["daily", "every day", "seven days a week"])
                parts.append(f"{daily} {at}")
            else:
                parts.append(f"{_days(rng, first, last)} {at}")
        says.append(Say(f"is open {list_of(parts)}"))
        first, last, (opens, closes) = rng.choice(runs)
        if (first, last) != (0, 6):
            days = _days(rng, first, last)
            says.append(
                Say(f"is open {_between(rng, clock(opens, style), clock(closes, style))} {days}")
            )
            says.append(Say(f"closes at {clock(closes, style)} {days}"))
            says.append(Say(f"opens at {clock(opens, style)} {days}"))
    times = [t for t in week if t is not None]
    style = rng.choice([0, 1, 3])
    if len(times) == 7:
        says += [Say("is open seven days a week"), Say("is open every day of the week")]
        if len({opens for opens, _ in times}) == 1:
            says.append(Say(f"opens at {clock(times[0][0], style)} every day"))
    if len(times) == 7 and len(runs) == 1:
        says.append(Say("keeps the same hours all week"))
    return says


def _wrong_hours(
    rng: random.Random,
    runs: list[tuple[int, int, _Times]],
    week: Sequence[_Times | None],
    *,
    says_closed: bool,
) -> list[Slip]:
    slips: list[Slip] = []
    for _ in range(3):
        style = rng.choice([0, 1, 1, 2, 3])
        wrong_run = rng.randrange(len(runs))
        for fault in ("hours_time", "hours_ampm"):
            parts = []
            for place, (first, last, times) in enumerate(runs):
                shown = [clock(t, style) for t in times]
                if place == wrong_run:
                    at = rng.randrange(2)
                    step = (
                        720 if fault == "hours_ampm" else rng.choice([-120, -60, -30, 30, 60, 120])
                    )
                    shown[at] = f"‹{clock(times[at] + step, style)}›"
                days = "daily" if (first, last) == (0, 6) else _days(rng, first, last)
                parts.append(f"{days} {_between(rng, *shown)}")
            slips.append(Slip(Say(f"is open {list_of(parts)}"), fault, contradicts=True))
        first, last, times = runs[wrong_run]
        at_times = _between(rng, *(clock(t, style) for t in times))
        if last - first >= 1 and last < 6:
            wider = f"{DAYS[first]} to ‹{DAYS[last + 1]}›"
            contradicts = week[last + 1] is not None or says_closed
            slips.append(Slip(Say(f"is open from {wider} {at_times}"), "hours_day", contradicts))
        others = [day for day in range(7) if week[day] is not None and week[day] != times]
        if others:
            day = f"‹{DAYS[rng.choice(others)]}s›"
            said = f"is open on {day} {at_times}"
            slips.append(Slip(Say(said), "hours_day", contradicts=True))
    if any(times is None for times in week):
        slips += [
            Slip(Say(text), "open_daily", says_closed)
            for text in (
                "is open ‹seven days a week›",
                "is open ‹daily›",
                "is open ‹every day of the week›",
                "welcomes customers ‹every day›",
            )
        ]
        if len(runs) == 1 or len({times for _, _, times in runs}) == 1:
            style = rng.choice([0, 1, 3])
            at_times = _between(rng, *(clock(t, style) for t in runs[0][2]))
            slips.append(Slip(Say(f"is open ‹daily› {at_times}"), "open_daily", says_closed))
    open_days = [day for day, times in enumerate(week) if times is not None]
    day = DAYS[rng.choice(open_days)]
    slips += [
        Slip(Say(f"is ‹closed on {day}s›", denies=True), "closed_day", contradicts=True),
        Slip(Say(f"‹does not open on {day}s›", denies=True), "closed_day", contradicts=True),
    ]
    return slips
