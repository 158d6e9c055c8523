"""The chat page, and what a supervisor asks: is it alive, is it ready."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse, Response

from app.api.conversations import Number
from app.api.identity import Identity
from app.api.questions import LONGEST_QUESTION
from app.api.scope import readable_collections
from app.api.services import Services
from app.api.wire import decoding_json, encoded
from app.web import pages
from retrieval.types import Access, Principal

_READ = ["GET", "HEAD"]


def chat_routes(services: Services, identity: Identity) -> APIRouter:
    """`/` and `/conversations/{conversation}`."""
    router = APIRouter(include_in_schema=False)

    def chat_page(requester: Principal, conversation: int | None) -> Response:
        readable = services.access.readable(requester)
        return HTMLResponse(
            pages.page(
                "chat.html",
                requester,
                here="chat",
                conversation=conversation,
                collections=readable_collections(services.store, readable),
                engine=services.engine_name,
                is_empty=services.library.is_empty(requester),
                may_write=bool(services.access.allowed(requester, Access.WRITE)),
                longest_question=LONGEST_QUESTION,
                decoding=encoded(decoding_json(services.default_decoding)).decode(),
            )
        )

    @router.api_route("/", methods=_READ)
    def chat(requester: Annotated[Principal, Depends(identity.requester)]) -> Response:
        return chat_page(requester, None)

    @router.api_route("/conversations/{conversation}", methods=_READ)
    def show_conversation(
        conversation: Number, requester: Annotated[Principal, Depends(identity.in_person)]
    ) -> Response:
        services.conversations.heading(requester, conversation)  # or there is nothing to show
        return chat_page(requester, conversation)

    return router


def health_routes(services: Services) -> APIRouter:
    """`/healthz` and `/readyz`: open to all, and silent about anything else."""
    router = APIRouter(tags=["health"])

    # One operation each: two methods of one route would share an id in the schema.
    @router.get("/healthz")
    @router.head("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        """The process answers. Loads nothing, waits for nothing."""
        return {"status": "alive"}

    @router.get("/readyz")
    @router.head("/readyz", include_in_schema=False)
    def readyz() -> Response:
        """200 when questions can be answered; 503 and what is missing when not."""
        readiness = services.readiness()
        body = encoded({"ready": readiness.ready, "detail": readiness.detail})
        return Response(body, 200 if readiness.ready else 503, media_type="application/json")

    return router
