"""Which sentence of the evidence answers the question, word for word, and is there one at all?

Verbatim evidence cannot be hallucinated, so it is found before anything is generated.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from generation.figures import figures_of
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
# A span without text: of the question before any was asked, and after the last sentence.
_END = (0, 0)
# Of the best statement's score, in its passage and in others.
_NEAR_HERE, _NEAR_ELSEWHERE = 0.6, 0.9
# Share of a statement's words that neither the question nor the statements before it have.
_FEWEST_NEW = 1 / 3
# How much worse is a statement of a document that has none of the question's names.
_OF_ANOTHER = 0.5


@dataclass(frozen=True, slots=True)
class Quote:
    """`hits[index].passage.text[start:end]` and how well it fits the question.

    `words` are those of the question that stand in it or in its context. `above` is what it is read
    below: what says what the cells of its row are, or what introduces it; each a span as `Hit.at`
    takes it. `question` stands in the passage before it, and is what it answers. `adds` are its own
    words that the question does not have.
    """

    index: int
    start: int
    end: int
    similarity: float  # cosine of question and sentence, [-1, 1]
    coverage: float  # share of the question's words in sentence and context, [0, 1]
    score: float
    words: frozenset[str]
    above: tuple[Span, ...] = ()
    question: str = ""
    adds: frozenset[str] = frozenset()

    @property
    def spans(self) -> tuple[Span, ...]:
        """What is read of the passage, in its order: what it stands below, and it."""
        return (*self.above, (self.start, self.end))


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
    texts = [place.read_in(hits[index].passage.text) for index, place in found]
    vectors = encoder.encode(beginnings([question, *texts], encoder))
    similarities = (vectors[1:] @ vectors[0]).tolist()
    # Whose a passage is need not stand in it: a report of Apple's says "the Company".
    contexts = [
        words_of(f"{' '.join(sorted(hit.carried.names))}\n{hit.passage.context}").content
        for hit in hits
    ]
    quotes = []
    for (index, place), text, similarity in zip(found, texts, similarities, strict=True):
        words = asked.content & (words_of(text).content | contexts[index])
        coverage = share(asked.content, words)
        score = quote_score(similarity, coverage)
        score -= _OF_ANOTHER * (1 - hits[index].carried.share)
        start, end, above = place.start, place.end, place.above
        adds = words_of(hits[index].passage.text[start:end]).content - asked.content
        quotes.append(
            Quote(
                index, start, end, similarity, coverage, score, words, above, place.question, adds
            )
        )
    return sorted(quotes, key=lambda quote: (-quote.score, quote.index, quote.start))


def supporting(quotes: Sequence[Quote], most: int) -> list[Quote]:
    """The best statement, and what of the others fits nearly as well and may complete it.

    Args:
        quotes: best first, as `rank_quotes` gives them.
        most: so many at most, the best one included.

    Returns:
        Best first. In the passage of the best one, less is enough: what stands beside an answer
        often is the rest of it. Both shares were chosen together (docs/LOG.md). A third of what
        each says, or a figure, is in neither the question nor those before it. Answers to other
        questions of a document are left out: without their question they say something else.
    """
    taken = list(quotes[:1])
    for quote in quotes[1:]:
        if _completes(taken[0], quote) and _is_new(quote, taken):
            taken.append(quote)
    return taken[:most]


def _is_new(quote: Quote, taken: Sequence[Quote]) -> bool:
    """Whether a statement says enough that is not said yet; another figure is enough."""
    new = quote.adds - frozenset[str]().union(*(one.adds for one in taken))
    has_figure = any(word[0].isdigit() for word in new)
    return has_figure or len(new) >= _FEWEST_NEW * (len(quote.adds) + len(quote.words))


def _completes(best: Quote, other: Quote) -> bool:
    is_beside = other.index == best.index
    is_own = not other.question or (is_beside and other.question == best.question)
    return is_own and other.score >= best.score * (_NEAR_HERE if is_beside else _NEAR_ELSEWHERE)


def statement_at(hit: Hit, start: int, end: int) -> tuple[Span, ...]:
    """The statement that most of `hit.passage.text[start:end]` is of, after what it is read below.

    Returns:
        Spans as `Hit.at` takes them; none when it is of no statement, but of a question, say.
    """
    overlaps = [
        (min(end, place.end) - max(start, place.start), place)
        for place in _statements(hit)
        if place.start < end and start < place.end
    ]
    if not overlaps:
        return ()
    _, best = max(overlaps, key=lambda one: one[0])
    return (*best.above, (best.start, best.end))


def quote_score(similarity: float, coverage: float) -> float:
    """Order of statements: meaning and shared words.

    The weight was chosen with `benchmarks/fit_sufficiency.py`. No weight on how high
    the passage was found, on the question's words elsewhere in it, or on the answer that the finder
    found in it did better (docs/LOG.md).
    """
    return similarity + 0.8 * coverage


class _Place(NamedTuple):
    """`passage.text[start:end]` is a statement; `question` and `above` stand above it.

    `head` is what `above` says.
    """

    start: int
    end: int
    question: str
    above: tuple[Span, ...] = ()
    head: str = ""

    def read_in(self, text: str) -> str:
        """What is compared with what was asked."""
        return f"{self.question or self.head} {text[self.start : self.end]}".strip()


def _unled(hit: Hit) -> list[_Place]:
    """The statements of a passage that no order to a model is in."""
    shift = len(hit.text_before)
    orders = [(one.start, one.end) for one in commands_in(hit.passage.text)]
    orders += [(one.start - shift, one.end - shift) for one in commands_in(hit.text_before)]
    return [
        place
        for place in _statements(hit)
        if not any(
            first < end and start < last
            for first, last in orders
            for start, end in (*place.above, (place.start, place.end))
        )
    ]


def _statements(hit: Hit) -> list[_Place]:
    # A passage at the top of a page may begin within a sentence: what begins small is no statement.
    text = hit.passage.text
    heading = hit.passage.context.rsplit(" > ", 1)[-1]
    places: list[_Place] = []
    question, followers = _END, 0
    begin: int | None = None
    before = 0
    is_wrapped = hit.document.media_type == _WRAPPED
    sentences = _trimmed_sentences(text, by_line=not is_wrapped)
    rows: dict[int, tuple[Span, ...]] = {}
    above = rows
    if is_wrapped:
        sentences = [span for span in sentences if not _is_title(text, *span)]
    else:
        sentences, rows, above = _below_heads(hit, sentences)
    has_beginnings = any(not text[start].islower() for start, _ in sentences)
    for start, end in [*sentences, _END]:
        sentence = text[start:end]
        is_row = bool(sentence) and start in rows
        if sentence.endswith("?") or not sentence:
            if begin is not None and question != _END and not followers:
                # "No." says nothing without its question.
                places.append(_Place(question[0], before, ""))
            elif begin is not None and not sentence:
                places.append(_below(hit, begin, before, "", above.get(begin, ())))
            question, followers, begin = (start, end), 0, None
        elif is_row or (sentence != heading and not (has_beginnings and sentence[0].islower())):
            # "Yes." says nothing alone: it is quoted with the sentence after it.
            begin = start if begin is None or is_row else begin
            if is_row or len(text[begin:end].split()) >= _FEWEST_WORDS:
                if end - begin <= _QUOTE_LIMIT_CHARACTERS:
                    asked = text[slice(*question)] if followers < _FOLLOWERS else ""
                    places.append(_below(hit, begin, end, asked, above.get(begin, ())))
                followers, begin = followers + 1, None
        before = end
    return places


def _below_heads(
    hit: Hit, lines: Sequence[Span]
) -> tuple[list[Span], dict[int, tuple[Span, ...]], dict[int, tuple[Span, ...]]]:
    """The lines that state something, which of them are rows of figures, and what is above each.

    What ends in a colon says nothing without the lines after it, nor they without it.
    """
    text = hit.passage.text
    headers = header_spans(text)
    figures = figures_of(hit)
    rows = {row.start: row.above for row in figures.rows if row.start not in headers}
    above = rows | {start: (header,) for start, header in headers.items()}
    heads = {*headers.values(), *figures.heads}
    kept: list[Span] = []
    intro: Span | None = None
    before = 0
    for start, end in lines:
        if intro and text.count("\n", before, start) > 1 + (intro[1] == before):
            intro = None
        if text[end - 1] == ":":
            intro = (start, end)
        elif (start, end) not in heads:
            kept.append((start, end))
            if intro and not above.get(start):
                above[start] = (intro,)
        before = end
    return kept or list(lines), rows, above


def _below(hit: Hit, start: int, end: int, question: str, above: tuple[Span, ...]) -> _Place:
    shift, whole = len(hit.text_before), hit.text_before + hit.passage.text
    head = " ".join(whole[shift + first : shift + last] for first, last in above)
    return _Place(start, end, question, above, head)


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
