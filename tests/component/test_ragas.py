"""ragas' metrics through our seams: what they score, and what is never taken for a score."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import app.bootstrap
import app.evaluation.judging
from app.cli.evals.agreement import agreement
from app.cli.terminal import Terminal
from app.evaluation.judging import NOT_MEASURED, judge_name, judge_pins, known_agreements, report
from app.settings import Settings
from evals.errors import JudgeFailed
from evals.judges.models import TIMED_OUT
from evals.judges.names import JUDGES, Material, Part
from evals.judges.registry import Parts, judges_of
from evals.judges.replies import NOT_JSON, SAYS_NOTHING
from tests.fakes import SubstringVerifier, WordEncoder
from tests.unit.test_judges import SayingModel, graded

pytest.importorskip("ragas", reason="ragas is not installed: run `make evals`")

ROOT = Path(__file__).resolve().parents[2]
TEA = Material(
    question="When is tea?",
    response="Tea is at four. Rum is at six.",
    contexts=("Tea is at four.", "Cake is at five."),
    references=("Tea is at four.",),
    reference_contexts=("Tea is at four.",),
    documents=("tea", "cake"),
    reference_documents=("tea", "rum"),
)
MODEL_FREE = [name for name, judge in JUDGES.items() if judge.is_ragas and not judge.asks_a_model]


def scored(name: str, *replies: object, material: Material = TEA) -> tuple[float | None, dict]:
    """A judge's value of the material, and what it failed at."""
    model = SayingModel([one if isinstance(one, str | JudgeFailed) else json.dumps(one)
                         for one in replies])  # fmt: skip
    parts = Parts(lambda: WordEncoder(), lambda: SubstringVerifier(), lambda: model)
    judging = judges_of([name], parts)
    [value] = judging.values_of(material).values()
    assert len(model.told) == len(replies)
    return value, dict(judging.tallies[name].failures)


def verdicts(*numbers: int, said: str = "statements") -> dict:
    field = "attributed" if said == "classifications" else "verdict"
    return {said: [{"statement": "s", "reason": "r", field: number} for number in numbers]}


# --- Without a language model -----------------------------------------------------------------


def test_our_verifier_as_metrics_of_ragas():
    from evals.judges.ragas_local import LocalFaithfulness, LocalHallucination

    asked = {"user_input": "When?", "response": TEA.response, "retrieved_contexts": [*TEA.contexts]}
    found = LocalFaithfulness(SubstringVerifier()).score(**asked)
    assert found.value == 0.5
    assert found.reason == "supported 1.00: Tea is at four.\nunsupported 0.00: Rum is at six."
    assert LocalHallucination(SubstringVerifier()).score(**asked).value == 1.0
    first = LocalHallucination(SubstringVerifier()).score(**asked | {"response": "Tea is at four."})
    assert first.value == 0.0
    assert math.isnan(
        LocalFaithfulness(SubstringVerifier()).score(**asked | {"response": " "}).value
    )
    assert scored("ragas:local_faithfulness") == (0.5, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ragas:exact_match", 0.0),
        ("ragas:string_presence", 1.0),
        ("ragas:rouge_score", 8 / 12),  # 4 words of the 8 said and the 4 meant
        ("ragas:non_llm_string_similarity", 0.5),  # 15 characters of 30 stay
        ("ragas:non_llm_context_precision", 1.0),  # the right passage comes first
        ("ragas:non_llm_context_recall", 1.0),
        ("ragas:id_based_context_precision", 0.5),
        ("ragas:id_based_context_recall", 0.5),
    ],
)
def test_metrics_worked_by_hand(name, value):
    found, failures = scored(name)
    assert found == pytest.approx(value)
    assert failures == {}


def test_any_reference_is_right():
    material = Material("q", "four", ("c",), ("five", "four", "six"))
    assert scored("ragas:exact_match", material=material) == (1.0, {})


def test_similarity_is_our_encoders():
    same = Material("q", "tea at four", ("c",), ("four at tea",))
    apart = Material("q", "tea", ("c",), ("rum",))
    assert scored("ragas:semantic_similarity", material=same)[0] == pytest.approx(1.0)
    assert scored("ragas:semantic_similarity", material=apart)[0] < 0.01
    # Longer than the encoder reads: its beginning is.
    long = Material("q", "tea " * 200, ("c",), ("tea",))
    assert scored("ragas:semantic_similarity", material=long)[0] == pytest.approx(1.0, abs=0.01)


def test_the_bundled_models_score_every_metric_that_asks_no_language_model():
    from generation.groundedness.verifier import load_verifier
    from retrieval.encoder_loading import load_encoder

    def none():
        raise AssertionError("asked")

    judging = judges_of(MODEL_FREE, Parts(load_encoder, load_verifier, none))
    values = judging.values_of(TEA)
    assert len(values) == len(MODEL_FREE) >= 13
    assert all(value is not None and 0 <= value <= 1 for value in values.values()), values
    assert values["ragas_local_faithfulness"] == 0.5
    assert values["ragas_local_hallucination"] == 1.0


# --- With one ---------------------------------------------------------------------------------

TWO = {"statements": ["one", "two"]}


@pytest.mark.parametrize(
    ("name", "replies", "value"),
    [
        ("faithfulness", [TWO, verdicts(1, 0)], 0.5),
        ("context_precision", [{"reason": "r", "verdict": 0}, {"reason": "r", "verdict": 1}], 0.5),
        ("context_recall", [verdicts(1, 1, 0, said="classifications")], 2 / 3),
        ("response_groundedness", [{"rating": 2}, {"rating": 1}], 0.75),
        ("context_relevance", [{"rating": 2}, {"rating": 0}], 0.5),
        ("answer_accuracy", [{"rating": 4}, {"rating": 2}], 0.75),
        ("context_entity_recall", [{"entities": ["a", "b"]}, {"entities": ["b"]}], 0.5),
        # Of the response's claims one is right, of the reference's both: F1 of 1/2 and 1... by
        # ragas: 2 TP / (2 TP + FP + FN) = 2 / (2 + 1 + 0)
        ("factual_correctness", [{"claims": ["a", "b"]}, verdicts(1, 0), {"claims": ["c"]},
                                 verdicts(1)], 0.67),
        # One response statement is wrong and yet in a passage that holds the reference.
        ("noise_sensitivity", [{"statements": ["r"]}, TWO, verdicts(1), verdicts(1, 1), verdicts(0),
                               verdicts(0, 0), verdicts(1, 0)], 0.5),
        ("answer_relevancy", [{"question": "When is tea?", "noncommittal": 0}] * 3, 1.0),
        ("answer_relevancy", [{"question": "When is tea?", "noncommittal": 1}] * 3, 0.0),
        ("answer_correctness", [TWO, TWO, {"TP": [{"statement": "s", "reason": "r"}], "FP": [],
                                           "FN": []}], None),
    ],
)  # fmt: skip
def test_metrics_with_a_judge_worked_by_hand(name, replies, value):
    found, failures = scored(f"ragas:{name}", *replies)
    assert failures == {}
    if value is None:  # three quarters are certain, the rest is the words'
        assert 0.75 < found < 1
    else:
        assert found == pytest.approx(value)


@pytest.mark.parametrize(
    ("name", "replies", "reason"),
    [
        ("faithfulness", ["no", "no"], NOT_JSON),
        # ragas would give NaN, 1 and 0 for these.
        ("faithfulness", [{"statements": []}] * 2, SAYS_NOTHING),
        ("answer_correctness", [TWO, TWO, *[{"TP": [], "FP": [], "FN": []}] * 2], SAYS_NOTHING),
        ("answer_relevancy", [{"question": "", "noncommittal": 0}] * 2, SAYS_NOTHING),
        # ragas would take these for numbers.
        ("context_precision", [{"reason": "r", "verdict": 7}] * 2, NOT_JSON),
        ("context_recall", [verdicts(3, said="classifications")] * 2, NOT_JSON),
        # ragas would swallow these.
        ("response_groundedness", ["no"] * 4, NOT_JSON),
        ("answer_accuracy", [JudgeFailed(TIMED_OUT)] * 2, TIMED_OUT),
        ("context_relevance", [{"rating": 3}] * 2, "ragas finds no score in what the judge said"),
        # Two of the reference's statements are judged in one passage, one in the other.
        ("noise_sensitivity", [TWO, TWO, verdicts(1), verdicts(1, 1), verdicts(0, 1), verdicts(1)],
         "ragas raised ValueError"),
    ],
)  # fmt: skip
def test_a_judge_that_fails_leaves_a_case_unscored_with_its_reason(name, replies, reason):
    assert scored(f"ragas:{name}", *replies) == (None, {reason: 1})


def test_a_second_reply_may_be_right():
    assert scored("ragas:faithfulness", "no", TWO, verdicts(1, 1)) == (1.0, {})


def test_every_metric_that_is_offered_can_be_made():
    names = [name for name, judge in JUDGES.items() if judge.is_ragas]
    parts = Parts(lambda: WordEncoder(), lambda: SubstringVerifier(), lambda: SayingModel([]))
    assert len(judges_of(names, parts).judges) == len(names) >= 24


# --- Nothing leaves this machine --------------------------------------------------------------

QUIET = """
import json, socket, sys, time

def refused(*arguments, **options):
    raise SystemExit(f"a connection was tried: {arguments}")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refused
socket.create_connection = refused
from tests.component.test_ragas import MODEL_FREE, TEA, TWO, scored, verdicts

for name in MODEL_FREE:
    scored(name)
scored("ragas:faithfulness", TWO, verdicts(1, 0))
from ragas import _analytics
assert _analytics.do_not_track()
assert _analytics._analytics_batcher.buffer == []
_analytics._analytics_batcher.shutdown()
print("quiet")
"""


def test_importing_and_scoring_try_no_connection_and_leave_nothing_in_the_home(tmp_path):
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
        "HOME": str(tmp_path),
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_API_KEY": "key",
        "RAGAS_DO_NOT_TRACK": "false",
    }
    done = subprocess.run(
        [sys.executable, "-c", QUIET], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1:] == ["quiet"], done.stderr[-2000:]
    assert not list(tmp_path.rglob("*ragas*"))
    assert not list(tmp_path.rglob("uuid.json"))


# --- Agreement with people, as a command ------------------------------------------------------

ROWS = [
    {"context": "Tea is at four.", "response": "Tea is at four.", "label": 1, "src": "a"},
    {"context": "Tea is at four.", "response": "Rum is at six.", "label": 0, "src": "b"},
    {"context": "Tea is at four.", "response": "Tea is at four. Rum too.", "label": 0, "src": "c"},
]


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """The command over stand-ins for models; gives what it printed."""
    file = tmp_path / "people.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in ROWS))
    home = tmp_path / "home"
    monkeypatch.setenv("ASSAY_HOME", str(home))
    monkeypatch.setattr(app.bootstrap, "load_response_verifier", lambda *_: SubstringVerifier())

    def run(*arguments: str, replies=()):
        monkeypatch.setattr(app.evaluation.judging, "judge_model", lambda _: SayingModel(replies))
        command = [str(file), *arguments]
        return CliRunner().invoke(agreement, command, obj=Terminal(is_json="--json" in arguments))

    run.home = home
    return run


def test_agreement_is_printed_beside_the_verifiers_and_remembered(asked):
    judges = ["--judge", "rubric:faithful", "--judge", "ragas:local_faithfulness"]
    replies = [graded(5), "no", "no", graded(4)]
    done = asked(*judges, "--json", replies=replies)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["verifier"], found["positive"]) == ("substring", "unsupported")
    ours, theirs = found["judges"]["ragas:local_faithfulness"], found["judges"]["rubric:faithful"]
    assert (ours["model"], ours["unscored"], ours["judge"]["AUROC"]["value"]) == (None, 0, 1.0)
    assert (theirs["model"], theirs["unscored"]) == ("SmolLM2-135M-Instruct", 1)
    assert theirs["failures"] == {NOT_JSON: 1}
    assert theirs["judge"]["kappa"]["value"] == 0.0
    assert theirs["verifier"]["AUROC"]["value"] == 1.0
    known = known_agreements(asked.home)
    one = known["rubric:faithful by SmolLM2-135M-Instruct"]
    assert (one.file, one.rows, one.unscored) == ("people.jsonl", 3, 1)
    assert one.text.startswith("agreement with people: AUROC 1.000")
    assert "ragas:local_faithfulness by substring" in known


def test_a_run_shows_how_far_its_judges_are_to_be_trusted(asked, tmp_path):
    asked(replies=[graded(5), graded(1), graded(1)])
    assay = app.bootstrap.Assay(Settings(home=asked.home))
    judges = judges_of(
        ["rubric:faithful", "rubric:answers", "ragas:exact_match"],
        Parts(lambda: WordEncoder(), lambda: SubstringVerifier(), lambda: SayingModel([])),
    )
    lines = report(assay, judges)
    pins = judge_pins(assay, judges)
    assay.close()
    assert lines[0] == "rubric:faithful: 0 of 0 cases scored"
    assert "agreement with people: AUROC 1.000" in lines[1]
    assert lines[3] == f"  SmolLM2-135M-Instruct: {NOT_MEASURED}"
    assert len(lines) == 5
    assert pins["model"] == "SmolLM2-135M-Instruct"
    assert pins["prompts"] == {"rubric:faithful": "faithful-1", "rubric:answers": "answers-1"}


def test_people_see_how_often_the_judge_failed(asked):
    done = asked(replies=["\x1b[31m"] * 6)
    assert "rubric:faithful by SmolLM2-135M-Instruct: 3 of 3 unscored" in done.stdout
    assert f"  3 of 3 attempts: {NOT_JSON}" in done.stdout
    assert "undefined" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_judge_of_something_else_cannot_be_compared(asked):
    error = asked("--judge", "rubric:concise").exception
    assert "does not say whether the contexts support" in str(error)
    assert "rubric:faithful" in str(error)
    assert not known_agreements(asked.home)


def test_what_is_remembered_may_be_torn_or_old(tmp_path):
    assert known_agreements(tmp_path) == {}
    (tmp_path / "judge-agreement.json").write_text('{"x": {"judge": ')
    assert known_agreements(tmp_path) == {}
    (tmp_path / "judge-agreement.json").write_text('{"x": {"judge": "y"}}')
    assert known_agreements(tmp_path) == {}


def test_a_judge_model_is_recorded_without_where_it_lies(tmp_path):
    (tmp_path / "secret" / "big-model").mkdir(parents=True)
    settings = Settings(home=tmp_path, judge_model=str(tmp_path / "secret" / "big-model"))
    assay = app.bootstrap.Assay(settings)
    assert judge_name(assay) == "big-model"
    assay.close()


def test_a_metric_that_asks_a_model_says_so():
    assert {name for name in JUDGES if Part.MODEL in JUDGES[name].parts}.isdisjoint(MODEL_FREE)
