"""Models elsewhere over real HTTP: servers that misbehave."""

import threading
import time
import traceback

import pytest

from generation.decoding import Decoding
from generation.engines.remote.counting import estimated_conversation
from generation.engines.remote.engine import DEFAULT_CONTEXT_TOKENS
from generation.engines.remote.streamed_reply import Patience
from generation.errors import BadDecoding, EngineUnavailable
from generation.types import Message, Piece, Usage
from tests.component.remote_server import (
    ASKED,
    KEY,
    brief,
    engine_for,
    never,
    stalling,
    text_of,
    written,
)


def test_the_key_goes_to_the_server_and_nothing_else_of_ours(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password other")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody is there
    with engine_for(brief) as (engine, server):
        assert written(engine)[-1] == Piece("", Usage(9, 2), "stop")
        path, headers, body = server.seen[-1]
    assert path == "/v1/chat/completions" and body["messages"][1]["content"] == ASKED[1].content
    assert headers["Authorization"] == f"Bearer {KEY}" and headers["User-Agent"] == "assay"
    assert "Cookie" not in headers and headers["Accept-Encoding"] == "identity"


def test_without_a_key_none_is_sent():
    with engine_for(brief, key=None) as (engine, server):
        written(engine)
        assert all("Authorization" not in headers for _, headers, _ in server.seen)


def test_a_model_must_be_named_where_there_are_several_or_none():
    several = {"data": [{"id": "a"}, {"id": "b"}]}
    none: dict = {"data": []}
    for listed, words in ((several, r"2 models \(a, b\)"), (none, "0 models"), (None, "0 models")):
        wanted = pytest.raises(EngineUnavailable, match=f"{words}; name one with ASSAY_REMOTE_")
        with engine_for(brief, listed) as (engine, _), wanted:
            _ = engine.info
    # A server need not list its models.
    with engine_for(brief, None, model="mine") as (engine, server):
        assert engine.info.name == "mine"
        assert engine.context_tokens == DEFAULT_CONTEXT_TOKENS
        assert engine.count_tokens(ASKED) == estimated_conversation(ASKED)
        assert text_of(written(engine)) == "Red."
        assert server.chats[0]["model"] == "mine"


def test_a_server_that_does_not_count_is_asked_once_whether_it_does():
    with engine_for(brief) as (engine, server):
        for question in "abc":
            messages = [Message("user", question * 9)]
            assert engine.count_tokens(messages) == estimated_conversation(messages)
        assert [path for path, _, _ in server.seen].count("/tokenize") == 1


def test_what_is_said_after_the_end_is_not_part_of_the_answer():
    def chat(script):
        script.begin()
        script.say("Red.", "stop")
        script.say(" Buy now!")
        script.event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}})
        script.event("[DONE]")
        script.say(" Buy now!")

    with engine_for(chat) as (engine, _):
        pieces = written(engine)
    assert text_of(pieces) == "Red." and pieces[-1] == Piece("", Usage(9, 2), "stop")


def test_without_usage_tokens_are_estimated():
    def chat(script):
        script.begin()
        script.say("Red")
        script.say(".", "stop")
        script.event("[DONE]")

    with engine_for(chat) as (engine, _):
        last = written(engine)[-1]
    assert last == Piece("", Usage(estimated_conversation(ASKED), 2), "stop")


def test_the_connection_is_used_again():
    addresses = []

    def chat(script):
        addresses.append(script.client_address)
        body = "".join(
            f"data: {event}\n\n"
            for event in (
                '{"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}', "[DONE]",
            )
        )  # fmt: skip
        script.reply(200, body, Content_Type="text/event-stream")

    with engine_for(chat) as (engine, _):
        for _ in range(3):
            written(engine)
            time.sleep(0.05)  # the rest of a reply is read behind our back
    assert len(set(addresses)) == 1


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (["{"], "not JSON"),
        (["7"], "no object"),
        ([{"error": {"message": f"no memory for {KEY}"}}], "no memory for …"),
        ([{"choices": [{"delta": {}, "finish_reason": "abort"}]}], "'abort'"),
        (["x" * (2 << 20)], "exceeded the 1048576 byte limit"),
        ([], "broke off in the middle"),
    ],
)
def test_a_stream_that_is_none_is_told(events, words):
    def chat(script):
        script.begin()
        for event in events:
            script.event(event)

    with engine_for(chat) as (engine, _), pytest.raises(EngineUnavailable, match=words) as raised:
        written(engine)
    assert KEY not in "".join(traceback.format_exception(raised.value))
    assert str(raised.value).startswith("the model's server 127.0.0.1:")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda script: script.reply(200, '{"choices": []}'), "does not answer with events"),
        (lambda script: script.reply(200, "<html>", Content_Type="text/html"), "got 'text/html'"),
        (lambda script: script.begin(Content_Encoding="gzip"), "packs its replies"),
        (lambda script: script.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n"), "broke off"),
        (lambda script: script.reply(307, "", Location="http://127.0.0.1:9/"), "not followed"),
        (lambda script: script.reply(500, "\x1b[2J" + "y" * 10**6), r"answered 500 \("),
    ],
)
def test_a_server_that_is_something_else_is_told(answer, words):
    def chat(script):
        script.close_connection = True
        answer(script)

    with engine_for(chat) as (engine, _), pytest.raises(EngineUnavailable, match=words) as raised:
        written(engine)
    assert str(raised.value).isprintable() and len(str(raised.value)) < 400


def test_a_server_that_goes_on_beyond_what_was_asked_is_cut():
    def chat(script):
        script.begin()
        while True:
            script.say("again ")

    with engine_for(chat) as (engine, server):
        pieces = written(engine, decoding=Decoding(max_tokens=4))
        assert server.gone.wait(30)
    assert pieces[-1].finish_reason == "length"
    assert len(text_of(pieces).split()) == 2 * 4 + 16 + 1


def test_a_server_that_sends_without_end_and_says_nothing_is_left():
    def chat(script):
        script.begin()
        while True:
            script.event({"choices": [{"delta": {}}], "padding": "x" * 100_000})

    with engine_for(chat) as (engine, server):
        with pytest.raises(EngineUnavailable, match="more than 1052672 bytes"):
            written(engine, decoding=Decoding(max_tokens=1))  # 1 MiB and 4 KiB
        assert server.gone.wait(30)


def pinging(script):
    script.begin()
    while True:
        script.wfile.write(b": still here\n\n")
        time.sleep(0.02)


def test_signs_of_life_are_no_tokens():
    patience = Patience(first_token_seconds=0.3)
    with engine_for(pinging, patience=patience) as (engine, server):
        with pytest.raises(EngineUnavailable, match=r"first token did not come within 0.3 seconds"):
            written(engine)
        assert server.gone.wait(30) and len(server.chats) == 1


def test_a_token_that_does_not_come_ends_the_wait():
    with engine_for(stalling, patience=Patience(next_token_seconds=0.2)) as (engine, server):
        pieces = engine.stream(ASKED, Decoding(), is_cancelled=never)
        assert next(pieces).text == "Red"
        with pytest.raises(EngineUnavailable, match=r"next token did not come within 0.2 seconds"):
            next(pieces)
        assert server.gone.wait(30)
        assert engine.state.failures == 1


def test_who_stops_waiting_for_the_first_token_closes_the_connection():
    asked = threading.Event()

    def chat(script):
        asked.set()
        script.wait_until_gone()

    with engine_for(chat) as (engine, server):
        [only] = written(engine, is_cancelled=asked.is_set)
        assert only == Piece("", Usage(estimated_conversation(ASKED), 0), "cancelled")
        assert server.gone.wait(30)
        assert engine.state.failures == 0


def test_log_probabilities_that_do_not_come_are_missed_before_the_first_piece():
    refused = pytest.raises(BadDecoding, match="gives none; leave logprobs out")
    with engine_for(brief) as (engine, _), refused:
        written(engine, decoding=Decoding(logprobs=True))
