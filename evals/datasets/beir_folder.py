"""Collections in BEIR form as suites: corpus.jsonl, queries.jsonl and qrels.

A query's `metadata` may hold what is known of its answer: `answers` (or `answer` and `aliases`),
and `is_impossible`, as in SQuAD 2.0. Queries with neither judgements nor metadata are left out.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evals.datasets.fields import LONGEST_TEXT, case_of
from evals.datasets.sources import lines_of, objects_of_lines
from evals.errors import BadDataset
from evals.types import Case, Expectation, digest_of

HIGHEST_GRADE = 1_000_000


class Judged(NamedTuple):
    """A document of the corpus, as much of it as cases need."""

    title: str
    text: str


def read(folder: Path) -> Iterator[tuple[int, Case]]:
    """(line of queries.jsonl, case) of each query that something is known of.

    Raises:
        BadDataset: a file is missing, or a line is not what it should be.
    """
    queries = folder / "queries.jsonl"
    test, dev = folder / "qrels" / "test.tsv", folder / "qrels" / "dev.tsv"
    judgements = read_judgements(test if test.exists() or not dev.exists() else dev)
    rows = list(objects_of_lines(queries))
    for row in rows:
        if not {"_id", "text"} <= row.value.keys():
            raise BadDataset(queries, row.line, "expected an object with _id and text")
    wanted = {document for row in rows for document in _documents(row.value, judgements)}
    corpus = read_corpus(folder / "corpus.jsonl", wanted)
    for line, query in rows:
        grades = judgements.get(str(query["_id"]), {})
        made = _case_row(query, grades, corpus, folder)
        if made is not None:
            yield line, case_of(made, queries, line)


def read_judgements(path: Path) -> dict[str, dict[str, int]]:
    """query -> document -> grade, of those with a grade above 0.

    Raises:
        BadDataset: the file is missing, or a line is not `query, document, whole grade`.
    """
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for number, line in lines_of(path):
        cells = line.split("\t")
        try:
            query, document, grade = cells[0], cells[1], int(cells[2])
        except (IndexError, ValueError) as error:
            if number == 1:
                continue  # the heading
            reason = "expected query-id, corpus-id and a whole score, with tabs between them"
            raise BadDataset(path, number, reason) from error
        if 0 < grade <= HIGHEST_GRADE:
            found[query][document] = grade
    return found


def read_corpus(path: Path, wanted: Iterable[str]) -> dict[str, Judged]:
    """The wanted documents of a corpus, whatever its size; a long one's beginning.

    Raises:
        BadDataset: the file is missing, or a line is no object with `_id`.
    """
    needed = set(wanted)
    found: dict[str, Judged] = {}
    for line, row in objects_of_lines(path):
        if "_id" not in row:
            raise BadDataset(path, line, "expected an object with _id")
        name = str(row["_id"])
        if name in needed:
            text = str(row.get("text") or "")[:LONGEST_TEXT]
            found[name] = Judged(str(row.get("title") or ""), text)
    return found


def relevant_rows(grades: Mapping[str, int], corpus: Mapping[str, Judged]) -> list[dict[str, Any]]:
    """What is relevant, as rows of a case: by its text; by its name where the corpus has no text.

    An identifier of a corpus is no file's name: whoever ingested these texts may call them
    anything, and only their words are sure to be the same.
    """
    texts = {name: corpus[name].text if name in corpus else "" for name in grades}
    return [
        {"text": texts[name], "grade": grade}
        if texts[name].strip()
        else {"document": name, "grade": grade}
        for name, grade in grades.items()
    ]


def _metadata(row: Mapping[str, Any]) -> Mapping[str, Any]:
    known = row.get("metadata")
    return known if isinstance(known, dict) else {}


def _documents(row: Mapping[str, Any], judgements: Mapping[str, Mapping[str, int]]) -> list[str]:
    paragraph = _metadata(row).get("paragraph")
    named = [str(paragraph)] if isinstance(paragraph, str) else []
    return [*judgements.get(str(row["_id"]), {}), *named]


def _case_row(
    row: Mapping[str, Any], grades: Mapping[str, int], corpus: Mapping[str, Judged], folder: Path
) -> dict[str, Any] | None:
    known = _metadata(row)
    references = _answers(known)
    is_impossible = known.get("is_impossible")
    if not grades and not references and is_impossible is None:
        return None
    expectation = Expectation.ANSWER if references else None
    if isinstance(is_impossible, bool):
        expectation = Expectation.ABSTAIN if is_impossible else Expectation.ANSWER
    declines = expectation is Expectation.ABSTAIN
    documents = _documents(row, {str(row["_id"]): grades})
    cluster = next((corpus[name].title for name in documents if name in corpus), "")
    return {
        "key": row["_id"],
        "question": row["text"],
        "references": [] if declines else references,
        "expectation": expectation,
        "relevant": [] if declines else relevant_rows(grades, corpus),
        "cluster": cluster if isinstance(known.get("paragraph"), str) else "",
        "source": folder.resolve().name,
    }


def _answers(known: Mapping[str, Any]) -> list[Any]:
    found: list[Any] = []
    for name in ("answers", "answer", "aliases"):
        value = known.get(name)
        if value is not None:
            found += value if isinstance(value, list) else [value]
    return found


def written(cases: Sequence[Case]) -> dict[str, str]:
    """The cases as the files of a folder, by their path within it.

    The corpus holds what is relevant and nothing else, so a search in it is easier than it was.
    """
    corpus: dict[str, str] = {}
    queries, judged = [], ["query-id\tcorpus-id\tscore"]
    for case in cases:
        known: dict[str, Any] = {"answers": list(case.references)} if case.references else {}
        if case.expectation is not None:
            known["is_impossible"] = case.expectation is Expectation.ABSTAIN
        queries.append({"_id": case.key, "text": case.question, "metadata": known})
        for one in case.relevant:
            name = one.document
            if not name or name != " ".join(name.split()) or corpus.get(name, one.text) != one.text:
                name = f"text-{digest_of([one.document, one.text])[:16]}"
            corpus[name] = one.text
            judged.append(f"{_plain(case.key)}\t{name}\t{one.grade}")
    documents = [{"_id": name, "title": "", "text": text} for name, text in corpus.items()]
    return {
        "corpus.jsonl": _lines(documents),
        "queries.jsonl": _lines([{**query, "_id": _plain(query["_id"])} for query in queries]),
        "qrels/test.tsv": "\n".join(judged) + "\n",
    }


def _plain(key: object) -> str:
    return " ".join(str(key).split())


def _lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
