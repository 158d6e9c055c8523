"""Runs and their results: each in a transaction of its own, so a killed run goes on after it."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, Row, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from evals.errors import UnknownRun
from evals.schema import eval_evidence, eval_results, eval_runs, eval_suites, eval_versions
from evals.stores.versions import gone_of, utc_now, version_of
from evals.types import Expectation, Json, Observation, Result, Run, RunState, SuiteVersion, Summary
from retrieval.database import writing

_OBSERVATION: TypeAdapter[Observation] = TypeAdapter(Observation)
_SCORES: TypeAdapter[dict[str, float | None]] = TypeAdapter(dict[str, float | None])
_PINS: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_SUMMARY: TypeAdapter[Summary] = TypeAdapter(Summary)


class RunStore:
    """What was observed, what it is worth, and what it ran on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start_run(
        self, version: SuiteVersion, *, cases: int, origin: str, pins: Mapping[str, Json]
    ) -> Run:
        """Begin a run of the first `cases` cases of a version."""
        with writing(self._engine) as sql:
            row = {
                "version_id": version.id,
                "state": RunState.RUNNING.value,
                "origin": origin,
                "started_at": utc_now(),
                "cases": cases,
                "pins": _PINS.dump_json(dict(pins)).decode(),
                "note": "",
            }
            made = insert(eval_runs).values(**row).returning(eval_runs.c.id)
            return _run(sql, sql.execute(made).scalar_one())

    def unfinished_run(self, version: SuiteVersion, pins: Mapping[str, Json]) -> Run | None:
        """The newest run of a version with the same pins that has not ended."""
        with self._engine.begin() as sql:
            query = (
                select(eval_runs.c.id)
                .where(eval_runs.c.version_id == version.id)
                .where(eval_runs.c.state == RunState.RUNNING.value)
                .where(eval_runs.c.pins == _PINS.dump_json(dict(pins)).decode())
                .order_by(eval_runs.c.id.desc())
                .limit(1)
            )
            found = sql.execute(query).scalar()
            return None if found is None else _run(sql, found)

    def add_result(self, run_id: int, result: Result) -> None:
        """Keep a case's result; one that is there already stays.

        Without its observation when a document it used was deleted while the case was asked.

        Raises:
            UnknownRun: it has been deleted meanwhile, with its suite.
        """
        seen = result.observation
        row: dict[str, Any] = {
            "run_id": run_id,
            "position": result.position,
            "key": result.key,
            "cluster": result.cluster,
            "weight": result.weight,
            "expectation": result.expectation.value if result.expectation else None,
            "scores": _SCORES.dump_json(dict(result.values)).decode(),
            "observation": None if seen is None else _OBSERVATION.dump_json(seen).decode(),
            "error": result.error,
        }
        with writing(self._engine) as sql:
            run = select(eval_runs.c.id).where(eval_runs.c.id == run_id)
            if sql.execute(run).scalar() is None:
                raise UnknownRun(run_id)
            if seen is not None and gone_of(sql, seen.document_ids):
                seen, row = None, {**row, "observation": None}
            added = sql.execute(upsert(eval_results).values(row).on_conflict_do_nothing()).rowcount
            if added and seen is not None:
                for document_id in sorted(seen.document_ids):
                    place = {"run_id": run_id, "position": result.position}
                    sql.execute(insert(eval_evidence).values(**place, document_id=document_id))

    def finish_run(self, run_id: int, summary: Summary, *, state: RunState) -> Run:
        """End a run, with its metrics."""
        with writing(self._engine) as sql:
            text = _SUMMARY.dump_json(summary).decode()
            values = {"state": state.value, "summary": text, "finished_at": utc_now()}
            sql.execute(update(eval_runs).where(eval_runs.c.id == run_id).values(**values))
            return _run(sql, run_id)

    def annotate(self, run_id: int, note: str) -> Run:
        """Say something of a run, for the trend.

        Raises:
            UnknownRun: there is none of this number.
        """
        with writing(self._engine) as sql:
            sql.execute(update(eval_runs).where(eval_runs.c.id == run_id).values(note=note))
            return _run(sql, run_id)

    def run(self, run_id: int) -> Run:
        """A run by its number.

        Raises:
            UnknownRun: there is none.
        """
        with self._engine.begin() as sql:
            return _run(sql, run_id)

    def runs(
        self, *, suite: str | None = None, state: RunState | None = None, limit: int = 50
    ) -> list[Run]:
        """Runs, newest first."""
        query = (
            select(eval_runs.c.id)
            .join(eval_versions, eval_versions.c.id == eval_runs.c.version_id)
            .join(eval_suites, eval_suites.c.id == eval_versions.c.suite_id)
            .order_by(eval_runs.c.id.desc())
            .limit(limit)
        )
        if suite is not None:
            query = query.where(eval_suites.c.name == suite)
        if state is not None:
            query = query.where(eval_runs.c.state == state.value)
        with self._engine.begin() as sql:
            return [_run(sql, run_id) for run_id in sql.execute(query).scalars()]

    def results(self, run_id: int) -> list[Result]:
        """The results of a run so far, in the order of its cases."""
        with self._engine.begin() as sql:
            query = (
                select(eval_results)
                .where(eval_results.c.run_id == run_id)
                .order_by(eval_results.c.position)
            )
            return [_result(row) for row in sql.execute(query)]

    def result(self, run_id: int, position: int) -> Result | None:
        """One result of a run."""
        with self._engine.begin() as sql:
            query = (
                select(eval_results)
                .where(eval_results.c.run_id == run_id)
                .where(eval_results.c.position == position)
            )
            row = sql.execute(query).one_or_none()
            return None if row is None else _result(row)

    def done_positions(self, run_id: int) -> frozenset[int]:
        """The places of the cases that have a result."""
        with self._engine.begin() as sql:
            query = select(eval_results.c.position).where(eval_results.c.run_id == run_id)
            return frozenset(sql.execute(query).scalars())


def _run(sql: Connection, run_id: int) -> Run:
    row = sql.execute(select(eval_runs).where(eval_runs.c.id == run_id)).one_or_none()
    if row is None:
        raise UnknownRun(run_id)
    done = select(func.count()).where(eval_results.c.run_id == run_id)
    return Run(
        id=row.id,
        version=version_of(sql, row.version_id),
        state=RunState(row.state),
        origin=row.origin,
        started_at=row.started_at,
        finished_at=row.finished_at,
        cases=row.cases,
        done=sql.execute(done).scalar_one(),
        pins=_PINS.validate_json(row.pins),
        summary={} if row.summary is None else _SUMMARY.validate_json(row.summary),
        note=row.note,
    )


def _result(row: Row[Any]) -> Result:
    seen = None if row.observation is None else _OBSERVATION.validate_json(row.observation)
    return Result(
        position=row.position,
        key=row.key,
        cluster=row.cluster,
        weight=row.weight,
        expectation=None if row.expectation is None else Expectation(row.expectation),
        values=_SCORES.validate_json(row.scores),
        observation=seen,
        error=row.error,
    )
