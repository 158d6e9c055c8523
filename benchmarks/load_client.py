"""Somebody who asks a server over HTTP, as the chat page does, and looks at how busy it is."""

import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from benchmarks.load_numbers import Asked

LONGEST_ANSWER_SECONDS = 600.0
RETRY_WITHOUT_WORD_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Server:
    """What /api/desk said at one moment."""

    being_made: int
    waiting: int
    resident_bytes: int | None
    open_files: int | None
    threads: int | None


async def ask(client: httpx2.AsyncClient, user: int, question: str) -> Asked:
    """Ask once and read the whole stream."""
    began = time.perf_counter()
    first_token: float | None = None
    most_ahead = 0
    try:
        async with client.stream("POST", "/api/ask", json={"question": question}) as reply:
            if reply.status_code != 200:
                await reply.aread()
                retry = float(reply.headers.get("retry-after", RETRY_WITHOUT_WORD_SECONDS))
                return Asked(user, error=_words(reply), retry_seconds=retry)
            async for event, data in events(reply):
                now = time.perf_counter() - began
                if event == "queued":
                    most_ahead = max(most_ahead, data["ahead"])
                elif event == "drafted" and first_token is None:
                    first_token = now
                elif event == "error":
                    return Asked(user, error=str(data["detail"]))
                elif event == "answer":
                    tokens = data["usage"]["completion_tokens"]
                    return Asked(user, now, first_token, tokens, most_ahead)
    except httpx2.HTTPError as error:
        return Asked(user, error=f"{type(error).__name__}: {error}", retry_seconds=1.0)
    return Asked(user, error="the stream ended before the answer")


async def events(reply: httpx2.Response) -> AsyncIterator[tuple[str, Any]]:
    """(name, data) of each server-sent event."""
    name = ""
    async for line in reply.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


@asynccontextmanager
async def logged_in(url: str, user: User) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser of this user, with as many connections as it needs."""
    timeout = httpx2.Timeout(LONGEST_ANSWER_SECONDS, connect=30)
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=url, timeout=timeout, limits=limits) as client:
        form = {"name": user.name, "password": user.password}
        reply = await client.post("/login", data=form, headers={"Origin": url})
        if reply.status_code != 303:
            sys.exit(f"{user.name} cannot log in: status {reply.status_code}; check the password")
        client.headers["Origin"] = url
        yield client


async def desk(url: str, user: User) -> dict[str, Any]:
    """What /api/desk says."""
    async with logged_in(url, user) as client:
        reply = await client.get("/api/desk")
    if reply.status_code != 200:
        sys.exit(f"/api/desk: {_words(reply)}; the first --user must be an administrator")
    said: dict[str, Any] = reply.json()
    return said


async def server(url: str, user: User) -> Server:
    """The state of the server, when nobody else is connected."""
    return server_of(await desk(url, user))


def server_of(said: Mapping[str, Any]) -> Server:
    """The part of what /api/desk said that should come back to what it was."""
    answers, process = said["answers"], said["process"]
    return Server(answers["being_made"], answers["waiting"], **process)


def _words(reply: httpx2.Response) -> str:
    try:
        detail = reply.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = reply.text[:100]
    return f"status {reply.status_code}: {detail}"
