"""Answers being made: each in a thread of its own, few at once, stopped when nobody waits for it.

Making an answer is synchronous and slow; the event loop only passes its events on. So is verifying
answers that others made: it has the same places, and its events are what it found so far.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeAlias, TypeVar

import anyio
import anyio.to_thread
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.errors import ServerBusy

RETRY_SECONDS = 10
Event = TypeVar("Event")
# Given `is_cancelled`, makes the events of one answer.
MakeEvents: TypeAlias = Callable[[Callable[[], bool]], Iterable[Event]]


class Pause(Enum):
    """Not an event of the answer: nothing happened for a while."""

    STILL_WORKING = "still working"


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


@dataclass(frozen=True, slots=True)
class _Ended:
    """There will be no more events."""


class AnswerDesk:
    """Lets `at_once` answers be made at a time while `waiting` more wait their turn, in order."""

    def __init__(self, *, at_once: int, waiting: int) -> None:
        self._at_once, self._waiting = at_once, waiting
        self._turns = asyncio.Semaphore(at_once)
        self._taken = 0

    def start(self, make: MakeEvents[Event]) -> "RunningAnswer[Event]":
        """Take a place and begin as soon as it is its turn.

        Raises:
            ServerBusy: no place is left.
        """
        if self._taken >= self._at_once + self._waiting:
            raise ServerBusy(self._at_once, self._waiting, RETRY_SECONDS)
        self._taken += 1
        return RunningAnswer(make, self._turns, self._give_back)

    def _give_back(self) -> None:
        self._taken -= 1


class RunningAnswer(Generic[Event]):
    """One answer that is waiting or being made. Whoever started it must `cancel` it in the end."""

    def __init__(
        self, make: MakeEvents[Event], turns: asyncio.Semaphore, give_back: Callable[[], None]
    ) -> None:
        self._make = make
        self._turns = turns
        self._cancelled = threading.Event()
        self._begun = False
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event | _Failed | _Ended] = asyncio.Queue()
        self._work = asyncio.create_task(self._take_turn())
        # Not in the task: one that is cancelled before its first step runs no `finally`.
        self._work.add_done_callback(lambda _: give_back())

    async def events(self, quiet_seconds: float) -> AsyncIterator[Event | Pause]:
        """The events as they come, and a pause for every `quiet_seconds` without one.

        Raises:
            Exception: whatever making the answer raised.
        """
        while True:
            try:
                async with asyncio.timeout(quiet_seconds):
                    item = await self._queue.get()
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
            Exception: whatever making the answer raised.
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
        self._cancelled.set()
        if not self._begun:
            self._work.cancel()

    async def _last(self) -> Event | None:
        last: Event | None = None
        async for event in self.events(quiet_seconds=3600):
            if not isinstance(event, Pause):
                last = event
        return last

    async def _take_turn(self) -> None:
        async with self._turns:
            self._begun = True
            # The turn is over when the thread is, however early the client leaves.
            await anyio.to_thread.run_sync(self._make_events)

    def _make_events(self) -> None:
        try:
            for event in self._make(self._cancelled.is_set):
                self._hand_over(event)
                if self._cancelled.is_set():
                    break
        except Exception as error:  # noqa: BLE001 - raised again where the events are read
            self._hand_over(_Failed(error))
        self._hand_over(_Ended())

    def _hand_over(self, item: Event | _Failed | _Ended) -> None:
        with contextlib.suppress(RuntimeError):  # the server has stopped; nobody reads any more
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)


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
