"""Suites on the command line: in and out of files, written from documents, reviewed."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from app.cli.evals import gate as gate_command
from app.cli.evals import review as review_command
from app.cli.evals import suites as commands
from app.cli.evals import write as write_command
from app.cli.terminal import Terminal
from app.errors import CommandFailed
from app.evaluation.writing import write_cases
from evals.datasets import WRITTEN, Shape
from evals.errors import BadDataset, UnknownSuite
from evals.store import EvalStore
from evals.types import Case, Expectation, RunState
from evals.writing.engines import Failure
from tests.component.library import Library, opened
from tests.fakes import ScriptedEngine, SubstringVerifier

ROWS = [
    {"question": "Who signs?", "reference": "Ada", "expectation": "answer"},
    {"question": "Who sings?", "expectation": "abstain"},
    {"question": "Why?"},
]
MINUTES = (
    "Jonah Veldt reported a near miss on 24 February 2026. "
    "The floor was repaired on 3 August 2026. "
    "The annual fee of the lease is £1,860. The defibrillator hangs in the hall of the mill."
)
LEASE = "The lease of the mill ends on 31 May 2027. The warranty on new parts is 24 months."


@pytest.fixture
def assay(tmp_path, monkeypatch):
    with opened(tmp_path / "home") as library:
        wired = SimpleNamespace(
            store=library.store,
            evals=EvalStore(library.engine),
            encoder=library.encoder,
            searcher=library.searcher,
            verifier=SubstringVerifier(),
            readable_by=lambda _, name: (
                frozenset({library.store.collection(name).id}) if name else library.everything()
            ),
            library=library,
        )
        for module in (commands, gate_command, review_command, write_command):
            monkeypatch.setattr(module, "open_assay", lambda: wired)
        yield wired


def run(command, *arguments: object, stdin: str | None = None, is_fine: bool = True):
    terminal = Terminal()
    done = CliRunner().invoke(command, [str(one) for one in arguments], input=stdin, obj=terminal)
    if is_fine:
        assert done.exit_code == 0, done.output + repr(done.exception)
    return done


def file_of(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def publish(library: Library) -> None:
    library.publish("papers", "/d/minutes.txt", MINUTES, title="Minutes")
    library.publish("papers", "/d/lease.txt", LEASE, title="Lease")
    library.publish("secret", "/d/other.txt", "The vault opens on 1 May 2026.", title="Vault")


# --- Files ----------------------------------------------------------------------------------


def test_a_file_becomes_a_suite_and_the_same_cases_no_new_version(tmp_path, assay):
    path = file_of(tmp_path / "leases.jsonl", *ROWS)
    said = json.loads(run(commands.import_suite, path, "--json").stdout)
    assert (said["suite"], said["version"], said["cases"], said["is_new"]) == ("leases", 1, 3, True)
    assert (said["answer"], said["abstain"], said["open"]) == (1, 1, 1)
    assert "the same as version 1" in run(commands.import_suite, path).stdout
    file_of(path, *ROWS[:2])
    done = run(commands.import_suite, path, "--replace")
    assert "imported as version 2 of 'leases', without 1 of version 1" in done.stdout
    assert "leases: 2 cases, version 2" in run(commands.suites).stdout


def test_an_import_drops_no_cases_unless_that_is_wanted(tmp_path, assay):
    path = file_of(tmp_path / "leases.jsonl", *ROWS)
    run(commands.import_suite, path)
    propose(assay, "Four?", "Five?")
    run(review_command.review, "w", "--accept-all")
    refused = run(commands.import_suite, path, "--name", "w", is_fine=False)
    assert isinstance(refused.exception, CommandFailed)
    assert "leases.jsonl lacks 2 of the 2 cases of suite 'w', version" in str(refused.exception)
    assert "--replace" in str(refused.exception)
    assert assay.evals.suite("w").cases == 2
    # One more case, or another word in one, drops none.
    file_of(path, *ROWS, {"question": "Four?"})
    said = json.loads(run(commands.import_suite, path, "--json").stdout)
    assert (said["version"], said["dropped"], said["note"]) == (2, 0, "from leases.jsonl")
    replaced = run(commands.import_suite, path, "--name", "w", "--replace", "--note", "", "--json")
    said = json.loads(replaced.stdout)
    assert (said["dropped"], said["cases"], said["note"], said["is_new"]) == (2, 4, "", True)


def test_a_file_to_ask_is_a_suite_and_may_change(tmp_path, assay, capsys):
    path = file_of(tmp_path / "leases.jsonl", *ROWS)
    assert commands.version_to_ask(assay, Terminal(), str(path)).number == 1
    assert "version 1 of suite 'leases': 3 cases\n" in capsys.readouterr().err
    assert commands.version_to_ask(assay, Terminal(), str(path)).number == 1
    assert capsys.readouterr().err == ""
    file_of(path, *ROWS[:2])
    assert commands.version_to_ask(assay, Terminal(), str(path)).number == 2
    assert "2 cases, without 1 of version 1\n" in capsys.readouterr().err
    assert commands.version_to_ask(assay, Terminal(), "leases").number == 2


def test_a_file_to_ask_turns_no_reviewed_case_away(tmp_path, assay):
    path = file_of(tmp_path / "w.jsonl", *ROWS)
    commands.version_to_ask(assay, Terminal(), str(path))
    propose(assay, "Four?", "Five?")
    run(review_command.review, "w", "--accept-all")
    with pytest.raises(CommandFailed, match="lacks 2 of the 5 cases of suite 'w'") as refused:
        commands.version_to_ask(assay, Terminal(), str(path))
    assert "--replace" in str(refused.value)
    assert assay.evals.suite("w").cases == 5
    run(commands.import_suite, path, "--replace")
    file_of(path, ROWS[0])
    assert commands.version_to_ask(assay, Terminal(), str(path)).cases == 1


def test_a_gate_takes_a_file_as_a_run_does(tmp_path, assay, monkeypatch):
    def ask(_assay, _terminal, version, _options, *, origin):
        made = assay.evals.start_run(version, cases=version.cases, origin=origin, pins={})
        return assay.evals.finish_run(made.id, {}, state=RunState.FINISHED)

    monkeypatch.setattr(gate_command, "ask_suite", ask)
    path = file_of(tmp_path / "leases.jsonl", *ROWS)
    done = run(gate_command.gate, path, "--json", is_fine=False)
    assert json.loads(done.stdout)["run"] == 1, done.exception
    assert assay.evals.run(1).version.suite == "leases"
    assert assay.evals.cases(assay.evals.suite("leases"))[0].question == "Who signs?"
    missing = run(gate_command.gate, tmp_path / "none.jsonl", is_fine=False)
    assert "there is no file" in str(missing.exception)


def test_what_is_neither_a_suite_nor_a_file(tmp_path, assay):
    with pytest.raises(CommandFailed, match=r"there is no file nothing\.jsonl"):
        commands.version_to_ask(assay, Terminal(), "nothing.jsonl")
    with pytest.raises(UnknownSuite):
        commands.version_to_ask(assay, Terminal(), "nothing")


def test_a_bad_row_imports_nothing(tmp_path, assay):
    path = file_of(tmp_path / "leases.jsonl", *ROWS, {"question": ""})
    done = run(commands.import_suite, path, is_fine=False)
    assert isinstance(done.exception, BadDataset)
    assert f"{path}, line 4: the question is empty" in str(done.exception)
    assert assay.evals.suites() == []
    assert "no suites yet" in run(commands.suites).stdout


def test_a_sample_is_drawn_with_its_seed(tmp_path, assay):
    rows = [{"question": f"q{n}", "expectation": ("answer", "abstain")[n % 2]} for n in range(40)]
    path = file_of(tmp_path / "big.jsonl", *rows)
    said = json.loads(run(commands.import_suite, path, "--limit", 10, "--seed", 3, "--json").stdout)
    assert (said["answer"], said["abstain"]) == (5, 5)
    again = run(commands.import_suite, path, "--limit", 10, "--seed", 3, "--json")
    assert json.loads(again.stdout)["is_new"] is False


@pytest.mark.parametrize("ending", ["jsonl", "yaml", "csv", "tsv"])
def test_a_suite_goes_out_and_comes_back(tmp_path, assay, ending):
    run(commands.import_suite, file_of(tmp_path / "s.jsonl", *ROWS))
    out = tmp_path / f"out.{ending}"
    run(commands.export_suite, "s", out)
    run(commands.import_suite, out, "--name", "again")
    first, second = (assay.evals.cases(assay.evals.suite(name)) for name in ("s", "again"))
    assert first == second


def test_what_an_export_loses_is_said_and_nothing_is_overwritten(tmp_path, assay):
    run(commands.import_suite, file_of(tmp_path / "s.jsonl", *ROWS))
    out = tmp_path / "out.json"
    assert "add --format" in str(run(commands.export_suite, "s", out, is_fine=False).exception)
    done = run(commands.export_suite, "s", out, "--format", "ragas")
    assert "ragas cannot hold what is expected (2 of 3 cases)" in done.stderr
    before = out.read_text()
    done = run(commands.export_suite, "s", out, "--format", "squad", is_fine=False)
    assert "is there already" in str(done.exception)
    assert out.read_text() == before
    said = json.loads(
        run(commands.export_suite, "s", out, "--format", "squad", "--force", "--json").stdout
    )
    assert said["lost"] == ["that nothing is expected (1 of 3 cases)"]


def test_an_older_version_and_an_unknown_suite(tmp_path, assay):
    run(commands.import_suite, file_of(tmp_path / "s.jsonl", *ROWS))
    run(commands.import_suite, file_of(tmp_path / "s.jsonl", ROWS[0]), "--replace")
    run(commands.export_suite, "s", tmp_path / "old.jsonl", "--version", 1)
    assert len((tmp_path / "old.jsonl").read_text().splitlines()) == 3
    done = run(commands.export_suite, "s", tmp_path / "x.jsonl", "--version", 7, is_fine=False)
    assert isinstance(done.exception, UnknownSuite)
    assert isinstance(run(commands.remove_suite, "t", is_fine=False).exception, UnknownSuite)


def test_a_suite_is_removed_when_somebody_says_so(tmp_path, assay):
    run(commands.import_suite, file_of(tmp_path / "s.jsonl", *ROWS))
    assert run(commands.remove_suite, "s", stdin="n\n", is_fine=False).exit_code == 1
    assert isinstance(
        run(commands.remove_suite, "s", "--json", is_fine=False).exception, CommandFailed
    )
    assert len(assay.evals.suites()) == 1
    assert "deleted" in run(commands.remove_suite, "s", stdin="y\n").stdout
    assert assay.evals.suites() == []


@pytest.mark.parametrize("name", ["", " ", "a\x1b[31m", "x" * 201])
def test_a_name_that_cannot_be_is_refused(tmp_path, assay, name):
    path = file_of(tmp_path / "s.jsonl", *ROWS)
    done = run(commands.import_suite, path, f"--name={name or ' '}", is_fine=False)
    assert "cannot name a suite" in str(done.exception)


# --- Written and reviewed -------------------------------------------------------------------


def test_cases_are_written_with_their_document_and_go_with_it(assay):
    publish(assay.library)
    said = json.loads(
        run(write_command.write, "w", "--collection", "papers", "--cases", 9, "--json").stdout
    )
    waiting = assay.evals.proposals("w")
    assert said["proposed"] == len(waiting) == sum(said["kinds"].values())
    assert said["documents"] == 2
    assert {one.case.expectation for one in waiting} == set(Expectation)
    assert "vault" not in " ".join(one.case.question for one in waiting)
    for one in waiting:
        assert one.document_id is not None
        for relevant in one.case.relevant:
            assert relevant.text in MINUTES + LEASE
    again = json.loads(
        run(write_command.write, "w", "--collection", "papers", "--cases", 9, "--json").stdout
    )
    assert (again["proposed"], again["known"]) == (0, said["proposed"])
    assay.library.remove("papers", "/d/minutes.txt")
    assert {one.case.cluster for one in assay.evals.proposals("w")} == {"lease.txt"}


def test_there_must_be_something_to_write_from(assay):
    done = run(write_command.write, "w", is_fine=False)
    assert "there are no documents to write from" in str(done.exception)


LONG = "The lease of the mill, which both parties signed in the town hall, ends on 31 May 2027."


@pytest.mark.parametrize(
    ("reply", "kinds", "failed"),
    [
        ("Question: When does the lease of the mill end?\nAnswer: 31 May 2027", {"engine": 1}, {}),
        ("Sorry.", {}, {Failure.SHAPE: 1}),
    ],
)
def test_an_engine_writes_and_what_it_does_wrong_is_counted(assay, reply, kinds, failed):
    assay.library.publish("papers", "/d/lease.txt", LONG, title="Lease")
    everything = assay.library.everything()
    engine = ScriptedEngine(answers=[reply])
    written = write_cases(assay, "w", readable=everything, cases=2, seed=0, engine=engine)
    assert written.prompt == "write-1"
    assert (written.kinds, written.failed) == (kinds, failed)


def propose(assay, *questions: str) -> None:
    cases = [
        (Case(key=question, question=question, references=("four",), tags=("written",)), None)
        for question in questions
    ]
    assay.evals.propose("w", cases)


def test_a_review_accepts_edits_drops_skips_and_stops(assay):
    propose(assay, "One?", "Two?", "Three?", "Four?", "Five?")
    stdin = "a\ne\nTwo, better?\n\nd\ns\nq\n"
    done = run(review_command.review, "w", stdin=stdin)
    assert "1 accepted, 1 edited, 1 dropped, 1 skipped; 2 wait" in done.stdout
    cases = assay.evals.cases(assay.evals.suite("w"))
    assert [(one.key, one.question) for one in cases] == [
        ("One?", "One?"),
        ("Two?", "Two, better?"),
    ]
    assert cases[1].references == ("four",)
    assert [one.case.question for one in assay.evals.proposals("w")] == ["Four?", "Five?"]


def test_everything_may_be_accepted_at_once(assay):
    propose(assay, "One?", "Two?")
    assert "--accept-all" in str(run(review_command.review, "w", "--json", is_fine=False).exception)
    said = json.loads(run(review_command.review, "w", "--accept-all", "--json").stdout)
    assert (said["accepted"], said["waiting"]) == (2, 0)
    assert "nothing to review" in run(review_command.review, "w").stdout


def test_no_text_drives_the_terminal(assay):
    propose(assay, "Red \x1b[31m?")
    assert "\x1b" not in run(review_command.review, "w", stdin="s\n").output
    assert "w: no cases yet; 1 wait for review" in run(commands.suites).stdout


def test_the_command_knows_the_shapes_there_are():
    assert tuple(Shape) == commands.READ
    assert WRITTEN == commands.WRITTEN
