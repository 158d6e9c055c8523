"""The page on which an administrator chooses when to decline, on the measured curve of a run."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.api.evaluation import administrators
from app.api.identity import Identity
from app.api.services import Services
from app.audit import Actor, Object
from app.errors import ParameterRefused
from app.web import pages
from evals.operating import Aim, Limit, limit_for, limits_of
from evals.reports import charts, presenting
from evals.types import Run, RunState
from generation.sufficiency import ABSTAIN_BELOW
from retrieval.types import Principal

PATH = "/evals/operating-point"
_MOST_RUNS = 30
_SHOWN_LIMITS = 12


def operating_page_routes(services: Services, identity: Identity) -> APIRouter:
    """`GET` and `POST /evals/operating-point`."""
    administrator = administrators(identity)
    router = APIRouter(include_in_schema=False, dependencies=[Depends(administrator)])

    @router.api_route(PATH, methods=["GET", "HEAD"])
    def show(
        requester: Annotated[Principal, Depends(administrator)],
        run: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        done: str | None = None,
    ) -> Response:
        runs = services.evals.runs(state=RunState.FINISHED, limit=_MOST_RUNS)
        chosen = services.evals.run(run) if run is not None else next(iter(runs), None)
        limits = limits_of(chosen, services.evals.results(chosen.id)) if chosen else []
        current = services.operating_point.current()
        below = ABSTAIN_BELOW if current is None else current.abstain_below
        return HTMLResponse(
            pages.page(
                "evals_operating_point.html",
                requester,
                here="evals",
                part="operating",
                waiting=sum(services.evals.proposal_counts().values()),
                runs=[(one, presenting.moment(one.started_at)) for one in runs],
                run=chosen,
                limits=_thinned(limits, below),
                chart=charts.operating("When to decline", limits, below) if limits else None,
                current=current,
                chosen_at="" if current is None else presenting.moment(current.chosen_at),
                below=below,
                measured=ABSTAIN_BELOW,
                set_by=services.limit_set_by,
                done=_DONE.get(done or "", ""),
            )
        )

    @router.post(PATH)
    def choose(
        requester: Annotated[Principal, Depends(administrator)],
        actor: Annotated[Actor, Depends(identity.actor)],
        decision: Annotated[str, Form()],
        run: Annotated[str, Form()] = "",
        unsupported: Annotated[str, Form()] = "",
        wrongly: Annotated[str, Form()] = "",
        answered: Annotated[str, Form()] = "",
    ) -> Response:
        if decision == "clear":
            services.operating_point.clear()
            services.audit.record(actor, "operating_point.cleared")
            return RedirectResponse(f"{PATH}?done=cleared", status_code=303)
        if decision != "choose":
            raise ParameterRefused("decision", "decision: expected choose or clear", status=422)
        if not run.isascii() or not run.isdigit() or len(run) > 18:
            raise ParameterRefused("run", "run: choose a run whose curve is to count", status=422)
        found = services.evals.run(int(run))
        aim = Aim(
            _share("unsupported", unsupported),
            _share("wrongly", wrongly),
            _share("answered", answered),
        )
        limit = _required(found, limits_of(found, services.evals.results(found.id)), aim)
        services.operating_point.choose(limit.threshold, aim, run_id=found.id, by=requester.name)
        services.audit.record(
            actor, "operating_point.chosen", Object("run", found.id), limit=limit.threshold
        )
        return RedirectResponse(f"{PATH}?run={found.id}&done=chosen", status_code=303)

    return router


_DONE = {
    "chosen": "Chosen. It counts from the next question on.",
    "cleared": "Taken back. The measured default counts again.",
}


def _required(run: Run, limits: list[Limit], aim: Aim) -> Limit:
    limit = limit_for(limits, aim)
    if limit is not None:
        return limit
    shares = [one.unsupported for one in limits if one.unsupported is not None and one.answered]
    least = f"; at least {min(shares):.0%} of what is shown is unsupported" if shares else ""
    raise ParameterRefused(
        "unsupported",
        f"by run {run.id} no limit keeps all of this{least}: allow more, or ask for fewer answers",
        status=422,
    )


def _share(name: str, words: str) -> float | None:
    """A percentage of the form as a share; None when it was left empty."""
    words = words.strip().removesuffix("%").strip().replace(",", ".")
    if not words:
        return None
    try:
        percentage = float(words)
    except ValueError:
        percentage = -1.0
    if not 0 <= percentage <= 100:
        raise ParameterRefused(name, f"{name}: expected a percentage, 0 to 100", status=422)
    return percentage / 100


def _thinned(limits: list[Limit], below: float) -> list[tuple[Limit, bool]]:
    """About a dozen limits, and of each whether it is the one in force."""
    step = max(1, -(-len(limits) // _SHOWN_LIMITS))
    nearest = min(range(len(limits)), key=lambda i: abs(limits[i].threshold - below), default=0)
    return [
        (limit, place == nearest)
        for place, limit in enumerate(limits)
        if place % step == 0 or place == nearest
    ]
