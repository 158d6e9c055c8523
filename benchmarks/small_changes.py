"""What a small change costs in a large store: a document published, looked for, and deleted.

    python -m benchmarks.small_changes [--passages 100000] [--times 5]

A new home folder of rows alone, ten passages of about 120 words a document, with random vectors.
Wall-clock and processor milliseconds, the median of `--times` and the range; no model is loaded.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path

import numpy as np
from sqlalchemy import func, insert, select, text

from app.bootstrap import Assay
from app.settings import settings_with
from retrieval.schema import changes, documents, encoders, passages, revisions, vectors
from retrieval.store import has_vector
from retrieval.types import PassageSpan, Revision

ENCODER, DIMENSION = "rows", 384
PER_DOCUMENT, WORDS = 10, 120
ROWS_AT_ONCE = 100
SYLLABLES = ["ba", "co", "di", "fu", "ga", "he", "li", "mo", "nu", "pe", "ra", "so", "tu", "ve"]


def writer(seed: int) -> Callable[[], str]:
    """Gives passages of words of a vocabulary of 38,416, the common ones more often."""
    choose = random.Random(seed)
    vocabulary = [
        a + b + c + d for a in SYLLABLES for b in SYLLABLES for c in SYLLABLES for d in SYLLABLES
    ]
    random.Random(0).shuffle(vocabulary)
    weights = list(accumulate(1 / rank for rank in range(1, len(vocabulary) + 1)))
    return lambda: " ".join(choose.choices(vocabulary, cum_weights=weights, k=WORDS)) + ". "


def fill(assay: Assay, collection: int, count: int) -> None:
    """Put so many passages with vectors into a collection."""
    write, numbers = writer(1), np.random.default_rng(1)
    now = datetime.now(UTC).replace(tzinfo=None)
    with assay.database.begin() as sql:
        sql.execute(insert(encoders).values(id=1, fingerprint=ENCODER, dimension=DIMENSION))
    for first in range(1, count // PER_DOCUMENT + 1, ROWS_AT_ONCE):
        some = range(first, min(first + ROWS_AT_ONCE, count // PER_DOCUMENT + 1))
        rows: dict[str, list[dict[str, object]]] = {"d": [], "r": [], "c": [], "p": [], "v": []}
        for number in some:
            parts = [write() for _ in range(PER_DOCUMENT)]
            name, size = f"{number}.txt", len("".join(parts))
            same = {"document_id": number, "revision_id": number}
            rows["d"].append(
                {
                    "id": number,
                    "collection_id": collection,
                    "path": f"/rows/{name}",
                    "name": name,
                    "name_key": name,
                    "revision_id": number,
                    "size": size,
                    "passages": PER_DOCUMENT,
                    "created_at": now,
                }
            )
            rows["r"].append(
                {
                    "id": number,
                    "document_id": number,
                    "sha256": f"{number:064x}",
                    "title": name,
                    "media_type": "text/plain",
                    "text": "".join(parts),
                    "created_at": now,
                }
            )
            rows["c"].append({**same, "kind": "published", "at": now})
            start = 0
            for place, part in enumerate(parts):
                identity = (number - 1) * PER_DOCUMENT + place + 1
                rows["p"].append(
                    {
                        **same,
                        "id": identity,
                        "collection_id": collection,
                        "start": start,
                        "end": start + len(part),
                        "page": None,
                        "context": name,
                        "text": part,
                    }
                )
                start += len(part)
                blob = numbers.standard_normal(DIMENSION).astype("<f4").tobytes()
                rows["v"].append({"passage_id": identity, "encoder_id": 1, "vector": blob})
        with assay.database.begin() as sql:
            for table, key in zip(
                (documents, revisions, changes, passages, vectors), rows, strict=True
            ):
                sql.execute(insert(table), rows[key])


def revision(number: int, write: Callable[[], str]) -> Revision:
    """A document of ten passages."""
    parts = [write() for _ in range(PER_DOCUMENT)]
    ends = list(accumulate(map(len, parts)))
    spans = tuple(PassageSpan(a, b, None, "") for a, b in zip([0, *ends[:-1]], ends, strict=True))
    rows = np.random.default_rng(number).standard_normal((PER_DOCUMENT, DIMENSION))
    return Revision(
        path=f"/new/{number}.txt",
        name=f"{number}.txt",
        title="",
        media_type="text/plain",
        sha256=f"{number:064d}",
        text="".join(parts),
        passages=spans,
        vectors=rows.astype(np.float32),
    )


def steps(assay: Assay, number: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is measured, in this order."""
    store, write = assay.store, writer(1_000 + number)
    collection = store.collection("rows")
    before = store.change_number()
    one = revision(number, write)

    def look_up_every_passage() -> object:
        with assay.database.begin() as sql:
            bare = select(func.count()).select_from(passages).where(~has_vector(ENCODER))
            return sql.execute(bare).scalar_one()

    def remove() -> int:
        return store.remove([store.known_files(collection)[one.path].document_id])

    def optimize() -> object:
        with assay.database.begin() as sql:
            return sql.execute(
                text("INSERT INTO passages_lexical(passages_lexical) VALUES ('optimize')")
            )

    yield (
        "publish a document of ten passages",
        lambda: store.publish(collection, one, one.text.encode(), encoder=ENCODER),
    )
    yield "passages without vectors, each looked up", look_up_every_passage
    yield (
        "passages without vectors, all counted",
        lambda: store.count_without_vectors(encoder=ENCODER),
    )
    yield (
        "passages without vectors, among the new",
        lambda: store.count_without_vectors(encoder=ENCODER, since=before),
    )
    yield "what is new, by the manifest's number", lambda: store.count_published(before)
    yield "merge the index of words, nothing deleted", optimize
    yield "remove the document", remove


def main() -> None:
    """Print what each step takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    taken: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        assay = Assay(settings_with(Path(folder), {}))
        collection = assay.store.ensure_collection("rows").id
        begun = time.monotonic()
        fill(assay, collection, options.passages)
        print(f"{options.passages:,} passages made in {time.monotonic() - begun:.0f} s", flush=True)
        for number in range(1, options.times + 1):
            for name, do in steps(assay, number):
                wall, processor = time.perf_counter(), time.process_time()
                do()
                spent = time.perf_counter() - wall, time.process_time() - processor
                taken.setdefault(name, []).append((1e3 * spent[0], 1e3 * spent[1]))
        assay.close()
    for name, spans in taken.items():
        walls, processors = zip(*spans, strict=True)
        print(
            f"{name:44} {statistics.median(walls):9.1f} ms ({min(walls):.1f}–{max(walls):.1f}), "
            f"{statistics.median(processors):.1f} of processor"
        )


if __name__ == "__main__":
    main()
