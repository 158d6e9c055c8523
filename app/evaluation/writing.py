"""Cases written from the documents of a home folder: what `assay eval write` does."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

from app.errors import CommandFailed
from evals.writing.checking import FOUND_WITHIN, checked
from evals.writing.choosing import UNANSWERABLE_SHARE, drafts_from, unanswerable_from
from evals.writing.engines import PROMPT, written_by
from evals.writing.types import Draft, Source
from retrieval.types import Hit

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from generation.engines.base import Engine

# A home may hold millions of passages; cases of these many are spread enough.
MOST_PASSAGES = 20_000
_AT_ONCE = 500


@dataclass(slots=True)
class Written:
    """What came of it. `known` were proposed for the suite before."""

    proposed: int = 0
    known: int = 0
    documents: set[int] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    refused: Counter[Any] = field(default_factory=Counter)
    failed: Counter[Any] = field(default_factory=Counter)
    prompt: str | None = None


def write_cases(
    assay: "Assay",
    suite: str,
    *,
    readable: frozenset[int],
    cases: int,
    seed: int,
    engine: "Engine | None" = None,
    on_progress: Callable[[Written], None] = lambda _: None,
) -> Written:
    """Propose `cases` cases for a suite, a third of them unanswerable; each is kept at once.

    Fewer when the documents do not give as many.

    Args:
        readable: the collections to write from.
        engine: writes the answerable ones instead of the templates.

    Raises:
        CommandFailed: there is no passage to write from.
    """
    sources = sources_of(assay, readable, seed)
    if not sources:
        raise CommandFailed("there are no documents to write from; `assay ingest` brings some in")
    written = Written(prompt=PROMPT if engine is not None else None)
    templates = drafts_from(sources, seed)
    answerable: Iterable[Draft] = templates
    if engine is not None:
        answerable = written_by(engine, spread(sources, seed), seed=seed, failed=written.failed)
    wanted_not = int(cases * UNANSWERABLE_SHARE)
    altered = unanswerable_from(templates, sources, seed)

    def search(question: str) -> Sequence[Hit]:
        return assay.searcher.search(question, readable=readable, k=FOUND_WITHIN)

    def taken(drafts: Iterable[Draft], wanted: int) -> Iterator[Draft]:
        return checked(drafts, search, assay.verifier, wanted=wanted, refused=written.refused)

    for draft in chain(taken(altered, wanted_not), taken(answerable, cases - wanted_not)):
        added = assay.evals.propose(suite, [(draft.case, draft.source.document_id)])
        written.proposed += added
        written.known += 1 - added
        if added:
            written.kinds[draft.kind.value] += 1
            written.documents.add(draft.source.document_id)
        on_progress(written)
    return written


def sources_of(assay: "Assay", readable: frozenset[int], seed: int) -> list[Source]:
    """The passages of these collections, in order; of very many, a draw with this seed."""
    delta = assay.store.vector_delta(0, encoder=assay.encoder.fingerprint)
    ids = [
        int(passage_id)
        for passage_id, collection_id in zip(delta.passage_ids, delta.collection_ids, strict=True)
        if int(collection_id) in readable
    ]
    if len(ids) > MOST_PASSAGES:
        ids = sorted(random.Random(seed).sample(ids, MOST_PASSAGES))  # noqa: S311 - a draw
    found = []
    for begin in range(0, len(ids), _AT_ONCE):
        located = assay.store.located(ids[begin : begin + _AT_ONCE])
        found += [located[one] for one in sorted(located)]
    return [
        Source(
            one.passage.id,
            one.document.id,
            one.document.name,
            one.document.title,
            one.passage.text,
            one.document.media_type,
        )
        for one in found
    ]


def spread(sources: Sequence[Source], seed: int) -> list[Source]:
    """The sources in an order in which documents take turns."""
    by_document: dict[int, list[Source]] = defaultdict(list)
    for source in sources:
        by_document[source.document_id].append(source)
    chance = random.Random(seed)  # noqa: S311 - a draw
    turns = list(by_document.values())
    for turn in turns:
        chance.shuffle(turn)
    chance.shuffle(turns)
    return [one for each in zip_longest(*turns) for one in each if one is not None]
