"""Answers being made: each in a thread, few at once, stopped when nobody waits for it.

Making an answer is synchronous and slow; the event loop only passes its events on. So is verifying
answers that others made; its events are what it found so far. `desk` gives each its turn.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeAlias, TypeVar

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.queueing import Ticket

Event = TypeVar("Event")
# Given `is_cancelled`, makes the events of one answer.
MakeEvents: TypeAlias = Callable[[Callable[[], bool]], Iterable[Event]]


class Pause(Enum):
    """Not an event of the answer: nothing happened for a while."""

    STILL_WORKING = "still working"


@dataclass(frozen=True, slots=True)
class Queued:
    """Not an event of the answer: it waits, and so many others start before it."""

    ahead: int

    @property
    def position(self) -> int:
        """Its place in the order of starts, from 1."""
        return self.ahead + 1


@dataclass(frozen=True, slots=True)
class Begun:
    """Not an event of the answer: it waited so long, and now is its turn."""

    seconds_waited: float


Told: TypeAlias = Pause | Queued | Begun


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


@dataclass(frozen=True, slots=True)
class _Ended:
    """There will be no more events."""


class RunningAnswer(Generic[Event]):
    """One answer that is waiting or being made. Whoever started it must `cancel` it in the end."""

    def __init__(
        self,
        make: MakeEvents[Event],
        on_end: Callable[["RunningAnswer[Any]", Exception | None], None],
        on_cancel: Callable[["RunningAnswer[Any]"], None],
        ticket: Ticket,
        entered: float,
    ) -> None:
        self.ticket = ticket
        self.entered = self.begun = entered
        self._make = make
        self._on_end, self._on_cancel = on_end, on_cancel
        self._ahead: int | None = None
        self._context = copy_context()
        self._cancelled = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[Event | Queued | Begun | _Failed | _Ended] = asyncio.Queue()

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody wants it any more."""
        return self._cancelled.is_set()

    async def events(self, quiet_seconds: float) -> AsyncIterator[Event | Told]:
        """The events as they come, and a pause for every `quiet_seconds` without one.

        Who has to wait is told the position at once and whenever it changes, and then that it is
        the turn.

        Raises:
            Exception: whatever making the answer raised.
            ServerStopping: the server is being stopped.
        """
        while True:
            try:
                async with asyncio.timeout(quiet_seconds):
                    item = await self._items.get()
            except TimeoutError:
                yield Pause.STILL_WORKING
                continue
            if isinstance(item, _Ended):
                return
            if isinstance(item, _Failed):
                raise item.error
            yield item

    async def last(self, receive: Receive) -> Event | None:
        """The last event; None when the client has gone (`receive` says so) or there was none.

        Raises:
            Exception: as `events`.
        """
        gone = asyncio.create_task(_disconnected(receive))
        last = asyncio.create_task(self._last())
        try:
            await asyncio.wait({gone, last}, return_when=asyncio.FIRST_COMPLETED)
            return last.result() if last.done() else None
        finally:
            self.cancel()
            gone.cancel()
            last.cancel()

    def cancel(self) -> None:
        """Give up the place in the queue, or have the work stop. Nothing to do when it is over."""
        self._on_cancel(self)

    # For the desk

    def wait(self, ahead: int) -> None:
        """Tell how many start before it, if that is news."""
        if ahead != self._ahead:
            self._ahead = ahead
            self._items.put_nowait(Queued(ahead))

    def begin(self, now: float, waited: float) -> None:
        """Note that it has its turn; tell so, if it had to wait."""
        self.begun = now
        if self._ahead is not None:
            self._items.put_nowait(Begun(waited))

    def break_off(self) -> None:
        """Have the work stop at its next look."""
        self._cancelled.set()

    def end(self, error: Exception | None) -> None:
        """Tell that there is no more. Of several calls the first counts for who reads."""
        self._items.put_nowait(_Ended() if error is None else _Failed(error))

    def make_events(self) -> None:
        """Do the work; in a thread of its own, which logs as the request does that began it."""
        self._context.run(self._make_events)

    def _make_events(self) -> None:
        try:
            for event in self._make(self._cancelled.is_set):
                self._call(self._items.put_nowait, event)
                if self._cancelled.is_set():
                    break
        except Exception as error:  # noqa: BLE001 - raised again where the events are read
            self._call(self._on_end, self, error)
        else:
            self._call(self._on_end, self, None)

    async def _last(self) -> Event | None:
        last: Event | None = None
        async for event in self.events(quiet_seconds=3600):
            if not isinstance(event, Pause | Queued | Begun):
                last = event
        return last

    def _call(self, told: Callable[..., None], *what: object) -> None:
        with contextlib.suppress(RuntimeError):  # the server has stopped; nobody reads any more
            self._loop.call_soon_threadsafe(told, *what)


class EventStream(StreamingResponse):
    """Sends what is made of a running answer, and stops it when the client leaves."""

    media_type = "text/event-stream"

    def __init__(self, running: RunningAnswer[Event], body: AsyncIterator[bytes]) -> None:
        # A proxy that collects a response before it passes it on would spoil it.
        headers: Mapping[str, str] = {"X-Accel-Buffering": "no"}
        super().__init__(body, headers=headers)
        self._running = running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it all, or as much as somebody is there for."""
        try:
            # Without this the base class notices that a client has gone only when it next sends.
            await super().__call__({**scope, "asgi": {"spec_version": "2.3"}}, receive, send)
        finally:
            self._running.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
