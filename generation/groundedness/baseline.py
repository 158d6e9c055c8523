"""The first verifier: shared words and embedding similarity, weighed by a logistic regression.

Simple and honest rather than strong: it cannot tell a fact from its rephrased opposite. The
weights were fitted on human-labelled sentences by `benchmarks/fit_baseline_verifier.py`; what it
reaches there is in docs/LOG.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from generation.groundedness.types import EvidenceSpan, Judgement
from generation.groundedness.words import Words, share, words_of
from generation.types import Verdict
from retrieval.encoder import Encoder, beginnings
from retrieval.sentences import sentence_spans

# A claim often needs a sentence and its neighbour ("It opened in 1931. ..."), rarely more.
_WINDOW_SENTENCES = 2


class Features(NamedTuple):
    """What the regression sees of a sentence and its best window of evidence."""

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
    intercept=-5.0,
    coefficients=Features(4.0, 1.0, 4.0, -2.0, -2.0, -1.0),
    supported_from=0.6,
    partly_from=0.4,
)


class _Window(NamedTuple):
    span: EvidenceSpan
    words: Words


class BaselineVerifier:
    """Judges by words and embeddings; see `Verifier`."""

    version = "baseline-1"

    def __init__(self, encoder: Encoder, weights: Weights = WEIGHTS) -> None:
        self._encoder = encoder
        self._weights = weights

    def judge(
        self, question: str, sentences: Sequence[str], evidence: Sequence[str]
    ) -> list[Judgement]:
        """Judge each sentence against its best window of evidence; see `Verifier.judge`."""
        del question  # words and embeddings compare statements only
        if not sentences:
            return []
        windows = [window for i, text in enumerate(evidence) for window in _windows(i, text)]
        if not windows:
            return [Judgement(Verdict.UNSUPPORTED, 0.0, ()) for _ in sentences]
        texts = [evidence[w.span.index][w.span.start : w.span.end] for w in windows]
        vectors = self._encoder.encode(beginnings([*sentences, *texts], self._encoder))
        similarities = vectors[: len(sentences)] @ vectors[len(sentences) :].T
        return [
            self._judge_one(words_of(sentence), similarities[row], windows)
            for row, sentence in enumerate(sentences)
        ]

    def _judge_one(
        self, claim: Words, similarities: NDArray[np.float32], windows: Sequence[_Window]
    ) -> Judgement:
        everything = frozenset[str]().union(*(window.words.content for window in windows))
        scores = [
            support(features_of(claim, window.words, everything, float(similarity)), self._weights)
            for window, similarity in zip(windows, similarities, strict=True)
        ]
        best = int(np.argmax(scores))
        verdict = verdict_of(scores[best], self._weights)
        spans = () if verdict is Verdict.UNSUPPORTED else (windows[best].span,)
        return Judgement(verdict, scores[best], spans)


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


def verdict_of(score: float, weights: Weights) -> Verdict:
    """Supported, partly or unsupported. Words alone never prove a contradiction."""
    if score >= weights.supported_from:
        return Verdict.SUPPORTED
    return Verdict.PARTLY if score >= weights.partly_from else Verdict.UNSUPPORTED


def _windows(index: int, text: str) -> list[_Window]:
    """Every sentence of a text, and every two neighbours, with white space trimmed off."""
    spans = sentence_spans(text)
    windows = []
    for length in range(1, _WINDOW_SENTENCES + 1):
        for first in range(len(spans) - length + 1):
            start, end = _trimmed(text, spans[first][0], spans[first + length - 1][1])
            if start < end:
                words = words_of(text[start:end])
                windows.append(_Window(EvidenceSpan(index, start, end), words))
    return windows


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
