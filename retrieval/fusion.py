"""Several rankings into one. Pure."""

from collections.abc import Sequence

from retrieval.types import Candidate

# How much meaning weighs beside words, fitted on SciFact's training questions (docs/LOG.md).
DENSE_SHARE = 0.7


def weighted_fusion(
    dense: Sequence[Candidate], lexical: Sequence[Candidate], *, dense_share: float = DENSE_SHARE
) -> list[Candidate]:
    """Fuse two rankings by their scores: the cosine, and BM25 as a share of the best.

    A cosine says by itself how near a passage is, so it is not scaled: where nothing is near, as
    for an encoder in a language or among names it never learnt, words decide. BM25 has no scale
    of its own. A passage that only words found counts as near as the farthest that meaning found;
    one that only meaning found shares no words.

    Args:
        dense: cosines, best first. Below 0 is as far as 0.
        lexical: positive scores, best first.

    Returns:
        Best first, scores in [0, 1]. Equal scores are ordered by id, so a run repeats.

    Raises:
        ValueError: an id occurs twice in one ranking.
    """
    nearness = {c.passage_id: max(c.score, 0.0) for c in dense}
    words = {c.passage_id: c.score for c in lexical}
    if len(nearness) != len(dense) or len(words) != len(lexical):
        raise ValueError("a ranking repeats an id; fuse distinct passages only")
    farthest = min(nearness.values(), default=0.0)
    most = max(words.values(), default=0.0) or 1.0
    fused = [
        Candidate(
            passage_id,
            dense_share * nearness.get(passage_id, farthest)
            + (1 - dense_share) * words.get(passage_id, 0.0) / most,
        )
        for passage_id in nearness.keys() | words.keys()
    ]
    return sorted(fused, key=lambda candidate: (-candidate.score, candidate.passage_id))
