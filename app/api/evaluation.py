"""Suites, runs and cases over JSON, for administrators: they hold questions and documents' words.

The pages over the same are in `app.api.evaluation_pages`; what readers may send is in
`app.api.feedback`.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from app.api.evaluation_wire import case_json, pinned_run_json, run_json, suite_json
from app.api.identity import Identity
from app.api.services import Services
from app.api.wire import encoded
from app.errors import ParameterRefused, RequestRefused
from evals.reports.presenting import FILTERS, worst_first
from evals.store import EvalStore
from evals.types import Case, RunState, SuiteVersion
from retrieval.types import Principal

MOST_RUNS, MOST_CASES = 200, 100
# A number that SQL can hold.
Numbered: TypeAlias = Annotated[int, Path(ge=0, lt=2**63)]
_METRIC = {"value": 0.042, "low": 0.021, "high": 0.07, "scored": 300, "unscored": 0}
_RUN = {
    "run": 12,
    "suite": "leases",
    "version": 3,
    "state": "finished",
    "origin": "schedule",
    "started_at": "2026-11-21T02:00:00Z",
    "finished_at": "2026-11-21T02:31:08Z",
    "cases": 300,
    "done": 300,
    "note": "",
    "metrics": {"hallucination_rate": _METRIC},
}
_SUITE = {
    "suite": "leases",
    "version": 3,
    "digest": "2f0a…",
    "cases": 300,
    "created_at": "2026-11-20T16:04:11Z",
    "newest_run": 12,
}
_CASE = {
    "position": 0,
    "key": "rent",
    "question": "How much is the rent?",
    "history": [],
    "references": ["900 pounds"],
    "expectation": "answer",
    "tags": [],
    "weight": 1.0,
    "values": {"faithfulness": 1.0, "hallucinated": 0.0},
    "observation": None,
    "error": None,
}


def evaluation_routes(services: Services, identity: Identity) -> APIRouter:
    """What is under `/api/evals`, but for what readers send."""
    allowed = [Depends(administrators(identity))]
    router = APIRouter(prefix="/api/evals", tags=["evals"], dependencies=allowed)
    evals = services.evals

    @router.get("/suites", responses=_example({"suites": [_SUITE]}))
    def suites() -> Response:
        """The newest version of every suite, by name."""
        return _sent(
            {"suites": [suite_json(one, _newest_run(evals, one)) for one in evals.suites()]}
        )

    @router.get("/runs", responses=_example({"runs": [_RUN]}))
    def runs(
        suite: str | None = None,
        state: Literal["running", "finished", "failed"] | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_RUNS)] = 50,
    ) -> Response:
        """Runs, newest first."""
        if suite is not None:
            evals.suite(suite)
        found = evals.runs(suite=suite, state=RunState(state) if state else None, limit=limit)
        return _sent({"runs": [run_json(run) for run in found]})

    @router.get("/runs/{run}", responses=_example({**_RUN, "pins": {"seed": 0}}))
    def run(run: Numbered) -> Response:
        """A run with its metrics and with what it ran on."""
        return _sent(pinned_run_json(evals.run(run)))

    @router.get("/runs/{run}/cases", responses=_example({"cases": [_CASE], "total": 300}))
    def cases(
        run: Numbered,
        only: Annotated[str | None, Query(description=f"one of {', '.join(FILTERS)}")] = None,
        order: Literal["suite", "worst"] = "suite",
        offset: Annotated[int, Query(ge=0, lt=2**31)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_CASES)] = 50,
    ) -> Response:
        """The cases of a run with what came of each; `total` counts those the filter lets in."""
        found = evals.run(run)
        known = cases_by_key(evals, found.version)
        results = evals.results(run)
        if only is not None:
            results = [one for one in results if filter_of(only)(one)]
        if order == "worst":
            results = worst_first(results)
        page = results[offset : offset + limit]
        shown = [case_json(result, known.get(result.key)) for result in page]
        return _sent({"cases": shown, "total": len(results)})

    return router


def administrators(identity: Identity) -> Callable[..., Principal]:
    """Lets administrators pass; what runs hold is for nobody else, whatever they may read."""

    def administrator(
        requester: Annotated[Principal, Depends(identity.requester)],
    ) -> Principal:
        if not requester.is_administrator:
            raise RequestRefused(
                403, "evaluation is for administrators: runs hold the words of every collection"
            )
        return requester

    return administrator


def cases_by_key(evals: EvalStore, version: SuiteVersion) -> dict[str, Case]:
    """The cases of a version, as far as they are still there."""
    return {case.key: case for case in evals.cases(version)}


def filter_of(name: str) -> Callable[[Any], bool]:
    """The filter of this name.

    Raises:
        ParameterRefused: there is none.
    """
    if name not in FILTERS:
        known = ", ".join(FILTERS)
        raise ParameterRefused("only", f"only: expected one of {known}", status=422)
    return FILTERS[name].holds


def _newest_run(evals: EvalStore, version: SuiteVersion) -> int | None:
    found = evals.runs(suite=version.suite, limit=1)
    return found[0].id if found else None


def _example(value: object) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": value}}}}


def _sent(value: object) -> Response:
    return Response(encoded(value), media_type="application/json")
