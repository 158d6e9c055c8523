"""Which sentence of the evidence answers the question, word for word, and is there one at all?

Verbatim evidence cannot be hallucinated, so it is found before anything is generated.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from generation.groundedness.words import share, words_of
from generation.injection import commands_in
from generation.tables import Span, header_spans
from retrieval.encoder import Encoder, beginnings
from retrieval.sentences import sentence_spans
from retrieval.types import Hit

# A verbatim sentence longer than this is a list or a table that lost its breaks.
_QUOTE_LIMIT_CHARACTERS = 1200
_FEWEST_WORDS = 3
# Lines of plain text are broken for width; in every other format a reader has joined what belongs
# together, and a line is a row of a table or an item of a list.
_WRAPPED = "text/plain"
_LINE = re.compile(r".*\n?")
# In plain text nothing marks a title but how it stands.
_LONGEST_TITLE = 10
_SENTENCE_ENDS = frozenset(".!?…:;,)]\"'”’")
# As many statements after a question are taken for its answer.
_FOLLOWERS = 2


@dataclass(frozen=True, slots=True)
class Quote:
    """`hits[index].passage.text[start:end]` and how well it fits the question.

    `words` are those of the question that stand in it or in its context. `header` is the row above
    that says what its cells are, where it is a row of a table.
    """

    index: int
    start: int
    end: int
    similarity: float  # cosine of question and sentence, [-1, 1]
    coverage: float  # share of the question's words in sentence and context, [0, 1]
    score: float
    words: frozenset[str]
    header: Span | None = None

    @property
    def spans(self) -> tuple[Span, ...]:
        """What is read of the passage, in its order: the header, if there is one, and it."""
        own = (self.start, self.end)
        return (own,) if self.header is None else (self.header, own)


def rank_quotes(
    question: str, hits: Sequence[Hit], encoder: Encoder, *, is_guarded: bool = True
) -> list[Quote]:
    """The statements of the passages, the one that answers best first; ties in reading order.

    Headings, headers and questions are not statements: "When does it open?" is nearest to that
    question and answers nothing. What follows a question is compared together with it, and a row of
    a table with its header.

    Args:
        is_guarded: leave out what gives orders to a model; see `generation.injection`.
    """
    asked = words_of(question)
    found = [
        (index, place)
        for index, hit in enumerate(hits)
        for place in (_unled(hit) if is_guarded else _statements(hit))
    ]
    if not found:
        return []
    texts = [
        f"{place.lead} {hits[index].passage.text[place.start : place.end]}".strip()
        for index, place in found
    ]
    vectors = encoder.encode(beginnings([question, *texts], encoder))
    similarities = (vectors[1:] @ vectors[0]).tolist()
    contexts = [words_of(hit.passage.context).content for hit in hits]
    quotes = []
    for (index, place), text, similarity in zip(found, texts, similarities, strict=True):
        words = asked.content & (words_of(text).content | contexts[index])
        coverage = share(asked.content, words)
        score = quote_score(similarity, coverage)
        quotes.append(
            Quote(index, place.start, place.end, similarity, coverage, score, words, place.header)
        )
    return sorted(quotes, key=lambda quote: (-quote.score, quote.index, quote.start))


def statement_at(hit: Hit, start: int, end: int) -> tuple[Span, ...]:
    """The statement that most of `hit.passage.text[start:end]` is of, after its header if any.

    Returns:
        Spans of the passage's text; the given one alone when it is of no statement.
    """
    overlaps = [
        (min(end, place.end) - max(start, place.start), place)
        for place in _statements(hit)
        if place.start < end and start < place.end
    ]
    if not overlaps:
        return ((start, end),)
    _, best = max(overlaps, key=lambda one: one[0])
    own = (best.start, best.end)
    return (own,) if best.header is None else (best.header, own)


def quote_score(similarity: float, coverage: float) -> float:
    """Order of statements: meaning and shared words.

    The weight was chosen with `benchmarks/fit_sufficiency.py`. No weight on how high
    the passage was found, on the question's words elsewhere in it, or on the answer that the finder
    found in it did better (docs/LOG.md).
    """
    return similarity + 0.8 * coverage


class _Place(NamedTuple):
    """`passage.text[start:end]` is a statement; `lead` what it follows: a question, a header."""

    start: int
    end: int
    lead: str
    header: Span | None = None


def _unled(hit: Hit) -> list[_Place]:
    """The statements of a passage that no order to a model is in."""
    commands = commands_in(hit.passage.text)
    return [
        place
        for place in _statements(hit)
        if not any(one.start < place.end and place.start < one.end for one in commands)
    ]


def _statements(hit: Hit) -> list[_Place]:
    # A passage at the top of a page may begin within a sentence: what begins small is no statement.
    text = hit.passage.text
    heading = hit.passage.context.rsplit(" > ", 1)[-1]
    places: list[_Place] = []
    lead, followers = "", 0
    begin: int | None = None
    is_wrapped = hit.document.media_type == _WRAPPED
    sentences = _trimmed_sentences(text, by_line=not is_wrapped)
    headers = {} if is_wrapped else header_spans(text)
    sentences = [span for span in sentences if span not in headers.values()]
    if is_wrapped:
        sentences = [span for span in sentences if not _is_title(text, *span)]
    has_beginnings = any(not text[start].islower() for start, _ in sentences)
    for start, end in sentences:
        sentence = text[start:end]
        if sentence.endswith("?"):
            lead, followers, begin = sentence, 0, None
        elif sentence != heading and not (has_beginnings and sentence[0].islower()):
            # "Yes." says nothing alone: it is quoted with the sentence after it.
            begin = start if begin is None else begin
            if len(text[begin:end].split()) >= _FEWEST_WORDS or end == len(text.rstrip()):
                if end - begin <= _QUOTE_LIMIT_CHARACTERS:
                    header = headers.get(begin)
                    said = text[slice(*header)] if header else ""
                    asked = lead if followers < _FOLLOWERS else ""
                    places.append(_Place(begin, end, asked or said, header))
                followers, begin = followers + 1, None
    return places


def _is_title(text: str, start: int, end: int) -> bool:
    """Whether a line of plain text stands alone, ends like no sentence, and says no number."""
    line = text[start:end]
    before, after = text[:start].rstrip(" \t"), text[end:].lstrip(" \t")
    return (
        len(line.split()) <= _LONGEST_TITLE
        and "\n" not in line
        and line[-1] not in _SENTENCE_ENDS
        and not any(character.isdigit() for character in line)
        and (not before or before.endswith("\n"))
        and after.startswith("\n\n")
    )


def _trimmed_sentences(text: str, *, by_line: bool) -> list[tuple[int, int]]:
    """Sentences without the white space around them; with `by_line`, rows and items apart."""
    spans = sentence_spans(text)
    if by_line:
        spans = [
            (start + line.start(), start + line.end())
            for start, end in spans
            for line in _LINE.finditer(text[start:end])
        ]
    trimmed = []
    for start, end in spans:
        piece = text[start:end]
        begin = start + len(piece) - len(piece.lstrip())
        stop = end - (len(piece) - len(piece.rstrip()))
        if begin < stop:
            trimmed.append((begin, stop))
    return trimmed
