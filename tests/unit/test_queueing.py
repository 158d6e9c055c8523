"""Whose turn it is: the order, the positions, the bounds, and that nobody starves."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.queueing import (
    LONGEST_RETRY_SECONDS,
    FairQueue,
    Limits,
    Refusal,
    Ticket,
    retry_seconds,
    usual_seconds,
)

ADA, BOB, EVE = 1, 2, 3
# What happens to a queue: somebody asks, or one of those that are in it leaves.
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.integers(1, 5)),
        st.tuples(st.just("leave"), st.integers(0, 30)),
        st.tuples(st.just("end"), st.integers(0, 30)),
    ),
    max_size=80,
)
LIMITS = st.builds(Limits, st.integers(1, 4), st.integers(0, 12), st.integers(1, 6))
WIDE = Limits(at_once=1, waiting=100, per_principal=100)


class Watched:
    """A queue, the tickets that are in it in the order they came, and the order of starts."""

    def __init__(self, limits: Limits) -> None:
        self.queue = FairQueue(limits)
        self.here: list[Ticket] = []
        self.started: list[Ticket] = []

    def do(self, action: str, number: int) -> None:
        if action == "enter":
            self.enter(number)
        elif action == "leave" and self.here:
            self.leave(self.here[number % len(self.here)])
        elif made := [t for t in self.here if self.queue.is_being_made(t)]:
            self.leave(made[number % len(made)])

    def enter(self, principal: int) -> Ticket | None:
        if self.queue.refusal(principal):
            return None
        ticket = self.queue.enter(principal)
        self.here.append(ticket)
        if self.queue.is_being_made(ticket):
            self.started.append(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        self.here.remove(ticket)
        if (following := self.queue.leave(ticket)) is not None:
            self.started.append(following)

    def drain(self) -> list[Ticket]:
        """The order in which those that wait start when nobody comes."""
        before = len(self.started)
        while made := [t for t in self.here if self.queue.is_being_made(t)]:
            self.leave(made[0])
        return self.started[before:]


def entered(limits: Limits, *principals: int) -> tuple[FairQueue, list[Ticket]]:
    queue = FairQueue(limits)
    return queue, [queue.enter(principal) for principal in principals]


def after(limits: Limits, actions: list[tuple[str, int]]) -> Watched:
    watched = Watched(limits)
    for action, number in actions:
        watched.do(action, number)
    return watched


# Worked by hand


def test_turns_go_round_among_people_and_in_order_within_one():
    # ADA's first is being made; her other three came before anybody else's.
    queue, (_, a1, a2, a3, b1, b2, e1) = entered(WIDE, ADA, ADA, ADA, ADA, BOB, BOB, EVE)

    assert queue.order() == [a1, b1, e1, a2, b2, a3]


def test_who_had_a_turn_goes_to_the_back():
    queue, (made, a1, a2, b1) = entered(WIDE, ADA, ADA, ADA, BOB)

    assert queue.leave(made) == a1
    assert queue.order() == [b1, a2]
    e1 = queue.enter(EVE)
    assert queue.order() == [b1, a2, e1]


def test_somebody_new_stands_behind_first_requests_and_before_second_ones():
    queue, (_, a1, a2) = entered(WIDE, ADA, ADA, ADA)

    b1 = queue.enter(BOB)

    assert queue.order() == [a1, b1, a2]


def test_a_place_that_is_free_is_taken_at_once():
    queue, tickets = entered(Limits(2, 1, 9), ADA, BOB, EVE)

    assert [queue.is_being_made(ticket) for ticket in tickets] == [True, True, False]
    assert (queue.being_made, queue.waiting) == (2, 1)
    assert queue.leave(tickets[1]) == tickets[2]
    assert (queue.being_made, queue.waiting) == (2, 0)
    assert queue.leave(tickets[0]) is None
    assert queue.leave(tickets[2]) is None
    assert (queue.being_made, queue.waiting, queue.order()) == (0, 0, [])


def test_who_gives_up_waiting_makes_room_and_starts_nobody():
    queue, (made, a1, b1) = entered(Limits(1, 2, 9), ADA, ADA, BOB)
    assert queue.refusal(EVE) is Refusal.FULL

    assert queue.leave(a1) is None

    assert queue.refusal(EVE) is None
    assert queue.is_being_made(made)
    assert queue.order() == [b1]


def test_one_cannot_leave_twice_or_without_having_been_there():
    queue, (ticket,) = entered(WIDE, ADA)
    queue.leave(ticket)

    for stranger in [ticket, Ticket(99, BOB)]:
        with pytest.raises(KeyError):
            queue.leave(stranger)


def test_ones_own_limit_counts_what_is_made_and_what_waits():
    queue, (made, waiting) = entered(Limits(1, 9, 2), ADA, ADA)

    assert queue.refusal(ADA) is Refusal.OWN_LIMIT
    assert queue.refusal(BOB) is None
    queue.leave(waiting)
    assert queue.refusal(ADA) is None
    queue.enter(ADA)
    queue.leave(made)
    assert queue.refusal(ADA) is None


def test_the_own_limit_is_told_before_that_of_all():
    queue, _ = entered(Limits(1, 0, 1), ADA)

    assert queue.refusal(ADA) is Refusal.OWN_LIMIT
    assert queue.refusal(BOB) is Refusal.FULL
    with pytest.raises(ValueError, match="full"):
        queue.enter(BOB)


@pytest.mark.parametrize("numbers", [(0, 1, 1), (1, -1, 1), (1, 1, 0)])
def test_limits_that_let_nobody_in_are_no_limits(numbers):
    with pytest.raises(ValueError, match="at least"):
        Limits(*numbers)


# Whatever comes


@given(LIMITS, ACTIONS)
def test_the_position_is_how_many_start_before_it_when_nobody_comes(limits, actions):
    watched = after(limits, actions)

    order = watched.queue.order()

    assert watched.drain() == order


@given(LIMITS, ACTIONS)
def test_the_position_by_the_formula(limits, actions):
    """Others' requests before it: as many as there were rounds, or one more if they stand before.

    Of a user whose line is `n` long, the request with `i` of its own line before it has
    `min(n, i + 1)` of that user ahead if the user stands before it in the ring, else `min(n, i)`.
    """
    queue = after(limits, actions).queue
    order = queue.order()
    lines: dict[int, list[Ticket]] = {}
    for ticket in order:
        lines.setdefault(ticket.principal, []).append(ticket)
    ring = list(lines)  # the first round is the ring itself

    for ticket in order:
        own = lines[ticket.principal].index(ticket)
        before = ring.index(ticket.principal)
        others = [
            min(len(lines[principal]), own + (place < before))
            for place, principal in enumerate(ring)
            if principal != ticket.principal
        ]
        assert order.index(ticket) == own + sum(others)


@given(LIMITS, ACTIONS)
def test_the_bounds_hold_and_no_place_stays_empty_while_somebody_waits(limits, actions):
    watched = Watched(limits)
    for action, number in actions:
        watched.do(action, number)
        queue = watched.queue
        assert queue.being_made <= limits.at_once
        assert queue.waiting <= limits.waiting
        assert queue.being_made + queue.waiting == len(watched.here)
        assert not queue.waiting or queue.being_made == limits.at_once
        for principal in range(1, 6):
            own = queue.being_made_for(principal) + queue.waiting_for(principal)
            assert own == sum(t.principal == principal for t in watched.here)
            assert own <= limits.per_principal


@given(LIMITS, ACTIONS)
def test_everybody_starts_in_the_order_in_which_they_asked_themselves(limits, actions):
    watched = after(limits, actions)
    watched.drain()

    for principal in range(1, 6):
        own = [ticket.number for ticket in watched.started if ticket.principal == principal]
        assert own == sorted(own)


@given(LIMITS, ACTIONS)
def test_the_first_request_of_somebody_never_falls_back(limits, actions):
    watched = Watched(limits)
    positions: dict[Ticket, int] = {}
    for action, number in actions:
        watched.do(action, number)
        seen: set[int] = set()
        now = {}
        for position, ticket in enumerate(watched.queue.order()):
            if ticket.principal not in seen:
                now[ticket] = position
                assert position <= positions.get(ticket, position)
            seen.add(ticket.principal)
        positions = now


@given(LIMITS, ACTIONS)
def test_nobody_starves(limits, actions):
    """With `u` others about, a request that comes `i`-th in its line starts after at most
    `i` of its own and `u` others for each turn of its own: `i + (i + 1) * u`.

    However many more come while it waits.
    """
    others = 4
    watched = Watched(limits)
    allowed: dict[Ticket, int] = {}
    for action, number in [*actions, *[("end", 0)] * 40]:
        before, started = set(watched.here), len(watched.started)
        waiting_before = watched.queue.waiting_for(number)
        watched.do(action, number)
        for ticket in set(watched.here) - before:
            allowed[ticket] = started + waiting_before + (waiting_before + 1) * others
    for place, ticket in enumerate(watched.started):
        assert place <= allowed[ticket]


def test_a_user_who_never_stops_does_not_hold_up_another():
    watched = Watched(Limits(at_once=2, waiting=50, per_principal=20))
    for _ in range(20):
        watched.enter(ADA)
    bobs = watched.enter(BOB)
    assert bobs is not None
    before = len(watched.started)

    while bobs not in watched.started:
        watched.do("end", 0)
        watched.enter(ADA)

    assert watched.started.index(bobs) - before <= 1


# When to ask again


def test_what_is_usual_follows_the_newest():
    assert usual_seconds(None, 4.0) == 4.0
    assert usual_seconds(4.0, 9.0) == pytest.approx(5.0)  # 4 + 0.2 * (9 - 4)


@pytest.mark.parametrize(
    ("principals", "refusal", "seconds"),
    [
        # Two places, 12 s an answer: one ends every 6 s.
        ([ADA, BOB, EVE], Refusal.FULL, 6),
        # One of ADA's two ends after 6 s; her only one after 12.
        ([ADA, ADA, BOB], Refusal.OWN_LIMIT, 6),
        ([ADA, BOB, ADA], Refusal.OWN_LIMIT, 12),
        # None of hers is made: BOB's and hers begin after two ends, 12 s, and hers takes 12 s.
        ([EVE, EVE, BOB, ADA], Refusal.OWN_LIMIT, 24),
    ],
)
def test_when_to_ask_again_worked_by_hand(principals, refusal, seconds):
    queue, _ = entered(Limits(2, 9, 9), *principals)

    assert retry_seconds(queue, ADA, refusal, 12.0) == seconds
    assert retry_seconds(queue, ADA, refusal, None) == 10


@given(st.floats(0, 1e9))
def test_asking_again_is_told_in_whole_seconds_within_reason(usual):
    queue, _ = entered(Limits(1, 0, 1), ADA)

    seconds = retry_seconds(queue, BOB, Refusal.FULL, usual)

    assert 1 <= seconds <= LONGEST_RETRY_SECONDS
    assert seconds >= min(math.ceil(usual), LONGEST_RETRY_SECONDS)
