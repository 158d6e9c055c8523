"""Is the answer in these passages at all? Decided before anything is generated. Pure."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from generation.finder import FoundAnswer
from generation.groundedness.evidence import Evidence, Unit, read_evidence
from generation.groundedness.words import Words, words_of
from generation.quoting import Quote
from generation.tables import labelled
from retrieval.types import Hit, Passage

# In so many of the first passages the answer is looked for.
READ_PASSAGES = 5
# What is told of nothing.
_NOTHING_READ = -6.0


def in_context(passage: Passage) -> str:
    """A passage as the answer finder reads it: below its headings, cells beside their columns.

    "Clocks | 4,910" holds no revenue of 2023; below "revenue" and with "2023: 4,910" it does.
    """
    return f"{passage.context}\n\n{labelled(passage.text)}".lstrip("\n")


class Signals(NamedTuple):
    """What says whether the passages hold an answer at all.

    `holds`, `stands_out` and `gauged` are the greatest of the passages that were read, as in
    `FoundAnswer`. `negation_differs` is 1 when the question negates and the unit, about a sentence,
    that shares most with it does not, or the reverse; shared words weigh by how rare they are in
    the passages.
    """

    similarity: float  # cosine of question and nearest passage, [-1, 1]
    sentence_similarity: float  # of question and best sentence
    holds: float
    stands_out: float
    negation_differs: float
    gauged: float | None = None


class _Regression(NamedTuple):
    intercept: float
    coefficients: Signals


# Logistic regressions fitted by `benchmarks/fit_sufficiency.py` (docs/LOG.md) on articles that
# neither the finder nor the gauge has learned from.
_GAUGED = _Regression(
    -1.023,
    Signals(
        similarity=0.94,
        sentence_similarity=1.17,
        holds=0.0,  # left out of the fit: it adds nothing to the gauge
        stands_out=0.142,
        negation_differs=-1.049,
        gauged=0.529,
    ),
)
_FOUND = _Regression(
    -1.597,
    Signals(
        similarity=1.836,
        sentence_similarity=1.224,
        holds=0.457,
        stands_out=0.165,
        negation_differs=-1.196,
    ),
)
ABSTAIN_BELOW = 0.45


def signals_of(
    question: str, hits: Sequence[Hit], quotes: Sequence[Quote], found: Sequence[FoundAnswer]
) -> Signals:
    """Gather the signals of a question.

    Args:
        hits: best first.
        quotes: of the hits, as ranked.
        found: in the first hits' texts.
    """
    asked = words_of(question)
    evidence = read_evidence([hit.passage.text for hit in hits])
    known = [hit.similarity for hit in hits if hit.similarity is not None]
    best = max(evidence.units, key=lambda unit: _shared(evidence, asked, unit), default=None)
    negates = bool(best and best.words.negations)
    return Signals(
        similarity=max(known, default=0.0),
        sentence_similarity=quotes[0].similarity if quotes else 0.0,
        holds=max((one.holds for one in found), default=_NOTHING_READ),
        stands_out=max((one.stands_out for one in found), default=_NOTHING_READ),
        negation_differs=float(bool(asked.negations) != negates),
        gauged=max((one.gauged for one in found if one.gauged is not None), default=None),
    )


def answerability(signals: Signals) -> float:
    """Probability that the passages hold the answer, in (0, 1).

    Where a gauge was asked, the odds are the mean of what both regressions give, so that one that
    is sure is enough: the gauge knows prose better than the finder, and printed figures worse.
    """
    regressions = (_FOUND,) if signals.gauged is None else (_FOUND, _GAUGED)
    odds = sum(math.exp(_logit(one, signals)) for one in regressions) / len(regressions)
    return odds / (1 + odds)


def _logit(regression: _Regression, signals: Signals) -> float:
    return regression.intercept + sum(
        weight * value
        for weight, value in zip(regression.coefficients, signals, strict=True)
        if weight is not None and value is not None
    )


def is_answerable(probability: float, abstain_below: float | None = None) -> bool:
    """Whether to answer; `abstain_below` moves the operating point, None is the measured one."""
    limit = ABSTAIN_BELOW if abstain_below is None else abstain_below
    return probability >= limit


def _shared(evidence: Evidence, asked: Words, unit: Unit) -> float:
    """The weight of the question's words in a unit; the first of units that are alike is best."""
    # In order: a set's differs from process to process, and so would the last bit of its sum.
    return sum(evidence.weight(word) for word in sorted(asked.content & unit.words.content))
