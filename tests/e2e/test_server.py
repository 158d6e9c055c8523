"""The real server with the real models: one start, the whole story, the official client."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import pytest

READY_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and how to get in."""

    url: str
    password: str
    home: Path

    def assay(self, *arguments: str) -> str:
        """Run a command over the server's home, as an operator would beside it."""
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments],
            env={**os.environ, "ASSAY_HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("assay home")
    log = (home / "serve.log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--with-samples"],
        env={**os.environ, "ASSAY_HOME": str(home)},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        yield _ready(process, home)
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def _ready(process: "subprocess.Popen[bytes]", home: Path) -> Server:
    deadline = time.monotonic() + READY_SECONDS
    url = password = None
    while time.monotonic() < deadline:
        assert process.poll() is None, (home / "serve.log").read_text()
        said = (home / "serve.log").read_text()
        if found := re.search(r"password (\S+)", said):
            password = found.group(1)
        if found := re.search(r"http://\S+:\d+", said):
            url = found.group()
        if url and password:
            assert httpx.get(f"{url}/healthz").status_code == 200  # at once, models or not
            if httpx.get(f"{url}/readyz").status_code == 200:
                return Server(url, password, home)
        time.sleep(0.3)
    pytest.fail(f"not ready in {READY_SECONDS} s: {(home / 'serve.log').read_text()}")


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    said = server.assay("key", "create", "--user", "admin", "--name", "tests")
    found = re.search(r"assay_\S+", said)
    assert found
    return found.group()


@pytest.fixture(scope="module")
def client(server: Server, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key)


def test_the_official_client_gets_an_answer_with_citations(client: openai.OpenAI) -> None:
    model = client.models.list().data[0]
    reply = client.chat.completions.create(
        model=model.id,
        messages=[{"role": "user", "content": "How long is the probation period?"}],
    )
    assert "four months" in (reply.choices[0].message.content or "")
    assert reply.usage is not None
    assert reply.usage.completion_tokens > 0
    assay = reply.model_extra["assay"]
    assert not assay["abstained"]
    [quoted, *_] = assay["sentences"]
    assert quoted["verdict"] == "supported"
    [citation] = quoted["citations"]
    assert citation["document"] == "handbook.docx"
    assert "probation period" in citation["quote"]


def test_the_official_client_streams_the_same_text(client: openai.OpenAI) -> None:
    question = [{"role": "user", "content": "How long is the probation period?"}]
    model = client.models.list().data[0].id
    whole = client.chat.completions.create(model=model, messages=question, seed=1)
    stream = client.chat.completions.create(model=model, messages=question, seed=1, stream=True)
    pieces = [choice.delta.content or "" for chunk in stream for choice in chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert len([piece for piece in pieces if piece]) >= 1


def test_a_wrong_key_is_refused_in_the_clients_own_terms(server: Server) -> None:
    stranger = openai.OpenAI(base_url=f"{server.url}/v1", api_key="assay_wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()


def test_what_the_documents_do_not_say_is_not_answered(server: Server, key: str) -> None:
    samples = Path(__file__).resolve().parents[2] / "app" / "samples" / "questions.json"
    question = json.loads(samples.read_text())["unanswerable"]
    with httpx.stream(
        "POST",
        f"{server.url}/api/ask",
        json={"question": question},
        headers={"Authorization": f"Bearer {key}"},
        timeout=120,
    ) as reply:
        lines = [line for line in reply.iter_lines() if line]
    events = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert events[0] == "retrieved"
    assert events[-1] == "answer"
    answer = json.loads(lines[-1].removeprefix("data: "))
    assert answer["abstained"]
    assert answer["sentences"] == []
    assert answer["nearest"]


def test_what_another_process_ingests_is_found_within_two_seconds(
    server: Server, key: str, tmp_path: Path
) -> None:
    note = tmp_path / "badge.txt"
    note.write_text("The zanzibar badge opens the north gate.\n")
    server.assay("ingest", str(note), "--collection", "gates", "--json")
    committed = time.monotonic()
    while time.monotonic() < committed + 2:
        found = httpx.post(
            f"{server.url}/api/search",
            json={"question": "Which badge opens the north gate?", "k": 1},
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        ).json()["hits"]
        if found and found[0]["document"] == "badge.txt":
            return
    pytest.fail(f"not found after two seconds, but {found}")


def test_a_reader_without_a_grant_sees_nothing(server: Server) -> None:
    server.assay("user", "add", "maria")
    said = server.assay("key", "create", "--user", "maria", "--name", "m")
    found = re.search(r"assay_\S+", said)
    assert found
    headers = {"Authorization": f"Bearer {found.group()}"}
    ask = {"question": "How long is the probation period?", "k": 3}
    assert httpx.post(f"{server.url}/api/search", json=ask, headers=headers).json()["hits"] == []
    server.assay("user", "grant", "maria", "samples")
    assert httpx.post(f"{server.url}/api/search", json=ask, headers=headers).json()["hits"]


def test_one_logs_in_with_the_printed_password(server: Server) -> None:
    with httpx.Client(base_url=server.url, follow_redirects=True) as browser:
        assert "password" in browser.get("/").text.lower()
        page = browser.post(
            "/login",
            data={"name": "admin", "password": server.password},
            headers={"Origin": server.url},
        )
        assert page.status_code == 200
        assert 'id="suggestions"' in page.text
        assert "probation" in browser.get("/api/suggestions").text


def test_a_taken_port_is_refused_with_advice(server: Server) -> None:
    port = server.url.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "serve", "--port", port],
        env={**os.environ, "ASSAY_HOME": str(server.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "choose another port" in done.stderr
    assert "Traceback" not in done.stderr
