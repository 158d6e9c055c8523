"""Searches over a million passages: how long they take, what they find, what they need.

    python -m benchmarks.million WORK FOLDER… [--passages 1000000] [--queries 200] [--kind KIND]
    python -m benchmarks.million WORK --stage kinds
    python -m benchmarks.million WORK --stage peer --peer-python PEERS/bin/python

FOLDER is a home folder, whose vectors are taken, or has text files, whose sentences are encoded.
Those vectors are real; copies of them with noise, and texts resampled from their words, make up the
number. The store, both indexes and the fusion are the product's own; only encoding the questions,
which takes as long at any size, is left out: questions are vectors of passages with more noise, and
the first telling words of those passages.

Stages follow each other, each in a process of its own, so that its memory is its own. WORK keeps
what each has made and found: a run that was stopped goes on. The stage `kinds` stands alone: it
compares the kinds of index, without SQL, at the sizes where one follows another; so does `peer`,
which searches by meaning once more, and then with LangChain over the same vectors.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.database import open_database
from retrieval.encoder_loading import load_encoder
from retrieval.follow_up import telling_words
from retrieval.lexical import LexicalIndex
from retrieval.originals import Originals, sha256_of
from retrieval.schema import metadata
from retrieval.search import Searcher
from retrieval.sentences import sentence_spans
from retrieval.store import Store
from retrieval.types import Mode, PassageSpan, Revision, VectorDelta, unit_rows
from retrieval.vectors.index import PassageVectors
from retrieval.vectors.kinds import Kind
from retrieval.vectors.projection import VectorProjection
from retrieval.vectors.structures import sample_size

FINGERPRINT = "million"
PASSAGES_A_DOCUMENT = 500
WORDS_A_PASSAGE = (40, 120)
WORDS_A_QUESTION = 6
# Added to a unit vector, over its dimension's square root: a copy's cosine to it is about .9, a
# question's about .7, as those of questions to the passages that answer them are.
COPY_NOISE, QUESTION_NOISE = 0.48, 1.0
# Shares of the passages that each filter leaves.
FILTERS = {"half": 0.5, "hundredth": 0.01, "ten-thousandth": 0.0001}
STAGES = ("real", "build", "index", "search", "change")
SIZES = (50_000, 150_000, 300_000, 1_000_000)
# Characters of a sentence that is encoded, and how many sentences are at once.
SENTENCE, PART = (40, 300), 2000
# A graph of more takes longer to make than a run of this may take.
GRAPH_AT_MOST = 300_000
DIMENSION_OF_REAL = 384


class Figures:
    """What was found, kept as soon as it is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.values: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def once(self, name: str, measure: Callable[[], Any]) -> None:
        """Measure what was not measured yet."""
        if name not in self.values:
            self.put(name, measure())

    def put(self, name: str, value: object) -> None:
        self.values[name] = value
        self._path.write_text(json.dumps(self.values, indent=2))
        print(name, json.dumps(value), flush=True)


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


def keep_real(work: Path, folders: Sequence[Path], count: int, figures: Figures) -> None:
    """Vectors that are there, and those of sentences until there are so many, with words."""
    homes = [folder for folder in folders if (folder / "assay.db").exists()]
    for number, home in enumerate(homes):
        path = work / f"real-home{number}.npz"
        if not path.exists():
            keep_part(work, path, *vectors_of_home(home))
    texts = [folder for folder in folders if folder not in homes]
    parts = sum(1 for _ in work.glob("real-text*.npz"))
    sentences = islice(sentences_of(texts), parts * PART, None)
    encoder = load_encoder() if texts else None
    while encoder is not None and len(real_of(work)[0]) < count:
        part = list(islice(sentences, PART))
        if not part:
            break
        words = " ".join(part).split()
        keep_part(work, work / f"real-text{parts:03}.npz", encoder.encode(part), words)
        parts += 1
    figures.put("real_vectors", len(real_of(work)[0]))


def keep_part(work: Path, path: Path, vectors: NDArray[np.float32], words: Sequence[str]) -> None:
    # Named when it is whole.
    np.savez(work / "part.npz", vectors=vectors, words=np.array(words))
    (work / "part.npz").replace(path)
    print(path.name, len(vectors), flush=True)


def vectors_of_home(home: Path) -> tuple[NDArray[np.float32], list[str]]:
    """Every vector of a home folder, and words of some thousand passages."""
    engine = open_database(home / "assay.db")
    store = Store(engine, Originals(home / "originals"))
    found = store.vector_delta(0, encoder=store.encoders()[0])
    located = store.located(found.passage_ids[:5000].tolist())
    engine.dispose()
    return found.vectors, [w for one in located.values() for w in one.passage.text.split()]


def sentences_of(folders: Sequence[Path]) -> Iterator[str]:
    """Sentences that say something, each once; of every file some, then of every file more."""
    files = sorted(path for folder in folders for path in folder.rglob("*.txt"))
    seen: set[str] = set()
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files]
    spans = [sentence_spans(text) for text in texts]
    for place in range(max(map(len, spans), default=0)):
        for text, places in zip(texts, spans, strict=True):
            if place < len(places):
                sentence = text[slice(*places[place])].strip()
                if SENTENCE[0] <= len(sentence) <= SENTENCE[1] and sentence not in seen:
                    seen.add(sentence)
                    yield sentence


def real_of(work: Path) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    parts = [np.load(path) for path in sorted(work.glob("real-*.npz"))]
    if not parts:
        return np.empty((0, DIMENSION_OF_REAL), np.float32), np.array([""])
    # Each once, whatever the homes have in common.
    vectors = np.unique(np.concatenate([part["vectors"] for part in parts]), axis=0)
    # The files come in an order: mixed, each part of the million has something of all.
    vectors = vectors[np.random.default_rng(2).permutation(len(vectors))]
    return vectors, np.concatenate([part["words"] for part in parts])


def noisy(
    vectors: NDArray[np.float32], noise: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    scale = noise / np.sqrt(vectors.shape[1])
    return unit_rows(vectors + generator.normal(scale=scale, size=vectors.shape).astype(np.float32))


def made_vectors(real: NDArray[np.float32], begin: int, size: int) -> NDArray[np.float32]:
    """Rows [begin, begin + size) of the million: the real ones, then copies with noise."""
    chosen = real[(begin + np.arange(size)) % len(real)]
    if begin < len(real):
        return chosen
    return noisy(chosen, COPY_NOISE, np.random.default_rng(begin))


def revision_at(
    begin: int, size: int, real: NDArray[np.float32], words: NDArray[np.str_]
) -> Revision:
    """A document of so many passages."""
    generator = np.random.default_rng(begin + 1)
    spans, texts, position = [], [], 0
    for _ in range(size):
        length = int(generator.integers(*WORDS_A_PASSAGE))
        text = " ".join(words[generator.integers(len(words), size=length)]) + "\n"
        spans.append(PassageSpan(position, position + len(text), None, ""))
        texts.append(text)
        position += len(text)
    whole, name = "".join(texts), f"{begin}.txt"
    return Revision(
        name, name, "", "text/plain", sha256_of(whole.encode()), whole, tuple(spans),
        made_vectors(real, begin, size),
    )  # fmt: skip


def collection_of(begin: int, count: int) -> str:
    """Spread over the whole: a document in a hundred, part of one, every second, the rest."""
    document = begin // PASSAGES_A_DOCUMENT
    if document == (count // PASSAGES_A_DOCUMENT) // 3:
        return "ten-thousandth"
    if document % 100 == 7:
        return "hundredth"
    return "half" if document % 2 else "rest"


def sizes_of(count: int) -> Iterator[tuple[int, int]]:
    """(begin, size) of each document; the one for the smallest filter is as small as that."""
    for begin in range(0, count, PASSAGES_A_DOCUMENT):
        size = min(PASSAGES_A_DOCUMENT, count - begin)
        if collection_of(begin, count) == "ten-thousandth":
            size = min(size, max(1, round(count * FILTERS["ten-thousandth"])))
        yield begin, size


def opened(work: Path) -> Store:
    engine = open_database(work / "assay.db")
    metadata.create_all(engine)
    return Store(engine, Originals(work / "originals"))


def publish(store: Store, collection: str, revision: Revision) -> None:
    made = store.ensure_collection(collection)
    store.publish(made, revision, revision.text.encode(), encoder=FINGERPRINT)


def build(work: Path, count: int, figures: Figures) -> None:
    """A store with so many passages; what there is already is kept."""
    store, (real, words) = opened(work), real_of(work)
    known = {path for c in store.collections() for path in store.known_files(c)}
    before = figures.values.get("publishing_seconds", 0.0)
    begun = time.perf_counter()
    for number, (begin, size) in enumerate(sizes_of(count)):
        if f"{begin}.txt" in known:
            continue
        publish(store, collection_of(begin, count), revision_at(begin, size, real, words))
        if number % 100 == 99:
            figures.put("publishing_seconds", round(before + time.perf_counter() - begun))
    figures.put("passages", store.count_with_vectors(encoder=FINGERPRINT))
    figures.put("database_mb", (work / "assay.db").stat().st_size // 1_000_000)
    figures.put("peak_mb_publishing", peak_mb())


def projection_of(work: Path, store: Store, kind: Kind | None) -> VectorProjection:
    table = TableEncoder({}, DIMENSION_OF_REAL)
    return VectorProjection(store, work / "vectors", table, chosen=kind)


def make_index(work: Path, kind: Kind | None, figures: Figures) -> None:
    if (work / "vectors" / "manifest.json").exists():
        return
    projection = projection_of(work, opened(work), kind)
    begun = time.perf_counter()
    projection.rebuild()
    figures.put("index_seconds", round(time.perf_counter() - begun))
    figures.put("kind", projection.current().kind.value)
    size = sum(f.stat().st_size for f in (work / "vectors").rglob("*")) // 1_000_000
    figures.put("index_mb", size)
    figures.put("peak_mb_index", peak_mb())


def questions(
    store: Store, ids: NDArray[np.int64], vectors: NDArray[np.float32], count: int
) -> dict[str, NDArray[np.float32]]:
    """Questions near passages, by their words."""
    generator = np.random.default_rng(1)
    chosen = generator.choice(len(ids), size=count, replace=False)
    near = noisy(vectors[chosen], QUESTION_NOISE, generator)
    located = store.located(ids[chosen].tolist())
    made = {}
    for row, vector in zip(chosen, near, strict=True):
        words = telling_words(located[int(ids[row])].passage.text)
        made[" ".join(words[:WORDS_A_QUESTION])] = vector
    return made


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    return {f"p{q}": round(float(np.percentile(seconds, q)) * 1000, 1) for q in (50, 95, 99)}


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // 1_000_000


def recalls(
    index: PassageVectors, asked: Sequence[NDArray[np.float32]], readable: frozenset[int]
) -> dict[str, Any]:
    """Recall@10 against comparing everything, and how long the search took."""
    shares, seconds = [], []
    for vector in asked:
        exact = {c.passage_id for c in index.search(vector, readable=readable, k=10, is_exact=True)}
        begun = time.perf_counter()
        # As deep as a search of the product goes.
        found = index.search(vector, readable=readable, k=100)[:10]
        seconds.append(time.perf_counter() - begun)
        shares.append(len({c.passage_id for c in found} & exact) / len(exact))
    return {
        "recall@10": round(float(np.mean(shares)), 4),
        "worst": round(min(shares), 2),
        "ms": percentiles(seconds),
        "n": len(shares),
    }


def search(work: Path, asked: int, kind: Kind | None, figures: Figures) -> None:
    """Recall with and without filters, and the latency of each way of searching."""
    store = opened(work)
    begun = time.perf_counter()
    projection = projection_of(work, store, kind)
    index = projection.current()
    figures.put("start_seconds", round(time.perf_counter() - begun, 1))
    table = questions(store, *index.some_rows(20_000), asked)
    vectors = list(table.values())
    names = {c.name: c.id for c in store.collections()}
    everything = frozenset(names.values())
    searcher = Searcher(
        store,
        TableEncoder(table, DIMENSION_OF_REAL),
        projection,
        LexicalIndex(store._engine),
    )
    for mode in (Mode.DENSE, Mode.LEXICAL, Mode.HYBRID):
        figures.once(mode.value, lambda: searched(searcher, table, everything, mode))  # noqa: B023
    figures.put("peak_mb_search", peak_mb())
    figures.once("all", lambda: recalls(index, vectors, everything))
    for name, share in FILTERS.items():
        readable = frozenset({names[name]})
        figures.once(f"filter {share:.2%}", lambda: recalls(index, vectors, readable))  # noqa: B023
        figures.once(
            f"filter {share:.2%}, hybrid",
            lambda: searched(searcher, table, readable, Mode.HYBRID),  # noqa: B023
        )


def searched(
    searcher: Searcher,
    asked: dict[str, NDArray[np.float32]],
    readable: frozenset[int],
    mode: Mode,
) -> dict[str, Any]:
    seconds = []
    for question in asked:
        begun = time.perf_counter()
        searcher.search(question, readable=readable, k=10, mode=mode)
        seconds.append(time.perf_counter() - begun)
    return {**percentiles(seconds), "n": len(seconds)}


def change(work: Path, kind: Kind | None, figures: Figures) -> None:
    """How long a search waits for a document that has come, and for one that has gone."""
    store, (real, words) = opened(work), real_of(work)
    projection = projection_of(work, store, kind)
    projection.current()
    path = "late.txt"

    def timed(act: Callable[[], object]) -> float:
        begun = time.perf_counter()
        act()
        return round(time.perf_counter() - begun, 2)

    late = revision_at(10**9, 20, real, words)
    object.__setattr__(late, "path", path)
    figures.put("publish_one_seconds", timed(lambda: publish(store, "rest", late)))
    figures.put("catch_up_seconds", timed(projection.current))
    known = store.known_files(store.collection("rest"))[path].document_id
    figures.put("delete_one_seconds", timed(lambda: store.remove([known])))
    figures.put("catch_up_deletion_seconds", timed(projection.current))


def beside_peer(work: Path, asked: int, kind: Kind | None, python: Path, figures: Figures) -> None:
    """Searches by meaning: ours, LangChain's, ours again, for the same questions."""
    store = opened(work)
    projection = projection_of(work, store, kind)
    found = store.vector_delta(0, encoder=FINGERPRINT)
    np.save(work / "peer-vectors.npy", found.vectors)
    _, words = real_of(work)
    (work / "peer-words.txt").write_text("\n".join(words[:200_000].tolist()))
    table = questions(store, *projection.current().some_rows(20_000), asked)
    np.save(work / "peer-questions.npy", np.stack(list(table.values())))
    del found, words
    readable = frozenset(c.id for c in store.collections())
    searcher = Searcher(
        store,
        TableEncoder(table, DIMENSION_OF_REAL),
        projection,
        LexicalIndex(store._engine),
    )
    figures.put("beside_peer, before", searched(searcher, table, readable, Mode.DENSE))
    peer = [str(python), str(Path(__file__).with_name("million_peer.py")), str(work)]
    said = subprocess.run(peer, check=True, stdout=subprocess.PIPE, text=True).stdout
    figures.put("langchain", json.loads(said.splitlines()[-1]))
    figures.put("beside_peer, after", searched(searcher, table, readable, Mode.DENSE))


def compare_kinds(work: Path, asked: int, figures: Figures) -> None:
    """Build time, memory, latency and recall of every kind at every size."""
    real, _ = real_of(work)
    for size in SIZES:
        for kind in Kind:
            if kind is Kind.GRAPH and size > GRAPH_AT_MOST:
                continue
            figures.once(f"{kind.value} {size}", lambda: of_kind(real, kind, size, asked))  # noqa: B023


def of_kind(real: NDArray[np.float32], kind: Kind, size: int, asked: int) -> dict[str, Any]:
    begun = time.perf_counter()
    wanted = min(size, sample_size(kind, size))
    step = max(1, size // max(wanted, 1))
    sample = None
    if wanted:
        rows = np.concatenate([made_vectors(real, at, 5000) for at in range(0, size, 5000)])
        sample = rows[::step].copy()
        del rows
    index = PassageVectors(FINGERPRINT, real.shape[1], kind=kind, sample=sample, expected=size)
    for at in range(0, size, 5000):
        ids = np.arange(at, min(at + 5000, size), dtype=np.int64)
        # One collection in two, as the filter of a half.
        index.apply(
            VectorDelta(1, frozenset(), ids, ids // PASSAGES_A_DOCUMENT, ids // 500 % 2,
                        made_vectors(real, at, len(ids)))
        )  # fmt: skip
    seconds = round(time.perf_counter() - begun)
    generator = np.random.default_rng(5)
    _, rows = index.some_rows(20_000)
    vectors = list(
        noisy(rows[generator.choice(len(rows), asked, replace=False)], QUESTION_NOISE, generator)
    )
    return {
        "build_seconds": seconds,
        "all": recalls(index, vectors, frozenset({0, 1})),
        "half": recalls(index, vectors, frozenset({1})),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--real", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--kind", choices=[kind.value for kind in Kind])
    parser.add_argument("--stage", choices=[*STAGES, "kinds", "peer"], help="only this one")
    parser.add_argument("--peer-python", type=Path)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.stage is None:
        for stage in STAGES:
            command = [sys.executable, "-m", "benchmarks.million", *sys.argv[1:], "--stage", stage]
            subprocess.run(command, check=True)
        return
    figures = Figures(options.work / "figures.json")
    kind = Kind(options.kind) if options.kind else None
    match options.stage:
        case "real":
            keep_real(options.work, options.folders, options.real, figures)
        case "build":
            build(options.work, options.passages, figures)
        case "index":
            make_index(options.work, kind, figures)
        case "search":
            search(options.work, options.queries, kind, figures)
        case "change":
            change(options.work, kind, figures)
        case "peer":
            beside_peer(options.work, options.queries, kind, options.peer_python, figures)
        case _:
            compare_kinds(options.work, options.queries, figures)


if __name__ == "__main__":
    main()
