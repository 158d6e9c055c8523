"""Running a suite: real SQLite, indexes and answerer around the fakes of the models."""

import json
from functools import cached_property

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.api.application import create_app
from app.bootstrap import Assay, load_response_verifier
from app.errors import CommandFailed, RunInUse
from app.evaluation.locks import RunLocks
from app.evaluation.pins import commit_of, engine_pins
from app.evaluation.running import OPTIONS, RunOptions, evaluate
from app.settings import Settings
from app.versions import encoder_pin
from evals.errors import UnknownJudge
from evals.running import asking, run_cases, seed_of
from evals.types import Case, Expectation, Relevant, RunState
from generation.decoding import Decoding
from generation.errors import QuestionTooLong
from generation.types import EngineInfo, Message
from retrieval.errors import UnknownName
from retrieval.types import Access
from tests.component.library import revision_of
from tests.fakes import ScriptedEngine, SubstringVerifier, WordEncoder

LEASE = "The rent is 900 pounds. The notice period is three months. \U0001f511 Keys are numbered."
MENU = "On Monday there is pumpkin soup. On Tuesday there is none."
CASES = [
    Case(
        "rent",
        "How much is the rent?",
        references=("900 pounds",),
        relevant=(Relevant("lease.txt"),),
        expectation=Expectation.ANSWER,
    ),
    Case("notice", "How long is the notice period?", references=("three months",)),
    Case("soup", "Which soup is there on Monday?", references=("pumpkin soup",)),
    Case(
        "moon",
        "Who paid for the moon landing?",
        expectation=Expectation.ABSTAIN,
        history=(Message("user", "Hello"), Message("assistant", "Hello.")),
    ),
]
# What differs from run to run, whatever is asked.
TIMES = ("seconds", "first_token_seconds")


class SmallAssay(Assay):
    """The product as it is wired, with models that are quick."""

    @cached_property
    def _encoder(self):
        return WordEncoder()

    @cached_property
    def _engine(self):
        return ScriptedEngine(["The rent is 900 pounds. Nobody knows why."] * 100)

    @cached_property
    def _verifier(self):
        return SubstringVerifier()


def opened(home):
    assay = SmallAssay(Settings(home=home, model="scripted", abstain_below=0.02))
    publish(assay, "lease.txt", LEASE)
    publish(assay, "menu.txt", MENU)
    return assay


def publish(assay, path, text):
    encoder = assay.encoder
    collection = assay.store.ensure_collection("home")
    revision = revision_of(path, text, encoder)
    assay.store.publish(collection, revision, text.encode(), encoder=encoder.fingerprint)


@pytest.fixture
def assay(tmp_path):
    assay = opened(tmp_path)
    yield assay
    assay.close()


@pytest.fixture
def version(assay):
    return assay.evals.put_suite("leases", CASES)


def run_of(assay, version, options=None, **more):
    return evaluate(assay, version, options or RunOptions(), origin="command", **more)


def after(count):
    """`is_cancelled` that lets so many cases pass."""
    asked = iter(range(count + 1))
    return lambda: next(asked) == count


def values_by_key(assay, run):
    return {
        one.key: {name: value for name, value in one.values.items() if name not in TIMES}
        for one in assay.evals.results(run.id)
    }


# --- One run -----------------------------------------------------------------------------------


def test_every_case_gets_what_was_observed_and_its_values(assay, version):
    told = []
    run = run_of(assay, version, on_progress=told.append)
    assert (run.state, run.done, run.cases) == (RunState.FINISHED, 4, 4)
    assert [(one.done, one.cases, one.result.key) for one in told] == [
        (1, 4, "rent"), (2, 4, "notice"), (3, 4, "soup"), (4, 4, "moon"),
    ]  # fmt: skip
    rent, *_ = assay.evals.results(run.id)
    seen = rent.observation
    assert (rent.position, rent.cluster, rent.weight) == (0, "lease.txt", 1.0)
    assert seen.sentences[0].text == "The rent is 900 pounds."
    assert seen.sentences[-1].text == "Nobody knows why."
    [citation] = seen.sentences[0].citations
    assert LEASE[citation.start : citation.end] == citation.quote
    assert seen.retrieved[0].document == "lease.txt"
    assert seen.change_number == assay.store.change_number()
    assert seen.completion_tokens == 8
    # Quoted and supported, then one sentence that no evidence holds.
    assert rent.values["faithfulness"] == 0.5
    assert rent.values["hallucinated"] == 1.0
    assert rent.values["citation_exactness"] == 1.0
    assert rent.values["containment"] == 1.0
    assert rent.values["hit_at_5"] == 1.0
    assert run.summary["faithfulness"].scored == 4 - run.summary["faithfulness"].unscored


def test_the_similarity_is_the_encoders(assay, version):
    run = run_of(assay, version)
    rent = assay.evals.results(run.id)[0]
    text, reference = assay.encoder.encode([rent.observation.text, "900 pounds"])
    assert rent.values["semantic_similarity"] == pytest.approx(float(text @ reference))


def test_a_limit_takes_the_first_cases_and_changes_none_of_them(assay, version):
    whole = run_of(assay, version)
    part = run_of(assay, version, RunOptions(limit=2))
    assert (part.cases, part.done) == (2, 2)
    everything = values_by_key(assay, whole)
    assert values_by_key(assay, part) == {key: everything[key] for key in ("rent", "notice")}


def test_a_limit_above_the_number_of_cases_is_all_of_them(assay, version):
    assert run_of(assay, version, RunOptions(limit=9)).cases == 4


def test_one_case_is_a_run(assay):
    version = assay.evals.put_suite("one", CASES[:1])
    assert run_of(assay, version).summary["faithfulness"].scored == 1


def test_a_suite_whose_documents_are_gone_is_refused(assay):
    files = assay.store.known_files(assay.store.collection("home"))
    lease = files["lease.txt"].document_id
    version = assay.evals.put_suite("written", CASES[:1], written_from={"rent": lease})
    assay.store.remove([lease])
    with pytest.raises(CommandFailed, match="'written' has no cases any more"):
        run_of(assay, version)
    assert assay.evals.runs() == []


def test_what_is_read_is_what_was_asked_for(assay, version):
    assay.access.add_user("ada")
    run = run_of(assay, version, RunOptions(as_user="ada"))
    assert [len(one.observation.retrieved) for one in assay.evals.results(run.id)] == [0] * 4
    assert run.pins["readable"] == []
    with pytest.raises(UnknownName, match="'nobody'"):
        run_of(assay, version, RunOptions(as_user="nobody"))
    with pytest.raises(UnknownName, match="'nowhere'"):
        run_of(assay, version, RunOptions(collection="nowhere"))


def test_options_change_the_answers_and_not_the_product(assay, version):
    run = run_of(assay, version, RunOptions(abstain_below=1.0))
    assert all(one.observation.abstained for one in assay.evals.results(run.id))
    assert run.pins["settings"]["abstain_below"] == 1.0
    assert assay.settings.abstain_below == 0.02


# --- Seeds --------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.text(min_size=1))
def test_a_seed_is_of_the_run_and_the_case(seed, key):
    assert 0 <= seed_of(seed, key) < 2**32
    assert seed_of(seed, key) == seed_of(seed, key) != seed_of(seed, key + "'")
    assert seed_of(seed, key) != seed_of(seed + 1, key)


def test_each_case_is_asked_with_its_own_seed_and_history():
    asked = []

    def answer(question, **options):
        asked.append((question, options))
        return iter(())

    ask = asking(answer, readable=frozenset({1}), decoding=Decoding(temperature=0.7), seed=5)
    for case in (CASES[3], CASES[0], CASES[3]):
        with pytest.raises(ValueError, match="ended without one"):
            ask(case)
    seeds = [options["decoding"].seed for _, options in asked]
    assert seeds == [seed_of(5, "moon"), seed_of(5, "rent"), seed_of(5, "moon")]
    assert asked[0][1]["history"] == CASES[3].history
    assert asked[0][1]["decoding"].temperature == 0.7


# --- What goes wrong ----------------------------------------------------------------------------


def asked_of(assay):
    readable = assay.access.everything()
    return asking(assay.answerer.answer, readable=readable, decoding=Decoding(), seed=0)


def test_a_case_that_cannot_be_answered_fails_alone(assay, version):
    def ask(case):
        if case.key == "notice":
            raise QuestionTooLong(9000, 2048)
        return asked_of(assay)(case)

    run = assay.evals.start_run(version, cases=4, origin="command", pins={})
    ended = run_cases(assay.evals, run, CASES, ask, [lambda *_: {"faithfulness": 1.0}])
    assert ended.state is RunState.FINISHED
    failed = assay.evals.results(run.id)[1]
    assert (failed.observation, dict(failed.values)) == (None, {})
    assert "the question takes 9000 tokens and the limit is 2048" in failed.error
    assert ended.summary["faithfulness"].scored == 3
    assert ended.summary["faithfulness"].unscored == 1


def test_a_run_of_which_every_case_fails_has_failed(assay, version):
    def ask(case):
        raise QuestionTooLong(9000, 2048)

    run = assay.evals.start_run(version, cases=4, origin="command", pins={})
    assert run_cases(assay.evals, run, CASES, ask, []).state is RunState.FAILED


def test_an_error_nobody_foresaw_leaves_a_run_to_go_on_with(assay, version):
    is_broken = True

    def ask(case):
        if is_broken and case.key == "soup":
            raise ZeroDivisionError
        return asked_of(assay)(case)

    run = assay.evals.start_run(version, cases=4, origin="command", pins={})
    with pytest.raises(ZeroDivisionError):
        run_cases(assay.evals, run, CASES, ask, [])
    assert assay.evals.run(run.id).state is RunState.RUNNING
    assert assay.evals.done_positions(run.id) == {0, 1}
    is_broken = False
    assert run_cases(assay.evals, run, CASES, ask, []).done == 4


def test_a_later_scorers_value_counts_and_none_stays_none(assay, version):
    run = assay.evals.start_run(version, cases=1, origin="command", pins={})
    scorers = [lambda *_: {"a": 1.0, "b": 1.0}, lambda *_: {"b": None, "judge_c": 0.5}]
    run_cases(assay.evals, run, CASES[:1], asked_of(assay), scorers)
    [result] = assay.evals.results(run.id)
    assert result.values == {"a": 1.0, "b": None, "judge_c": 0.5}


def test_a_scorer_sees_the_text_of_every_retrieved_passage(assay, version):
    pairs = []

    def score(case, seen, passages):
        pairs.extend(zip(seen.retrieved, passages, strict=True))
        return {}

    run = assay.evals.start_run(version, cases=1, origin="command", pins={})
    run_cases(assay.evals, run, CASES[:1], asked_of(assay), [score])
    assert pairs
    for passage, text in pairs:
        at = (passage.revision_id, passage.start, passage.end)
        assert assay.store.revision_slice(*at) == text


# --- Stopping and going on ----------------------------------------------------------------------


def test_a_stopped_run_is_gone_on_with_to_the_same_values(assay, version):
    whole = run_of(assay, version)
    begun = []
    stopped = run_of(assay, version, is_cancelled=after(1), on_begin=begun.append)
    assert (stopped.state, stopped.done, stopped.id) == (RunState.RUNNING, 1, whole.id + 1)
    again = run_of(assay, version, is_cancelled=after(2), on_begin=begun.append)
    assert (again.state, again.done, again.id) == (RunState.RUNNING, 3, stopped.id)
    ended = run_of(assay, version, on_begin=begun.append)
    assert (ended.state, ended.done, ended.id) == (RunState.FINISHED, 4, stopped.id)
    assert [one.run.done for one in begun] == [0, 1, 3]
    assert values_by_key(assay, ended) == values_by_key(assay, whole)
    summaries = [dict(run.summary) for run in (ended, whole)]
    for summary in summaries:
        for name in [name for name in summary if "seconds" in name]:
            del summary[name]
    assert summaries[0] == summaries[1]


def test_a_run_that_was_stopped_after_its_last_case_is_ended(assay, version):
    run = run_of(assay, version)
    with assay.database.begin() as sql:
        sql.exec_driver_sql("UPDATE eval_runs SET state = 'running', summary = NULL")
    again = run_of(assay, version)
    assert (again.id, again.state, again.summary) == (run.id, RunState.FINISHED, run.summary)


def test_other_options_begin_another_run_and_say_which_one_is_left(assay, version):
    stopped = run_of(assay, version, is_cancelled=after(1))
    begun = []
    run_of(assay, version, RunOptions(seed=1), on_begin=begun.append, is_cancelled=after(0))
    [other] = begun
    assert other.run.id != stopped.id
    assert other.left.id == stopped.id
    assert [str(one) for one in other.differences] == ["seed: 0 -> 1"]


def test_changed_documents_begin_another_run(assay, version):
    stopped = run_of(assay, version, is_cancelled=after(1))
    publish(assay, "notes.txt", "The bin is emptied on Friday.")
    begun = []
    run = run_of(assay, version, on_begin=begun.append)
    assert (run.id, run.done) == (stopped.id + 1, 4)
    assert [one.name for one in begun[0].differences] == ["change_number"]


def test_a_new_version_of_the_suite_begins_another_run(assay, version):
    run_of(assay, version, is_cancelled=after(1))
    newer = assay.evals.put_suite("leases", CASES[:3])
    begun = []
    run_of(assay, newer, on_begin=begun.append)
    assert {one.name for one in begun[0].differences} == {"suite.version", "suite.digest"}


def test_a_new_run_can_be_asked_for(assay, version):
    stopped = run_of(assay, version, is_cancelled=after(1))
    begun = []
    run = run_of(assay, version, is_new=True, on_begin=begun.append)
    assert (run.id, begun[0].left) == (stopped.id + 1, None)


def test_a_run_is_made_by_one_at_a_time(assay, version):
    stopped = run_of(assay, version, is_cancelled=after(1))
    locks = RunLocks(assay.settings.home)
    with locks.held(stopped.id) as is_ours:
        assert is_ours
        with pytest.raises(RunInUse, match=f"run {stopped.id} is being made .* 1 of 4 cases"):
            run_of(assay, version)
        assert run_of(assay, version, is_new=True).id == stopped.id + 1
    assert run_of(assay, version).id == stopped.id


def test_a_run_is_held_while_it_is_made_and_no_longer(assay, version):
    locks = RunLocks(assay.settings.home)
    held = []
    run = run_of(assay, version, on_progress=lambda one: held.append(locks.is_held(one.run_id)))
    assert held == [True] * 4
    assert not locks.is_held(run.id)
    assert not list((assay.settings.home / "evals").glob("run-*.lock"))


def test_a_lock_is_given_back_when_a_run_breaks_off(tmp_path):
    locks = RunLocks(tmp_path)
    with pytest.raises(ZeroDivisionError), locks.held(1) as is_ours:
        assert is_ours
        with locks.held(1) as is_ours_too:
            assert not is_ours_too
        assert locks.is_held(1)  # one that was refused takes nothing away
        raise ZeroDivisionError
    assert not locks.is_held(1)
    with locks.held(1) as is_ours:
        assert is_ours


# --- What a run is pinned to --------------------------------------------------------------------


def test_the_pins_say_what_it_ran_on_and_nothing_of_this_machine(assay, version):
    run = run_of(assay, version, RunOptions(seed=7, temperature=0.5, max_tokens=20, limit=1))
    pins = run.pins
    assert (pins["suite"]["name"], pins["suite"]["version"]) == ("leases", 1)
    assert pins["suite"]["digest"] == version.digest
    assert pins["change_number"] == assay.store.change_number()
    assert pins["models"] == {
        "encoder": "words",
        "engine": {
            "name": "scripted",
            "weights": None,
            "runtime": "torch",
            "precision": None,
            "device": None,
        },
        "verifier": "substring",
    }
    assert pins["settings"]["beyond_quotes"] is None
    assert pins["decoding"] == {
        "max_tokens": 20,
        "temperature": 0.5,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "num_beams": 1,
        "length_penalty": 1.0,
    }
    assert (pins["seed"], pins["readable"], pins["options"]["limit"]) == (7, ["home"], 1)
    assert str(assay.settings.home) not in json.dumps(pins)


def test_models_are_named_without_where_they_lie(tmp_path):
    folder = tmp_path / "private" / "model"
    folder.mkdir(parents=True)
    local = EngineInfo("model", "openvino", "int8", "CPU", "0123456789abcdef" * 4)
    assert engine_pins(local) == {
        "name": "model",
        "weights": "0123456789abcdef",
        "runtime": "openvino",
        "precision": "int8",
        "device": "cpu",
    }
    on_a_gpu = EngineInfo("model", "torch", "bfloat16", "cuda:1", "0" * 64)
    assert engine_pins(on_a_gpu)["device"] == "cuda"
    elsewhere = engine_pins(EngineInfo("someone/a-model", "remote"))
    assert (elsewhere["name"], elsewhere["weights"]) == ("someone/a-model", None)
    assert encoder_pin(f"{folder}:abc") == "model:abc"
    assert encoder_pin("all-MiniLM-L6-v2:abc") == "all-MiniLM-L6-v2:abc"


COMMIT, OTHER = "1" * 40, "2" * 40


def test_the_commit_is_read_from_a_checkout(tmp_path):
    git = tmp_path / ".git"
    assert commit_of(tmp_path) is None
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text(f"{COMMIT}\n")
    assert commit_of(tmp_path) == COMMIT
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert commit_of(tmp_path) is None  # nothing was committed yet
    (git / "packed-refs").write_text(
        f"# pack-refs\n{OTHER} refs/heads/mai\n{COMMIT} refs/heads/main\n"
    )
    assert commit_of(tmp_path) == COMMIT
    (git / "refs" / "heads" / "main").write_text(f"{OTHER}\n")
    assert commit_of(tmp_path) == OTHER
    own = git / "worktrees" / "side"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/main\n")
    (own / "commondir").write_text("../..\n")
    side = tmp_path / "side"
    side.mkdir()
    (side / ".git").write_text(f"gitdir: {own}\n")
    assert commit_of(side) == OTHER
    (git / "HEAD").write_bytes(b"\xff\xfe")
    assert commit_of(tmp_path) is None


# --- Options ------------------------------------------------------------------------------------


def test_options_survive_json_and_refuse_what_they_do_not_know():
    options = RunOptions(limit=3, judges=("ragas:a",), temperature=0.7, as_user="ada")
    assert OPTIONS.validate_json(OPTIONS.dump_json(options)) == options
    assert OPTIONS.validate_json(b"{}") == RunOptions()
    with pytest.raises(ValidationError, match="tempersture"):
        OPTIONS.validate_json(b'{"tempersture": 1}')


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"abstain_below": 1.1},
        {"evidence_passages": 0},
        {"evidence_passages": 51},
        {"evidence_tokens": 49},
        {"temperature": 3.0},
        {"max_tokens": 0},
    ],
)
def test_options_out_of_range_are_refused(wrong):
    [name] = wrong
    with pytest.raises(ValueError, match=name):
        RunOptions(**wrong)


# --- Judges -------------------------------------------------------------------------------------


def test_judges_score_as_well_and_what_they_could_not_is_counted(assay, version):
    begun = []
    options = RunOptions(judges=("rubric:answers",), limit=1)
    run = run_of(assay, version, options, on_begin=begun.append)
    [result] = assay.evals.results(run.id)
    assert result.values["judge_answers"] is None  # what the engine says is no JSON
    assert result.values["faithfulness"] == 0.5
    measured = run.summary["judge_answers"]
    assert (measured.value, measured.scored, measured.unscored) == (None, 0, 1)
    tally = begun[0].judging.tallies["rubric:answers"]
    assert (tally.cases, tally.unscored) == (1, 1)
    assert run.pins["judges"]["model"] == "scripted"
    assert list(run.pins["judges"]["prompts"]) == ["rubric:answers"]
    assert run.pins["options"]["judges"] == ["rubric:answers"]


def test_a_judge_that_is_not_there_is_refused_before_there_is_a_run(assay, version):
    with pytest.raises(UnknownJudge, match="rubric:answer"):
        run_of(assay, version, RunOptions(judges=("rubric:answer",)))
    with pytest.raises(CommandFailed, match="1 to"):
        run_of(assay, version, RunOptions(judges=("rubric:answers@0",)))
    assert assay.evals.runs() == []


# --- Live and measured --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def verifier():
    return load_response_verifier()


def test_the_live_verdicts_are_the_ones_that_are_measured(tmp_path, verifier):
    assay = opened(tmp_path)
    assay.__dict__["_verifier"] = verifier
    user = assay.access.add_user("ada")
    assay.access.grant(user, assay.store.collection("home"), Access.READ)
    key = assay.accounts.keys.create(user, "test")
    assay.warm_up()
    version = assay.evals.put_suite("leases", [case for case in CASES if not case.history])
    run = run_of(assay, version, RunOptions(as_user="ada"))
    client = TestClient(create_app(assay.services()), base_url="http://localhost")
    for case, result in zip(assay.evals.cases(version), assay.evals.results(run.id), strict=True):
        reply = client.post(
            "/api/ask",
            json={"question": case.question},
            headers={"Authorization": f"Bearer {key}"},
        )
        assert reply.status_code == 200
        [live] = [json.loads(line[6:]) for line in reply.text.splitlines() if '"timings"' in line]
        seen = result.observation
        assert (live["text"], live["abstained"]) == (seen.text, seen.abstained)
        assert live["answerability"] == seen.answerability
        assert [
            (one["text"], one["origin"], one["verdict"], one["score"]) for one in live["sentences"]
        ] == [(one.text, one.origin, one.verdict, one.score) for one in seen.sentences]
        assert [
            (one["start"], one["end"], one["quote"])
            for sentence in live["sentences"]
            for one in sentence["citations"]
        ] == [
            (one.start, one.end, one.quote)
            for sentence in seen.sentences
            for one in sentence.citations
        ]
    verdicts = {one.verdict for result in assay.evals.results(run.id)
                for one in result.observation.sentences}  # fmt: skip
    assert len(verdicts) > 1  # else there was little to compare
    assay.close()


# --- Citations ----------------------------------------------------------------------------------


def test_a_slice_of_a_revision_is_cut_by_code_points(assay):
    text = "\U0001f511 key\x00 after a null. Second."
    publish(assay, "odd.txt", text)
    [(revision,)] = _rows(assay, "SELECT revision_id FROM documents WHERE path = 'odd.txt'")
    assert assay.store.revision_slice(revision, 0, len(text)) == text
    assert assay.store.revision_slice(revision, 2, 5) == "key"
    assert assay.store.revision_slice(revision, 7, 12) == "after"
    assert assay.store.revision_slice(revision, len(text), len(text) + 5) == ""
    assert assay.store.revision_slice(revision + 1, 0, 1) is None


def _rows(assay, query):
    with assay.database.begin() as sql:
        return [tuple(row) for row in sql.exec_driver_sql(query)]
