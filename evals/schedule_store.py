"""Schedules and the ticks that were taken, in SQL. Rows never leave this module.

Taking a tick is inserting its row: the primary key lets one process do that, however many try.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from evals.errors import BadSchedule, UnknownSchedule, UnknownSuite
from evals.schedules import (
    Delivery,
    Due,
    Schedule,
    Tick,
    TickOutcome,
    TickState,
    Way,
    check_cron,
    check_name,
)
from evals.schema import eval_schedules, eval_suites, eval_ticks
from evals.types import Json
from retrieval.database import writing

RUNNING = TickOutcome("running")
SKIPPED = TickOutcome("skipped", "a later tick was run in its place")


class _Kept(BaseModel):
    """What the column `options` holds."""

    since: datetime
    run: dict[str, Any]
    policy: str | None
    probes_leaks: bool
    deliveries: list[tuple[Way, str]]


class _Outcome(BaseModel):
    """What the column `outcome` holds; `attempts` and `done` are of a tick that is not finished."""

    state: TickState = "running"
    detail: str = ""
    undelivered: tuple[str, ...] = ()
    attempts: int = 0
    done: int = 0


class ScheduleStore:
    """The schedules of a home folder. Times are UTC without zone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self,
        name: str,
        *,
        suite: str,
        cron: str,
        timezone: str,
        options: Mapping[str, Json] | None = None,
        policy: str | None = None,
        probes_leaks: bool = False,
        deliveries: tuple[Delivery, ...] = (),
        now: datetime | None = None,
    ) -> Schedule:
        """Keep a schedule; its first tick is the next one from `now`.

        Raises:
            BadSchedule: the name is taken or unusable, or the expression or the zone is.
            UnknownSuite: there is no such suite.
        """
        since = now or _now()
        check_name(name)
        check_cron(cron, timezone, since)
        kept = _Kept(
            since=since,
            run=dict(options or {}),
            policy=policy,
            probes_leaks=probes_leaks,
            deliveries=[(one.way, one.target) for one in deliveries],
        )
        with writing(self._engine) as sql:
            if _found(sql, name) is not None:
                raise BadSchedule(
                    f"there is a schedule {name!r} already; `assay eval schedule remove` removes it"
                )
            row = {
                "name": name,
                "suite_id": _suite_id(sql, suite),
                "cron": cron,
                "timezone": timezone,
                "options": kept.model_dump_json(),
                "is_enabled": 1,
                "created_at": since,
            }
            sql.execute(insert(eval_schedules).values(**row))
        return self.schedule(name)

    def schedules(self) -> list[Schedule]:
        """All of them, by name."""
        with self._engine.begin() as sql:
            return [_schedule(row) for row in sql.execute(_joined().order_by("name"))]

    def schedule(self, name: str) -> Schedule:
        """A schedule by its name.

        Raises:
            UnknownSchedule: there is none.
        """
        with self._engine.begin() as sql:
            return _schedule(_known(sql, name))

    def remove(self, name: str) -> None:
        """Delete a schedule and the record of its ticks. The runs stay.

        Raises:
            UnknownSchedule: there is none.
        """
        with writing(self._engine) as sql:
            row = _known(sql, name)
            sql.execute(delete(eval_schedules).where(eval_schedules.c.id == row.id))

    def enable(self, name: str, *, is_enabled: bool = True, now: datetime | None = None) -> None:
        """Switch a schedule on or off. Ticks that passed while it was off are nobody's.

        Raises:
            UnknownSchedule: there is none.
        """
        with writing(self._engine) as sql:
            row = _known(sql, name)
            kept = _Kept.model_validate_json(row.options)
            if is_enabled and not row.is_enabled:
                kept.since = now or _now()
            values = {"is_enabled": int(is_enabled), "options": kept.model_dump_json()}
            sql.execute(
                update(eval_schedules).where(eval_schedules.c.id == row.id).values(**values)
            )

    # Ticks

    def last_taken(self, schedule: Schedule, now: datetime) -> datetime | None:
        """The newest tick up to `now` that was taken."""
        ticks = eval_ticks.c
        query = select(func.max(ticks.tick)).where(
            ticks.schedule_id == schedule.id, ticks.tick <= now
        )
        with self._engine.begin() as sql:
            found: datetime | None = sql.execute(query).scalar()
            return found

    def take(self, schedule: Schedule, due: Due, *, now: datetime | None = None) -> bool:
        """Take a tick; False when somebody was faster, or the schedule has gone."""
        now = now or _now()
        with writing(self._engine) as sql:
            row = _found(sql, schedule.name)
            if row is None or row.id != schedule.id:
                return False
            mine = {"schedule_id": schedule.id, "taken_at": now}
            first = upsert(eval_ticks).values(
                **mine, tick=due.tick, outcome=_dumped(RUNNING, attempts=1, done=0)
            )
            if not sql.execute(first.on_conflict_do_nothing()).rowcount:
                return False
            passed = {"finished_at": now, "outcome": _dumped(SKIPPED)}
            for tick in due.skipped:
                older = upsert(eval_ticks).values(**mine, tick=tick, **passed)
                sql.execute(older.on_conflict_do_nothing())
        return True

    def unfinished(self) -> list[Tick]:
        """Ticks that were taken and have no outcome, oldest first: running, or killed."""
        query = _ticks().where(eval_ticks.c.finished_at.is_(None)).order_by(eval_ticks.c.tick)
        with self._engine.begin() as sql:
            return [_tick(row) for row in sql.execute(query)]

    def take_over(self, tick: Tick, *, done: int) -> int:
        """Note that a killed tick is gone on with. Call it only when nobody runs it.

        Args:
            done: cases that have a result so far.

        Returns:
            How often it was begun since it last got further.
        """
        with writing(self._engine) as sql:
            here = _here(sql, tick)
            text = sql.execute(select(eval_ticks.c.outcome).where(here)).scalar()
            known = _Outcome.model_validate_json(text or "{}")
            attempts = 1 if done > known.done else known.attempts + 1
            outcome = _dumped(RUNNING, attempts=attempts, done=done)
            sql.execute(update(eval_ticks).where(here).values(outcome=outcome))
        return attempts

    def set_run(self, tick: Tick, run_id: int) -> None:
        """Say which run a tick became."""
        with writing(self._engine) as sql:
            sql.execute(update(eval_ticks).where(_here(sql, tick)).values(run_id=run_id))

    def finish(self, tick: Tick, outcome: TickOutcome, *, now: datetime | None = None) -> None:
        """End a tick with what came of it."""
        with writing(self._engine) as sql:
            values = {"finished_at": now or _now(), "outcome": _dumped(outcome)}
            sql.execute(update(eval_ticks).where(_here(sql, tick)).values(**values))

    def tick(self, name: str, at: datetime) -> Tick | None:
        """One tick that was taken."""
        query = _ticks().where(eval_schedules.c.name == name, eval_ticks.c.tick == at)
        with self._engine.begin() as sql:
            row = sql.execute(query).one_or_none()
            return None if row is None else _tick(row)

    def ticks(self, name: str, *, limit: int = 50) -> list[Tick]:
        """The last ticks of a schedule that were taken, newest first."""
        query = (
            _ticks()
            .where(eval_schedules.c.name == name)
            .order_by(eval_ticks.c.tick.desc())
            .limit(limit)
        )
        with self._engine.begin() as sql:
            return [_tick(row) for row in sql.execute(query)]


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _joined() -> Any:  # noqa: ANN401 - a query, whose type no reader gains by
    suite = eval_suites.c.name.label("suite")
    return select(eval_schedules, suite).join(
        eval_suites, eval_suites.c.id == eval_schedules.c.suite_id
    )


def _ticks() -> Any:  # noqa: ANN401 - as above
    return select(eval_ticks, eval_schedules.c.name).join(
        eval_schedules, eval_schedules.c.id == eval_ticks.c.schedule_id
    )


def _found(sql: Connection, name: str) -> Row[Any] | None:
    found: Row[Any] | None = sql.execute(
        _joined().where(eval_schedules.c.name == name)
    ).one_or_none()
    return found


def _known(sql: Connection, name: str) -> Row[Any]:
    row = _found(sql, name)
    if row is None:
        names = list(sql.execute(select(eval_schedules.c.name)).scalars())
        raise UnknownSchedule(name, names)
    return row


def _suite_id(sql: Connection, name: str) -> int:
    found = sql.execute(select(eval_suites.c.id).where(eval_suites.c.name == name)).scalar()
    if found is None:
        raise UnknownSuite(name, None, list(sql.execute(select(eval_suites.c.name)).scalars()))
    return int(found)


def _here(sql: Connection, tick: Tick) -> Any:  # noqa: ANN401 - a condition
    """The row of a tick; of none when its schedule has gone meanwhile."""
    query = select(eval_schedules.c.id).where(eval_schedules.c.name == tick.schedule)
    schedule_id = sql.execute(query).scalar()
    return (eval_ticks.c.schedule_id == schedule_id) & (eval_ticks.c.tick == tick.at)


def _dumped(outcome: TickOutcome, *, attempts: int = 0, done: int = 0) -> str:
    return _Outcome(**outcome._asdict(), attempts=attempts, done=done).model_dump_json()


def _schedule(row: Row[Any]) -> Schedule:
    kept = _Kept.model_validate_json(row.options)
    return Schedule(
        id=row.id,
        name=row.name,
        suite=row.suite,
        cron=row.cron,
        timezone=row.timezone,
        since=kept.since,
        options=kept.run,
        policy=kept.policy,
        probes_leaks=kept.probes_leaks,
        deliveries=tuple(Delivery(way, target) for way, target in kept.deliveries),
        is_enabled=bool(row.is_enabled),
    )


def _tick(row: Row[Any]) -> Tick:
    known = _Outcome.model_validate_json(row.outcome or "{}")
    outcome = TickOutcome(known.state, known.detail, known.undelivered)
    return Tick(row.name, row.tick, row.taken_at, row.finished_at, row.run_id, outcome)
