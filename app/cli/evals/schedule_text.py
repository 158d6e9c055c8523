"""How `assay eval schedule` says what there is, to people and as JSON."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from app.nightly.worker import Ran
    from evals.schedules import Schedule, Tick


def next_text(one: "Schedule") -> str:
    """When a schedule runs next."""
    from app.nightly.worker import utc_now
    from evals.schedules import next_tick, shown

    if not one.is_enabled:
        return "off"
    upcoming = next_tick(one, utc_now())
    return "never" if upcoming is None else shown(upcoming, one.timezone)


def last_text(assay: "Assay", one: "Schedule", tick: "Tick | None") -> str:
    """What came of a schedule's last tick."""
    from app.nightly.worker import is_running
    from evals.schedules import shown

    if tick is None:
        return "not yet"
    when = shown(tick.at, one.timezone)
    run = "" if tick.run_id is None else f", run {tick.run_id}"
    if tick.finished_at is None:
        state = "running" if is_running(assay.settings.home) else "killed; it is gone on with"
        return f"{when}: {state}{run}"
    detail = f": {tick.outcome.detail}" if tick.outcome.detail else ""
    undelivered = "".join(f"; not delivered: {why}" for why in tick.outcome.undelivered)
    return f"{when}: {tick.outcome.state}{run}{detail}{undelivered}"


def schedule_json(one: "Schedule", tick: "Tick | None", now: datetime) -> dict[str, Any]:
    """A schedule, with its next and its last tick."""
    from evals.schedules import next_tick

    upcoming = next_tick(one, now)
    return {
        "name": one.name,
        "suite": one.suite,
        "cron": one.cron,
        "timezone": one.timezone,
        "enabled": one.is_enabled,
        "options": dict(one.options),
        "gated": one.policy is not None,
        "leak_probe": one.probes_leaks,
        "to": [str(way) for way in one.deliveries],
        "next": None if upcoming is None else f"{upcoming.isoformat()}Z",
        "last": None if tick is None else tick_json(tick),
    }


def tick_json(tick: "Tick") -> dict[str, Any]:
    """A tick with its outcome."""
    return {
        "schedule": tick.schedule,
        "tick": f"{tick.at.isoformat()}Z",
        "run": tick.run_id,
        "outcome": tick.outcome.state,
        "detail": tick.outcome.detail,
        "undelivered": list(tick.outcome.undelivered),
    }


def ran_json(ran: "Ran") -> dict[str, Any]:
    """A tick that was run now."""
    return tick_json(ran.tick._replace(outcome=ran.outcome))
