"""How good a ranking is, against graded judgements: of documents, or of passages.

The measures by `k` are those of trec_eval; the two of a context are RAGAS' without a model.
"""

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
    relevant = _relevant(relevance)
    if not relevant:
        return None
    return len(relevant.intersection(ranking[:k])) / len(relevant)


def precision(ranking: Sequence[str], relevance: Mapping[str, int], *, k: int) -> float | None:
    """Share of the first `k` places that hold something relevant; None as above.

    Of `k` places also when the ranking is shorter, as trec_eval's P_k: at most (what is
    relevant) / k, and whoever returns one good document does not score better than whoever
    returns three.
    """
    relevant = _relevant(relevance)
    if not relevant:
        return None
    return len(relevant.intersection(ranking[:k])) / k


def hit(ranking: Sequence[str], relevance: Mapping[str, int], *, k: int) -> float | None:
    """1 when something relevant is among the first `k`, else 0; None as above."""
    relevant = _relevant(relevance)
    if not relevant:
        return None
    return float(not relevant.isdisjoint(ranking[:k]))


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


def context_precision(is_relevant: Sequence[bool]) -> float:
    """Mean, over the relevant passages of a ranking, of the precision down to each of them.

    RAGAS' context precision (Es et al., EACL 2024): sum of precision@k over the relevant ranks k,
    by the number of relevant passages *in the ranking*. It is average precision without a penalty
    for what was not found, which `context_recall` sees. Every passage counts, also the second of
    one relevant thing.

    Args:
        is_relevant: of each passage, best first.

    Returns:
        In [0, 1]; 0 when none is relevant.
    """
    found = 0
    total = 0.0
    for rank, relevant in enumerate(is_relevant, start=1):
        if relevant:
            found += 1
            total += found / rank
    return total / found if found else 0.0


def context_recall(ranking: Sequence[str], relevance: Mapping[str, int]) -> float | None:
    """Share of what is relevant that is anywhere in the ranking; None when nothing is relevant."""
    return recall(ranking, relevance, k=len(ranking))


def _relevant(relevance: Mapping[str, int]) -> frozenset[str]:
    return frozenset(document for document, grade in relevance.items() if grade > 0)


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))
