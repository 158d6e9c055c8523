"""The command line as people use it: real processes, the real encoder, one home folder, one story.

Each test goes on where the one before ended, because a model takes seconds to load.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.installed import metadata_folder

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 300
# Enough that a kill falls between the first and the last of them.
SMALL_FILES = 120


class CommandLine:
    """Runs `python -m app.cli` over a home folder with a space in its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "a home"
        self.files = folder / "my files"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
        paths = [str(ROOT), str(metadata_folder(folder / "installed") or "")]
        self.environment = kept | {
            "ASSAY_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "HF_HUB_OFFLINE": "1",
        }

    def start(self, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "app.cli", *map(str, arguments)],
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object, code: int = 0, **environment: str) -> tuple[str, str]:
        """Standard output and standard error of a command that ends with `code`."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == code, (arguments, process.returncode, out, err)
        assert "Traceback" not in out + err
        return out, err

    def json(self, *arguments: object, code: int = 0) -> dict:
        """The only line of standard output, which must be JSON."""
        out, _ = self.run(*arguments, "--json", code=code)
        [line] = out.splitlines()
        return json.loads(line)

    def documents(self) -> int:
        try:
            with sqlite3.connect(f"file:{self.home}/assay.db?mode=ro", uri=True) as sql:
                [(count,)] = sql.execute("SELECT count(*) FROM documents")
            sql.close()
        except sqlite3.OperationalError:  # not there yet
            return 0
        return count


@pytest.fixture(scope="module")
def assay(tmp_path_factory) -> CommandLine:
    command_line = CommandLine(tmp_path_factory.mktemp("command line"))
    files = command_line.files
    files.mkdir()
    (files / "lease.txt").write_text(
        "The lease ends on 31 May. The notice period is three months.\n"
    )
    (files / "menu.md").write_text("# Menu\n\nOn Monday there is pumpkin soup.\n")
    (files / "rules.html").write_text("<title>Rules</title><p>No trumpets after ten at night.</p>")
    for i in range(SMALL_FILES):
        (files / f"note {i:03}.txt").write_text(f"Note number {i} of the diary.")
    return command_line


def test_an_empty_home(assay):
    status = assay.json("status")
    assert status["home"] == str(assay.home)
    assert (status["change_number"], status["users"], status["collections"]) == (0, 0, [])
    assert assay.json("search", "anything at all") == {"hits": []}
    out, _ = assay.run("search", "anything")
    assert "nothing found" in out
    empty = assay.folder / "empty"
    empty.mkdir()
    report = assay.json("ingest", empty)
    assert report["passages_embedded"] == 0
    assert sum(count for name, count in report.items() if name != "reasons") == 0


def test_failures_are_one_line_with_a_reason_and_exit_code_1(assay):
    failed = assay.json("search", "x", "--as", "nobody", code=1)
    assert "no user or group 'nobody'" in failed["error"]
    failed = assay.json("search", "x", "--collection", "nowhere", code=1)
    assert "the collections are: 'documents'" in failed["error"]
    questions = assay.folder / "bad.jsonl"
    questions.write_text('{"_id": 1, "text": "fine\u2028still"}\n\n{"_id": 2}\n')
    out, err = assay.run("search", "--queries", questions, code=1)
    assert out == ""
    assert "bad.jsonl, line 3: expected" in err
    failed = assay.json("bench", "beir", assay.folder, code=1)
    assert "qrels/test.tsv: the file is missing" in failed["error"]
    _, err = assay.run("status", code=1, ASSAY_HOEM="x")
    assert "ASSAY_HOEM: there is no such setting" in err
    assert len(err.strip().splitlines()) == 1


def test_wrong_usage_has_exit_code_2(assay):
    for arguments in (["search"], ["ask"], ["ingest"], ["serch", "x"], ["search", "-k", "0", "x"]):
        out, err = assay.run(*arguments, code=2)
        assert out == ""
        assert "Usage:" in err


def test_a_killed_ingestion_is_gone_on_with(assay):
    process = assay.start("ingest", assay.files)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while assay.documents() < 5 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    kept = assay.documents()
    assert 5 <= kept < SMALL_FILES + 3
    report = assay.json("ingest", assay.files)
    assert report["unchanged"] == kept
    assert report["added"] == report["passages_embedded"] == SMALL_FILES + 3 - kept
    assert report["reasons"] == {}
    assert assay.documents() == SMALL_FILES + 3


def test_an_unchanged_run_embeds_nothing(assay):
    out, _ = assay.run("ingest", assay.files)
    assert out.splitlines() == [
        f"{SMALL_FILES + 3} unchanged",
        "0 passages embedded into collection 'documents'",
    ]
    [collection] = assay.json("status")["collections"]
    assert (collection["name"], collection["documents"]) == ("documents", SMALL_FILES + 3)


def test_sync_refuses_to_remove_most_of_a_folder(assay):
    away = assay.folder / "away"
    assay.files.rename(away)
    assay.files.mkdir()
    failed = assay.json("ingest", assay.files, "--sync", code=1)
    assert f"remove {SMALL_FILES + 3} of {SMALL_FILES + 3} documents" in failed["error"]
    assert "--yes" in failed["error"]
    assert assay.documents() == SMALL_FILES + 3
    assay.files.rmdir()
    away.rename(assay.files)


def test_a_folder_is_followed_until_ctrl_c(assay):
    followed = assay.folder / "followed"
    followed.mkdir()
    (followed / "first.txt").write_text("The first bell rings at eight.")
    options = ("--collection", "bells", "--watch", "--sync", "--json")
    process = assay.start("ingest", followed, *options)
    assert next_added(process)["added"] == 1
    (followed / "second.txt").write_text("The second bell rings at nine.")
    report = next_added(process)
    assert (report["state"], report["added"], report["reasons"]) == ("done", 1, {})
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (130, "")
    assert f"watching {followed}" in err
    assert "stopped; what was finished is kept" in err
    (followed / "third.txt").write_text("The third bell rings at ten.")
    report = assay.json("ingest", followed, "--collection", "bells", "--sync")
    assert (report["added"], report["unchanged"]) == (1, 2)


def next_added(process) -> dict:
    """The next report in which something is new: a file just written is left for the one after."""
    reports = map(json.loads, iter(process.stdout.readline, ""))
    return next(report for report in reports if report["added"])


def test_people_and_what_they_may_read(assay):
    out, _ = assay.run("user", "add", "ada")
    first = out.strip().rpartition(": ")[2]
    out, _ = assay.run("user", "password", "ada")
    assert out.strip().rpartition(": ")[2] != first
    out, _ = assay.run("key", "create", "--user", "ada")
    assert "assay_" in out
    _, err = assay.run("user", "add", "ada", code=1)
    assert "'ada' already" in err
    _, err = assay.run("user", "grant", "ada", "nowhere", code=1)
    assert "no collection 'nowhere'" in err
    # No grant, no passages, and no model is loaded to find none.
    assert assay.json("search", "lease", "--as", "ada") == {"hits": []}
    out, _ = assay.run("user", "grant", "ada", "documents")
    assert "'ada' may read 'documents'" in out
    questions = assay.folder / "questions.jsonl"
    rows = [
        {"_id": "q1", "text": "loud\u2028music"},
        {"_id": 2, "text": "When must the rent contract be given up?"},
        {"_id": "3", "text": " "},
    ]
    questions.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    out, _ = assay.run("search", "-k", 2, "--queries", questions, "--as", "ada")
    found = {row["_id"]: row["hits"] for row in map(json.loads, out.rstrip("\n").split("\n"))}
    assert list(found) == ["q1", "2", "3"]
    assert [len(hits) for hits in found.values()] == [2, 2, 0]
    assert found["q1"][0]["document"] == "rules.html"
    best = found["2"][0]
    assert (best["document"], best["page"], best["start"]) == ("lease.txt", None, 0)
    assert best["text"].startswith("The lease ends on 31 May.")
    assay.run("user", "grant", "ada", "documents", "none")
    assert assay.json("search", "lease", "--as", "ada") == {"hits": []}


def test_responses_of_others_are_verified_without_a_home(assay):
    rows = [
        {"id": 1, "context": "The lease ends on 31 May.", "response": "The lease ends on 31 May."},
        {"context": ["The lease ends on 31 May."], "response": "Elephants sing in 14 languages."},
    ]
    file = assay.folder / "responses.jsonl"
    file.write_text("\n".join([json.dumps(rows[0]), "nonsense", json.dumps(rows[1])]))
    nowhere = assay.folder / "no home"
    out, err = assay.run("verify", file, "--json", code=1, ASSAY_HOME=str(nowhere))
    first, bad, second = map(json.loads, out.splitlines())
    assert (first["id"], first["flagged"]) == (1, False)
    assert first["sentences"][0]["verdict"] == "supported"
    assert first["sentences"][0]["spans"][0]["quote"] == "The lease ends on 31 May."
    assert second["flagged"]
    assert second["score"] < first["score"]
    assert bad == {"error": "line 2: it is not JSON"}
    assert "line 2: it is not JSON" in err
    out, _ = assay.run("verify", file, code=1)
    assert "✓" in out
    assert not nowhere.exists()


def test_the_verifier_is_measured(assay):
    rows = [
        {"context": f"Note {i} was written at {i} o'clock.", "src": i, "task": "notes",
         "response": f"Note {i} was written at {i + (i % 2)} o'clock.", "label": 1 - i % 2}
        for i in range(12)
    ]  # fmt: skip
    file = assay.folder / "labelled.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    report = assay.json("bench", "groundedness", file)
    assert report["overall"]["unsupported_share"] == 0.5
    assert report["overall"]["sources"] == 12
    assert report["tasks"]["notes"]["systems"]["always flagged"]["recall"]["value"] == 1
    assert report["overall"]["systems"]["verifier"]["AUROC"]["low"] is not None
    out, _ = assay.run("bench", "groundedness", file, "--fit-on", file, "--by", "nothing")
    assert f"fitted on {file} and frozen" in out
    file.write_text('{"context": "x", "response": "y"}')
    failed = assay.json("bench", "groundedness", file, code=1)
    assert "labelled.jsonl, line 1: expected label 1" in failed["error"]


def test_the_doctor_finds_all_well_but_the_model_that_is_not_there(assay):
    nowhere = str(assay.folder / "no such model")
    out, _ = assay.run("doctor", "--repair", "--json", code=1, ASSAY_MODEL=nowhere)
    report = json.loads(out)
    assert report["healthy"] is False
    checks = {finding["check"]: finding for finding in report["findings"]}
    assert {"database", "lexical index", "encoder", "vectors", "vector index"} <= checks.keys()
    assert nowhere in checks["chat model"]["detail"]
    # Besides the model, only the killed process may have left something, and that is mended.
    not_ok = {name for name, finding in checks.items() if not finding["is_ok"]}
    assert not_ok - {"left-overs"} == {"chat model"}
    assert all(checks[name]["is_repaired"] for name in not_ok - {"chat model"})
