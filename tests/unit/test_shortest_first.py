"""The least work goes next, one at a time, and whoever fails lets go."""

import threading
import time

import pytest

from retrieval.inference.turns import ShortestFirst


def test_the_least_goes_next_and_equal_ones_in_order():
    turns, order, waiting = ShortestFirst(), [], []

    def compute(name: str, work: int) -> None:
        with turns.turn(work):
            order.append(name)

    with turns.turn(1):
        for name, work in [("long", 900), ("short", 3), ("middle", 40), ("second short", 3)]:
            thread = threading.Thread(target=compute, args=(name, work))
            thread.start()
            waiting.append(thread)
            while len(turns._waiting) < len(waiting):
                time.sleep(0.001)
        assert order == []
    for thread in waiting:
        thread.join(10)
    assert order == ["short", "second short", "middle", "long"]


def test_never_two_at_once():
    turns, inside, most = ShortestFirst(), [], []

    def compute(work: int) -> None:
        for _ in range(50):
            with turns.turn(work):
                inside.append(work)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=compute, args=(work,)) for work in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(most) == 400
    assert max(most) == 1


def test_whoever_fails_lets_go():
    turns = ShortestFirst()
    with pytest.raises(ZeroDivisionError), turns.turn(1):
        raise ZeroDivisionError
    with turns.turn(1):
        pass
