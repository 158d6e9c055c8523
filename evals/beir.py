"""Measure retrieval on a collection in BEIR form, through the product's own code.

corpus.jsonl {_id, title, text} · queries.jsonl {_id, text} · qrels/{test,dev}.tsv (query-id,
corpus-id, score, with a heading line). A document's score is that of its best passage.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from evals.errors import BadDataset
from evals.metrics.estimate import Estimate, estimate
from evals.metrics.retrieval import ndcg, recall, reciprocal_rank
from evals.rows import lines_of, objects_of
from ingestion.publishing import ReadFile
from ingestion.types import Block, BlockKind, ParsedDocument
from retrieval.types import Hit

METRICS: Mapping[str, Callable[[Sequence[str], Mapping[str, int]], float | None]] = {
    "nDCG@10": partial(ndcg, k=10),
    "Recall@10": partial(recall, k=10),
    "Recall@100": partial(recall, k=100),
    "MRR@10": partial(reciprocal_rank, k=10),
}
_WHOLE = re.compile(r"-?[0-9]{1,9}")
# Several passages of one document take places: enough of them for 100 documents.
PASSAGES_PER_QUERY = 300


@dataclass(frozen=True, slots=True)
class Query:
    """A question and the grades of the documents judged for it."""

    id: str
    text: str
    relevance: Mapping[str, int]


def read_corpus(folder: Path) -> Iterator[ReadFile]:
    """The documents of `folder/corpus.jsonl`, `path` being their `_id`.

    Raises:
        BadDataset: the file is missing or a line is not what it should be.
    """
    for _, row in objects_of(folder / "corpus.jsonl", "_id"):
        identifier, title = _string(row, "_id"), str(row.get("title") or "")
        written = (str(row.get("text") or ""), title, identifier)
        text = next((words for words in written if words.strip()), "-")
        block = Block(BlockKind.PARAGRAPH, *_stripped_span(text))
        document = ParsedDocument(title, "text/plain", text, (block,))
        yield ReadFile(identifier, identifier, json.dumps(row).encode(), document)


def read_queries(queries: Path, qrels: Path) -> list[Query]:
    """The judged queries, in the file's order; those without judgements are left out.

    Raises:
        BadDataset: a file is missing or a line is not what it should be.
    """
    judgements: dict[str, dict[str, int]] = defaultdict(dict)
    for number, line in lines_of(qrels):
        fields = line.split("\t")
        if number == 1 and not _WHOLE.fullmatch(fields[-1]):
            continue
        if len(fields) != 3 or not _WHOLE.fullmatch(fields[2]):
            raise BadDataset(qrels, number, "expected query-id, corpus-id and a whole score")
        judgements[fields[0]][fields[1]] = int(fields[2])
    rows = [row for _, row in objects_of(queries, "_id", "text")]
    found = [Query(_string(r, "_id"), _string(r, "text"), judgements[str(r["_id"])]) for r in rows]
    return [query for query in found if query.relevance]


def default_qrels(folder: Path) -> Path:
    """The test judgements, or the dev ones where there is no test file."""
    test, dev = folder / "qrels" / "test.tsv", folder / "qrels" / "dev.tsv"
    return test if test.exists() or not dev.exists() else dev


def measure(
    queries: Sequence[Query],
    search: Callable[[str], list[Hit]],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, Estimate]:
    """Run every query and average each metric, with its interval.

    Args:
        search: best passages first; `Document.path` is the corpus id.
    """
    scores: dict[str, list[float | None]] = {name: [] for name in METRICS}
    for done, query in enumerate(queries, start=1):
        # A dict keeps the first, that is the best, passage of each document.
        ranking = list(dict.fromkeys(hit.document.path for hit in search(query.text)))
        for name, metric in METRICS.items():
            scores[name].append(metric(ranking, query.relevance))
        if on_progress:
            on_progress(done)
    return {name: estimate(values) for name, values in scores.items()}


def _string(row: dict[str, object], key: str) -> str:
    return str(row.get(key, ""))


def _stripped_span(text: str) -> tuple[int, int]:
    start = len(text) - len(text.lstrip())
    return start, len(text.rstrip())
