"""Takes uploads: files straight to disk, and a job that brings them in."""

import asyncio
import errno
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from app.api.identity import Asking, Identity
from app.api.jobs import JobDesk, job_response
from app.api.multipart import FilesOfBody, SentFile
from app.api.services import Services
from app.errors import ParameterRefused, RequestRefused
from app.job_commands import note_new_job
from app.uploads.file_names import UPLOADED, distinct_names, usable_name
from app.uploads.staging import Arriving
from ingestion.errors import BadPattern
from ingestion.ignoring import IGNORE_FILE, RULES_LIMIT_BYTES, ignored_among
from ingestion.jobs.types import Job, NewItem, Source, SourceKind
from retrieval.types import Collection, Principal

UPLOAD_PATH = "/api/jobs"
# Uploads that arrive at the same time; each holds a connection and a file.
MOST_AT_ONCE = 8
_QUIET_SECONDS = 60.0
_LONGEST_KEY = 200


def upload_routes(services: Services, identity: Identity, desk: JobDesk) -> APIRouter:
    """`POST /api/jobs`."""
    router = APIRouter(tags=["jobs"])
    arriving = 0

    @contextmanager
    def place() -> Iterator[None]:
        nonlocal arriving
        if arriving >= MOST_AT_ONCE:
            raise RequestRefused(503, f"{MOST_AT_ONCE} uploads arrive already; try again soon")
        arriving += 1
        try:
            yield
        finally:
            arriving -= 1

    @router.post(UPLOAD_PATH, status_code=201)
    async def upload(
        request: Request,
        asking: Annotated[Asking, Depends(identity.asking)],
        collection: Annotated[str, Query(min_length=1, max_length=200)],
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Bring files in: a multipart form whose parts are files. Makes a job and tells of it.

        With an `Idempotency-Key`, the same request sent twice makes one job; the second reply has
        status 200.
        """
        requester = asking.principal
        _check_key(idempotency_key)
        target = await run_in_threadpool(desk.writable_collection, requester, collection)
        if idempotency_key is not None:
            known = await run_in_threadpool(services.jobs.requested, requester.id, idempotency_key)
            if known is not None:
                async for _ in _pieces(request, services.upload_bytes):
                    pass  # who has not finished sending does not listen yet
                return job_response(services.jobs, known, requester, status=200)
        with place():
            job, is_new = await _taken(request, services, requester, target, idempotency_key)
        if is_new:
            await run_in_threadpool(note_new_job, services.audit, asking.actor, job)
        return job_response(services.jobs, job, requester, status=201 if is_new else 200)

    return router


async def _taken(
    request: Request,
    services: Services,
    requester: Principal,
    collection: Collection,
    key: str | None,
) -> tuple[Job, bool]:
    """Receive the files of a request and make a job of them."""
    announced = request.headers.get("content-length", "0")
    room = await run_in_threadpool(services.staging.free_bytes)
    if announced.isdecimal() and int(announced) > services.upload_bytes:
        raise _too_large(services.upload_bytes)
    if announced.isdecimal() and int(announced) > room:
        raise _disk_full()
    with services.staging.arriving() as arriving:
        try:
            files = await _received(request, services.upload_bytes, arriving)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise _disk_full() from error
            raise
        except ClientDisconnect as error:
            raise RequestRefused(400, "the upload was cut short; send it again") from error
        items, ignored = await run_in_threadpool(_items, files)
        source = Source(SourceKind.UPLOAD, staging=arriving.name, ignored=ignored)
        created = await run_in_threadpool(
            lambda: services.jobs.create(
                collection, source, items, principal_id=requester.id, request_key=key
            )
        )
        if created.is_new:
            arriving.keep()
    return created.job, created.is_new


async def _received(request: Request, limit_bytes: int, arriving: Arriving) -> list[SentFile]:
    body = FilesOfBody(request.headers.get("content-type", ""), arriving.next_file)
    try:
        async for piece in _pieces(request, limit_bytes):
            await run_in_threadpool(body.feed, piece)
        body.finish()
    finally:
        await run_in_threadpool(body.close)
    return body.files


async def _pieces(request: Request, limit_bytes: int) -> AsyncIterator[bytes]:
    """The body as it comes, as long as it comes and is not too large."""
    received = 0
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(_QUIET_SECONDS):
                piece = await anext(stream, None)
        except TimeoutError as error:
            raise RequestRefused(
                408, f"nothing came for {_QUIET_SECONDS:.0f} seconds; send the upload again"
            ) from error
        if piece is None:
            return
        received += len(piece)
        if received > limit_bytes:
            raise _too_large(limit_bytes)
        if piece:
            yield piece


def _items(files: list[SentFile]) -> tuple[list[NewItem], int]:
    """What a job is to bring in, and how many files those named `.assayignore` keep out."""
    sent = {name: file for file, name in _named(files)}
    rules = {name: file for name, file in sent.items() if PurePath(name).name == IGNORE_FILE}
    try:
        ignored = ignored_among([*sent], {name: _rules_text(file) for name, file in rules.items()})
    except BadPattern as error:
        raise RequestRefused(422, str(error)) from error
    items = [
        NewItem(UPLOADED + name, name, file.size, str(file.path))
        for name, file in sent.items()
        if name not in rules and name not in ignored
    ]
    for name in {*rules, *ignored}:
        sent[name].path.unlink()
    return items, len(ignored.keys() - rules.keys())


def _named(files: list[SentFile]) -> Iterator[tuple[SentFile, str]]:
    return zip(files, distinct_names([usable_name(file.name) for file in files]), strict=True)


def _rules_text(file: SentFile) -> str:
    if file.size > RULES_LIMIT_BYTES:
        raise RequestRefused(413, f"{IGNORE_FILE} has at most {RULES_LIMIT_BYTES:,} bytes")
    try:
        return file.path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestRefused(422, f"{file.name} is not UTF-8; save it as UTF-8") from error


def _check_key(key: str | None) -> None:
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isprintable()):
        raise ParameterRefused(
            "Idempotency-Key",
            f"Idempotency-Key: 1 to {_LONGEST_KEY} visible characters",
            status=422,
        )


def _too_large(limit_bytes: int) -> RequestRefused:
    return RequestRefused(
        413,
        f"one upload has at most {limit_bytes // 1_000_000:,} MB; send fewer files at once, or ask "
        "the operator to raise ASSAY_UPLOAD_MB",
    )


def _disk_full() -> RequestRefused:
    return RequestRefused(507, "the server's disk has no room for this upload; tell its operator")
