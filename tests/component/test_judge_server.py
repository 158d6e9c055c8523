"""Judges over real HTTP: a model behind llama.cpp's server, and servers that misbehave."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import app.bootstrap
from app.errors import BadSetting
from app.evaluation.judging import judge_model, judge_name, judge_pins, report
from app.settings import Settings
from evals.errors import JudgeFailed, JudgeUnavailable
from evals.judges.models import CUT_OFF, REFUSED, TIMED_OUT, UNREACHABLE, ServerJudge, ask
from evals.judges.names import Material
from evals.judges.registry import Parts, judges_of
from evals.judges.replies import NOT_JSON
from evals.judges.rubrics import Grade
from generation.engines.loading import bundled_model_file
from generation.types import Message

pytest.importorskip("openai", reason="the servers' client is not installed: run `make evals`")

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-test-do-not-show"
SERVE = """
import os, sys
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_ctx = 4096
params.n_parallel = 1
params.cpuparams.n_threads = 1  # more wait for each other in a loop: slow beside other work
params.api_keys = [sys.argv[2]]
params.ui = False
params.verbosity = 0
server = xllamacpp.Server(params)
print("\\n" + server.listening_address, flush=True)
sys.stdin.read()
os._exit(0)
"""


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    """The address of a real server with the bundled model."""
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


# What a small judge may be asked in a test: one short question each.
CASES = (
    Material("When is tea?", "Tea is at four.", ("Tea is at four.",), ("At four.",)),
    Material("Who bakes?", "Nobody knows.", ("Ada bakes on Mondays.",), ("Ada.",)),
    Material("When is rum?", "", ("Tea is at four.",), ("Never.",)),
)


def test_a_small_model_behind_a_real_server_judges_or_is_counted(llama):
    pytest.importorskip("ragas", reason="ragas is not installed: run `make evals`")
    judge = ServerJudge(llama, "smollm2", key=KEY)
    judge.check()
    names = ["rubric:faithful", "ragas:response_groundedness", "ragas:context_precision"]
    judging = judges_of(names, Parts(None, None, lambda: judge))
    values = [judging.values_of(case) for case in CASES]
    # The third has no response: only what does not read one is asked.
    assert [sorted(one) for one in values] == [
        ["judge_faithful", "ragas_context_precision", "ragas_response_groundedness"],
        ["judge_faithful", "ragas_context_precision", "ragas_response_groundedness"],
        ["ragas_context_precision"],
    ]
    given = [value for one in values for value in one.values() if value is not None]
    assert all(0 <= value <= 1 for value in given)
    # Whatever a model of 135 million parameters says of it, each case is scored or counted.
    for name, cases in zip(names, (2, 2, 3), strict=True):
        tally = judging.tallies[name]
        missing = sum(one.get(tally.judge.metric, 0.0) is None for one in values)
        assert (tally.cases, tally.attempts, tally.unscored) == (cases, cases, missing)
        assert sum(tally.failures.values()) == missing
        assert f"{cases - missing} of {cases} cases scored" in tally.text
    # The server holds it to the schema, so that a grade comes out.
    assert values[0]["judge_faithful"] is not None


def test_a_wrong_key_is_refused_before_a_run_and_never_shown(llama):
    judge = ServerJudge(llama, "smollm2", key="sk-wrong-do-not-show")
    with pytest.raises(JudgeUnavailable, match="refuses the key") as refused:
        judge.check()
    assert "do-not-show" not in str(refused.value)
    with pytest.raises(JudgeFailed, match=REFUSED) as failed:
        judge.reply([Message("user", "x")], {}, attempt=0)
    assert "do-not-show" not in str(failed.value)


# --- Servers that misbehave -------------------------------------------------------------------


class _Script(BaseHTTPRequestHandler):
    """Answers as its server's `answer` does: (status, body) of the request's body."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(*self.server.answer(body))

    def do_GET(self) -> None:
        self._send(404, {"error": {"message": "no list of models"}})

    def _send(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@contextmanager
def served(answer) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Script)
    server.answer = answer
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def said(text: str | None, reason: str = "stop") -> tuple[int, dict]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return 200, {"id": "1", "object": "chat.completion", "created": 0, "model": "m",
                 "choices": [choice]}  # fmt: skip


GRADE = json.dumps({"reason": "r", "grade": 3})


def test_a_server_without_schemas_is_asked_without_one_from_then_on():
    bodies = []

    def answer(body):
        bodies.append(body)
        return (400, {"error": {"message": KEY}}) if "response_format" in body else said(GRADE)

    with served(answer) as url:
        judge = ServerJudge(url, "m", key=KEY)
        judge.check()  # no list of models is no reason to give up
        assert ask(judge, "Grade it.", Grade).grade == 3
        assert ask(judge, "Grade it.", Grade, attempt=2).grade == 3
    assert ["response_format" in body for body in bodies] == [True, False, False]
    assert [(body["temperature"], body.get("seed")) for body in bodies] == [
        (0.0, None), (0.0, None), (0.7, 2),
    ]  # fmt: skip


def test_a_request_that_fails_either_way_does_not_give_up_schemas():
    status = [404, 404, 200, 200]
    formats = []

    def answer(body):
        formats.append("response_format" in body)
        code = status.pop(0)
        return said(GRADE) if code == 200 else (code, {"error": {"message": "no such model"}})

    with served(answer) as url:
        judge = ServerJudge(url, "m")
        with pytest.raises(JudgeFailed, match=rf"{REFUSED} \(status 404\)"):
            ask(judge, "Grade it.", Grade)
        assert ask(judge, "Grade it.", Grade).grade == 3
    assert formats == [True, False, True]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (said('{"reason": "it is', "length"), CUT_OFF),
        (said(None), NOT_JSON),
        (said("I would rather not."), NOT_JSON),
        ((200, said("x")[1] | {"choices": []}), NOT_JSON),
        ((429, {"error": {"message": KEY}}), rf"{REFUSED} \(status 429\)"),
        ((500, {"error": {"message": KEY}}), rf"{REFUSED} \(status 500\)"),
    ],
)
def test_what_a_server_does_wrong_is_a_reason_without_its_words(answer, reason):
    with served(lambda _: answer) as url, pytest.raises(JudgeFailed, match=reason) as failed:
        ask(ServerJudge(url, "m", key=KEY), "Grade it.", Grade)
    assert KEY not in str(failed.value)


def test_a_server_that_is_slow_or_gone_is_a_reason():
    done = threading.Event()

    def slow(_):
        done.wait(30)
        return said(GRADE)

    with served(slow) as url:
        with pytest.raises(JudgeFailed, match=TIMED_OUT):
            ask(ServerJudge(url, "m", seconds=0.05), "Grade it.", Grade)
        done.set()
    gone = ServerJudge(url.replace("http://", "http://me:secret@"), "m")
    with pytest.raises(JudgeFailed, match=UNREACHABLE):
        ask(gone, "Grade it.", Grade)
    with pytest.raises(JudgeUnavailable, match="does not answer") as refused:
        gone.check()
    assert "secret" not in str(refused.value)


# --- As it is configured ----------------------------------------------------------------------


def assay_with(home: Path, **settings: object):
    return app.bootstrap.Assay(Settings(home=home, **settings))


def test_a_configured_server_is_asked_with_its_key_and_pinned_without(tmp_path):
    with served(lambda _: said(GRADE)) as url:
        assay = assay_with(tmp_path, judge_url=url, judge_model="m", judge_key=KEY)
        model = judge_model(assay)
        judging = judges_of(["rubric:answers"], Parts(None, None, lambda: model))
        assert judging.values_of(CASES[0]) == {"judge_answers": 0.5}
        shown = [*report(assay, judging), json.dumps(judge_pins(assay, judging)),
                 repr(assay.settings), judge_name(assay)]  # fmt: skip
        assay.close()
    assert not any(KEY in text for text in shown)
    assert url not in shown[-3]
    assert shown[-1] == "m"


def test_a_server_needs_the_name_of_a_model(tmp_path):
    assay = assay_with(tmp_path, judge_url="http://127.0.0.1:1/v1")
    with pytest.raises(BadSetting, match="ASSAY_JUDGE_MODEL"):
        judge_model(assay)
    assay.close()
