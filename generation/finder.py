"""What an answer finder says. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FoundAnswer:
    """The likeliest answer to a question in a text: `text[start:end]`, code points.

    `holds`: that the text answers the question. `stands_out`: that it does so just there, against
    its doing so nowhere. Both are logits, natural logarithm; above 0 is more likely than not.
    `gauged`: that the text answers the question, as a gauge says; None where none was asked.
    """

    start: int
    end: int
    holds: float
    stands_out: float
    gauged: float | None = None


# So many of the texts are gauged, the first ones: more take longer, and tell no better.
GAUGED_TEXTS = 3


class AnswerFinder(Protocol):
    """Looks for answers; the seam at which one model replaces another."""

    @property
    def version(self) -> str:
        """Names the finder and its weights."""

    def find(self, question: str, texts: Sequence[str]) -> list[FoundAnswer]:
        """Look for the answer in each text, in order. A text without a word has an empty one."""

    def weigh(self, question: str, text: str, places: Sequence[tuple[int, int]]) -> list[float]:
        """How far each place of a text, (start, end) in code points, stands out as the answer.

        Logits, as `FoundAnswer.stands_out`; minus infinity for a place without a word. A place that
        is read more than once counts as where it stands out most.
        """


class AnswerGauge(Protocol):
    """Says whether texts answer a question, and not where; another seam of the same kind."""

    @property
    def version(self) -> str:
        """Names the gauge and its weights."""

    def gauge(self, question: str, texts: Sequence[str]) -> list[float]:
        """How likely each text, in order, is to answer: a logit, as `FoundAnswer.gauged`."""


@dataclass(frozen=True, slots=True)
class GaugedFinder:
    """A finder whose findings in the first texts are gauged, too; see `AnswerFinder`."""

    finder: AnswerFinder
    gauge: AnswerGauge

    @property
    def version(self) -> str:
        """Names both."""
        return f"{self.finder.version}+{self.gauge.version}"

    def find(self, question: str, texts: Sequence[str]) -> list[FoundAnswer]:
        """Look for the answer in each text, and gauge the first."""
        found = self.finder.find(question, texts)
        gauged = self.gauge.gauge(question, texts[:GAUGED_TEXTS])
        first = [replace(one, gauged=logit) for one, logit in zip(found, gauged, strict=False)]
        return [*first, *found[len(first) :]]

    def weigh(self, question: str, text: str, places: Sequence[tuple[int, int]]) -> list[float]:
        """How far each place of a text stands out."""
        return self.finder.weigh(question, text, places)
