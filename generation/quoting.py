"""Which sentence of the evidence answers the question, word for word, and is there one at all?

Verbatim evidence cannot be hallucinated, so it is found before anything is generated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from generation.groundedness.words import Words, share, words_of
from retrieval.encoder import Encoder, beginnings
from retrieval.sentences import sentence_spans
from retrieval.types import Hit

# A verbatim sentence longer than this is a list or a table that lost its breaks.
_QUOTE_LIMIT_CHARACTERS = 1200


@dataclass(frozen=True, slots=True)
class Quote:
    """`hits[index].passage.text[start:end]` and how well it fits the question."""

    index: int
    start: int
    end: int
    similarity: float  # cosine of question and sentence, [-1, 1]
    coverage: float  # share of the question's words in sentence and context, [0, 1]
    passage_coverage: float  # the same in the whole passage and context, [0, 1]
    score: float


class Signals(NamedTuple):
    """What says whether the passages hold an answer at all."""

    similarity: float  # cosine of question and nearest passage, [-1, 1]
    sentence_similarity: float  # of question and best sentence
    coverage: float  # share of the question's words in the best sentence and its context
    passage_coverage: float  # the largest share one passage and its context hold
    numbers_missing: float  # 1 when a number of the question is in no passage
    names_missing: float  # share of the question's names in no passage


def rank_quotes(question: str, hits: Sequence[Hit], encoder: Encoder) -> list[Quote]:
    """All sentences of the passages, the one that answers best first; ties in reading order."""
    asked = words_of(question)
    found = [(index, start, end) for index, hit in enumerate(hits) for start, end in _spans(hit)]
    if not found:
        return []
    texts = [hits[index].passage.text[start:end] for index, start, end in found]
    vectors = encoder.encode(beginnings([question, *texts], encoder))
    similarities = vectors[1:] @ vectors[0]
    contexts = [words_of(hit.passage.context) for hit in hits]
    wholes = [words_of(hit.passage.text) for hit in hits]
    quotes = []
    for (index, start, end), text, similarity in zip(found, texts, similarities, strict=True):
        coverage = _coverage(asked, words_of(text), contexts[index])
        passage_coverage = _coverage(asked, wholes[index], contexts[index])
        score = quote_score(float(similarity), coverage, passage_coverage, index)
        quotes.append(
            Quote(index, start, end, float(similarity), coverage, passage_coverage, score)
        )
    return sorted(quotes, key=lambda quote: (-quote.score, quote.index, quote.start))


def quote_score(similarity: float, coverage: float, passage_coverage: float, rank: int) -> float:
    """Order of sentences: meaning, shared words, and how high their passage was found."""
    return similarity + 0.4 * coverage + 0.2 * passage_coverage - 0.05 * math.log2(1 + rank)


def signals_of(question: str, hits: Sequence[Hit], quotes: Sequence[Quote]) -> Signals:
    """Gather the signals of a question; `quotes` as ranked. All lowest when nothing was found."""
    if not quotes:
        return Signals(0.0, 0.0, 0.0, 0.0, 1.0, 1.0)
    asked = words_of(question)
    everywhere = words_of("\n".join(f"{hit.passage.context}\n{hit.passage.text}" for hit in hits))
    known = [hit.similarity for hit in hits if hit.similarity is not None]
    return Signals(
        similarity=max(known, default=0.0),
        sentence_similarity=quotes[0].similarity,
        coverage=quotes[0].coverage,
        passage_coverage=max(quote.passage_coverage for quote in quotes),
        numbers_missing=float(not asked.numbers <= everywhere.numbers),
        names_missing=1 - share(asked.names, everywhere.content),
    )


def _coverage(asked: Words, text: Words, context: Words) -> float:
    return share(asked.content, text.content | context.content)


def _spans(hit: Hit) -> list[tuple[int, int]]:
    text = hit.passage.text
    trimmed = []
    for start, end in sentence_spans(text):
        piece = text[start:end]
        begin = start + len(piece) - len(piece.lstrip())
        stop = end - (len(piece) - len(piece.rstrip()))
        if 0 < stop - begin <= _QUOTE_LIMIT_CHARACTERS:
            trimmed.append((begin, stop))
    return trimmed
