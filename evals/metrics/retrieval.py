"""How good a ranking of documents is, against graded judgements."""

import math
from collections.abc import Mapping, Sequence


def ndcg(ranking: Sequence[str], relevance: Mapping[str, int], *, k: int) -> float | None:
    """Normalised discounted cumulative gain of the first `k`.

    Gain is the grade itself, discounted by log2(rank + 1), rank from 1 (Järvelin and Kekäläinen,
    TOIS 2002, as in trec_eval; not the 2^grade - 1 variant).

    Args:
        ranking: document ids best first, none twice.
        relevance: grade by document id; 0 or absent is not relevant.

    Returns:
        In [0, 1]; None when nothing is relevant.
    """
    ideal = sorted((grade for grade in relevance.values() if grade > 0), reverse=True)[:k]
    if not ideal:
        return None
    gains = [max(0, relevance.get(document, 0)) for document in ranking[:k]]
    return _discounted(gains) / _discounted(ideal)


def recall(ranking: Sequence[str], relevance: Mapping[str, int], *, k: int) -> float | None:
    """Share of the relevant documents among the first `k`; None when nothing is relevant."""
    relevant = {document for document, grade in relevance.items() if grade > 0}
    if not relevant:
        return None
    return len(relevant.intersection(ranking[:k])) / len(relevant)


def reciprocal_rank(
    ranking: Sequence[str], relevance: Mapping[str, int], *, k: int
) -> float | None:
    """1 / rank of the first relevant document among the first `k`, else 0; None as above."""
    if not any(grade > 0 for grade in relevance.values()):
        return None
    for rank, document in enumerate(ranking[:k], start=1):
        if relevance.get(document, 0) > 0:
            return 1 / rank
    return 0.0


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))
