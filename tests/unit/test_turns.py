"""Taking turns at an engine."""

import threading

from generation.engines.torch.turns import Turns


def test_those_who_wait_come_in_the_order_of_asking() -> None:
    turns = Turns()
    served: list[int] = []
    asked = [threading.Event() for _ in range(4)]

    def come(number: int) -> None:
        def is_cancelled() -> bool:
            asked[number].set()  # in the queue by now
            return False

        with turns.turn(is_cancelled) as is_reached:
            assert is_reached
            served.append(number)

    with turns.turn(lambda: False) as is_reached:
        assert is_reached
        threads = []
        for number in range(4):
            threads.append(threading.Thread(target=come, args=(number,)))
            threads[-1].start()
            assert asked[number].wait(10)
        assert served == []
    for thread in threads:
        thread.join()
    assert served == [0, 1, 2, 3]


def test_who_leaves_the_queue_holds_nobody_up() -> None:
    turns = Turns()
    is_tired = threading.Event()
    reached: list[bool] = []
    came = threading.Event()

    def come_and_leave() -> None:
        def is_cancelled() -> bool:
            came.set()
            return is_tired.is_set()

        with turns.turn(is_cancelled) as is_reached:
            reached.append(is_reached)

    with turns.turn(lambda: False):
        leaving = threading.Thread(target=come_and_leave)
        leaving.start()
        assert came.wait(10)
        is_tired.set()
        leaving.join()  # while the turn is still another's
        assert reached == [False]
    with turns.turn(lambda: False) as is_reached:
        assert is_reached


def test_one_who_fails_gives_the_turn_back() -> None:
    turns = Turns()
    try:
        with turns.turn(lambda: False):
            raise OSError
    except OSError:
        pass
    with turns.turn(lambda: False) as is_reached:
        assert is_reached


def test_who_is_cancelled_at_once_gets_no_turn_even_when_it_is_free() -> None:
    with Turns().turn(lambda: True) as is_reached:
        assert not is_reached
