"""`assay bench beir`: the product's own search, measured over a corpus that is not yours."""

import json

import pytest
from click.testing import CliRunner

from app.cli.beir import beir
from app.cli.terminal import Terminal

CORPUS = {
    "lease": "The lease ends in May. The rent is due on the first.",
    "menu": "The soup of the day is leek.",
    "bees": "Bees store honey in combs.",
}
QUERIES = {"1": "When does the lease end?", "2": "Which soup is there?", "3": "Where is honey?"}
RELEVANT = {"1": "lease", "2": "menu", "3": "bees"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    rows = [{"_id": name, "title": name, "text": text} for name, text in CORPUS.items()]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = [{"_id": name, "text": text} for name, text in QUERIES.items()]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    judged = "".join(f"{query}\t{document}\t1\n" for query, document in RELEVANT.items())
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return folder


def run(folder, *options, code=0):
    done = CliRunner().invoke(beir, [str(folder), *options], obj=Terminal())
    assert done.exit_code == code, done.output
    return done.output if code else done.stdout


def test_kinds_of_index_are_compared_on_the_same_queries(folder, tmp_path):
    work = tmp_path / "work"
    out = run(folder, "--index", "graph", "--compare", "flat", "--work", str(work), "--json")
    report = json.loads(out.splitlines()[-1])
    assert (report["index"], report["passages"]) == ("graph", 3)
    assert report["nDCG@10"]["value"] == 1.0
    assert set(report["latency_ms"]) == {"p50", "p95", "p99"}
    assert report["peak_mb"] > 0
    assert report["compared"]["flat"]["difference"]["nDCG@10"]["value"] == 0.0
    assert not (tmp_path / "home" / "assay.db").exists()
    # What was kept is searched again, with what suits so few.
    again = run(folder, "--index", "auto", "--work", str(work))
    assert "3 passages, vector index of kind flat" in again


def test_what_is_measured_already_is_not_compared(folder):
    assert "leave it out" in run(folder, "--compare", "hybrid", code=2)
    assert "leave it out" in run(folder, "--compare", "flat", "--compare", "flat", code=2)
