"""Parsed documents in, published revisions out: cut, embed in large batches, commit one by one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ingestion.chunking import split_into_passages
from ingestion.embedding import EmbedsOnce
from ingestion.stage_times import StageTimes
from ingestion.types import ParsedDocument
from retrieval.encoder import Encoder
from retrieval.originals import sha256_of
from retrieval.store import Outcome, Store
from retrieval.traits import traits_of
from retrieval.types import Collection, PassageSpan, Revision, Traits, embedded_text

# Large enough for batches of even length, small enough that a killed run loses seconds.
_BATCH_PASSAGES = 256
# About a paragraph, with room below MiniLM's window for the context. Not yet tuned on any data.
TARGET_TOKENS = 200


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read and parsed, not yet in the store."""

    path: str
    name: str
    content: bytes
    document: ParsedDocument


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a file."""

    path: str
    outcome: Outcome
    passages: int


@dataclass(frozen=True, slots=True)
class _Prepared:
    file: ReadFile
    spans: tuple[PassageSpan, ...]
    traits: Traits


@dataclass(frozen=True, slots=True)
class _How:
    """As in `publish_all`."""

    anew: bool
    gone: Mapping[str, Sequence[str]]


def publish_all(
    files: Iterable[ReadFile],
    *,
    store: Store,
    collection: Collection,
    encoder: Encoder,
    times: StageTimes | None = None,
    anew: bool = False,
    gone: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[Published]:
    """Publish files, each in a transaction of its own, in the order given.

    Passages of several files are embedded together, the same words once. `files` is read as the
    work goes on, so it may be a generator that reads the next file meanwhile. `anew` is for
    `Store.publish`; `gone` has the paths of files that are no longer there, by the hash of what
    they held: a new file with the same bytes is one of them that has moved.
    """
    times = times or StageTimes()
    how = _How(anew, gone or {})
    embedder = EmbedsOnce(encoder, times)
    waiting: list[_Prepared] = []
    passages = 0
    for file in files:
        with times.taking("cutting"):
            spans = _spans(file.document, encoder)
            prepared = _Prepared(file, spans, traits_of(file.document.text))
        waiting.append(prepared)
        passages += len(prepared.spans)
        if passages >= _BATCH_PASSAGES:
            yield from _publish_batch(waiting, store, collection, encoder, embedder, times, how)
            waiting, passages = [], 0
    yield from _publish_batch(waiting, store, collection, encoder, embedder, times, how)


def _spans(document: ParsedDocument, encoder: Encoder) -> tuple[PassageSpan, ...]:
    return split_into_passages(
        document,
        count_tokens=encoder.count_tokens,
        limit_tokens=encoder.limit_tokens,
        target_tokens=min(TARGET_TOKENS, encoder.limit_tokens),
    )


def _publish_batch(
    batch: list[_Prepared],
    store: Store,
    collection: Collection,
    encoder: Encoder,
    embedder: EmbedsOnce,
    times: StageTimes,
    how: _How,
) -> Iterator[Published]:
    texts = [
        embedded_text(span.context, item.file.document.text[span.start : span.end])
        for item in batch
        for span in item.spans
    ]
    with times.taking("embedding"):
        vectors = embedder.encode(texts)
    row = 0
    for item in batch:
        document = item.file.document
        revision = Revision(
            path=item.file.path,
            name=item.file.name,
            title=document.title,
            media_type=document.media_type,
            sha256=sha256_of(item.file.content),
            text=document.text,
            passages=item.spans,
            vectors=vectors[row : row + len(item.spans)],
            hidden=document.hidden,
            traits=item.traits,
        )
        row += len(item.spans)
        with times.taking("storing"):
            outcome = store.publish(
                collection,
                revision,
                item.file.content,
                encoder=encoder.fingerprint,
                anew=how.anew,
                moved_from=how.gone.get(revision.sha256, ()),
            )
        yield Published(item.file.path, outcome, len(item.spans))
