"""Several rankings into one. Pure."""

from collections.abc import Sequence

from retrieval.types import Candidate


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[int]], *, rank_constant: int = 60
) -> list[Candidate]:
    """Fuse rankings by summing 1 / (rank_constant + rank), with rank counted from 1.

    Args:
        rankings: passage ids best first, one sequence per index. An id may be absent from a
            ranking, never repeated in it.
        rank_constant: 60 in Cormack, Clarke and Buettcher, SIGIR 2009; larger values flatten the
            top.

    Returns:
        Best first. Equal scores are ordered by id, so a run repeats.

    Raises:
        ValueError: an id occurs twice in one ranking.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        if len(set(ranking)) != len(ranking):
            raise ValueError("a ranking repeats an id; fuse distinct passages only")
        for rank, passage_id in enumerate(ranking, start=1):
            scores[passage_id] = scores.get(passage_id, 0.0) + 1 / (rank_constant + rank)
    best_first = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return [Candidate(passage_id, score) for passage_id, score in best_first]
