"""When a server that fails is left alone, and when it is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.engines.remote.breaker import Breaker, BreakerPolicy, Phase
from generation.engines.remote.circuit import Circuit, Permit
from generation.engines.remote.openai_protocol import Failure

POLICY = BreakerPolicy(
    failures=3, wait_seconds=10, longest_wait_seconds=35, trial_seconds=60
)  # fmt: skip


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(POLICY)
    for _ in range(3):
        breaker = breaker.failed(at, "refused", was_trial=False)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row():
    breaker = Breaker(POLICY)
    breaker = breaker.failed(1, "a", was_trial=False).failed(2, "b", was_trial=False)
    assert breaker.phase is Phase.CLOSED and breaker.may_ask(2) and breaker.told(2) == ""
    # One success between them, and counting begins again.
    again = breaker.succeeded(was_trial=False).failed(3, "c", was_trial=False)
    assert (again.phase, again.failures) == (Phase.CLOSED, 1)
    breaker = breaker.failed(3, "c", was_trial=False)
    assert (breaker.phase, breaker.since, breaker.until, breaker.cause) == (Phase.OPEN, 3, 13, "c")


def test_an_open_breaker_lets_one_trial_through_when_its_wait_is_over():
    breaker = opened(at=100)
    assert not breaker.may_ask(109.9) and breaker.may_ask(110)
    trying = breaker.asked(110)
    assert trying.is_trying and not trying.may_ask(110)
    assert trying.succeeded(was_trial=True) == Breaker(POLICY)


def test_each_failed_trial_doubles_the_wait_up_to_the_longest():
    breaker, now, waits = opened(), 10.0, []
    for _ in range(4):
        breaker = breaker.asked(now).failed(now, "refused", was_trial=True)
        waits.append(breaker.until - now)
        now = breaker.until
    # 10 * 2, 10 * 4 = 40 > 35, and 35 from then on
    assert waits == [20, 35, 35, 35]
    assert (breaker.since, breaker.failures, breaker.failed_trials) == (0, 7, 4)


def test_requests_from_before_it_opened_change_nothing():
    for breaker in (opened(), opened().asked(10)):
        assert breaker.failed(11, "late", was_trial=False) == breaker
        assert breaker.succeeded(was_trial=False) == breaker
        assert breaker.abandoned(was_trial=False) == breaker


def test_a_trial_that_is_given_up_makes_room_for_another_at_once():
    breaker = opened().asked(10).abandoned(was_trial=True)
    assert breaker.phase is Phase.OPEN and breaker.may_ask(10)
    assert breaker.failed_trials == 0


def test_a_trial_nobody_hears_of_is_lost_in_the_end():
    trying = opened().asked(10)
    assert not trying.may_ask(69.9) and trying.may_ask(70)


def test_it_says_since_when_why_and_until_when():
    assert opened(at=100).told(104) == (
        "it has not been asked for 4 seconds, since it failed 3 times in a row (refused), and is "
        "tried again in 6 seconds"
    )
    assert opened(at=100).asked(110).told(112).endswith("and is being tried again now")


def test_when_to_come_back():
    breaker = opened(at=100)
    assert [breaker.retry_seconds(now) for now in (100, 107.5, 110, 500)] == [10, 2.5, 0, 0]
    trying = breaker.asked(110)
    # Not before long, but at most what is left of the trial.
    assert [trying.retry_seconds(now) for now in (110, 165, 170)] == [10, 5, 0]


@pytest.mark.parametrize(
    "wrong",
    [{"failures": 0}, {"wait_seconds": 0}, {"wait_seconds": 400}, {"longest_wait_seconds": 1}],
)
def test_a_policy_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="at least 1 failure"):
        BreakerPolicy(**wrong)


def test_a_wait_has_no_largest_number_of_trials():
    assert BreakerPolicy().wait_after(10**9) == 300


@given(
    st.lists(
        st.tuples(
            st.floats(0, 50), st.sampled_from(["ask", "succeed", "fail", "abandon"]), st.booleans()
        )
    )
)
def test_whatever_happens_a_breaker_never_keeps_everybody_out_for_ever(steps):
    breaker, now = Breaker(POLICY), 0.0
    for seconds, event, was_trial in steps:
        now += seconds
        if event == "ask" and breaker.may_ask(now):
            breaker = breaker.asked(now)
        elif event == "succeed":
            breaker = breaker.succeeded(was_trial=was_trial)
        elif event == "fail":
            breaker = breaker.failed(now, "x", was_trial=was_trial)
        elif event == "abandon":
            breaker = breaker.abandoned(was_trial=was_trial)
        longest = max(POLICY.longest_wait_seconds, POLICY.trial_seconds)
        assert breaker.may_ask(now + longest)
        assert 0 <= breaker.retry_seconds(now) <= longest
        assert breaker.may_ask(now) == (breaker.retry_seconds(now) == 0)
        assert (breaker.told(now) == "") == (breaker.phase is Phase.CLOSED)
        assert breaker.phase is not Phase.CLOSED or breaker.failures < POLICY.failures


# --- Shared among threads -----------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_of_many_who_ask_a_half_open_circuit_one_is_let_through():
    clock = Clock()
    circuit = Circuit(POLICY, clock=clock)
    for _ in range(3):
        circuit.failed(circuit.asked(), Failure("refused"))
    assert circuit.asked() is None and circuit.retry_seconds() == 10
    clock.now = 10
    assert [circuit.asked() for _ in range(3)] == [Permit(is_trial=True), None, None]
    circuit.succeeded(Permit(is_trial=True))
    assert circuit.asked() == Permit() and circuit.told() == ""


def test_a_failure_that_is_the_requests_own_shows_that_the_server_works():
    circuit = Circuit(POLICY, clock=Clock())
    for _ in range(2):
        circuit.failed(Permit(), Failure("down"))
    circuit.failed(Permit(), Failure("it answered 400", is_servers=False))
    assert circuit.state == Breaker(POLICY)
