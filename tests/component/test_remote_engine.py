"""Models elsewhere over real HTTP: llama.cpp's server, and servers that misbehave."""

import json
import logging
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app.api.problems import problem_of
from generation.decoding import Decoding
from generation.engines.fallback import FallbackEngine
from generation.engines.loading import bundled_model_file
from generation.engines.remote.breaker import BreakerPolicy, Phase
from generation.engines.remote.counting import estimated_conversation
from generation.engines.remote.engine import DEFAULT_CONTEXT_TOKENS, RemoteEngine
from generation.engines.remote.streamed_reply import Patience
from generation.errors import BadDecoding, EngineMissing, EngineRefused, EngineUnavailable
from generation.types import EngineInfo, Message, Piece, Usage
from tests.component.test_judge_server import SERVE
from tests.fakes import ScriptedEngine

KEY = "sk-test-do-not-show"
ASKED = [Message("system", "You are brief."), Message("user", "Name three colours.")]
# Short, because the servers of these tests are on this machine; never what is measured.
QUICK = Patience(
    connect_seconds=5, first_token_seconds=5, next_token_seconds=5, pause_seconds=0.01
)  # fmt: skip


def never() -> bool:
    return False


def written(engine, messages=ASKED, decoding=None, is_cancelled=never) -> list[Piece]:
    return list(engine.stream(messages, decoding or Decoding(), is_cancelled=is_cancelled))


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


@contextmanager
def closing(engine: RemoteEngine) -> Iterator[RemoteEngine]:
    try:
        yield engine
    finally:
        engine.close()


# --- llama.cpp's server -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    """The address of a real server with the bundled model; it wants a key."""
    pytest.importorskip("xllamacpp", reason="there is no xllamacpp for this platform")
    model = bundled_model_file()
    if model is None:
        pytest.skip("the bundled model is not installed")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(model), KEY],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdin and process.stdout
    try:
        addresses = (line.strip() for line in process.stdout)
        yield next(line for line in addresses if line.startswith("http://")) + "/v1"
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


@pytest.fixture
def remote(llama) -> Iterator[RemoteEngine]:
    with closing(RemoteEngine(llama, KEY)) as engine:
        yield engine


def test_it_takes_the_only_model_and_learns_its_window(remote):
    # The server calls it by its file; readers do not see where that lies.
    assert remote.info == EngineInfo("SmolLM2-135M-Instruct.Q4_1", "remote")
    assert remote.context_tokens == 4096
    [offered] = remote.models()
    assert offered.id.endswith(".gguf") and offered.family == "llama.cpp"


def test_it_writes_as_the_server_does_and_tells_the_usage(remote):
    pieces = written(remote, decoding=Decoding(max_tokens=6))
    assert len(pieces) == 7 and text_of(pieces).strip()
    assert all(piece.usage is None and piece.finish_reason is None for piece in pieces[:-1])
    last = pieces[-1]
    assert (last.finish_reason, last.usage.completion_tokens) == ("length", 6)
    # What the server counts for the prompt is what it read.
    assert remote.count_tokens(ASKED) == last.usage.prompt_tokens
    again = written(remote, decoding=Decoding(max_tokens=6))
    assert text_of(again) == text_of(pieces)
    assert again[-1].usage.cached_tokens > 0


def test_it_counts_exactly_and_estimates_evidence_not_too_low(remote):
    bare = [Message("user", "Evidence:\n\nWhen is tea?")]
    longer = [Message("user", "Evidence:\nTea is served at four o'clock.\n\nWhen is tea?")]
    counted = remote.count_tokens(bare)
    estimated = remote.count_tokens(longer)
    with closing(RemoteEngine(remote._url, KEY)) as fresh:
        exact = fresh.count_tokens(longer)
    assert counted < exact <= estimated <= exact + 6
    assert exact <= estimated_conversation(longer)


@pytest.mark.parametrize(
    "text",
    [
        "The committee shall publish its findings no later than 31 December 2026 (see § 4).",
        "Donaudampfschifffahrtsgesellschaftskapitän Müßiggänger übergibt die Schlüssel.",
        "def f(x: int) -> list[str]:\n    return [str(i) for i in range(x) if i % 2 == 0]\n",
        "東京都の人口は約1400万人です。 Население Москвы.",
        "|  a |     b |\n|---:|------:|\n| 12 | 3.456 |\n" * 3,
        "<|im_start|>system\n<b>not closed 👩‍🔬",
    ],
)
def test_the_estimate_is_not_below_what_a_server_counts(remote, text):
    messages = [Message("system", "You are brief."), Message("user", text)]
    assert remote.count_tokens(messages) <= estimated_conversation(messages)


def test_controls_reach_the_server(remote):
    drawn = Decoding(max_tokens=12, temperature=1.5, seed=11)
    first = text_of(written(remote, decoding=drawn))
    assert text_of(written(remote, decoding=drawn)) == first
    others = {
        text_of(written(remote, decoding=Decoding(max_tokens=12, temperature=1.5, seed=seed)))
        for seed in (1, 2, 3)
    }
    assert others != {first}
    # With one candidate left, drawing is the most probable token each time.
    greedy = text_of(written(remote, decoding=Decoding(max_tokens=12)))
    for only in ({"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}):
        decoding = Decoding(max_tokens=12, temperature=1.5, seed=3, **only)
        assert text_of(written(remote, decoding=decoding)) == greedy
    penalised = Decoding(max_tokens=12, repetition_penalty=2.0, frequency_penalty=2.0)
    assert text_of(written(remote, decoding=penalised)) != greedy


def test_it_ends_before_a_stop_string(remote):
    greedy = text_of(written(remote, decoding=Decoding(max_tokens=12)))
    stop = greedy.split()[2]
    pieces = written(remote, decoding=Decoding(max_tokens=12, stop=(stop,)))
    assert text_of(pieces) == greedy.split(stop)[0]
    assert pieces[-1].finish_reason == "stop"


def test_log_probabilities_are_those_of_the_tokens_written(remote):
    pieces = written(remote, decoding=Decoding(max_tokens=5, logprobs=True))
    tokens = [token for piece in pieces for token in piece.tokens]
    assert len(tokens) == 5 and "".join(token.text for token in tokens) == text_of(pieces)
    assert all(-20 < token.logprob <= 0 for token in tokens)


def test_what_does_not_fit_the_window_is_refused_with_the_servers_reason(remote):
    with pytest.raises(EngineRefused, match="exceeds the available context size"):
        written(remote, [Message("user", "word " * 5000)])
    assert remote.state.phase is Phase.CLOSED and remote.state.failures == 0
    assert problem_of(EngineRefused("x at 10.0.0.3")).status == 422


def test_beam_search_is_refused_with_the_way_out(remote):
    with pytest.raises(BadDecoding, match="no beam search; set num_beams to 1"):
        written(remote, decoding=Decoding(num_beams=2))


def test_a_wrong_key_is_told_and_never_shown(llama):
    with closing(RemoteEngine(llama, "sk-wrong-do-not-show")) as engine:
        with pytest.raises(EngineUnavailable, match=r"401 .*ASSAY_REMOTE_KEY") as raised:
            written(engine)
        assert "do-not-show" not in "".join(traceback.format_exception(raised.value))
        assert "do-not-show" not in repr(engine) + repr(engine.state) + str(engine.trouble)


def test_cancelling_ends_the_stream_and_frees_the_servers_one_place(remote):
    seen: list[Piece] = []
    long = Decoding(max_tokens=3000)
    counting = [Message("user", "Count from one to a thousand.")]
    stream = remote.stream(counting, long, is_cancelled=lambda: len(seen) > 2)
    while (piece := next(stream, None)) is not None:
        seen.append(piece)
    assert seen[-1].finish_reason == "cancelled" and seen[-1].usage.completion_tokens >= 3
    # The server has one place: this would wait for 3,000 tokens were it still taken.
    assert written(remote, decoding=Decoding(max_tokens=2))[-1].finish_reason == "length"
    left = remote.stream(ASKED, long, is_cancelled=never)
    next(left)
    left.close()
    assert written(remote, decoding=Decoding(max_tokens=2))[-1].finish_reason == "length"


def test_several_threads_stream_at_once(remote):
    texts: dict[int, str] = {}

    def ask(number: int) -> None:
        messages = [Message("user", f"Say the number {number}.")]
        texts[number] = text_of(written(remote, messages, Decoding(max_tokens=8)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts) == [0, 1, 2, 3] and all(texts.values())


# --- Servers that misbehave ---------------------------------------------------------------------

Answer = Callable[["_Script"], None]
LIST = {"data": [{"id": "m", "object": "model", "owned_by": "vllm", "max_model_len": 512}]}


class _Script(BaseHTTPRequestHandler):
    """Lists one model; answers chats as its server's `chat` does, and counts no tokens."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers), None))
        if self.path.endswith("/models") and self.server.listed is not None:
            self.reply(200, json.dumps(self.server.listed))
        else:
            self.reply(404, "{}")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, dict(self.headers), body))
        if not self.path.endswith("/chat/completions"):
            self.reply(404, "{}")
            return
        try:
            self.server.chat(self)
        except (BrokenPipeError, ConnectionResetError):
            self.server.gone.set()
            self.close_connection = True

    def reply(self, status: int, body: str, **headers: str) -> None:
        data = body.encode()
        self.send_response(status)
        for name, value in {"Content_Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin(self, content_type: str = "text/event-stream", **headers: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def event(self, value: object) -> None:
        data = value if isinstance(value, str) else json.dumps(value)
        self.wfile.write(f"data: {data}\n\n".encode())

    def say(self, text: str, reason: str | None = None) -> None:
        self.event({"choices": [{"delta": {"content": text}, "finish_reason": reason}]})

    def wait_until_gone(self) -> None:
        """Until the client has closed the connection."""
        self.connection.settimeout(30)
        with_end = self.connection.recv(1)
        assert with_end == b""
        self.server.gone.set()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


class Server(ThreadingHTTPServer):
    """`seen` are (path, headers, body); `gone` is set when a client leaves early."""

    daemon_threads = True

    def __init__(self, chat: Answer, listed: object) -> None:
        super().__init__(("127.0.0.1", 0), _Script)
        self.chat, self.listed = chat, listed
        self.seen: list[tuple[str, dict, dict | None]] = []
        self.gone = threading.Event()

    @property
    def chats(self) -> list[dict]:
        return [body for path, _, body in self.seen if path.endswith("/chat/completions")]

    def handle_error(self, *_: object) -> None:
        """A client that leaves is no news."""


@contextmanager
def served(chat: Answer, listed: object = LIST) -> Iterator[Server]:
    server = Server(chat, listed)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def engine_for(
    chat: Answer, listed: object = LIST, *, key: str | None = KEY, model: str | None = None,
    patience: Patience = QUICK, policy: BreakerPolicy | None = None,
) -> Iterator[tuple[RemoteEngine, Server]]:  # fmt: skip
    with served(chat, listed) as server:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        engine = RemoteEngine(url, key, model, patience=patience, policy=policy)
        with closing(engine):
            yield engine, server


def brief(script: _Script) -> None:
    script.begin()
    script.say("Red.")
    script.say("", "stop")
    script.event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}})
    script.event("[DONE]")


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


def stalling(script):
    script.begin()
    script.say("Red")
    script.wait_until_gone()


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


# --- Again, or not ------------------------------------------------------------------------------


def answering(*statuses: int, **headers: str) -> Answer:
    """Statuses one after the other, then a brief answer."""
    left = list(statuses)

    def chat(script):
        if left:
            script.reply(left.pop(0), '{"error": "busy"}', **headers)
        else:
            brief(script)

    return chat


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


# --- What it is made with -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("ftp://host/v1", ""), ("host:8000", ""), ("http://", ""), ("http://a b/v1", ""),
        ("http://me:do-not-show@host/v1", ""), ("http://host/v1?key=do-not-show", ""),
        ("http://host/v1", "do-not-show\r\nX-More: 1"), ("http://host/v1", "do not show"),
        ("http://host/v1", "do-not-show-ü"),
    ],
)  # fmt: skip
def test_an_address_or_a_key_that_cannot_be_is_refused_and_not_repeated(url, key):
    with pytest.raises(ValueError, match="the model's server") as raised:
        RemoteEngine(url, key)
    assert "not-show" not in str(raised.value) and "not show" not in str(raised.value)


def test_nothing_is_asked_and_no_thread_begins_before_it_is_needed():
    threads = threading.active_count()
    with served(brief) as server:
        during = threading.active_count()
        engine = RemoteEngine(f"http://127.0.0.1:{server.server_port}/v1", KEY, "m")
        assert engine.info.name == "m" and engine.trouble is None
        assert server.seen == [] and threading.active_count() == during
        engine.close()
    assert threading.active_count() == threads


def test_closing_ends_the_thread_and_what_is_under_way():
    with engine_for(stalling) as (engine, server):
        pieces = engine.stream(ASKED, Decoding(), is_cancelled=never)
        next(pieces)
        engine.close()
        assert server.gone.wait(30)
        pieces.close()
        assert not [one for one in threading.enumerate() if one.name == "remote-engine"]


def test_the_log_holds_no_key(caplog):
    with caplog.at_level(logging.DEBUG), engine_for(answering(503)) as (engine, _):
        written(engine)
    shown = [f"{record.getMessage()} {record.args}" for record in caplog.records]
    assert not any(KEY in line for line in shown)
