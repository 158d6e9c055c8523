"""Web pages that an administrator has listed."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import RedirectResponse, Response

from app.api.identity import Asking, Identity
from app.api.jobs import JobDesk
from app.api.replies import Numbered
from app.api.services import Services
from app.api.uploads import UPLOAD_PATH
from app.audit import Object
from app.errors import AccessDenied, RequestRefused
from app.fetching.url_list import listed_urls, source_of
from ingestion.jobs.types import Job
from retrieval.types import Access

URLS_PATH = f"{UPLOAD_PATH}/urls"
_MOST = 1_000


class UrlsRequest(BaseModel):
    """Addresses to be brought in."""

    model_config = ConfigDict(extra="forbid")

    urls: list[Annotated[str, Field(max_length=2_000)]] = Field(min_length=1, max_length=_MOST)


class UrlDesk:
    """Makes jobs of addresses, for administrators, where the operator allows it."""

    def __init__(self, services: Services, jobs: JobDesk) -> None:
        self._services, self._jobs = services, jobs

    def take(self, asking: Asking, collection: str, lines: list[str]) -> Job:
        """Make a job of a list.

        Raises:
            AccessDenied: it is none of an administrator's.
            RequestRefused: nothing is fetched here.
            UrlRefused: a line is no address.
        """
        if not asking.principal.is_administrator:
            raise AccessDenied("pages from the web are brought in by administrators; ask one")
        if not self._services.fetches_urls:
            raise RequestRefused(
                409,
                "Assay fetches nothing from the web here; its operator can set ASSAY_URLS=true",
            )
        source, items = source_of(listed_urls(lines))
        target = self._jobs.writable_collection(asking.principal, collection)
        job = self._services.jobs.create(
            target, source, items, principal_id=asking.principal.id
        ).job
        self._services.audit.record(
            asking.actor, "document.fetch", Object("job", job.id), collection_id=target.id
        )
        return job


def url_routes(services: Services, identity: Identity, jobs: JobDesk) -> APIRouter:
    """`POST /api/jobs/urls`, and the form that does the same."""
    router = APIRouter(tags=["jobs"])
    desk = UrlDesk(services, jobs)

    @router.post(URLS_PATH, status_code=201)
    def fetch(
        asking: Annotated[Asking, Depends(identity.asking)],
        collection: Annotated[str, Query(min_length=1, max_length=200)],
        body: UrlsRequest,
    ) -> Response:
        """Have web pages brought in, for administrators; makes a job and tells of it."""
        job = desk.take(asking, collection, body.urls)
        shown = jobs.shown(asking.principal, job)
        headers = {"Location": f"{UPLOAD_PATH}/{job.id}"}
        return Response(shown, 201, headers, "application/json")

    @router.post("/library/{collection}/urls", include_in_schema=False)
    def fetch_from_page(
        collection: Numbered,
        asking: Annotated[Asking, Depends(identity.asking)],
        urls: Annotated[str, Form(max_length=_MOST * 100)] = "",
    ) -> Response:
        found = services.sharing.require(asking.principal, collection, Access.WRITE)
        desk.take(asking, found.name, urls.splitlines())
        return RedirectResponse(f"/library/{found.id}?done=fetching", status_code=303)

    return router
