"""What is fused into a probability: the model's logits and plain word counts. Pure."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from generation.groundedness.evidence import Evidence, Unit, cover
from generation.groundedness.words import Words, share, words_of

Vector = NDArray[np.float64]
_SATURATED = 12.0  # logits beyond this say no more


@dataclass(frozen=True, slots=True)
class SentenceSignals:
    """One sentence beside its evidence."""

    support: float  # logit
    contradiction: float  # logit
    worst_token: float  # the largest logit of a token being unsupported
    token_mass: float  # mean probability of a token being unsupported, [0, 1]
    unseen: float  # share of its content words nowhere in the evidence, [0, 1]
    uncovered: float  # share of its content words not in its best units, [0, 1]
    apart: float  # share of its content words not in its best unit alone, [0, 1]
    numbers_unseen: float  # numbers nowhere in the evidence, 0 to 3
    numbers_apart: float  # 1 when its numbers are in the evidence, but not all in its best unit
    units_differ: float  # 1 when one of its numbers is in the evidence, with other units alone
    names_unseen: float  # share of its names nowhere in the evidence, [0, 1]
    negation_differs: float  # 1 when it negates and its best unit does not, or the reverse
    length: float  # ln(1 + content words)


@dataclass(frozen=True, slots=True)
class ResponseSignals:
    """A response as a whole; the first five are of P(unsupported) of its sentences."""

    worst: float  # logit of the largest
    second: float  # logit of the second largest; -6 for a single sentence
    mean: float  # mean probability, [0, 1]
    any_wrong: float  # logit of 1 - product of (1 - p)
    worst_token: float  # largest token logit of all sentences
    unseen: float  # this and the next are `LexicalFeatures`
    unseen_count: float
    worst_unseen: float
    numbers_unseen: float
    length: float
    sentences: float


class LexicalFeatures(NamedTuple):
    """What words alone say about a response and its evidence."""

    unseen: float  # share of its content words that are nowhere in the evidence, [0, 1]
    unseen_count: float  # ln(1 + their number)
    worst_unseen: float  # the largest such share of one of its sentences, [0, 1]
    numbers_unseen: float  # how many of its numbers are nowhere in the evidence
    length: float  # ln(1 + content words, sentence by sentence)
    sentences: float  # ln(1 + its sentences)


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic regression over the fields of a signals class, by name."""

    intercept: float
    coefficients: dict[str, float]

    def probability(self, signals: SentenceSignals | ResponseSignals) -> float:
        """In (0, 1)."""
        return probability(self.log_odds(signals))

    def log_odds(self, signals: SentenceSignals | ResponseSignals) -> float:
        """ln(p / (1 - p))."""
        return self.intercept + sum(
            weight * float(getattr(signals, name)) for name, weight in self.coefficients.items()
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """A sentence's words, and the units of evidence that say most about it, best first."""

    words: Words
    units: tuple[Unit, ...]


def compare(evidence: Evidence, sentence: str) -> Compared:
    """Find what of the evidence a sentence must rest on."""
    words = words_of(sentence)
    return Compared(words, tuple(cover(evidence, words)))


def sentence_signals(
    compared: Compared,
    evidence: Evidence,
    support: float,
    contradiction: float,
    tokens: NDArray[np.float32],
) -> SentenceSignals:
    """Signals of one sentence.

    Args:
        tokens: (n,) logits of the sentence's tokens being unsupported; may be empty.
    """
    words = compared.words
    near = frozenset[str]().union(*(unit.words.content for unit in compared.units))
    best = compared.units[0].words if compared.units else words_of("")
    seen_numbers = words.numbers & evidence.words.numbers
    return SentenceSignals(
        support=clipped(support),
        contradiction=clipped(contradiction),
        worst_token=clipped(float(tokens.max())) if tokens.size else -_SATURATED,
        token_mass=float((1 / (1 + np.exp(-tokens.astype(np.float64)))).mean())
        if tokens.size
        else 0.0,
        unseen=1 - share(words.content, evidence.words.content),
        uncovered=1 - share(words.content, near),
        apart=1 - share(words.content, best.content),
        numbers_unseen=float(min(3, len(words.numbers - evidence.words.numbers))),
        numbers_apart=float(not seen_numbers <= best.numbers),
        units_differ=float(_units_differ(words.measures, evidence.words.measures)),
        names_unseen=1 - share(words.names, evidence.words.content),
        negation_differs=float(bool(words.negations) != bool(best.negations)),
        length=math.log1p(len(words.content)),
    )


def _units_differ(claimed: frozenset[str], known: frozenset[str]) -> bool:
    numbers = {measure.split()[0] for measure in known}
    return any(measure.split()[0] in numbers for measure in claimed - known)


def response_signals(
    unsupported: Sequence[float], worst_token: float, lexical: Sequence[float]
) -> ResponseSignals:
    """Signals of a whole response of one sentence or more.

    Args:
        unsupported: P(unsupported) of each sentence.
        worst_token: the largest `SentenceSignals.worst_token`.
        lexical: as `lexical_features` gives them.
    """
    ranked = sorted(unsupported, reverse=True)
    return ResponseSignals(
        logit(ranked[0]),
        logit(ranked[1]) if len(ranked) > 1 else -_SATURATED / 2,
        sum(ranked) / len(ranked),
        logit(1 - math.prod(1 - p for p in ranked)),
        clipped(worst_token),
        *lexical,
    )


def lexical_features(sentences: Sequence[Words], evidence: Evidence) -> LexicalFeatures:
    """Compare the words of a response's sentences with those of all its evidence."""
    content = frozenset[str]().union(*(words.content for words in sentences))
    numbers = frozenset[str]().union(*(words.numbers for words in sentences))
    known = evidence.words
    return LexicalFeatures(
        unseen=1 - share(content, known.content),
        unseen_count=math.log1p(len(content - known.content)),
        worst_unseen=max(
            (1 - share(words.content, known.content) for words in sentences), default=0.0
        ),
        numbers_unseen=float(len(numbers - known.numbers)),
        length=math.log1p(sum(len(words.content) for words in sentences)),
        sentences=math.log1p(len(sentences)),
    )


def vector(signals: SentenceSignals | ResponseSignals) -> Vector:
    """The fields as (n,) float64, in their order."""
    return np.array(astuple(signals), dtype=np.float64)


def names(kind: type[SentenceSignals] | type[ResponseSignals]) -> list[str]:
    """The fields' names, in the order of `vector`."""
    return [field.name for field in fields(kind)]


def logit(p: float) -> float:
    """ln(p / (1 - p)), cut off at ±12."""
    p = min(1 - 1e-9, max(1e-9, p))
    return clipped(math.log(p / (1 - p)))


def probability(log_odds: float) -> float:
    """In (0, 1), what `log_odds` of it are ln(p / (1 - p))."""
    return 1 / (1 + math.exp(-clipped(log_odds, 30.0)))


def clipped(value: float, limit: float = _SATURATED) -> float:
    """A value moved into [-limit, limit]."""
    return max(-limit, min(limit, value))
