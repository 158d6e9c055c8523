"""Answers being made for pages: who loses the connection takes it up again where it broke off.

An answer goes on being made while nobody listens, for a grace time; then it is given up. Its events
are kept meanwhile, numbered from 1, so that a page can ask for those it has not seen. To be used
from the event loop only.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.running import RunningAnswer
from app.conversations.types import State
from generation.types import AnswerEvent

KEEP_ALIVE = b": working\n\n"
# A page that comes back when all is said still finds it here; later it finds what is kept.
_LINGER_SECONDS = 60.0


class LiveAnswer:
    """The events of one answer so far, for any number of listeners."""

    def __init__(
        self, number: int, owner: int, running: RunningAnswer[AnswerEvent], grace_seconds: float
    ) -> None:
        self.number = number
        self.owner = owner
        # What it is kept as when it is given up.
        self.given_up_as = State.INTERRUPTED
        self._running = running
        self._grace_seconds = grace_seconds
        self._frames: list[bytes] = []
        self._changed = asyncio.Event()
        self._is_over = False
        self._listeners = 0
        self._giving_up: asyncio.TimerHandle | None = None
        self._wait_for_listeners()

    def add(self, event: str, data: bytes) -> None:
        """Tell everybody who listens, and who will."""
        number = len(self._frames) + 1
        self._frames.append(f"id: {number}\nevent: {event}\ndata: ".encode() + data + b"\n\n")
        self._tell()

    def close(self) -> None:
        """There will be no more events."""
        self._is_over = True
        self._stop_waiting()
        self._tell()

    def stop(self) -> None:
        """End it as its reader wants. Nothing to do when it is over."""
        if not self._is_over:
            self.given_up_as = State.STOPPED
            self._running.cancel()

    async def listen(self, after: int, quiet_seconds: float) -> AsyncIterator[bytes]:
        """The events after number `after`, as server-sent events, then those that come.

        A comment goes out at once, and whenever nothing was said for `quiet_seconds`.
        """
        self._listeners += 1
        self._stop_waiting()
        try:
            yield KEEP_ALIVE
            place = max(0, after)
            while True:
                changed = self._changed
                while place < len(self._frames):
                    yield self._frames[place]
                    place += 1
                if self._is_over:
                    return
                try:
                    async with asyncio.timeout(quiet_seconds):
                        await changed.wait()
                except TimeoutError:
                    yield KEEP_ALIVE
        finally:
            self._listeners -= 1
            self._wait_for_listeners()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _wait_for_listeners(self) -> None:
        if self._listeners or self._is_over or self._giving_up:
            return
        loop = asyncio.get_running_loop()
        self._giving_up = loop.call_later(self._grace_seconds, self._running.cancel)

    def _stop_waiting(self) -> None:
        if self._giving_up:
            self._giving_up.cancel()
            self._giving_up = None


class LiveAnswers:
    """Those of this server, by number."""

    def __init__(self) -> None:
        self._live: dict[int, LiveAnswer] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, number: int, owner: int) -> LiveAnswer | None:
        """The answer, if it is being made here, or was a moment ago, for this principal."""
        live = self._live.get(number)
        return live if live is not None and live.owner == owner else None

    def follow(self, live: LiveAnswer, follow: Callable[[LiveAnswer], Awaitable[None]]) -> None:
        """Have `follow` add the events of an answer, whoever listens, and close it."""
        self._live[live.number] = live
        task = asyncio.ensure_future(self._follow(live, follow))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, patience_seconds: float) -> None:
        """Wait until what is over is kept as what it is."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=patience_seconds)

    async def _follow(
        self, live: LiveAnswer, follow: Callable[[LiveAnswer], Awaitable[None]]
    ) -> None:
        try:
            await follow(live)
        finally:
            live.close()
            with contextlib.suppress(RuntimeError):  # the loop may be ending
                asyncio.get_running_loop().call_later(
                    _LINGER_SECONDS, self._live.pop, live.number, None
                )


class LiveStream(StreamingResponse):
    """Sends events to one listener; when that one leaves, the answer goes on."""

    media_type = "text/event-stream"

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        # A proxy that collects a response before it passes it on would spoil it.
        super().__init__(body, headers={"X-Accel-Buffering": "no"})
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it all, or as much as somebody is there for."""
        try:
            # Without this the base class notices that a client has gone only when it next sends.
            await super().__call__({**scope, "asgi": {"spec_version": "2.3"}}, receive, send)
        finally:
            # Not when it is collected some time: who listens is counted.
            close = getattr(self._body, "aclose", None)
            if close is not None:
                await close()
