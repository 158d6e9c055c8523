"""`assay eval compare` and `assay eval gate` over runs that are kept in a real database."""

import json
import signal
from dataclasses import dataclass, fields

import click
import pytest
from click.testing import CliRunner

from app.bootstrap import Assay
from app.cli.evals.compare import compare
from app.cli.evals.gate import gate
from app.cli.evals.run import run as run_command
from app.cli.evals.schedule import add as schedule_add
from app.cli.terminal import Terminal
from app.errors import CommandFailed, HomeInUse
from app.evaluation.probing import _alone
from app.evaluation.running import RunOptions
from app.settings import read_settings
from evals.errors import BadPolicy, UnknownRun
from evals.summary import summarise
from evals.types import Case, RunState
from tests.component.library import revision_of
from tests.fakes import ScriptedEngine, SubstringVerifier, WordEncoder
from tests.simulated import result_of

CASES = 40


@pytest.fixture
def assay(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    made = Assay(read_settings())
    yield made
    made.close()


def kept_run(assay: Assay, *, right: int, pins=None, suite="leases") -> int:
    """A finished run of 40 cases, the first so many of them right. Returns its number."""
    cases = [Case(f"c{i}", f"Question \x1b[31m{i}?", references=("yes",)) for i in range(CASES)]
    version = assay.evals.put_suite(suite, cases)
    run = assay.evals.start_run(version, cases=CASES, origin="command", pins=pins or {"seed": 0})
    for i in range(CASES):
        assay.evals.add_result(run.id, result_of(f"c{i}", i, containment=float(i < right)))
    summary = summarise(assay.evals.results(run.id))
    return assay.evals.finish_run(run.id, summary, state=RunState.FINISHED).id


def told(command, *arguments: object):
    return CliRunner().invoke(command, [str(one) for one in arguments], obj=Terminal())


def test_compare_says_what_differs_for_people_and_as_json(assay):
    first = kept_run(assay, right=30)
    second = kept_run(assay, right=20, pins={"seed": 0, "prompt": "answer-2"})
    done = told(compare, first, second, "--flips", 3)
    assert done.exit_code == 0
    assert "0.750 -> 0.500  -0.250" in done.stdout
    assert "prompt: (not there) -> answer-2" in done.stdout
    assert "Cases that went the other way: 10 (10 worse, 0 better)" in done.stdout
    assert "… and 7 more; --flips 10 shows all" in done.stdout
    found = json.loads(told(compare, first, second, "--json").stdout)
    assert found["differences"]["containment"]["value"] == -0.25
    assert found["differences"]["containment"]["high"] < 0
    assert (found["pairs"], len(found["flips"])) == (CASES, 10)
    assert found["flips"][0]["now"] == {"right": False}


def test_comparing_a_run_with_itself_finds_nothing(assay):
    run = kept_run(assay, right=30)
    found = json.loads(told(compare, run, run, "--json").stdout)
    assert (found["flips"], found["pins"], found["causes"]) == ([], [], {})
    assert "  the same\n" in told(compare, run, run).stdout


def test_a_run_that_is_not_there_is_named(assay):
    assert isinstance(told(compare, 1, 2).exception, UnknownRun)


def test_the_gate_fails_what_got_worse_and_names_what_to_look_at(assay):
    first, second = kept_run(assay, right=30), kept_run(assay, right=15)
    done = told(gate, "leases", "--run", second)
    assert done.exit_code == 1
    assert f"Run {second} against run {first}" in done.stdout
    assert "✗ containment may_drop 0.02: -0.375" in done.stdout
    assert "look at: c15, c16, c17, c18, c19" in done.stdout
    assert "FAILED: 1 of" in done.stdout
    assert f"assay eval compare {first} {second}" in done.stdout
    report = json.loads(told(gate, "leases", "--run", second, "--json").stdout)
    assert (report["passed"], report["baseline"]) == (False, first)
    [failed] = [rule for rule in report["rules"] if rule["outcome"] == "failed"]
    assert failed["worst"][0] == {"key": "c15", "position": 15, "before": 1.0, "now": 0.0}


def test_the_gate_passes_what_got_no_worse_and_the_first_run(assay):
    first = kept_run(assay, right=30)
    done = told(gate, "leases", "--run", first, "--policy", "default")
    assert done.exit_code == 0
    assert "there is no earlier run to compare with" in done.stdout
    assert done.stdout.endswith("passed\n")
    second = kept_run(assay, right=29)
    assert told(gate, "leases", "--run", second).exit_code == 0


def test_against_overrides_the_baseline_of_the_policy(assay, tmp_path):
    good, bad = kept_run(assay, right=30), kept_run(assay, right=10)
    now = kept_run(assay, right=10)
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"baseline: {good}\nmetrics:\n  containment: {{may_drop: 0.05}}\n")
    assert told(gate, "leases", "--run", now, "--policy", policy).exit_code == 1
    assert told(gate, "leases", "--run", now, "--policy", policy, "--against", bad).exit_code == 0


def test_what_cannot_be_judged_is_refused_before_anything_runs(assay, tmp_path):
    run = kept_run(assay, right=30)
    kept_run(assay, right=30, suite="other")
    policy = tmp_path / "policy.yaml"
    policy.write_text("metrics:\n  containmet: {at_least: 1}\n")
    refused = told(gate, "leases", "--policy", policy).exception
    assert isinstance(refused, BadPolicy)
    assert "line 2" in str(refused)
    assert isinstance(told(gate, "leases", "--run", run, "--against", 99).exception, UnknownRun)
    assert isinstance(told(gate, "other", "--run", run).exception, CommandFailed)


# --- A run that the gate makes ------------------------------------------------------------------


@dataclass
class PressingEngine(ScriptedEngine):
    """Presses Ctrl-C so many times while it says its first answer."""

    presses: int = 0

    def stream(self, *given, **named):
        for _ in range(self.presses if not self.conversations else 0):
            signal.raise_signal(signal.SIGINT)
        yield from super().stream(*given, **named)


@pytest.fixture
def suite(assay, monkeypatch):
    """A suite of three cases over one document; the gate's commands use this assay."""
    answers = ["The rent is 900 pounds."] * 100
    assay.__dict__ |= {
        "_encoder": WordEncoder(),
        "_engine": PressingEngine(answers),
        "_verifier": SubstringVerifier(),
    }
    assay.settings = assay.settings.model_copy(update={"abstain_below": 0.02})
    text = "The rent is 900 pounds. The notice period is three months."
    assay.store.publish(
        assay.store.ensure_collection("home"),
        revision_of("lease.txt", text, assay.encoder),
        text.encode(),
        encoder=assay.encoder.fingerprint,
    )
    cases = [Case(f"rent-{i}", "How much is the rent?", references=("900",)) for i in range(3)]
    assay.evals.put_suite("asked", cases)
    for command in ("gate", "run"):
        monkeypatch.setattr(f"app.cli.evals.{command}.open_assay", lambda: assay)
    return "asked"


def test_a_gate_is_stopped_after_the_case_in_hand_and_gone_on_with(assay, suite):
    assay.engine.presses = 1
    before = signal.getsignal(signal.SIGINT)
    stopped = told(gate, suite, "--json")
    assert (stopped.exit_code, stopped.stdout) == (130, "")
    assert "stopping after the case in hand" in stopped.stderr
    assert "stopped after 1 of 3 cases; the same command goes on with run 1" in stopped.stderr
    assert signal.getsignal(signal.SIGINT) is before
    assert assay.evals.run(1).state is RunState.RUNNING

    ended = told(gate, suite, "--json")
    assert "going on with run 1: 1 of 3 done\n" in ended.stderr  # the gate has no --new
    assert (ended.exit_code, json.loads(ended.stdout)["run"]) == (0, 1)
    [made] = assay.evals.runs()
    assert (made.state, made.done, made.origin) == (RunState.FINISHED, 3, "gate")


def test_ctrl_c_twice_stops_a_gate_at_once(assay, suite):
    assay.engine.presses = 2
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(click.Abort):
        gate.main([suite], obj=Terminal(), standalone_mode=False)
    assert signal.getsignal(signal.SIGINT) is before
    [made] = assay.evals.runs()
    assert (made.state, made.done) == (RunState.RUNNING, 0)
    assay.engine.presses = 0
    assert told(gate, suite).exit_code == 0
    assert assay.evals.run(made.id).done == 3


def test_ctrl_c_in_the_last_case_leaves_nothing_to_go_on_with(assay, suite):
    assay.engine.presses = 1
    done = told(gate, suite, "--limit", 1)
    assert done.exit_code == 0
    assert done.stdout.endswith("passed\n")


def test_run_and_gate_go_on_with_each_others_runs(assay, suite):
    assay.engine.presses = 1
    assert told(gate, suite).exit_code == 130
    ended = told(run_command, suite)
    assert ended.exit_code == 0
    assert "going on with run 1: 1 of 3 done (--new begins another)" in ended.stderr


def test_a_gate_runs_with_its_options(assay, suite):
    done = told(
        gate, suite, "--limit", 2, "--seed", 3, "--temperature", 0.7, "--max-tokens", 20,
        "--abstain-below", 1, "--collection", "home", "--judge", "rubric:answers",
    )  # fmt: skip
    assert done.exit_code == 0
    [made] = assay.evals.runs()
    assert (made.cases, made.pins["seed"], made.pins["readable"]) == (2, 3, ["home"])
    assert made.pins["decoding"]["temperature"] == 0.7
    assert made.pins["decoding"]["max_tokens"] == 20
    assert made.pins["settings"]["abstain_below"] == 1
    assert made.pins["options"]["judges"] == ["rubric:answers"]


def test_options_left_out_are_the_products_and_the_same_for_every_command():
    asking = {"limit", "seed", "as_user", "collection", "model", "temperature", "max_tokens",
              "abstain_below", "judges"}  # fmt: skip
    assert asking <= {field.name for field in fields(RunOptions)}
    shown = [
        [(one.name, one.opts, one.help) for one in command.params if one.name in asking]
        for command in (run_command, gate, schedule_add)
    ]
    assert [name for name, _, _ in shown[0]] == [
        "limit", "seed", "as_user", "collection", "model", "temperature", "max_tokens",
        "abstain_below", "judges",
    ]  # fmt: skip
    assert shown[0] == shown[1] == shown[2]


def test_two_probes_do_not_sweep_each_others_canaries(tmp_path):
    with _alone(tmp_path), pytest.raises(HomeInUse, match="another leak probe"), _alone(tmp_path):
        pass
    with _alone(tmp_path):
        pass
