"""The first verifier: shared words and embedding similarity, weighed by a logistic regression.

Simple and honest rather than strong: it cannot tell a fact from its rephrased opposite. The
weights were fitted on human-labelled sentences by `benchmarks/fit_baseline_verifier.py`, before
windows were narrowed to one sentence and the vetoes of `verdict_of` were added: the figures in
docs/LOG.md are those of that fit, not of what stands here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from generation.groundedness.evidence import response_spans
from generation.groundedness.types import (
    Claim,
    EvidenceSpan,
    Judgement,
    ResponseJudgement,
    SentenceJudgement,
)
from generation.groundedness.words import Words, share, words_of
from generation.types import Verdict
from retrieval.encoder import Encoder, beginnings
from retrieval.sentences import sentence_spans

_CANDIDATE_WINDOWS = 8
# A sentence with fewer content words is a reply to its question rather than a statement.
_FULL_STATEMENT_WORDS = 5
_SHARED_FROM = 0.6


class Features(NamedTuple):
    """What the regression sees of a statement and its best window of evidence."""

    content: float  # share of the sentence's content words in the window, [0, 1]
    content_anywhere: float  # the same share over all the evidence, [0, 1]
    similarity: float  # cosine of sentence and window, [-1, 1]
    numbers_missing: float  # 1 when a number of the sentence is not in the window
    names_missing: float  # share of its names that are nowhere in the evidence, [0, 1]
    negation_differs: float  # 1 when one negates and the other does not


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic regression over `Features` and where its score becomes a verdict."""

    intercept: float
    coefficients: Features
    supported_from: float
    partly_from: float


WEIGHTS = Weights(
    intercept=-3.85,
    coefficients=Features(
        content=0.66,
        content_anywhere=3.23,
        similarity=2.58,
        numbers_missing=-0.81,
        names_missing=-0.79,
        negation_differs=-0.2,
    ),
    supported_from=0.8,
    partly_from=0.5,
)


class _Window(NamedTuple):
    span: EvidenceSpan
    words: Words


class _Compared(NamedTuple):
    span: EvidenceSpan
    features: Features
    is_carried: bool  # every claim-bearing word of a short reply is in the window


class BaselineVerifier:
    """Judges by words and embeddings; see `Verifier`."""

    version = "baseline-1"

    def __init__(self, encoder: Encoder, weights: Weights = WEIGHTS) -> None:
        self._encoder = encoder
        self._weights = weights

    def judge(
        self,
        question: str,
        sentences: Sequence[str],
        evidence: Sequence[str],
        before: str = "",  # noqa: ARG002 - it cannot use it
    ) -> list[Judgement]:
        """Judge each sentence against its best window of evidence; see `Verifier.judge`."""
        judgements = []
        for compared in self._compare(question, sentences, evidence):
            if not compared:
                judgements.append(Judgement(Verdict.UNSUPPORTED, 0.0, ()))
                continue
            score, best = self._best(compared)
            verdict = verdict_of(score, best.features, self._weights, is_carried=best.is_carried)
            spans = () if verdict is Verdict.UNSUPPORTED else (best.span,)
            judgements.append(Judgement(verdict, min(score, self._ceiling(verdict)), spans))
        return judgements

    def verify(self, claims: Sequence[Claim]) -> list[ResponseJudgement]:
        """Judge whole responses, each as good as its worst sentence; see `ResponseVerifier.verify`.

        Flagged when a sentence is not supported, blocked when one is unsupported.
        """
        return [self._verified(claim) for claim in claims]

    def _verified(self, claim: Claim) -> ResponseJudgement:
        spans = response_spans(claim.response)
        sentences = [claim.response[start:end] for start, end in spans]
        judged = self.judge(claim.question, sentences, claim.evidence)
        verdicts = {one.verdict for one in judged}
        return ResponseJudgement(
            min((one.score for one in judged), default=1.0),
            flagged=bool(verdicts - {Verdict.SUPPORTED}),
            blocked=Verdict.UNSUPPORTED in verdicts,
            sentences=tuple(
                SentenceJudgement(*span, one) for span, one in zip(spans, judged, strict=True)
            ),
        )

    def features(self, question: str, sentence: str, evidence: str) -> Features:
        """What the regression sees of a sentence, at the window these weights choose."""
        [compared] = self._compare(question, [sentence], [evidence])
        if not compared:
            return Features(0.0, 0.0, 0.0, 1.0, 1.0, 0.0)
        return self._best(compared)[1].features

    def _compare(
        self, question: str, sentences: Sequence[str], evidence: Sequence[str]
    ) -> list[list[_Compared]]:
        """Each sentence beside the windows that share most of its words."""
        windows = [window for i, text in enumerate(evidence) for window in _windows(i, text)]
        if not windows or not sentences:
            return [[] for _ in sentences]
        everything = frozenset[str]().union(*(window.words.content for window in windows))
        statements = [statement_of(question, sentence) for sentence in sentences]
        claims = [words_of(statement) for statement in statements]
        chosen = [_candidates(claim, windows) for claim in claims]
        similarity = self._similarities(statements, windows, chosen, evidence)
        return [
            [
                _Compared(
                    windows[i].span,
                    features_of(claim, windows[i].words, everything, similarity[row][i]),
                    carries(windows[i].words, words_of(sentences[row])),
                )
                for i in chosen[row]
            ]
            for row, claim in enumerate(claims)
        ]

    def _similarities(
        self,
        statements: Sequence[str],
        windows: Sequence[_Window],
        compared: Sequence[Sequence[int]],
        evidence: Sequence[str],
    ) -> list[dict[int, float]]:
        """For each statement, the cosine to each window it is compared with."""
        needed = sorted({index for chosen in compared for index in chosen})
        spans = [windows[index].span for index in needed]
        texts = [evidence[span.index][span.start : span.end] for span in spans]
        vectors = self._encoder.encode(beginnings([*statements, *texts], self._encoder))
        cosines = vectors[: len(statements)] @ vectors[len(statements) :].T
        column = {index: place for place, index in enumerate(needed)}
        return [
            {index: float(cosines[row, column[index]]) for index in chosen}
            for row, chosen in enumerate(compared)
        ]

    def _ceiling(self, verdict: Verdict) -> float:
        """The largest score that says the same as a verdict."""
        if verdict is Verdict.SUPPORTED:
            return 1.0
        limit = self._weights.supported_from
        if verdict is not Verdict.PARTLY:
            limit = self._weights.partly_from
        return math.nextafter(limit, 0)

    def _best(self, compared: Sequence[_Compared]) -> tuple[float, _Compared]:
        """The window that supports best, one that carries a short reply before one that does not.

        The first of equals.
        """
        scores = [support(one.features, self._weights) for one in compared]
        best = max(range(len(scores)), key=lambda i: (compared[i].is_carried, scores[i], -i))
        return scores[best], compared[best]


def _candidates(claim: Words, windows: Sequence[_Window]) -> list[int]:
    """The windows that share most of a claim's words; only these are worth embedding."""
    order = sorted(
        range(len(windows)), key=lambda i: (-share(claim.content, windows[i].words.content), i)
    )
    return order[:_CANDIDATE_WINDOWS]


def statement_of(question: str, sentence: str) -> str:
    """What a sentence states: a short reply ("Four weeks.") borrows its subject from the question.

    Without it, "four weeks" would be supported by any four weeks in the evidence.
    """
    if len(words_of(sentence).content) >= _FULL_STATEMENT_WORDS or not question.strip():
        return sentence
    return f"{question.strip()} {sentence}"


def features_of(
    claim: Words, window: Words, everything: frozenset[str], similarity: float
) -> Features:
    """Compare a sentence with one window; `everything` is the content of all the evidence."""
    return Features(
        content=share(claim.content, window.content),
        content_anywhere=share(claim.content, everything),
        similarity=similarity,
        numbers_missing=float(not claim.numbers <= window.numbers),
        names_missing=1 - share(claim.names, everything),
        negation_differs=float(bool(claim.negations) != bool(window.negations)),
    )


def support(features: Features, weights: Weights) -> float:
    """Probability of support, in (0, 1)."""
    total = weights.intercept + sum(
        weight * value for weight, value in zip(weights.coefficients, features, strict=True)
    )
    return 1 / (1 + math.exp(-total))


def carries(window: Words, sentence: Words) -> bool:
    """Whether a window has what a sentence says on its own, without its question.

    All the words of a short reply, because each decides ("four weeks", "four months"); a reply
    with none ("The answer is: No.") states nothing that words could show. A full statement is
    left to the regression.
    """
    if len(sentence.content) >= _FULL_STATEMENT_WORDS:
        return True
    return bool(sentence.content) and sentence.content <= window.content


def verdict_of(score: float, features: Features, weights: Weights, *, is_carried: bool) -> Verdict:
    """Supported, partly or unsupported. Words alone never prove a contradiction.

    A number that is not in the evidence, or a short reply it does not carry, is never supported,
    however much else is shared; a sentence is at most partly supported when a name in it is
    nowhere in the evidence, or when its window negates what it does not, or has fewer than three
    in five of its words.
    """
    if features.numbers_missing or not is_carried:
        return Verdict.UNSUPPORTED
    is_whole = (
        not features.names_missing
        and not features.negation_differs
        and features.content >= _SHARED_FROM
    )
    if score >= weights.supported_from and is_whole:
        return Verdict.SUPPORTED
    return Verdict.PARTLY if score >= weights.partly_from else Verdict.UNSUPPORTED


def _windows(index: int, text: str) -> list[_Window]:
    """Every sentence of a text, with white space trimmed off.

    Not two neighbours together: the number of one would support what is said of the other.
    """
    windows = []
    for span in sentence_spans(text):
        start, end = _trimmed(text, *span)
        if start < end:
            words = words_of(text[start:end])
            windows.append(_Window(EvidenceSpan(index, start, end), words))
    return windows


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
