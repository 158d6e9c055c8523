"""Gives every answer its turn: takes requests into the queue, begins them, counts them.

Whose turn it is, `queueing` decides; what is made of a turn, `running` passes on.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.api.queueing import FairQueue, Limits, Refusal, Ticket, retry_seconds, usual_seconds
from app.api.running import Event, MakeEvents, RunningAnswer
from app.api.work_threads import WorkThreads
from app.errors import ServerBusy, ServerStopping, TooManyAnswers

# What is broken off ends within a token; what does not, ends with the process.
_LAST_SECONDS = 2.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class DeskState:
    """What a desk does now, and what it has done since the server started.

    Every request that was taken is counted once in `waiting`, `being_made`, `finished`, `failed` or
    `cancelled`: but for a moment while one that was cancelled still ends its last token, which
    counts in `being_made` and `cancelled`. `seconds_waited` adds up over the `started`.
    `usual_seconds` is how long an answer takes, the newest ones counting most; None before any.
    """

    being_made: int
    waiting: int
    started: int
    finished: int
    failed: int
    cancelled: int
    refused: int
    seconds_waited: float
    usual_seconds: float | None


@dataclass(slots=True)
class _Counts:
    started: int = 0
    finished: int = 0
    failed: int = 0
    cancelled: int = 0
    refused: int = 0
    seconds_waited: float = 0.0


class AnswerDesk:
    """Gives each answer its turn. To be used from the event loop only."""

    def __init__(self, limits: Limits, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._queue = FairQueue(limits)
        self._threads = WorkThreads()
        self._running: dict[Ticket, RunningAnswer[Any]] = {}
        self._counts = _Counts()
        self._usual_seconds: float | None = None
        self._is_closed = False

    @property
    def limits(self) -> Limits:
        """How many are made at once, and how many wait."""
        return self._queue.limits

    @property
    def state(self) -> DeskState:
        """What it does now and has done."""
        counts = self._counts
        return DeskState(
            being_made=self._queue.being_made,
            waiting=self._queue.waiting,
            started=counts.started,
            finished=counts.finished,
            failed=counts.failed,
            cancelled=counts.cancelled,
            refused=counts.refused,
            seconds_waited=counts.seconds_waited,
            usual_seconds=self._usual_seconds,
        )

    def start(self, user: int, make: MakeEvents[Event]) -> RunningAnswer[Event]:
        """Take a place in the queue and begin as soon as it is its turn.

        Args:
            user: number of the principal. All sessions and keys of a user are that user.

        Raises:
            TooManyAnswers: the user has as many in the queue as one user may.
            ServerBusy: no place is left.
            ServerStopping: the server is being stopped.
        """
        if self._is_closed:
            raise ServerStopping
        if (refusal := self._queue.refusal(user)) is not None:
            self._counts.refused += 1
            raise self._told(refusal, user)
        ticket = self._queue.enter(user)
        running = RunningAnswer(make, self._end, self._cancel, ticket, self._now())
        self._running[ticket] = running
        if self._queue.is_being_made(ticket):
            self._begin(running)
        else:
            self._tell_positions()
        return running

    async def close(self, patience_seconds: float) -> None:
        """Take nothing more and end what there is. Returns when it has ended, or soon after.

        Who waits is told so at once; who is being answered has `patience_seconds` to see the end of
        it and is told then. Streams end at once when told, whatever their threads do.
        """
        self._is_closed = True
        for ticket in self._queue.order():
            self._break_off(self._running[ticket])
        await self._emptied(patience_seconds)
        for running in list(self._running.values()):
            self._break_off(running)
        await self._emptied(_LAST_SECONDS)

    async def _emptied(self, seconds: float) -> None:
        deadline = self._now() + seconds
        while self._running and self._now() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)

    def _told(self, refusal: Refusal, user: int) -> ServerBusy | TooManyAnswers:
        queue, limits = self._queue, self._queue.limits
        seconds = retry_seconds(queue, user, refusal, self._usual_seconds)
        if refusal is Refusal.FULL:
            return ServerBusy(limits.at_once, limits.waiting, seconds)
        order = [ticket.principal for ticket in queue.order()]
        position = order.index(user) + 1 if user in order else None
        return TooManyAnswers(
            limits.per_principal, queue.being_made_for(user), position, len(order), seconds
        )

    def _begin(self, running: RunningAnswer[Any]) -> None:
        waited = self._now() - running.entered
        self._counts.started += 1
        self._counts.seconds_waited += waited
        running.begin(self._now(), waited)
        try:
            self._threads.do(running.make_events)
        except RuntimeError as error:  # the system gives no more threads
            self._leave(running, error)

    def _end(self, running: RunningAnswer[Any], error: Exception | None) -> None:
        self._threads.done()
        self._leave(running, error)

    def _leave(self, running: RunningAnswer[Any], error: Exception | None) -> None:
        """Give its place to the next: the work is over."""
        if not running.is_cancelled:
            if error is None:
                self._counts.finished += 1
                took = self._now() - running.begun
                self._usual_seconds = usual_seconds(self._usual_seconds, took)
            else:
                self._counts.failed += 1
        self._forget(running, error)

    def _forget(self, running: RunningAnswer[Any], error: Exception | None = None) -> None:
        del self._running[running.ticket]
        following = self._queue.leave(running.ticket)
        running.end(error)
        if following is not None:
            self._begin(self._running[following])
        self._tell_positions()

    def _cancel(self, running: RunningAnswer[Any]) -> None:
        if running.ticket not in self._running or running.is_cancelled:
            return
        self._counts.cancelled += 1
        running.break_off()
        if not self._queue.is_being_made(running.ticket):
            self._forget(running)

    def _break_off(self, running: RunningAnswer[Any]) -> None:
        """The server's doing, not the client's: it is told."""
        if running.is_cancelled:
            return
        self._counts.failed += 1
        running.break_off()
        running.end(ServerStopping())
        if not self._queue.is_being_made(running.ticket):
            self._forget(running)

    def _tell_positions(self) -> None:
        for ahead, ticket in enumerate(self._queue.order()):
            self._running[ticket].wait(ahead)


@dataclass(frozen=True, slots=True)
class Desks:
    """The two queues of a server.

    Verifying what others wrote has places of its own, a quarter of those for answers: it does not
    use the engine, so it needs no place in the engine's batch, and however much there is of it,
    no chat waits behind it, nor the other way round.
    """

    answers: AnswerDesk
    verifications: AnswerDesk

    async def close(self, patience_seconds: float) -> None:
        """Take nothing more and end what there is; see `AnswerDesk.close`."""
        await asyncio.gather(
            self.answers.close(patience_seconds), self.verifications.close(patience_seconds)
        )


def desks_for(limits: Limits) -> Desks:
    """The desks of a server that answers within these limits."""
    waiting = 0 if limits.waiting == 0 else _quarter(limits.waiting)
    verifying = Limits(_quarter(limits.at_once), waiting, limits.per_principal)
    return Desks(AnswerDesk(limits), AnswerDesk(verifying))


def _quarter(number: int) -> int:
    return max(1, number // 4)
