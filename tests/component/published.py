"""Real files in a real store, without a model: every passage has the same vector."""

from pathlib import Path
from typing import Any

import numpy as np

from ingestion.chunking import split_into_passages
from ingestion.readers import read_document
from retrieval.originals import sha256_of
from retrieval.store import Store
from retrieval.types import Collection, Hit, Revision

SAMPLES = Path(__file__).parents[2] / "app" / "samples" / "documents"


def publish_file(store: Store, collection: Collection, name: str, data: bytes) -> list[Hit]:
    """Read and publish a file, as its ingestion would; gives its passages as hits."""
    parsed = read_document(name, data)
    spans = split_into_passages(
        parsed,
        count_tokens=lambda texts: [len(text.split()) for text in texts],
        limit_tokens=200,
        target_tokens=60,
    )
    vectors = np.ones((len(spans), 1), dtype=np.float32)
    revision = Revision(
        path=f"/srv/files/{name}",
        name=name,
        title=parsed.title,
        media_type=parsed.media_type,
        sha256=sha256_of(data),
        text=parsed.text,
        passages=spans,
        vectors=vectors,
    )
    store.publish(collection, revision, data, encoder="none")
    [document_id] = [
        known.document_id
        for path, known in store.known_files(collection).items()
        if path == revision.path
    ]
    return [
        Hit(located.passage, located.document, score=0.5, similarity=0.5)
        for number in range(1, 2000)
        if (located := store.located([number]).get(number)) and located.document.id == document_id
    ]


def part_of(hit: Hit, words: str) -> dict[str, Any]:
    """Offsets of words in a passage's revision."""
    start = hit.passage.text.index(words)
    return {"start": hit.passage.start + start, "end": hit.passage.start + start + len(words)}
