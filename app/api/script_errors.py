"""Takes note of errors in the scripts of our pages: where they were, never what they said."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from app.api.identity import Identity

log = logging.getLogger(__name__)

_MOST_PLACES = 8

Kind = Annotated[str, StringConstraints(pattern=r"^\w{1,50}$")]
# A file of ours, line and column.
Place = Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,80}\.js:\d{1,7}:\d{1,7}$")]


class ScriptError(BaseModel):
    """The class of an error, and the places in our scripts it went through, innermost first."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    places: list[Place] = Field(default=[], max_length=_MOST_PLACES)


def script_error_routes(identity: Identity) -> APIRouter:
    """`POST /api/script-errors`."""
    router = APIRouter(prefix="/api", dependencies=[Depends(identity.requester)])

    @router.post("/script-errors", status_code=204)
    def note(body: ScriptError) -> Response:
        """Write it to the log. Its message stays in the browser: it may quote a document."""
        log.warning("script error %s at %s", body.kind, ", ".join(body.places) or "no place")
        return Response(status_code=204)

    return router
