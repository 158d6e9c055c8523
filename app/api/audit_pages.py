"""The audit log as a page, for administrators."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse, Response

from app.api.audit import wanted_entries
from app.api.identity import Asking, Identity
from app.api.services import Services
from app.audit import Wanted
from app.web import pages

_READ = ["GET", "HEAD"]
_ENTRIES = 100
# First words of actions, as the form offers them.
_KINDS = (
    ("login", "Log-ins"),
    ("document", "Documents"),
    ("answer", "Answers"),
    ("conversation", "Conversations"),
    ("job", "Uploads and jobs"),
    ("grant", "Grants"),
    ("policy", "Policies"),
    ("operating_point", "When to decline"),
    ("collection", "Collections"),
    ("user", "Users"),
    ("group", "Groups"),
    ("key", "Keys"),
    ("session", "Sessions"),
    ("view", "Viewing as somebody"),
    ("audit", "The log itself"),
)


def audit_page_routes(services: Services, identity: Identity) -> APIRouter:
    """`/admin/audit`."""
    router = APIRouter(
        prefix="/admin", include_in_schema=False, dependencies=[Depends(identity.administrator)]
    )

    @router.api_route("/audit", methods=_READ)
    def audit(
        request: Request,
        asking: Annotated[Asking, Depends(identity.asking)],
        wanted: Annotated[Wanted, Depends(wanted_entries)],
        before: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    ) -> Response:
        found = services.audit.entries(wanted, before=before, limit=_ENTRIES + 1)
        query = {
            name: value
            for name, value in request.query_params.items()
            if value and name in {"actor", "action", "about", "since", "until"}
        }
        older = (
            urlencode({**query, "before": found[_ENTRIES - 1].id}) if len(found) > _ENTRIES else ""
        )
        html = pages.page(
            "admin_audit.html",
            asking.principal,
            here="admin",
            part="audit",
            entries=found[:_ENTRIES],
            query=query,
            kinds=_KINDS,
            older=older,
            export=urlencode(query),
            is_first=before is None,
            people=[user.principal.name for user in services.people.users()],
        )
        return HTMLResponse(html)

    return router
