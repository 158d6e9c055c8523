"""Numbers every request, tells the number in the response, and logs what became of it."""

import secrets
import time
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import current_request, log_request

REQUEST_ID_HEADER = "X-Request-Id"
# Which may be anything; the rest are the ones there are.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STATIC = "/static/"


class RequestLog:
    """The outermost layer of the application.

    A line names the route (`/api/documents/{document}`), never the path: what stands in its place,
    or in the query, may be words of a document or a secret. `ms` is until the last byte was sent,
    or the client had gone.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its number."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = number
        current_request.set(number)
        status, begun = 500, time.perf_counter()

        async def send_with_number(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = number
            await send(message)

        try:
            await self._app(scope, receive, send_with_number)
        finally:
            log_request(_facts(scope, status, time.perf_counter() - begun))


def _facts(scope: Scope, status: int, seconds: float) -> dict[str, Any]:
    asking = scope["state"].get("asking")
    actor = None if asking is None else asking.actor
    return {
        "method": scope["method"] if scope["method"] in _METHODS else "other",
        "route": _route(scope),
        "status": status,
        "ms": round(seconds * 1000, 1),
        "user": None if actor is None else actor.id,
        "key": None if actor is None else actor.key_id,
    }


def _route(scope: Scope) -> str | None:
    """The address as the application knows it; None for one that it does not know."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    if path is None and scope["path"].startswith(_STATIC):
        return f"{_STATIC}{{file}}"
    return path
