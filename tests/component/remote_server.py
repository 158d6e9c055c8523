"""A server that answers as a test says, and an engine that asks it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from generation.decoding import Decoding
from generation.engines.remote.breaker import BreakerPolicy
from generation.engines.remote.engine import RemoteEngine
from generation.engines.remote.streamed_reply import Patience
from generation.types import Message, Piece

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


Answer = Callable[["Script"], None]
LIST = {"data": [{"id": "m", "object": "model", "owned_by": "vllm", "max_model_len": 512}]}


class Script(BaseHTTPRequestHandler):
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
        super().__init__(("127.0.0.1", 0), Script)
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


def brief(script: Script) -> None:
    script.begin()
    script.say("Red.")
    script.say("", "stop")
    script.event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}})
    script.event("[DONE]")


def stalling(script):
    script.begin()
    script.say("Red")
    script.wait_until_gone()


def answering(*statuses: int, **headers: str) -> Answer:
    """Statuses one after the other, then a brief answer."""
    left = list(statuses)

    def chat(script):
        if left:
            script.reply(left.pop(0), '{"error": "busy"}', **headers)
        else:
            brief(script)

    return chat
