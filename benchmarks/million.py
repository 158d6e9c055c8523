"""Searches over a million passages: how long they take, what they find, what they need.

    python -m benchmarks.million FOLDER… [--passages 1000000] [--queries 200] [--work DIRECTORY]

FOLDER is a home folder with documents. Its vectors are real; copies of them with noise, and texts
resampled from its words, make up the number. The store, both indexes and the fusion are the
product's own; only encoding the questions, which takes as long at any size, is left out: questions
are vectors of passages with more noise, and the rarest words of those passages.
"""

import argparse
import json
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.database import open_database
from retrieval.lexical import LexicalIndex
from retrieval.originals import Originals, sha256_of
from retrieval.schema import metadata
from retrieval.search import Searcher
from retrieval.store import Store
from retrieval.types import Mode, PassageSpan, Revision, unit_rows
from retrieval.vectors.kinds import Kind
from retrieval.vectors.projection import VectorProjection

FINGERPRINT = "million"
PASSAGES_A_DOCUMENT = 500
WORDS_A_PASSAGE = (40, 120)
# Added to a unit vector, over its dimension's square root: a copy's cosine to it is about .9, a
# question's about .7, as those of questions to the passages that answer them are.
COPY_NOISE, QUESTION_NOISE = 0.48, 1.0
# Shares of the passages that each filter leaves.
FILTERS = {"half": 0.5, "hundredth": 0.01, "ten-thousandth": 0.0001}


class TableEncoder:
    """Gives back the vector that belongs to a question."""

    fingerprint = FINGERPRINT
    limit_tokens = 100_000

    def __init__(self, table: dict[str, NDArray[np.float32]], dimension: int) -> None:
        self._table = table
        self.dimension = dimension

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [1] * len(texts)

    def encode(
        self,
        texts: Sequence[str],
        *,
        on_progress: Callable[[int], None] | None = None,  # noqa: ARG002 - as an encoder has it
    ) -> NDArray[np.float32]:
        return np.stack([self._table[text] for text in texts])


def real_passages(homes: Sequence[Path]) -> tuple[NDArray[np.float32], list[str]]:
    """Every vector of the homes, and all their words."""
    vectors, words = [], []
    for home in homes:
        engine = open_database(home / "assay.db")
        store = Store(engine, Originals(home / "originals"))
        found = store.vector_delta(0, encoder=store.encoders()[0])
        vectors.append(found.vectors)
        located = store.located(found.passage_ids[:5000].tolist())
        words += [word for one in located.values() for word in one.passage.text.split()]
        engine.dispose()
    return np.concatenate(vectors), words


def noisy(
    vectors: NDArray[np.float32], noise: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    scale = noise / np.sqrt(vectors.shape[1])
    return unit_rows(vectors + generator.normal(scale=scale, size=vectors.shape).astype(np.float32))


def revisions(
    vectors: NDArray[np.float32], words: list[str], count: int, generator: np.random.Generator
) -> Iterator[tuple[str, Revision]]:
    """(collection, revision) until there are `count` passages; the first hold the real vectors.

    Collections are named after the filter they are for; what is left is in "rest".
    """
    vocabulary = np.array(words)
    for begin in range(0, count, PASSAGES_A_DOCUMENT):
        size = min(PASSAGES_A_DOCUMENT, count - begin)
        sources = (begin + np.arange(size)) % len(vectors)
        chosen = vectors[sources]
        if begin >= len(vectors):
            chosen = noisy(chosen, COPY_NOISE, generator)
        spans, texts, position = [], [], 0
        for _ in range(size):
            length = int(generator.integers(*WORDS_A_PASSAGE))
            text = " ".join(vocabulary[generator.integers(len(vocabulary), size=length)]) + "\n"
            spans.append(PassageSpan(position, position + len(text), None, ""))
            texts.append(text)
            position += len(text)
        whole = "".join(texts)
        name = f"{begin}.txt"
        yield (
            collection_of(begin, count),
            Revision(name, name, "", "text/plain", sha256_of(whole.encode()), whole,
                     tuple(spans), chosen),
        )  # fmt: skip


def collection_of(begin: int, count: int) -> str:
    """Spread over the whole: a document in a hundred, one document, every second, the rest."""
    document = begin // PASSAGES_A_DOCUMENT
    if document == (count // PASSAGES_A_DOCUMENT) // 3:
        return "ten-thousandth"
    if document % 100 == 7:
        return "hundredth"
    return "half" if document % 2 else "rest"


def built(
    work: Path, homes: Sequence[Path], count: int
) -> tuple[Store, NDArray[np.float32], float]:
    """A store with so many passages; what there is already is kept. And the seconds it took."""
    engine = open_database(work / "assay.db")
    metadata.create_all(engine)
    store = Store(engine, Originals(work / "originals"))
    vectors, words = real_passages(homes)
    begun = time.perf_counter()
    known = {c.name: store.known_files(c) for c in store.collections()}
    for collection, revision in revisions(vectors, words, count, np.random.default_rng(0)):
        if revision.path in known.get(collection, {}):
            continue
        made = store.ensure_collection(collection)
        store.publish(made, revision, revision.text.encode(), encoder=FINGERPRINT)
        if int(revision.path.split(".")[0]) % 50_000 == 0:
            print(revision.path, f"{time.perf_counter() - begun:.0f} s", flush=True)
    return store, vectors, time.perf_counter() - begun


def questions(
    store: Store, ids: NDArray[np.int64], vectors: NDArray[np.float32], count: int
) -> dict[str, NDArray[np.float32]]:
    """Questions near passages, by their words."""
    generator = np.random.default_rng(1)
    chosen = generator.choice(len(ids), size=count, replace=False)
    near = noisy(vectors[chosen], QUESTION_NOISE, generator)
    located = store.located(ids[chosen].tolist())
    common = Counter(word for one in located.values() for word in set(one.passage.text.split()))
    made = {}
    for row, vector in zip(chosen, near, strict=True):
        text = located[int(ids[row])].passage.text.split()
        rarest = sorted(dict.fromkeys(text), key=lambda word: (common[word], word))[:6]
        made[" ".join(rarest)] = vector
    return made


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    return {f"p{q}": round(float(np.percentile(seconds, q)) * 1000, 1) for q in (50, 95, 99)}


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


def recalls(
    projection: VectorProjection,
    asked: dict[str, NDArray[np.float32]],
    readable: frozenset[int],
) -> dict[str, float | dict[str, float]]:
    """Recall@10 against comparing everything, and how long the search took."""
    index, shares, seconds = projection.current(), [], []
    for vector in asked.values():
        exact = {c.passage_id for c in index.search(vector, readable=readable, k=10, is_exact=True)}
        begun = time.perf_counter()
        found = {c.passage_id for c in index.search(vector, readable=readable, k=10)}
        seconds.append(time.perf_counter() - begun)
        shares.append(len(found & exact) / len(exact))
    return {"recall@10": round(float(np.mean(shares)), 4), "ms": percentiles(seconds)}


def measured(work: Path, homes: Sequence[Path], count: int, asked: int, kind: Kind | None) -> dict:
    store, _, seconds = built(work, homes, count)
    report: dict = {"passages": count, "publishing_seconds": round(seconds)}
    dimension = store.vector_sample(encoder=FINGERPRINT, rows=1).shape[1]
    encoder = TableEncoder({}, dimension)
    projection = VectorProjection(store, work / "vectors", encoder, chosen=kind)
    begun = time.perf_counter()
    projection.rebuild()
    report["kind"] = projection.current().kind.value
    report["index_seconds"] = round(time.perf_counter() - begun)
    report["index_mb"] = sum(f.stat().st_size for f in (work / "vectors").rglob("*")) // 1_000_000
    report["peak_mb_building"] = peak_mb()
    print(json.dumps(report), flush=True)
    ids, rows = projection.current().some_rows(20_000)
    table = questions(store, ids, rows, asked)
    encoder = TableEncoder(table, dimension)
    names = {c.name: c.id for c in store.collections()}
    everything = frozenset(names.values())
    report["all"] = recalls(projection, table, everything)
    for name, share in FILTERS.items():
        report[f"filter {share:.2%}"] = recalls(projection, table, frozenset({names[name]}))
        print(name, json.dumps(report[f"filter {share:.2%}"]), flush=True)
    searcher = Searcher(store, encoder, projection, LexicalIndex(store._engine))
    for mode in Mode:
        taken = []
        for question in table:
            begun = time.perf_counter()
            searcher.search(question, readable=everything, k=10, mode=mode)
            taken.append(time.perf_counter() - begun)
        report[mode.value] = percentiles(taken)
    report["peak_mb"] = peak_mb()
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("homes", nargs="+", type=Path)
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--kind", choices=[kind.value for kind in Kind])
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="assay-million-") as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        kind = Kind(options.kind) if options.kind else None
        report = measured(work, options.homes, options.passages, options.queries, kind)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
