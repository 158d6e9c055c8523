"""Jobs over JSON, for who may write to their collection: what becomes of uploads and ingestions."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.identity import Asking, Identity
from app.api.jobs_wire import item_json, job_json
from app.api.services import Services
from app.api.wire import encoded
from app.errors import RequestRefused
from app.job_commands import command_job, note_password
from ingestion.errors import UnknownJob
from ingestion.jobs.states import ENDED
from ingestion.jobs.store import JobStore
from ingestion.jobs.types import Command, ItemState, Job, JobState
from retrieval.types import Access, Collection, Principal

MOST_JOBS, MOST_ITEMS = 200, 500
LOOK_SECONDS = 1.0


class RetryRequest(BaseModel):
    """What to try again."""

    model_config = ConfigDict(extra="forbid")

    rejected: bool = False


class PasswordRequest(BaseModel):
    """What opens a file; kept nowhere."""

    model_config = ConfigDict(extra="forbid")

    password: SecretStr = Field(min_length=1, max_length=1_000)


class JobDesk:
    """Which jobs somebody may see and command; ends the streams that tell of them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stopping = asyncio.Event()

    def job(self, requester: Principal, job_id: int) -> Job:
        """A job that `requester` may see.

        Raises:
            UnknownJob: there is none, as far as that goes.
        """
        job = self._services.jobs.job(job_id)
        if job.collection.id not in self._writable(requester):
            raise UnknownJob(job_id)
        return job

    def jobs(
        self, requester: Principal, states: list[JobState], before: int | None, limit: int
    ) -> list[Job]:
        """Jobs that `requester` may see, newest first."""
        return self._services.jobs.jobs(
            collection_ids=self._writable(requester), states=states, before=before, limit=limit
        )

    def writable_collection(self, requester: Principal, name: str) -> Collection:
        """The collection that files are to be brought into; an administrator's is made.

        Raises:
            RequestRefused: there is none that `requester` may write to.
        """
        writable = self._writable(requester)
        for known in self._services.store.collections():
            if known.name == name and known.id in writable:
                return known
        if not requester.is_administrator:
            # Whether there is one that is not theirs is nobody's business.
            raise RequestRefused(403, f"there is no collection {name!r} that you may write to")
        return self._services.store.ensure_collection(name)

    def shown(self, requester: Principal, job: Job) -> bytes:
        """A job as JSON."""
        tally = self._services.jobs.tally(job.id)
        return encoded(job_json(job, tally, with_paths=requester.is_administrator))

    async def progress(
        self, requester: Principal, job_id: int, quiet_seconds: float
    ) -> AsyncIterator[bytes]:
        """Events of a job, until it has ended, is seen no more, or the server stops."""
        yield b": working\n\n"
        told, quiet = b"", 0.0
        while not self._stopping.is_set():
            try:
                job = await run_in_threadpool(self.job, requester, job_id)
                shown = await run_in_threadpool(self.shown, requester, job)
            except UnknownJob:
                return
            is_over = job.state in ENDED
            if shown != told or is_over:
                told, quiet = shown, 0.0
                yield b"event: %s\ndata: %s\n\n" % (b"end" if is_over else b"progress", shown)
            if is_over:
                return
            if quiet >= quiet_seconds:
                quiet = 0.0
                yield b": working\n\n"
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._stopping.wait()
            except TimeoutError:
                quiet += LOOK_SECONDS

    def command(
        self, asking: Asking, job: Job, command: Command, *, rejected: bool = False
    ) -> Response:
        """Do to a job what is wanted; it is logged.

        Raises:
            JobRefused: its state does not allow it.
        """
        services = self._services
        after = command_job(
            services.jobs, services.audit, asking.actor, job.id, command, rejected=rejected
        )
        return _sent(self.shown(asking.principal, after))

    def close(self) -> None:
        """End the streams: the server stops."""
        self._stopping.set()

    def _writable(self, requester: Principal) -> frozenset[int]:
        return self._services.access.allowed(requester, Access.WRITE)


class _Stream(StreamingResponse):
    """An event stream that ends when its client leaves, not only when it next sends something."""

    media_type = "text/event-stream"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__({**scope, "asgi": {"spec_version": "2.3"}}, receive, send)


def job_routes(services: Services, identity: Identity, desk: JobDesk) -> APIRouter:
    """What is under `/api/jobs`, but for uploads."""
    router = APIRouter(prefix="/api/jobs", tags=["jobs"])
    jobs = services.jobs

    def visible(
        requester: Annotated[Principal, Depends(identity.requester)],
        job: Annotated[int, Path(ge=0, lt=2**63)],
    ) -> Job:
        return desk.job(requester, job)

    @router.get("")
    def list_jobs(
        requester: Annotated[Principal, Depends(identity.requester)],
        state: Annotated[list[JobState], Query()] = [],  # noqa: B006 - FastAPI copies it
        before: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_JOBS)] = 50,
    ) -> Response:
        """Jobs, newest first; `next` is the `before` of the next page."""
        found = desk.jobs(requester, state, before, limit)
        shown = [
            job_json(job, jobs.tally(job.id), with_paths=requester.is_administrator)
            for job in found
        ]
        following = found[-1].id if len(found) == limit else None
        return _sent(encoded({"jobs": shown, "next": following}))

    @router.get("/{job}")
    def show(
        requester: Annotated[Principal, Depends(identity.requester)],
        found: Annotated[Job, Depends(visible)],
    ) -> Response:
        """A job and how far it has come."""
        return _sent(desk.shown(requester, found))

    @router.get("/{job}/items")
    def items(
        requester: Annotated[Principal, Depends(identity.requester)],
        found: Annotated[Job, Depends(visible)],
        state: Annotated[list[ItemState], Query()] = [],  # noqa: B006 - FastAPI copies it
        offset: Annotated[int, Query(ge=0, lt=2**31)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_ITEMS)] = 100,
    ) -> Response:
        """The files of a job in order; `total` counts those in the states that are asked for."""
        page = jobs.items(found.id, states=state, offset=offset, limit=limit)
        shown = [item_json(one, with_path=requester.is_administrator) for one in page.items]
        return _sent(encoded({"items": shown, "total": page.total}))

    @router.get("/{job}/events")
    def events(
        requester: Annotated[Principal, Depends(identity.requester)],
        found: Annotated[Job, Depends(visible)],
    ) -> Response:
        """Progress as an event stream.

        `progress` whenever there is news, at most once a second, and `end` when the job has ended;
        each with the job as JSON.
        """
        body = desk.progress(requester, found.id, services.keep_alive_seconds)
        # A proxy that collects a response before it passes it on would spoil it.
        return _Stream(body, headers={"X-Accel-Buffering": "no"})

    @router.post("/{job}/retry")
    def retry(
        asking: Annotated[Asking, Depends(identity.asking)],
        found: Annotated[Job, Depends(visible)],
        body: RetryRequest | None = None,
    ) -> Response:
        """Try failed files again, or go on with a job that was cancelled or has failed."""
        rejected = body is not None and body.rejected
        return desk.command(asking, found, Command.RETRY, rejected=rejected)

    @router.post("/{job}/pause")
    def pause(
        asking: Annotated[Asking, Depends(identity.asking)],
        found: Annotated[Job, Depends(visible)],
    ) -> Response:
        """Stop working on a job after the files that are being read now."""
        return desk.command(asking, found, Command.PAUSE)

    @router.post("/{job}/resume")
    def resume(
        asking: Annotated[Asking, Depends(identity.asking)],
        found: Annotated[Job, Depends(visible)],
    ) -> Response:
        """Let a paused job go on."""
        return desk.command(asking, found, Command.RESUME)

    @router.post("/{job}/cancel")
    def cancel(
        asking: Annotated[Asking, Depends(identity.asking)],
        found: Annotated[Job, Depends(visible)],
    ) -> Response:
        """End a job; what it has indexed stays."""
        return desk.command(asking, found, Command.CANCEL)

    _add_unlocking(router, services, identity, visible)
    return router


def _add_unlocking(
    router: APIRouter, services: Services, identity: Identity, visible: Callable[..., Job]
) -> None:
    @router.post("/{job}/items/{item}/password")
    def unlock(
        asking: Annotated[Asking, Depends(identity.asking)],
        found: Annotated[Job, Depends(visible)],
        item: Annotated[int, Path(ge=0, lt=2**63)],
        body: PasswordRequest,
    ) -> Response:
        """Read a file that needs a password with this one, which is kept nowhere."""
        after = services.unlocking.read(found, item, body.password.get_secret_value())
        note_password(services.audit, asking.actor, found, after)
        return _sent(encoded(item_json(after, with_path=asking.principal.is_administrator)))


def job_response(jobs: JobStore, job: Job, requester: Principal, *, status: int) -> Response:
    """A job that somebody has made, and where it is found."""
    shown = job_json(job, jobs.tally(job.id), with_paths=requester.is_administrator)
    headers = {"Location": f"/api/jobs/{job.id}"}
    return Response(encoded(shown), status, headers, "application/json")


def _sent(body: bytes) -> Response:
    return Response(body, media_type="application/json")
