"""LangChain's FAISS store over the same million vectors, beside `benchmarks.million`.

    PEERS/bin/python benchmarks/million_peer.py WORK

Called by `benchmarks.million WORK --stage peer --peer-python PEERS/bin/python`, which has written
the vectors and the questions. PEERS is an environment of its own with langchain-community and
faiss-cpu; nothing of Assay is imported here.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from langchain_community.vectorstores import FAISS
from langchain_core.embeddings import Embeddings

PART = 50_000


class Given(Embeddings):
    """Questions come as vectors, so nothing is embedded."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise NotImplementedError

    def embed_query(self, text: str) -> list[float]:
        raise NotImplementedError


def main() -> None:
    work = Path(sys.argv[1])
    vectors = np.load(work / "peer-vectors.npy", mmap_mode="r")
    words = (work / "peer-words.txt").read_text().split()
    begun = time.perf_counter()
    store: FAISS | None = None
    for at in range(0, len(vectors), PART):
        part = vectors[at : at + PART].tolist()
        # As many characters a text as the passages beside it have, about.
        texts = [" ".join(words[(at + row) % (len(words) - 80) :][:80]) for row in range(len(part))]
        pairs = list(zip(texts, part, strict=True))
        if store is None:
            store = FAISS.from_embeddings(pairs, Given())
        else:
            store.add_embeddings(pairs)
    if store is None:
        raise SystemExit(f"{work / 'peer-vectors.npy'} is empty")
    built = time.perf_counter() - begun
    seconds = []
    for question in np.load(work / "peer-questions.npy").tolist():
        begun = time.perf_counter()
        found = store.similarity_search_by_vector(question, k=10)
        seconds.append(time.perf_counter() - begun)
        assert len(found) == 10
    percentiles = {f"p{q}": round(float(np.percentile(seconds, q)) * 1000, 1) for q in (50, 95, 99)}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
    print(json.dumps({"build_seconds": round(built), "ms": percentiles, "peak_mb": peak}))


if __name__ == "__main__":
    main()
