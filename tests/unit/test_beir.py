"""Collections in BEIR form: read strictly, so that a bad line is named and never scored."""

import json
from pathlib import Path

import pytest

from evals.beir import Query, default_qrels, measure, read_corpus, read_queries
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
    scores = measure(
        queries, lambda text: [hit(path) for path in found[text]], on_progress=told.append
    )
    # d1 is second, not third: reciprocal rank 1/2; the second question finds nothing: 0
    assert scores["MRR@10"].value == 0.25
    assert (scores["MRR@10"].scored, scores["MRR@10"].unscored) == (2, 1)
    assert scores["Recall@100"].value == 0.5
    assert told == [1, 2, 3]
