"""Passages that are read again, together with the question, and their order then. Pure."""

import math
from collections.abc import Sequence
from typing import Protocol

from retrieval.types import Candidate

# Of the passages found, so many of the first are read again.
RERANKED = 30


class Reranker(Protocol):
    """Says how well each text answers a question, having read both together."""

    @property
    def name(self) -> str:
        """Names the model, without where it lies."""

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers, in order; larger is better, comparable within one call.

        A text that is too long is read up to where the model's window ends.
        """


def reranked(candidates: Sequence[Candidate], scores: Sequence[float]) -> list[Candidate]:
    """The first `len(scores)` candidates by what a reranker says of them, then the others.

    Args:
        candidates: best first, scores in [0, 1], as fusion gives them.
        scores: of the first of them, in their order; any numbers.

    Returns:
        Best first. Those that were read again have scores in [1, 2], which keep the reranker's
        order; the others keep theirs. Of equal scores the one that was found first is first.

    Raises:
        ValueError: more scores than candidates, or one that is not a number.
    """
    if len(scores) > len(candidates):
        raise ValueError(f"{len(scores)} scores for {len(candidates)} candidates")
    if any(math.isnan(score) for score in scores):
        raise ValueError("the reranker's score of a passage is not a number")
    order = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    best = [Candidate(candidates[place].passage_id, 1 + _share(scores[place])) for place in order]
    return [*best, *candidates[len(scores) :]]


def _share(score: float) -> float:
    """Into [0, 1], in the same order."""
    half = math.tanh(score / 2) / 2
    return 0.5 + half
