"""Whose turn it is: a bounded queue that goes round among people. No clock, no thread, no I/O.

The rule. Who waits stands in a ring, one place for each principal however many of its requests
wait. When a place is free, the principal at the front of the ring has its oldest request started
and goes to the back, or out of the ring when none of its others waits. A principal that begins to
wait joins at the back.

What follows from it, and is tested:

- A principal's first waiting request is overtaken by nobody: only those that are in the ring when
  it joins start before it, each once. Its position never grows.
- A principal's next requests start one round apart each. Somebody who joins meanwhile adds one
  start to each round that is still to come, so their positions may grow.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

# Told to who is sent away, until an answer has shown how long one takes.
UNKNOWN_SECONDS = 10.0
LONGEST_RETRY_SECONDS = 120
# How much the newest answer counts in what is usual.
_NEWEST_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Limits:
    """How many requests are worked on at a time, how many more wait, and how many are one's own.

    `per_principal` counts those being made and those waiting together.
    """

    at_once: int
    waiting: int
    per_principal: int

    def __post_init__(self) -> None:
        if self.at_once < 1 or self.waiting < 0 or self.per_principal < 1:
            raise ValueError(
                f"{self}: at_once and per_principal are at least 1, waiting at least 0"
            )


class Refusal(Enum):
    """Why a request is not taken."""

    OWN_LIMIT = "own limit"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Ticket:
    """One request in the queue or being made. `principal` is the number of a user."""

    number: int
    principal: int


class FairQueue:
    """The requests that are being made and those that wait, and who is next.

    Somebody waits only while all places are taken.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._made: set[Ticket] = set()
        # In the order of the ring; lines are never empty.
        self._lines: dict[int, deque[Ticket]] = {}
        self._last_number = 0

    @property
    def being_made(self) -> int:
        """How many places are taken."""
        return len(self._made)

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return sum(len(line) for line in self._lines.values())

    def being_made_for(self, principal: int) -> int:
        """How many places a principal has."""
        return sum(ticket.principal == principal for ticket in self._made)

    def waiting_for(self, principal: int) -> int:
        """How many requests of a principal wait."""
        return len(self._lines.get(principal, ()))

    def is_being_made(self, ticket: Ticket) -> bool:
        """Whether it has a place."""
        return ticket in self._made

    def refusal(self, principal: int) -> Refusal | None:
        """Why another request of a principal would not be taken; None when it would."""
        own = self.being_made_for(principal) + self.waiting_for(principal)
        if own >= self.limits.per_principal:
            return Refusal.OWN_LIMIT
        if self.being_made == self.limits.at_once and self.waiting >= self.limits.waiting:
            return Refusal.FULL
        return None

    def enter(self, principal: int) -> Ticket:
        """Take a request: it has a place at once if one is free, else it waits.

        Raises:
            ValueError: `refusal` has something against it.
        """
        if (refusal := self.refusal(principal)) is not None:
            raise ValueError(f"the request is not taken: {refusal.value}")
        self._last_number += 1
        ticket = Ticket(self._last_number, principal)
        if self.being_made < self.limits.at_once:
            self._made.add(ticket)
        else:
            self._lines.setdefault(principal, deque()).append(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> Ticket | None:
        """Forget a request that is over or given up.

        Returns:
            The request that now has its place; None when nobody waited or it had no place.

        Raises:
            KeyError: it is not here, or left before.
        """
        if ticket in self._made:
            self._made.remove(ticket)
            return self._start_next()
        line = self._lines.get(ticket.principal, deque())
        if ticket not in line:
            raise KeyError(ticket)
        line.remove(ticket)
        if not line:
            del self._lines[ticket.principal]
        return None

    def order(self) -> list[Ticket]:
        """Who waits, in the order in which they start if nobody comes and nobody gives up.

        The number of those ahead of a request is its index; its position is that and one.
        """
        return list(_rounds(self._lines))

    def _start_next(self) -> Ticket | None:
        principal = next(iter(self._lines), None)
        if principal is None:
            return None
        line = self._lines.pop(principal)
        ticket = line.popleft()
        if line:
            self._lines[principal] = line
        self._made.add(ticket)
        return ticket


def _rounds(lines: Mapping[int, deque[Ticket]]) -> Iterator[Ticket]:
    """Everybody's first request in the order of the ring, then everybody's second, …"""
    longest = max(map(len, lines.values()), default=0)
    for turn in range(longest):
        for line in lines.values():
            if turn < len(line):
                yield line[turn]


def usual_seconds(before: float | None, newest: float) -> float:
    """How long an answer usually takes, after one more: a mean in which old ones fade."""
    return newest if before is None else before + _NEWEST_SHARE * (newest - before)


def retry_seconds(queue: FairQueue, principal: int, refusal: Refusal, usual: float | None) -> int:
    """When it is worth asking again: whole seconds, 1 to `LONGEST_RETRY_SECONDS`.

    Answers are taken to end independently of each other, each after `usual` seconds on average: of
    `n` that are being made one ends after `usual / n`. When nothing has been made yet, `usual` is
    None and ten seconds are said.

    Args:
        refusal: FULL waits for anybody's answer to end. OWN_LIMIT waits for one's own: for one that
            is being made, else for the first in the line to have its turn and end.
    """
    if usual is None:
        return math.ceil(UNKNOWN_SECONDS)
    own = queue.being_made_for(principal)
    if refusal is Refusal.FULL:
        seconds = usual / queue.limits.at_once
    elif own:
        seconds = usual / own
    else:
        ahead = [ticket.principal for ticket in queue.order()].index(principal)
        seconds = usual * (ahead + 1) / queue.limits.at_once + usual
    return min(max(1, math.ceil(seconds)), LONGEST_RETRY_SECONDS)
