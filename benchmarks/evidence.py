"""How much of what answers a question is among the statements that the model reads.

    python -m benchmarks.evidence FOLDER [--work HOME] [--questions 100] [--budgets 100 200 400]

FOLDER is in BEIR form; `metadata` of its queries may have an `answer` or `answers`. Each question
is searched for and its statements are ranked as the product does; as many as fit a budget of tokens
(the encoder's) are the evidence, in the order of `rank_quotes` and in that of `varied`. Of both are
told, with the paired difference (95 %, bootstrap over questions): the share of questions all of
whose relevant documents are among the evidence, the share of these documents, and the share of the
answer's words that stand in it.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from app.bootstrap import Assay
from app.settings import settings_with
from evals.beir import default_qrels, queries_file, read_corpus, read_queries
from evals.metrics.resampling import clustered_bootstrap
from generation.answering import EVIDENCE_PASSAGES
from generation.groundedness.words import share, words_of
from generation.quoting import Quote, rank_quotes
from generation.variety import varied
from ingestion.publishing import publish_all
from retrieval.repeats import distinct
from retrieval.types import Hit


class Scores(NamedTuple):
    """Of one question, each in [0, 1]; `answer` is 0 where none is known."""

    all_documents: float
    documents: float
    answer: float


def scored(
    quotes: Sequence[Quote], hits: Sequence[Hit], tokens: dict[Quote, int], budget: int,
    relevant: set[str], answer: frozenset[str],
) -> Scores:  # fmt: skip
    """What the first statements hold that fit the budget; the first is taken anyway."""
    taken, used = [], 0
    for quote in quotes:
        used += tokens[quote]
        if taken and used > budget:
            break
        taken.append(quote)
    found = {hits[quote.index].document.path for quote in taken}
    words: set[str] = set()
    for quote in taken:
        words |= words_of(hits[quote.index].passage.text[quote.start : quote.end]).content
    return Scores(
        float(relevant <= found), len(relevant & found) / len(relevant), share(answer, words)
    )


def answers_of(file: Path) -> dict[str, frozenset[str]]:
    """The words of each query's answer, the first one where there are several."""
    known = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        told = row.get("metadata") or {}
        answer = told.get("answer") or next(iter(told.get("answers") or []), "")
        known[row["_id"]] = words_of(answer).content
    return known


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--budgets", type=int, nargs="+", default=[100, 200, 400])
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    file = queries_file(options.folder)
    queries = read_queries(file, default_qrels(options.folder))
    if len(queries) > options.questions:
        queries = random.Random(options.seed).sample(queries, options.questions)
    answers = answers_of(file)
    scores: dict[tuple[str, int], list[Scores]] = {}
    with tempfile.TemporaryDirectory(prefix="assay-evidence-") as temporary:
        assay = Assay(settings_with(options.work or Path(temporary), {}))
        made = assay.store.ensure_collection(options.folder.name)
        known = assay.store.known_files(made)
        corpus = [one for one in read_corpus(options.folder) if one.path not in known]
        for _ in publish_all(corpus, store=assay.store, collection=made, encoder=assay.encoder):
            pass
        for query in queries:
            hits = assay.searcher.search(
                query.text, readable=frozenset({made.id}), k=2 * EVIDENCE_PASSAGES,
                earlier=query.history,
            )  # fmt: skip
            hits = distinct(hits, EVIDENCE_PASSAGES)
            quotes = rank_quotes(query.text, hits, assay.encoder)
            texts = [hits[one.index].passage.text[one.start : one.end] for one in quotes]
            tokens = dict(zip(quotes, assay.encoder.count_tokens(texts), strict=True))
            asked, documents = words_of(query.text).content, [hit.document.id for hit in hits]
            orders = {"ranked": quotes, "varied": varied(quotes, asked, documents)}
            relevant = {name for name, grade in query.relevance.items() if grade > 0}
            for label, order in orders.items():
                for budget in options.budgets:
                    scores.setdefault((label, budget), []).append(
                        scored(order, hits, tokens, budget, relevant, answers[query.id])
                    )
        assay.close()
    for budget in options.budgets:
        before, after = (np.array(scores[label, budget]) for label in ("ranked", "varied"))
        for column, name in enumerate(Scores._fields):
            difference = after[:, column] - before[:, column]
            found = clustered_bootstrap(
                lambda rows, values=difference: {"d": float(values[rows].mean())},
                [query.id for query in queries],
            )["d"]
            print(
                f"{budget} tokens, {name}: {before[:, column].mean():.3f} -> "
                f"{after[:, column].mean():.3f}, {found.value:+.3f} "
                f"({found.low:+.3f} to {found.high:+.3f}), n = {len(queries)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
