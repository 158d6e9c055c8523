"""Several rankings into one. Pure."""

import math
from collections import defaultdict
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
    shares: dict[int, list[float]] = defaultdict(list)
    for ranking in rankings:
        if len(set(ranking)) != len(ranking):
            raise ValueError("a ranking repeats an id; fuse distinct passages only")
        for rank, passage_id in enumerate(ranking, start=1):
            shares[passage_id].append(1 / (rank_constant + rank))
    # fsum: rounded once, so the order of the rankings cannot part two passages that are equal.
    fused = [Candidate(passage_id, math.fsum(parts)) for passage_id, parts in shares.items()]
    return sorted(fused, key=lambda candidate: (-candidate.score, candidate.passage_id))
