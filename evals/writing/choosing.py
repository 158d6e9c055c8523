"""Which questions: all that can be written, in an order that spreads over documents. Pure."""

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest

from evals.writing.asking import Corpus, drafts_of
from evals.writing.facts import Fact, facts_of
from evals.writing.material import pairs_of, rows_of, statements_of
from evals.writing.structure import of_pair, of_row
from evals.writing.swapping import Elsewhere, persons_of, swapped
from evals.writing.types import Draft, Kind, Source
from generation.groundedness.words import words_of

UNANSWERABLE_SHARE = 1 / 3
_NEARLY_THE_SAME = 0.75


def drafts_from(sources: Sequence[Source], seed: int) -> list[Draft]:
    """Every question the sources can be asked, one for each sentence, in an order for taking.

    Documents take turns, and within a document its kinds do, so that any beginning of the list is
    spread. The same sources and seed give the same list.
    """
    chance = random.Random(seed)  # noqa: S311 - a draw, no secret
    corpus = corpus_of(sources)
    by_document: dict[int, dict[Kind, list[Draft]]] = defaultdict(lambda: defaultdict(list))
    for source in sources:
        for every in _choices(source, corpus):
            choices = [one for one in every if not one.gives_itself_away]
            if not choices:
                continue
            plain = [one for one in choices if one.kind is not Kind.CLOZE]
            draft = chance.choice(plain or choices)
            by_document[source.document_id][draft.kind].append(draft)
    turns = []
    for kinds in by_document.values():
        for drafts in kinds.values():
            chance.shuffle(drafts)
        turns.append(list(_in_turn(kinds.values())))
    chance.shuffle(turns)
    return without_near_duplicates(_in_turn(turns))


def unanswerable_from(drafts: Iterable[Draft], sources: Sequence[Source], seed: int) -> list[Draft]:
    """The drafts that can be altered so that no document answers them, altered, in their order."""
    passages = [source.text for source in sources]
    listed = list(drafts)
    texts: dict[int, list[str]] = defaultdict(list)
    facts: dict[int, list[Fact]] = defaultdict(list)
    for source in sources:
        texts[source.document_id].append(source.text)
        for statement in statements_of(source.text, source.media_type):
            facts[source.document_id] += facts_of(statement)
    elsewhere = {
        document_id: Elsewhere(
            known,
            [one for one in listed if one.source.document_id == document_id],
            persons_of((f.text for f in known if f.kind == "name"), "\n".join(texts[document_id])),
        )
        for document_id, known in facts.items()
    }
    nothing = Elsewhere((), (), frozenset())
    altered = (
        swapped(draft, elsewhere.get(draft.source.document_id, nothing), passages, seed)
        for draft in listed
    )
    return without_near_duplicates(draft for draft in altered if draft is not None)


def _choices(source: Source, corpus: Corpus) -> Iterator[list[Draft]]:
    """For each sentence, line or row of the source, the questions it can be asked."""
    for statement in statements_of(source.text, source.media_type):
        if choices := drafts_of(statement, source, corpus):
            yield choices
    for pair in pairs_of(source.text):
        yield [of_pair(pair, source)]
    for row in rows_of(source.text):
        if choices := list(of_row(row, source)):
            yield choices


def corpus_of(sources: Sequence[Source]) -> Corpus:
    """What must be known of all sources to write about one."""
    in_small = frozenset(
        # Not what stands in an address: "orders@ottermere.example" says nothing of Ottermere.
        word
        for source in sources
        for word in re.findall(r"(?<![\w@.])[a-zà-ÿ]+(?![\w@]|\.\w)", source.text)
    )
    contents = [(source.document_id, words_of(source.text).content) for source in sources]

    def is_unclear(question: str) -> bool:
        asked = words_of(question).content
        is_shared = len({document for document, words in contents if asked <= words}) > 1
        return is_shared or not words_of(question).names

    return Corpus(in_small, is_unclear)


def without_near_duplicates(drafts: Iterable[Draft]) -> list[Draft]:
    """The drafts without those whose question and reference say nearly what an earlier one's do."""
    kept: list[Draft] = []
    words: list[frozenset[str]] = []
    for draft in drafts:
        question = draft.question.replace(f"“{draft.source.title}”", "")
        own = words_of(f"of {question} {draft.reference if not draft.altered else ''}").content
        if not any(_likeness(own, other) >= _NEARLY_THE_SAME for other in words):
            kept.append(draft)
            words.append(own)
    return kept


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))


def _in_turn(lists: Iterable[Sequence[Draft]]) -> Iterator[Draft]:
    for round_of in zip_longest(*lists):
        yield from (draft for draft in round_of if draft is not None)


def counted(drafts: Iterable[Draft]) -> Mapping[str, int]:
    """How many there are of each kind."""
    counts: dict[str, int] = defaultdict(int)
    for draft in drafts:
        counts[draft.kind.value] += 1
    return dict(sorted(counts.items()))
