"""Is the answer in these passages at all? Decided before anything is generated."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from generation.quoting import Quote
from generation.tables import labelled
from retrieval.types import Hit, Passage

# So many of the first passages are gauged: more take longer, and tell no better (docs/LOG.md).
GAUGED_PASSAGES = 3
# What is told of nothing.
_NOTHING_READ = -6.0
# The measured operating point.
ABSTAIN_BELOW = 0.30


class AnswerGauge(Protocol):
    """Says whether texts answer a question, and not where; the seam at which one model replaces
    another."""

    @property
    def version(self) -> str:
        """Names the gauge and its weights."""

    def gauge(self, question: str, texts: Sequence[str]) -> list[float]:
        """How likely each text, in order, is to answer: a logit, natural logarithm."""


class Signals(NamedTuple):
    """What says whether passages hold an answer: the cosine of the question and its best sentence,
    [-1, 1], and the greatest of the gauge's logits."""

    sentence_similarity: float
    gauged: float


class Regression(NamedTuple):
    """A logistic regression over `Signals`."""

    intercept: float
    weights: Signals


# Both fitted by `benchmarks/fit_sufficiency.py` (docs/LOG.md) on documents that nothing has learned
# from.
BY_GAUGE = Regression(-1.213, Signals(sentence_similarity=2.111, gauged=0.595))
BY_FINDER = Regression(-1.352, Signals(sentence_similarity=2.459, gauged=0.155))


@dataclass(frozen=True, slots=True)
class Sufficiency:
    """A gauge, and the regression that what it says goes into."""

    gauge: AnswerGauge
    regression: Regression

    @property
    def version(self) -> str:
        """Names the gauge and its weights."""
        return self.gauge.version

    def signals(self, question: str, hits: Sequence[Hit], quotes: Sequence[Quote]) -> Signals:
        """Read the first of the hits, best first; `quotes` are of all of them, as ranked."""
        texts = [in_context(hit.passage) for hit in hits[:GAUGED_PASSAGES]]
        return Signals(
            sentence_similarity=quotes[0].similarity if quotes else 0.0,
            gauged=max(self.gauge.gauge(question, texts), default=_NOTHING_READ),
        )

    def answerability(self, question: str, hits: Sequence[Hit], quotes: Sequence[Quote]) -> float:
        """Probability that the passages hold the answer, in (0, 1); hits and quotes as in
        `signals`."""
        return probability(self.regression, self.signals(question, hits, quotes))


def in_context(passage: Passage) -> str:
    """A passage as a gauge reads it: below its headings, cells beside their columns.

    "Clocks | 4,910" holds no revenue of 2023; below "revenue" and with "2023: 4,910" it does.
    """
    return f"{passage.context}\n\n{labelled(passage.text)}".lstrip("\n")


def probability(regression: Regression, signals: Signals) -> float:
    """What a regression makes of signals, in (0, 1)."""
    pairs = zip(regression.weights, signals, strict=True)
    return 1 / (1 + math.exp(-regression.intercept - sum(a * b for a, b in pairs)))


def is_answerable(answerability: float, abstain_below: float | None = None) -> bool:
    """Whether to answer; `abstain_below` moves the operating point, None is the measured one."""
    limit = ABSTAIN_BELOW if abstain_below is None else abstain_below
    return answerability >= limit
