"""What an answer finder says. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FoundAnswer:
    """The likeliest answer to a question in a text: `text[start:end]`, code points.

    `holds`: that the text answers the question. `stands_out`: that it does so just there, against
    its doing so nowhere. Both are logits, natural logarithm; above 0 is more likely than not.
    """

    start: int
    end: int
    holds: float
    stands_out: float


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


@dataclass(frozen=True, slots=True)
class FinderAsGauge:
    """A finder asked only whether the answer is there; see `AnswerGauge`."""

    finder: AnswerFinder

    @property
    def version(self) -> str:
        """Names the finder and its weights."""
        return self.finder.version

    def gauge(self, question: str, texts: Sequence[str]) -> list[float]:
        """How far an answer stands out in each text, which tells more than whether it is held."""
        return [found.stands_out for found in self.finder.find(question, texts)]
