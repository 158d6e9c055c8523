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


@dataclass(frozen=True, slots=True)
class Claim:
    """A response to be judged as a whole against its evidence.

    `question` may be empty; `evidence` may be empty, which supports nothing.
    """

    question: str
    evidence: tuple[str, ...]
    response: str


@dataclass(frozen=True, slots=True)
class SentenceJudgement:
    """`response[start:end]`, code points, and how it stands to the evidence."""

    start: int
    end: int
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class ResponseJudgement:
    """How a whole response stands to its evidence.

    `score` in [0, 1] says how sure it is that every sentence is supported; `flagged` that it is to
    be shown with a warning (*warn*), `blocked` that it is to be held back (*block*). Where these
    begin, and whether the score is a calibrated probability, is the verifier's. A response
    without a sentence states nothing: score 1, neither flagged nor blocked.
    """

    score: float
    flagged: bool
    blocked: bool
    sentences: tuple[SentenceJudgement, ...]


class Verifier(Protocol):
    """Judges sentences; the seam at which one model replaces another."""

    @property
    def version(self) -> str:
        """Names the verifier and its weights, to be kept with what it judged."""

    def judge(
        self, question: str, sentences: Sequence[str], evidence: Sequence[str], before: str = ""
    ) -> list[Judgement]:
        """Judge each sentence against all the evidence.

        Args:
            question: what the sentences answer; may be empty.
            sentences: one after another, as they were written.
            evidence: texts, most relevant first; may be empty.
            before: the sentence written before the first, which its pronouns may mean.

        Returns:
            One judgement per sentence, in order. Nothing is supported by no evidence.
        """


class ResponseVerifier(Verifier, Protocol):
    """A verifier that also judges responses as wholes, many at a time."""

    def verify(self, claims: Sequence[Claim]) -> list[ResponseJudgement]:
        """Judge whole responses, in order. One batch for all their sentences."""
