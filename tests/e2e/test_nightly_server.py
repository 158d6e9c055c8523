"""The real server runs what is due beside the chat; killed half-way, it goes on where it was."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.bootstrap import Assay
from app.nightly.worker import is_running, utc_now
from app.settings import Settings
from evals.schedules import Delivery, Tick
from evals.types import Case, Expectation, RunState

PATIENCE_SECONDS = 900
SAMPLES = Path(__file__).resolve().parents[2] / "app" / "samples" / "questions.json"


def cases() -> list[Case]:
    questions = json.loads(SAMPLES.read_text())
    known = [Case(f"q{place}", text) for place, text in enumerate(questions["questions"])]
    unknown = Case("none", questions["unanswerable"], expectation=Expectation.ABSTAIN)
    more = [Case(f"{one.key} again", f"{one.question} Please.") for one in known]
    return [unknown, *known, *more]


@contextmanager
def serving(home: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with (home / "serve.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--with-samples"],
            env={**os.environ, "ASSAY_HOME": str(home)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(30)


def said(home: Path) -> str:
    return (home / "serve.log").read_text()


def wait_for(
    home: Path, condition: Callable[[], bool], server: "subprocess.Popen[bytes] | None" = None
) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert server is None or server.poll() is None, said(home)
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE_SECONDS} s; {said(home)}")
        time.sleep(0.1)


def assay_command(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "eval", "schedule", *arguments],
        env={**os.environ, "ASSAY_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missed_night_is_made_up_for_and_survives_kill_nine(
    tmp_path: Path, prepared_models: Path
) -> None:
    home = tmp_path / "assay home"
    home.mkdir()
    (home / "models").symlink_to(prepared_models)
    assay = Assay(Settings(home=home))
    assay.evals.put_suite("samples", cases())
    assay.schedules.add(
        "nightly",
        suite="samples",
        cron="0 2 * * *",
        timezone="Europe/London",
        deliveries=(Delivery("file", str(tmp_path / "reports")),),
        now=utc_now() - timedelta(days=2),
    )

    def tick() -> Tick:
        return next(
            one for one in assay.schedules.ticks("nightly") if one.outcome.state != "skipped"
        )

    with serving(home) as server:
        wait_for(home, lambda: sum(one.done for one in assay.evals.runs()) > 0, server)
        server.send_signal(signal.SIGKILL)
        server.wait(30)
    wait_for(home, lambda: not is_running(home))  # the child went with its parent
    [half] = assay.evals.runs()
    assert (half.state, tick().finished_at) == (RunState.RUNNING, None)
    assert half.done < half.cases
    kept = assay.evals.results(half.id)

    listed = json.loads(assay_command(home, "list", "--json").stdout)["schedules"]
    assert (listed[0]["last"]["outcome"], listed[0]["timezone"]) == ("running", "Europe/London")

    with serving(home) as server:
        wait_for(home, lambda: said(home).count("Ctrl-C stops it") == 2, server)
        url = re.findall(r"http://\S+:\d+", said(home))[-1]
        wait_for(home, lambda: tick().finished_at is not None, server)
        assert httpx.get(f"{url}/healthz").status_code == 200
        server.terminate()
        server.wait(30)
    [whole] = assay.evals.runs()
    assert (whole.id, whole.state, whole.done) == (half.id, RunState.FINISHED, whole.cases)
    assert whole.origin == "schedule"
    assert assay.evals.results(half.id)[: len(kept)] == kept
    assert tick().outcome.state == "passed"
    assert sorted(path.suffix for path in (tmp_path / "reports").iterdir()) == [".html", ".json"]
    assert assay.evals.live_days() == []  # nobody asked anything

    again = assay_command(home, "due", "--json")
    assert (again.returncode, json.loads(again.stdout)) == (0, {"ran": [], "busy": False})
    assay.close()
