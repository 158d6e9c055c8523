"""Models elsewhere over real HTTP: what is tried again, and a server that keeps failing."""

import logging
import socket
import time

import pytest

from app.api.problems import problem_of
from generation.decoding import Decoding
from generation.engines.fallback import FallbackEngine
from generation.engines.remote.breaker import BreakerPolicy, Phase
from generation.engines.remote.engine import RemoteEngine
from generation.errors import EngineMissing, EngineUnavailable
from generation.types import EngineInfo
from tests.component.remote_server import (
    ASKED,
    KEY,
    QUICK,
    answering,
    closing,
    engine_for,
    never,
    text_of,
    written,
)
from tests.fakes import ScriptedEngine


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status):
    with engine_for(answering(status, status)) as (engine, server):
        assert text_of(written(engine)) == "Red."
        assert len(server.chats) == 3 and engine.state.failures == 0


@pytest.mark.parametrize("status", [400, 401, 404, 422, 501])
def test_what_would_not_pass_is_not_tried_again(status):
    with engine_for(answering(status)) as (engine, server):
        with pytest.raises(EngineUnavailable, match=f"answered {status}"):
            written(engine)
        assert len(server.chats) == 1


def test_it_is_tried_three_times():
    with engine_for(answering(*[503] * 3)) as (engine, server):
        with pytest.raises(EngineUnavailable, match=r"answered 503 \(busy\)"):
            written(engine)
        assert len(server.chats) == 3


def test_a_server_that_says_when_is_not_asked_before_and_not_waited_for_long():
    with engine_for(answering(429, Retry_After="3600")) as (engine, server):
        with pytest.raises(EngineUnavailable) as raised:
            written(engine)
        assert len(server.chats) == 1 and raised.value.retry_seconds == 3600
    begun = time.monotonic()
    with engine_for(answering(503, Retry_After="1")) as (engine, server):
        assert text_of(written(engine)) == "Red."
        assert time.monotonic() - begun >= 1


def test_who_stops_waiting_between_two_attempts_is_let_go():
    with engine_for(answering(503, Retry_After="10")) as (engine, server):
        [only] = written(engine, is_cancelled=lambda: bool(server.chats))
        assert only.finish_reason == "cancelled" and len(server.chats) == 1


def test_nothing_is_tried_again_once_something_was_written():
    def chat(script):
        script.begin()
        script.say("Red")

    with engine_for(chat) as (engine, server):
        pieces = engine.stream(ASKED, Decoding(), is_cancelled=never)
        assert next(pieces).text == "Red"
        with pytest.raises(EngineUnavailable, match="broke off in the middle of its answer"):
            next(pieces)
        assert len(server.chats) == 1


# --- A server that keeps failing ----------------------------------------------------------------


def test_a_server_that_keeps_failing_is_left_alone_and_tried_again_later():
    policy = BreakerPolicy(failures=3, wait_seconds=0.3, longest_wait_seconds=1)
    with engine_for(answering(*[503] * 3), policy=policy) as (engine, server):
        assert engine.trouble is None
        with pytest.raises(EngineUnavailable):
            written(engine)
        assert engine.state.phase is Phase.OPEN
        for ask in (lambda: written(engine), lambda: engine.context_tokens,
                    lambda: engine.count_tokens(ASKED)):  # fmt: skip
            with pytest.raises(EngineUnavailable, match="failed 3 times in a row") as raised:
                ask()
        assert 0 < raised.value.retry_seconds <= 0.3
        assert "busy" in engine.trouble and KEY not in engine.trouble
        assert len(server.chats) == 3
        time.sleep(0.35)
        assert text_of(written(engine)) == "Red."
        assert engine.state.phase is Phase.CLOSED and engine.trouble is None


def test_a_server_that_is_not_there_is_told_at_once_from_the_fourth_time():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with closing(RemoteEngine(f"http://127.0.0.1:{port}/v1", KEY, "m", patience=QUICK)) as engine:
        with pytest.raises(EngineUnavailable, match="cannot be reached"):
            written(engine)
        with pytest.raises(EngineUnavailable, match="has not been asked for"):
            written(engine)
        assert engine.info.name == "m"


def test_the_next_engine_writes_while_the_server_is_down(caplog):
    local = ScriptedEngine(["At four.", "At five."], EngineInfo("local", "torch"))
    with engine_for(answering(*[503] * 3)) as (engine, server):
        both = FallbackEngine([lambda: engine, lambda: local])
        with caplog.at_level(logging.WARNING):
            first, second = written(both), written(both)
        assert [text_of(first), text_of(second)] == ["At four.", "At five."]
        assert first[-1].engine == EngineInfo("local", "torch")
        assert both.info.name == "local" and both.context_tokens == 2048
        assert both.trouble == engine.trouble
        assert len(server.chats) == 3
    [told] = [record.getMessage() for record in caplog.records if "local" in record.getMessage()]
    assert "answered 503" in told and KEY not in told


def test_what_users_are_told_names_no_machine():
    error = EngineUnavailable("the model's server 10.0.0.3:8000: it is down", retry_seconds=3.2)
    problem = problem_of(error)
    assert (problem.status, problem.headers) == (503, {"Retry-After": "4"})
    assert problem.detail.endswith("try again in 4 seconds") and "10.0" not in problem.detail
    assert problem_of(EngineUnavailable("x")).headers == {"Retry-After": "10"}
    assert problem_of(EngineMissing("m", "gone")).status == 503
