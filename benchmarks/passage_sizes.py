"""How large should a passage be, and should passages overlap? The product's own search says.

    python -m benchmarks.passage_sizes squad ../shared/data --sizes 100 150 200 256 --overlaps 0 40

For each size the documents are read, cut, embedded and published as `assay ingest` does, into a
home of their own, and each question is searched for as the product searches. `squad`: Wikipedia
articles and the answerable questions of a half of SQuAD 2.0's development set; found is a passage
that holds the whole answer where it stands. `claude_docs` and `scifact` (questions of the training
set): found is a document that was judged relevant. Prints, with intervals by resampling whole
articles (squad) or questions: found among the first 1, 5 and 8 passages, found within so many
tokens of evidence, and differences from the size that ships, of the same questions.

With an overlap, each passage also repeats the end of the one before, cut at a sentence.
"""

import argparse
import hashlib
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ingestion.chunking import split_into_passages
from ingestion.publishing import TARGET_TOKENS
from ingestion.readers import read_document
from retrieval.access import AccessList
from retrieval.database import open_database
from retrieval.encoder import Encoder
from retrieval.encoder_loading import load_encoder
from retrieval.lexical import LexicalIndex
from retrieval.originals import Originals
from retrieval.schema import metadata
from retrieval.search import Searcher
from retrieval.sentences import sentence_spans
from retrieval.store import Store
from retrieval.types import Hit, PassageSpan, Revision, embedded_text
from retrieval.vectors.projection import VectorProjection

_RANKS = (1, 5, 8)
_BUDGETS = (200, 400, 800, 1600)
_DEEPEST = 30
_RESAMPLES = 2_000


class Question(NamedTuple):
    """What is asked, what is resampled together, and whether a hit is what was looked for."""

    text: str
    cluster: str
    is_found: Callable[[Hit], bool]


class Corpus(NamedTuple):
    """Named texts and the questions about them."""

    texts: dict[str, str]
    questions: list[Question]


@dataclass(frozen=True, slots=True)
class Overlapping(Revision):
    """A revision whose passages need not tile its text."""

    def __post_init__(self) -> None:
        """Check nothing: the store does not need it."""


def squad(data: Path, most: int, seed: int) -> Corpus:
    """Articles with the half's paragraphs, others beside them, and its answerable questions."""
    folder = data / "squad490" / "articles"
    paragraphs = {}
    for line in (data / "squad2_dev_half" / "corpus.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        paragraphs[row["_id"]] = row["text"]
    asked = []
    for line in (data / "squad2_dev_half" / "queries.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if not row["metadata"]["is_impossible"]:
            asked.append((row["text"], row["metadata"]))
    random.Random(seed).shuffle(asked)
    wanted = {m["paragraph"].partition("#")[0] for _, m in asked}
    names = sorted(path.stem for path in folder.glob("*.txt"))
    others = [name for name in names if name not in wanted]
    random.Random(seed).shuffle(others)
    texts = {}
    for name in sorted(wanted & set(names)) + others[: max(0, 50 - len(wanted))]:
        raw = (folder / f"{name}.txt").read_bytes()
        texts[name] = read_document(f"{name}.txt", raw).text
    questions = []
    for text, about in asked:
        article = about["paragraph"].partition("#")[0]
        spans = _places(texts.get(article, ""), paragraphs[about["paragraph"]], about["answers"])
        if spans:
            questions.append(Question(text, article, _holds(article, spans)))
    return Corpus(texts, questions[:most])


def _places(text: str, paragraph: str, answers: Sequence[str]) -> list[tuple[int, int]]:
    """Where the answers stand in an article, within their paragraph."""
    begin = text.find(paragraph.strip()[:60])
    if begin < 0:
        return []
    end = begin + len(paragraph) + 20
    found = []
    for answer in answers:
        at = text.find(answer, begin, end)
        if at >= 0:
            found.append((at, at + len(answer)))
    return found


def _holds(name: str, spans: Sequence[tuple[int, int]]) -> Callable[[Hit], bool]:
    def is_found(hit: Hit) -> bool:
        passage = hit.passage
        return hit.document.name == name and any(
            passage.start <= start and end <= passage.end for start, end in spans
        )

    return is_found


def judged(folder: Path, split: str, most: int, most_documents: int, seed: int) -> Corpus:
    """A collection with judgements: all judged documents, and others beside them."""
    relevant: dict[str, set[str]] = {}
    for line in (folder / "qrels" / f"{split}.tsv").read_text("utf-8").splitlines()[1:]:
        query, document, score = line.split("\t")
        if int(score) > 0:
            relevant.setdefault(query, set()).add(document)
    rows = [json.loads(line) for line in (folder / "corpus.jsonl").read_text("utf-8").splitlines()]
    needed = {document for documents in relevant.values() for document in documents}
    spare = [row["_id"] for row in rows if row["_id"] not in needed]
    random.Random(seed).shuffle(spare)
    kept = needed | set(spare[: max(0, most_documents - len(needed))])
    texts = {
        row["_id"]: f"{row['title']}\n\n{row['text']}" if row.get("title") else row["text"]
        for row in rows
        if row["_id"] in kept
    }
    questions = []
    for line in (folder / "queries.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["_id"] in relevant:
            names = frozenset(relevant[row["_id"]])
            questions.append(
                Question(row["text"], row["_id"], lambda hit, of=names: hit.document.name in of)
            )
    random.Random(seed).shuffle(questions)
    return Corpus(texts, questions[:most])


def passages_of(
    name: str, text: str, encoder: Encoder, size: int, overlap: int
) -> tuple[PassageSpan, ...]:
    """The passages that the product would make, each begun earlier by about `overlap` tokens."""
    document = read_document(f"{name.replace('/', '_')}.txt", text.encode())
    assert document.text == text, name
    spans = split_into_passages(
        document,
        count_tokens=encoder.count_tokens,
        limit_tokens=encoder.limit_tokens,
        target_tokens=min(size, encoder.limit_tokens),
    )
    return tuple(_widened(text, spans, encoder, overlap)) if overlap else spans


def _widened(
    text: str, spans: Sequence[PassageSpan], encoder: Encoder, overlap: int
) -> Iterator[PassageSpan]:
    for before, span in zip([None, *spans], spans, strict=False):
        start = span.start
        if before is not None:
            ends = [before.start + b for b, _ in sentence_spans(text[before.start : before.end])]
            counts = encoder.count_tokens([text[end : span.start] for end in ends])
            fitting = [end for end, n in zip(ends, counts, strict=True) if n <= overlap]
            start = min(fitting, default=span.start)
        [whole] = encoder.count_tokens([embedded_text(span.context, text[start : span.end])])
        yield replace(span, start=start) if whole <= encoder.limit_tokens else span


def publish(store: Store, corpus: Corpus, encoder: Encoder, size: int, overlap: int) -> list[int]:
    """Bring a corpus in. Returns the tokens of each passage."""
    collection = store.ensure_collection("measured")
    cut = {
        name: passages_of(name, text, encoder, size, overlap) for name, text in corpus.texts.items()
    }
    texts = [
        embedded_text(span.context, corpus.texts[name][span.start : span.end])
        for name, spans in cut.items()
        for span in spans
    ]
    vectors, row = encoder.encode(texts), 0
    for name, spans in cut.items():
        text = corpus.texts[name]
        data = text.encode()
        revision = Overlapping(
            path=f"/{name}", name=name, title=name, media_type="text/plain",
            sha256=hashlib.sha256(data).hexdigest(), text=text, passages=spans,
            vectors=vectors[row : row + len(spans)],
        )  # fmt: skip
        row += len(spans)
        store.publish(collection, revision, data, encoder=encoder.fingerprint)
    return encoder.count_tokens(texts)


def ranked(
    corpus: Corpus, encoder: Encoder, size: int, overlap: int
) -> tuple[np.ndarray, list[int], float]:
    """(questions, measures): found among the first so many passages, and within so many tokens."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        engine = open_database(home / "assay.db")
        metadata.create_all(engine)
        store = Store(engine, Originals(home / "originals"))
        tokens = publish(store, corpus, encoder, size, overlap)
        projection = VectorProjection(store, home / "vectors", encoder)
        searcher = Searcher(store, encoder, projection, LexicalIndex(engine))
        readable = AccessList(engine).everything()
        rows = [_row(one, searcher, encoder, readable) for one in corpus.questions]
        engine.dispose()
    return np.array(rows, dtype=np.float64), tokens, time.monotonic() - started


def _row(
    question: Question, searcher: Searcher, encoder: Encoder, readable: frozenset[int]
) -> list[float]:
    hits = searcher.search(question.text, readable=readable, k=_DEEPEST)
    spent = np.cumsum(encoder.count_tokens([hit.passage.text for hit in hits])) if hits else []
    at = next((i for i, hit in enumerate(hits) if question.is_found(hit)), None)
    if at is None:
        return [0.0] * (len(_RANKS) + len(_BUDGETS))
    return [
        *(float(at < rank) for rank in _RANKS),
        *(float(spent[at] <= budget) for budget in _BUDGETS),
    ]


def interval(values: np.ndarray, clusters: Sequence[str], seed: int) -> tuple[float, float]:
    """95 % of the means of resampled clusters."""
    names = sorted(set(clusters))
    members = [np.flatnonzero(np.array(clusters) == name) for name in names]
    sums = np.array([values[m].sum() for m in members])
    sizes = np.array([len(m) for m in members])
    draws = np.random.default_rng(seed).integers(0, len(names), (_RESAMPLES, len(names)))
    means = sums[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Read the arguments, measure each size, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["squad", "claude_docs", "scifact"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 150, 200, 256])
    parser.add_argument("--overlaps", type=int, nargs="+", default=[0])
    parser.add_argument("--questions", type=int, default=600)
    parser.add_argument("--documents", type=int, default=1_200)
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    if given.what == "squad":
        corpus = squad(given.data, given.questions, given.seed)
    else:
        split = "train" if given.what == "scifact" else "test"
        corpus = judged(
            given.data / given.what, split, given.questions, given.documents, given.seed
        )
    clusters = [question.cluster for question in corpus.questions]
    print(
        f"{len(corpus.texts)} documents, {len(clusters)} questions, {len(set(clusters))} clusters"
    )
    names = [f"first {rank}" for rank in _RANKS] + [f"{budget} tokens" for budget in _BUDGETS]
    encoder = load_encoder()
    base, _, _ = ranked(corpus, encoder, TARGET_TOKENS, 0)
    for size in given.sizes:
        for overlap in given.overlaps:
            found, tokens, seconds = ranked(corpus, encoder, size, overlap)
            print(
                f"\nsize {size} overlap {overlap}: {len(tokens)} passages, "
                f"{np.mean(tokens):.0f} tokens each, {seconds:.0f} s"
            )
            for column, name in enumerate(names):
                values, gain = found[:, column], found[:, column] - base[:, column]
                low, high = interval(values, clusters, given.seed)
                less, more = interval(gain, clusters, given.seed)
                print(
                    f"  {name:12} {values.mean():.3f} ({low:.3f} to {high:.3f}), against "
                    f"{TARGET_TOKENS}: {gain.mean():+.3f} ({less:+.3f} to {more:+.3f})",
                    flush=True,
                )


if __name__ == "__main__":
    main()
