"""How far a saved vector index is behind SQL, found out without loading it."""

from pathlib import Path

from retrieval.store import Store
from retrieval.vectors.generations import facts_of

# Whoever opens the index next adds what it lacks, which takes as long as reading so many vectors
# from SQL. Writing it anew takes as long as all that it holds.
LEFT_TO_LATER = 2_000
_SHARE_LEFT = 0.02


def is_near(folder: Path, store: Store, *, encoder: str) -> bool:
    """Whether a saved index lacks so few passages that it need not be written again for them.

    That is 2,000 at most, and at most a fiftieth of what it holds. Passages that have gone do not
    count: forgetting them costs nothing.

    Args:
        encoder: fingerprint; the index of another one, or of another store, is not near at all.
    """
    facts = facts_of(folder)
    if facts.get("encoder") != encoder:
        return False
    number, count = facts.get("change_number"), facts.get("count")
    if not isinstance(number, int) or not isinstance(count, int) or number <= 0:
        return False
    if facts.get("change_mark") != store.change_mark(number):
        return False
    return store.count_published(number) <= min(LEFT_TO_LATER, count * _SHARE_LEFT)
