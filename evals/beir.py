"""Measure retrieval on a collection in BEIR form, through the product's own code.

corpus.jsonl {_id, title, text} · queries.jsonl {_id, text} · qrels/{test,dev}.tsv (query-id,
corpus-id, score, with a heading line). A document's score is that of its best passage. Queries of
MTRAG are conversations: each line of their text begins with `|user|:`, and the last asks.
"""

import json
import math
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evals.errors import BadDataset
from evals.metrics.estimate import Estimate, estimate
from evals.metrics.resampling import Interval, clustered_bootstrap
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
_TURN = re.compile(r"^\|user\|: ?", re.MULTILINE)
# Turns of one conversation are named CONVERSATION<::>NUMBER.
_TURN_OF = "<::>"
_PERCENTILES = (50, 95, 99)
# Several passages of one document take places: enough of them for 100 documents.
PASSAGES_PER_QUERY = 300


@dataclass(frozen=True, slots=True)
class Query:
    """A question and the grades of the documents judged for it.

    `history` is what the same person asked before, oldest first.
    """

    id: str
    text: str
    relevance: Mapping[str, int]
    history: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of running every query once, in their order.

    `values` are each metric's, None where it is undefined; `seconds` how long each search took.
    """

    queries: Sequence[Query]
    values: Mapping[str, Sequence[float | None]]
    seconds: Sequence[float]

    def estimates(self) -> dict[str, Estimate]:
        """The mean of each metric, with its interval."""
        return {name: estimate(values) for name, values in self.values.items()}

    def latency_ms(self) -> dict[str, float | None]:
        """The median, the 95th and the 99th percentile; None without queries. Nearest rank."""
        ordered = sorted(self.seconds)
        ranks = {q: max(0, math.ceil(q / 100 * len(ordered)) - 1) for q in _PERCENTILES}
        return {f"p{q}": ordered[rank] * 1000 if ordered else None for q, rank in ranks.items()}

    def over(self, other: "Measured") -> dict[str, Interval]:
        """How much higher each metric is here than there, on the same queries, with 95 %.

        Paired: a percentile bootstrap over queries, turns of one conversation drawn together.
        Undefined values are left out.
        """
        return {name: self._difference(other, name) for name in self.values}

    def _difference(self, other: "Measured", name: str) -> Interval:
        pairs = [
            (query.id.split(_TURN_OF)[0], mine - theirs)
            for query, mine, theirs in zip(
                self.queries, self.values[name], other.values[name], strict=True
            )
            if mine is not None and theirs is not None
        ]
        if not pairs:
            return Interval(None, None, None)
        differences = np.array([difference for _, difference in pairs])

        def mean(rows: NDArray[np.intp]) -> dict[str, float | None]:
            return {name: float(differences[rows].mean())}

        return clustered_bootstrap(mean, [cluster for cluster, _ in pairs])[name]


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
    found = []
    for _, row in objects_of(queries, "_id", "text"):
        *history, asked = _turns(_string(row, "text"))
        name = _string(row, "_id")
        found.append(Query(name, asked, judgements[name], tuple(history)))
    return [query for query in found if query.relevance]


def _turns(text: str) -> list[str]:
    """What was asked, oldest first; a text without marks is one question."""
    turns = [turn.strip() for turn in _TURN.split(text)[1:]] if _TURN.match(text) else []
    return [turn for turn in turns if turn] or [text]


def queries_file(folder: Path, name: str | None = None) -> Path:
    """`folder/queries.jsonl`, or of MTRAG `queries_questions.jsonl`, the conversations.

    Args:
        name: a variant, such as `rewrite` for `queries_rewrite.jsonl`.
    """
    if name is not None:
        return folder / f"queries_{name}.jsonl"
    usual, conversations = folder / "queries.jsonl", folder / "queries_questions.jsonl"
    return usual if usual.exists() or not conversations.exists() else conversations


def default_qrels(folder: Path) -> Path:
    """The test judgements, or the dev ones where there is no test file."""
    test, dev = folder / "qrels" / "test.tsv", folder / "qrels" / "dev.tsv"
    return test if test.exists() or not dev.exists() else dev


def measure(
    queries: Sequence[Query],
    search: Callable[[Query], list[Hit]],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Measured:
    """Run every query and score what was found.

    Args:
        search: best passages first; `Document.path` is the corpus id.
    """
    values: dict[str, list[float | None]] = {name: [] for name in METRICS}
    seconds = []
    for done, query in enumerate(queries, start=1):
        begun = time.perf_counter()
        hits = search(query)
        seconds.append(time.perf_counter() - begun)
        # A dict keeps the first, that is the best, passage of each document.
        ranking = list(dict.fromkeys(hit.document.path for hit in hits))
        for name, metric in METRICS.items():
            values[name].append(metric(ranking, query.relevance))
        if on_progress:
            on_progress(done)
    return Measured(queries, values, seconds)


def _string(row: dict[str, object], key: str) -> str:
    return str(row.get(key, ""))


def _stripped_span(text: str) -> tuple[int, int]:
    start = len(text) - len(text.lstrip())
    return start, len(text.rstrip())
