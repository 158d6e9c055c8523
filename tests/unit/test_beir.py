"""Collections in BEIR form: read strictly, so that a bad line is named and never scored."""

import json
from pathlib import Path

import pytest

from evals.beir import (
    Measured,
    Query,
    default_qrels,
    measure,
    queries_file,
    read_corpus,
    read_queries,
)
from evals.errors import BadDataset
from retrieval.types import Document, Hit, Passage


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "qrels").mkdir()
    return tmp_path


def lines(path: Path, *rows: object) -> Path:
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def hit(path: str) -> Hit:
    passage = Passage(1, 1, 1, 1, 0, 1, None, "", "x")
    return Hit(passage, Document(1, 1, path, path, "", "text/plain", 1), 1.0, None)


def queries_and_judgements(folder: Path) -> tuple[Path, Path]:
    queries = lines(
        folder / "queries.jsonl", {"_id": "q1", "text": "one"}, {"_id": 2, "text": "two"}
    )
    heading = "query-id\tcorpus-id\tscore"
    return queries, lines(
        folder / "qrels" / "test.tsv", heading, "q1\td1\t1", "q1\td2\t0", "2\td3\t2"
    )


def test_a_corpus_is_read_in_order(folder):
    lines(
        folder / "corpus.jsonl",
        {"_id": "d1", "title": "A title", "text": " Some text.\n"},
        "",
        {"_id": 7, "title": None, "text": "No title."},
        {"_id": "d3", "title": "Only a title", "text": ""},
        {"_id": "d4", "title": "", "text": "  \n"},
        {"_id": "d5", "text": "a\u2028b\x85c"},
    )
    files = list(read_corpus(folder))
    assert [file.path for file in files] == ["d1", "7", "d3", "d4", "d5"]
    assert [file.document.title for file in files] == ["A title", "", "Only a title", "", ""]
    texts = [file.document.text for file in files]
    assert texts == [" Some text.\n", "No title.", "Only a title", "d4", "a\u2028b\x85c"]


def test_queries_without_judgements_are_left_out(folder):
    queries, qrels = queries_and_judgements(folder)
    lines(
        queries,
        {"_id": "q1", "text": "one"},
        {"_id": "q9", "text": "nine"},
        {"_id": 2, "text": "two"},
    )
    assert read_queries(queries, qrels) == [
        Query("q1", "one", {"d1": 1, "d2": 0}),
        Query("2", "two", {"d3": 2}),
    ]


def test_judgements_need_no_heading(folder):
    queries, qrels = queries_and_judgements(folder)
    lines(qrels, "q1\td1\t-1")
    assert read_queries(queries, qrels) == [Query("q1", "one", {"d1": -1})]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (['{"_id": "q1", "text": "one"}', "{"], 2),
        (['{"_id": "q1", "text": "one"}', "", "", '["_id"]'], 4),
        (['{"text": "one"}'], 1),
        (['{"_id": "q1"}'], 1),
    ],
)
def test_a_bad_query_is_named_by_its_line(folder, rows, line):
    queries, qrels = queries_and_judgements(folder)
    lines(queries, *rows)
    with pytest.raises(BadDataset, match=rf"queries\.jsonl, line {line}: "):
        read_queries(queries, qrels)


@pytest.mark.parametrize(
    "bad", ["q1\td1", "q1\td1\t1\t1", "q1\td1\t1.5", "q1\td1\tyes", "q1\td1\t--1", "q1\td1\t²"]
)
def test_a_bad_judgement_is_named_by_its_line(folder, bad):
    queries, qrels = queries_and_judgements(folder)
    lines(qrels, "query-id\tcorpus-id\tscore", "", "q1\td1\t1", bad)
    with pytest.raises(BadDataset, match=r"test\.tsv, line 4: expected query-id"):
        read_queries(queries, qrels)


def test_a_bad_corpus_line_is_named(folder):
    lines(folder / "corpus.jsonl", {"_id": "d1", "text": "x"}, "nonsense")
    with pytest.raises(BadDataset, match=r"corpus\.jsonl, line 2: it is not JSON"):
        list(read_corpus(folder))


def test_missing_and_unreadable_files_are_named(folder):
    with pytest.raises(BadDataset, match=r"corpus\.jsonl: the file is missing"):
        list(read_corpus(folder))
    (folder / "corpus.jsonl").write_bytes(b'{"_id": "\xff"}\n')
    with pytest.raises(BadDataset, match=r"corpus\.jsonl: it is not UTF-8"):
        list(read_corpus(folder))


def test_test_judgements_come_before_dev_ones(folder):
    assert default_qrels(folder).name == "test.tsv"  # which is then named as missing
    (folder / "qrels" / "dev.tsv").touch()
    assert default_qrels(folder).name == "dev.tsv"
    (folder / "qrels" / "test.tsv").touch()
    assert default_qrels(folder).name == "test.tsv"


def test_a_document_stands_where_its_best_passage_stands():
    found = {"one": ["d2", "d2", "d1"], "two": []}
    queries = [
        Query("q1", "one", {"d1": 1}),
        Query("q2", "two", {"d1": 1}),
        Query("q3", "two", {"d": 0}),
    ]
    told = []
    measured = measure(
        queries, lambda query: [hit(path) for path in found[query.text]], on_progress=told.append
    )
    scores = measured.estimates()
    # d1 is second, not third: reciprocal rank 1/2; the second question finds nothing: 0
    assert scores["MRR@10"].value == 0.25
    assert (scores["MRR@10"].scored, scores["MRR@10"].unscored) == (2, 1)
    assert scores["Recall@100"].value == 0.5
    assert told == [1, 2, 3]


def test_queries_of_a_conversation_are_its_turns(folder):
    queries, qrels = queries_and_judgements(folder)
    turns = "|user|: What is it?\n|user|: Does it scale,\nand how?\n|user|: "
    lines(queries, {"_id": "q1", "text": turns}, {"_id": "2", "text": "|user|: alone"})
    first, second = read_queries(queries, qrels)
    assert (first.text, first.history) == ("Does it scale,\nand how?", ("What is it?",))
    assert (second.text, second.history) == ("alone", ())


def test_the_usual_queries_come_before_conversations_and_a_variant_before_both(folder):
    assert queries_file(folder).name == "queries.jsonl"  # which is then named as missing
    (folder / "queries_questions.jsonl").touch()
    assert queries_file(folder).name == "queries_questions.jsonl"
    (folder / "queries.jsonl").touch()
    assert queries_file(folder).name == "queries.jsonl"
    assert queries_file(folder, "rewrite").name == "queries_rewrite.jsonl"


def run_of(*values: float | None, seconds: tuple[float, ...] = ()) -> Measured:
    queries = [Query(f"c{i // 2}<::>{i}", "x", {"d": 1}) for i in range(len(values))]
    return Measured(queries, {"nDCG@10": values}, seconds)


def test_a_difference_is_of_the_queries_that_both_have():
    found = run_of(0.5, None, 1.0, 0.5).over(run_of(0.25, 1.0, 0.5, None))["nDCG@10"]
    assert found.value == 0.375  # of .25 and .5
    assert found.low == 0.25
    assert found.high == 0.5


def test_turns_of_one_conversation_are_drawn_together():
    """Two conversations that cancel each other out within themselves: nothing varies."""
    found = run_of(1.0, 0.0, 1.0, 0.0).over(run_of(0.0, 1.0, 0.0, 1.0))["nDCG@10"]
    assert (found.value, found.low, found.high) == (0, 0, 0)


@pytest.mark.parametrize("values", [(), (None,)])
def test_a_difference_of_nothing_is_undefined(values):
    assert run_of(*values).over(run_of(*values))["nDCG@10"].value is None


def test_latency_is_by_nearest_rank():
    assert run_of().latency_ms() == {"p50": None, "p95": None, "p99": None}
    assert run_of(1.0, seconds=(0.25,)).latency_ms() == {"p50": 250, "p95": 250, "p99": 250}
    hundred = tuple(i / 1000 for i in range(100, 0, -1))
    found = run_of(*[1.0] * 100, seconds=hundred).latency_ms()
    assert found == pytest.approx({"p50": 50, "p95": 95, "p99": 99})
