"""What a verifier reads and says. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from generation.types import Verdict


@dataclass(frozen=True, slots=True)
class EvidenceSpan:
    """`evidence[index][start:end]`, code points: the words that carry a sentence."""

    index: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """How one sentence stands to the evidence.

    `score` in [0, 1] estimates the probability that the evidence supports the sentence. `spans`
    are best first; an unsupported sentence may have none.
    """

    verdict: Verdict
    score: float
    spans: tuple[EvidenceSpan, ...]


class Verifier(Protocol):
    """Judges sentences; the seam at which one model replaces another."""

    @property
    def version(self) -> str:
        """Names the verifier and its weights, to be kept with what it judged."""

    def judge(
        self, question: str, sentences: Sequence[str], evidence: Sequence[str]
    ) -> list[Judgement]:
        """Judge each sentence against all the evidence.

        Args:
            question: what the sentences answer; may be empty.
            evidence: texts, most relevant first; may be empty.

        Returns:
            One judgement per sentence, in order. Nothing is supported by no evidence.
        """
