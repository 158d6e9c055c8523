"""The audit log over JSON, for administrators: a page at a time, or all of it as lines."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response, StreamingResponse

from app.api.identity import Identity
from app.api.people_wire import entry_json
from app.api.replies import LONGEST_CURSOR, cursor_place, cursor_text, example, sent
from app.api.services import Services
from app.audit import Actor, Object, Wanted
from app.errors import ParameterRefused

MOST_ENTRIES = 500
_ENTRY = {
    "id": 812,
    "at": "2026-11-21T09:30:00Z",
    "actor": "maria",
    "actor_id": 2,
    "viewed_as": None,
    "key": None,
    "action": "document.read",
    "object": "document",
    "object_id": 77,
    "collection": 4,
    "request": "0f3c9a2b7d114e60",
    "details": {},
}


def wanted_entries(
    actor: Annotated[str | None, Query(max_length=200, description="name of who did it")] = None,
    action: Annotated[
        str | None, Query(max_length=40, description="`grant.given`, or `grant` for all of them")
    ] = None,
    about: Annotated[
        str | None,
        Query(max_length=60, pattern=r"^[a-z]+:\d{1,18}$", description="such as `document:77`"),
    ] = None,
    since: Annotated[datetime | None, Query(description="not before")] = None,
    until: Annotated[datetime | None, Query(description="before")] = None,
) -> Wanted:
    """Which entries the query asks for."""
    of = None
    if about is not None:
        kind, _, number = about.partition(":")
        of = Object(kind, int(number))
    return Wanted(actor or None, action or None, of, _naive(since), _naive(until))


def audit_routes(services: Services, identity: Identity) -> APIRouter:
    """What is under `/api/audit`."""
    router = APIRouter(
        prefix="/api/audit", tags=["audit"], dependencies=[Depends(identity.administrator)]
    )
    log = services.audit

    @router.get("", responses=example({"entries": [_ENTRY], "next": None}))
    def entries(
        wanted: Annotated[Wanted, Depends(wanted_entries)],
        cursor: Annotated[str | None, Query(max_length=LONGEST_CURSOR)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 100,
    ) -> Response:
        """Entries, newest first. `next` is the cursor of the following ones, or null."""
        before = cursor_place(cursor)
        if before is not None and not isinstance(before, int):
            raise ParameterRefused("cursor", "this is no `next` of this list", status=422)
        found = log.entries(wanted, before=before, limit=limit + 1)
        page = found[:limit]
        following = cursor_text(page[-1].id) if len(found) > limit else None
        return sent({"entries": [entry_json(entry) for entry in page], "next": following})

    @router.get("/export", responses={200: {"content": {"application/x-ndjson": {}}}})
    def export(
        wanted: Annotated[Wanted, Depends(wanted_entries)],
        actor: Annotated[Actor, Depends(identity.actor)],
    ) -> Response:
        """All entries, newest first, each on a line of JSON."""
        log.record(actor, "audit.exported")

        def lines() -> Iterator[str]:
            for entry in log.every(wanted):
                yield json.dumps(entry_json(entry)) + "\n"

        name = 'attachment; filename="audit.jsonl"'
        return StreamingResponse(
            lines(), media_type="application/x-ndjson", headers={"Content-Disposition": name}
        )

    return router


def _naive(at: datetime | None) -> datetime | None:
    """As SQL has it: naive UTC. What names no zone is taken for UTC."""
    if at is None or at.tzinfo is None:
        return at
    return at.astimezone(UTC).replace(tzinfo=None)
