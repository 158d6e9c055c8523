"""Verify responses that others wrote."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.api.claims import LONGEST_RESPONSE, VerifyItem, verified
from app.api.desk import AnswerDesk
from app.api.identity import Identity
from app.api.services import Services
from app.api.wire import encoded
from generation.groundedness.types import ResponseVerifier
from retrieval.types import Principal

MOST_ITEMS = 32
# Few, so that the work stops soon after a client has left.
_ITEMS_AT_ONCE = 8


class StrictItem(VerifyItem):
    """A response to verify; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def _bearable(items: list[StrictItem]) -> list[StrictItem]:
    characters = sum(len(item.response) for item in items)
    if characters > LONGEST_RESPONSE:
        raise ValueError(
            f"the responses have {characters:,} characters together and the limit is "
            f"{LONGEST_RESPONSE:,}; send fewer at once",
        )
    return items


class VerifyRequest(BaseModel):
    """Responses to verify, each against its own context."""

    model_config = ConfigDict(extra="forbid")

    items: Annotated[
        list[StrictItem], Field(min_length=1, max_length=MOST_ITEMS), AfterValidator(_bearable)
    ]


def verification_routes(services: Services, identity: Identity, desk: AnswerDesk) -> APIRouter:
    """`POST /api/verify`."""
    router = APIRouter(prefix="/api", dependencies=[Depends(identity.requester)])

    @router.post("/verify")
    async def verify(
        request: Request,
        body: VerifyRequest,
        requester: Annotated[Principal, Depends(identity.requester)],
    ) -> Response:
        """How each response stands to its context, sentence by sentence, in order.

        Reads nothing but the request: no document, no collection.
        """
        running = desk.start(
            requester.id, lambda _: _verified_so_far(body.items, services.verifier)
        )
        found = await running.last(request.receive)
        if found is None:
            return Response(status_code=499)  # nobody is there to read it
        return Response(encoded(found), media_type="application/json")

    return router


def _verified_so_far(
    items: Sequence[VerifyItem], load: Callable[[], ResponseVerifier]
) -> Iterator[dict[str, Any]]:
    """The reply as it grows; the last one is whole."""
    verifier = load()
    done: list[dict[str, Any]] = []
    for start in range(0, len(items), _ITEMS_AT_ONCE):
        done += verified(items[start : start + _ITEMS_AT_ONCE], verifier)
        yield {"verifier": verifier.version, "items": done}
