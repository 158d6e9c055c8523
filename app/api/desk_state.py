"""How busy the server is, for administrators: both queues, and what the process takes."""

import os
from pathlib import Path
from typing import Annotated, TypedDict

from fastapi import APIRouter, Depends
from starlette.responses import Response

from app.api.desk import AnswerDesk, Desks
from app.api.identity import Identity
from app.api.wire import encoded
from app.errors import RequestRefused
from retrieval.types import Principal

_PROCESS = Path("/proc/self")


class LimitsJson(TypedDict):
    """How many requests a queue takes."""

    at_once: int
    waiting: int
    per_user: int


class DeskJson(TypedDict):
    """A queue: what is in it, and what became of the others since the server started."""

    being_made: int
    waiting: int
    started: int
    finished: int
    failed: int
    cancelled: int
    refused: int
    seconds_waited: float
    usual_seconds: float | None
    limits: LimitsJson


class ProcessJson(TypedDict):
    """What the process takes; None where the system does not tell."""

    resident_bytes: int | None
    open_files: int | None
    threads: int | None


class ServerJson(TypedDict):
    """What `GET /api/desk` gives."""

    answers: DeskJson
    verifications: DeskJson
    process: ProcessJson


def desk_routes(desks: Desks, identity: Identity) -> APIRouter:
    """`GET /api/desk`."""
    router = APIRouter(prefix="/api", dependencies=[Depends(identity.requester)])

    # Not a plain function: the desks belong to the event loop.
    @router.get("/desk")
    async def desk(
        requester: Annotated[Principal, Depends(identity.requester)],
    ) -> Response:
        """How busy the server is."""
        if not requester.is_administrator:
            raise RequestRefused(
                403, "how busy the server is, is for administrators: it tells what others do"
            )
        state: ServerJson = {
            "answers": _desk_json(desks.answers),
            "verifications": _desk_json(desks.verifications),
            "process": process_state(),
        }
        return Response(encoded(state), media_type="application/json")

    return router


def _desk_json(desk: AnswerDesk) -> DeskJson:
    state, limits = desk.state, desk.limits
    return {
        "being_made": state.being_made,
        "waiting": state.waiting,
        "started": state.started,
        "finished": state.finished,
        "failed": state.failed,
        "cancelled": state.cancelled,
        "refused": state.refused,
        "seconds_waited": round(state.seconds_waited, 3),
        "usual_seconds": None if state.usual_seconds is None else round(state.usual_seconds, 3),
        "limits": {
            "at_once": limits.at_once,
            "waiting": limits.waiting,
            "per_user": limits.per_principal,
        },
    }


def process_state() -> ProcessJson:
    try:
        pages = int((_PROCESS / "statm").read_text().split()[1])
        return {
            "resident_bytes": pages * os.sysconf("SC_PAGE_SIZE"),
            "open_files": len(list((_PROCESS / "fd").iterdir())),
            "threads": len(list((_PROCESS / "task").iterdir())),
        }
    except OSError:  # not a system with /proc
        return {"resident_bytes": None, "open_files": None, "threads": None}
