"""Is the answer in these passages at all? Decided before anything is generated. Pure."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from generation.groundedness.evidence import Evidence, Unit, read_evidence
from generation.groundedness.types import Reading
from generation.groundedness.words import Words, share, words_of
from generation.quoting import Quote
from retrieval.types import Hit

# So many of the first passages are read by the verifier beside the question.
READ_PASSAGES = 3
# What is told of nothing.
_NOTHING_READ = Reading(-4.0, 0.0, 1.0)


class Signals(NamedTuple):
    """What says whether the passages hold an answer at all.

    Those from `support` on are of the passage that supports the question best, as if it were a
    claim; those from `covered` on are of the unit, about a sentence, that shares most with it by
    how rare its words are in the passages.
    """

    similarity: float  # cosine of question and nearest passage, [-1, 1]
    sentence_similarity: float  # of question and best sentence
    coverage: float  # share of the question's words in the best sentence and its context
    names_missing: float  # share of the question's names in no passage
    support: float  # logit; the next two are as in `Reading`
    contradiction: float
    token_mass: float
    covered: float  # share of its words in the best unit, by weight
    covered_two: float  # in the best unit with one beside it
    names_apart: float  # share of its names not in the best unit
    negates: float  # 1 when it negates
    negation_differs: float  # 1 when it negates and the best unit does not, or the reverse


# A logistic regression fitted by `benchmarks/fit_sufficiency.py` (docs/LOG.md); the articles of the
# reported figures are others.
_INTERCEPT = -2.387
_COEFFICIENTS = Signals(
    similarity=1.159,
    sentence_similarity=0.283,
    coverage=-0.203,
    names_missing=-0.193,
    support=0.13,
    contradiction=-0.246,
    token_mass=-0.169,
    covered=0.586,
    covered_two=0.348,
    names_apart=-0.276,
    negates=-0.794,
    negation_differs=-0.287,
)
ABSTAIN_BELOW = 0.45


def signals_of(
    question: str, hits: Sequence[Hit], quotes: Sequence[Quote], readings: Sequence[Reading]
) -> Signals:
    """Gather the signals of a question.

    Args:
        hits: best first.
        quotes: of the hits, as ranked.
        readings: of the question beside the first hits' texts.
    """
    asked = words_of(question)
    evidence = read_evidence([hit.passage.text for hit in hits])
    contexts = words_of("\n".join(hit.passage.context for hit in hits))
    known = [hit.similarity for hit in hits if hit.similarity is not None]
    read = max(readings, key=lambda one: one.support, default=_NOTHING_READ)
    shares = _shares(evidence, asked)
    best = max(range(len(shares)), key=shares.__getitem__, default=None)
    unit = words_of("") if best is None else evidence.units[best].words
    return Signals(
        similarity=max(known, default=0.0),
        sentence_similarity=quotes[0].similarity if quotes else 0.0,
        coverage=quotes[0].coverage if quotes else 0.0,
        names_missing=1 - share(asked.names, evidence.words.content | contexts.content),
        support=read.support,
        contradiction=read.contradiction,
        token_mass=read.token_mass,
        covered=0.0 if best is None else shares[best],
        covered_two=_best_two(evidence, asked, shares),
        names_apart=1 - share(asked.names, unit.content),
        negates=float(bool(asked.negations)),
        negation_differs=float(bool(asked.negations) != bool(unit.negations)),
    )


def answerability(signals: Signals) -> float:
    """Probability that the passages hold the answer, in (0, 1)."""
    total = _INTERCEPT + sum(
        weight * value for weight, value in zip(_COEFFICIENTS, signals, strict=True)
    )
    return 1 / (1 + math.exp(-total))


def is_answerable(probability: float, abstain_below: float | None = None) -> bool:
    """Whether to answer; `abstain_below` moves the operating point, None is the measured one."""
    limit = ABSTAIN_BELOW if abstain_below is None else abstain_below
    return probability >= limit


def _shares(evidence: Evidence, asked: Words) -> list[float]:
    """For each unit the share of the question's words in it, by weight, in [0, 1]."""
    return [_weight(evidence, asked, unit.words) for unit in evidence.units]


def _best_two(evidence: Evidence, asked: Words, shares: Sequence[float]) -> float:
    """The largest share in two units that stand beside each other in one text."""
    pairs = [
        _weight(evidence, asked, one.words, other.words)
        for one, other in _neighbours(evidence.units)
    ]
    return max([*pairs, *shares], default=0.0)


def _neighbours(units: Sequence[Unit]) -> list[tuple[Unit, Unit]]:
    return [(one, other) for one, other in pairwise(units) if one.index == other.index]


def _weight(evidence: Evidence, asked: Words, *units: Words) -> float:
    there = frozenset[str]().union(*(unit.content for unit in units))
    # In order: a set's differs from process to process, and so would the last bit of its sum.
    total = sum(evidence.weight(word) for word in sorted(asked.content))
    found = sum(evidence.weight(word) for word in sorted(asked.content & there))
    return found / total if total else 1.0
