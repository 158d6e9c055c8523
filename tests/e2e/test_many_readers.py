"""The real server and many readers: who waits sees its place, who leaves leaves nothing behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 300
ANSWER_SECONDS = 300
QUESTION = "How long is the probation period?"
# Long enough that others come while it is being made.
LONG = {"question": QUESTION, "decoding": {"max_tokens": 64}}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, its administrator's password and a key of each user."""

    process: "subprocess.Popen[bytes]"
    url: str
    home: Path
    password: str
    keys: dict[str, str]

    def headers(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[name]}"}

    def desk(self) -> dict[str, Any]:
        reply = httpx.get(f"{self.url}/api/desk", headers=self.headers("admin"), timeout=60)
        assert reply.status_code == 200
        return reply.json()["answers"]

    def until(self, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the desk is so."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            state = self.desk()
            if is_so(state):
                return state
            time.sleep(0.02)
        pytest.fail(f"it never came to that: {self.desk()}")


@dataclass
class Asker:
    """Asks in a thread of its own and keeps the events."""

    server: Server
    name: str
    leaves_after: str | None = None
    events: list[tuple[str, Any]] = field(default_factory=list)

    def __call__(self) -> "Asker":
        name = ""
        with httpx.stream(
            "POST",
            f"{self.server.url}/api/ask",
            json=LONG,
            headers=self.server.headers(self.name),
            timeout=ANSWER_SECONDS,
        ) as reply:
            assert reply.status_code == 200
            for line in reply.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    self.events.append((name, json.loads(line.removeprefix("data: "))))
                    if name == self.leaves_after:
                        break
        return self

    def saw(self, name: str) -> list[Any]:
        return [data for event, data in self.events if event == name]


def assay(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        env={**os.environ, "ASSAY_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, text
    return match.group(1)


@pytest.fixture
def server(tmp_path: Path, prepared_models: Path) -> Iterator[Server]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(prepared_models)
    with (tmp_path / "serve.log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--with-samples"],
            env={**os.environ, "ASSAY_HOME": str(home), "ASSAY_ANSWERS_AT_ONCE": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield ready(process, home, tmp_path / "serve.log")
        finally:
            process.kill()
            process.wait(30)


def ready(process: "subprocess.Popen[bytes]", home: Path, log: Path) -> Server:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        url = re.search(r"(http://\S+:\d+)", log.read_text())
        if url and httpx.get(f"{url[1]}/readyz", timeout=60).status_code == 200:
            break
        time.sleep(0.3)
    else:
        pytest.fail(f"not ready in {READY_SECONDS} s: {log.read_text()}")
    for name in ["ada", "bob"]:
        assay(home, "user", "add", name)
        assay(home, "user", "grant", name, "samples")
    keys = {}
    for name, scopes in {"admin": ["ask", "admin"], "ada": ["ask"], "bob": ["ask"]}.items():
        wanted = [word for scope in scopes for word in ("--scope", scope)]
        made = assay(home, "key", "create", "--user", name, "--name", "test", *wanted)
        keys[name] = found(r"(assay_\S+)", made)
    return Server(process, url[1], home, found(r"password (\S+)", log.read_text()), keys)


def test_many_ask_some_leave_the_others_are_answered_and_the_server_ends_in_time(server):
    leavers = [Asker(server, "admin", leaves_after="retrieved")]
    leavers += [Asker(server, "admin", leaves_after="queued")]
    askers = [Asker(server, name) for name in ["ada", "ada", "ada", "bob", "bob"]]
    with ThreadPoolExecutor(8) as pool:
        for done in pool.map(Asker.__call__, [*leavers, *askers]):
            assert done.events

    # One place and seven who came together: all but one of them had to wait.
    assert sum(bool(asker.saw("queued")) for asker in askers) >= 4
    for asker in askers:
        assert asker.events[-1][0] == "answer"
        assert asker.saw("answer")[0]["sentences"]
        queued = asker.saw("queued")
        assert all(data["ahead"] == data["position"] - 1 for data in queued)
        assert all(1 <= data["position"] <= 6 for data in queued)
        assert len(asker.saw("started")) == bool(queued)
    state = server.until(lambda state: state["being_made"] == state["waiting"] == 0)
    assert state["finished"] + state["cancelled"] == 7
    assert state["cancelled"] >= 1
    assert (state["failed"], state["refused"]) == (0, 0)

    check_load_test(server)
    check_end(server)


def check_load_test(server: Server) -> None:
    """The load test runs against it and finds nothing left."""
    questions = server.home / "questions.txt"
    questions.write_text(f"{QUESTION}\nCan a clock be silenced at night?\n")
    done = subprocess.run(
        [
            *[sys.executable, "-m", "benchmarks.load", "--url", server.url],
            *["--user", "admin", "--password", server.password, "--questions", str(questions)],
            *["--chats", "1,2", "--seconds", "2", "--drop", "8", "--json"],
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [level["chats"] for level in result["levels"]] == [1, 2]
    assert all(level["answers"] >= level["chats"] for level in result["levels"])
    dropped = result["dropped"]
    assert sum(dropped["moments"].values()) == 8
    assert dropped["after"][1]["being_made"] == dropped["after"][1]["waiting"] == 0


def check_end(server: Server) -> None:
    """SIGTERM: who waits and who is being answered are told, and the process ends."""
    askers = [Asker(server, name) for name in ["ada", "bob"] * 4]
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(asker) for asker in askers]
        # All of them are in: one that came after the signal would be refused, and rightly.
        server.until(lambda state: state["waiting"] >= 4 and all(one.events for one in askers))
        server.process.send_signal(signal.SIGTERM)
        for one in asked:
            one.result(60)
    assert server.process.wait(60) in {0, -signal.SIGTERM}
    assert {asker.events[-1][0] for asker in askers} <= {"answer", "error"}
    told = [data["detail"] for asker in askers for data in asker.saw("error")]
    assert len(told) >= 3
    assert all("the server is being stopped or restarted" in words for words in told)
