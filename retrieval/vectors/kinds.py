"""Which kind of index suits how many passages. Pure.

Each kind finds the same things; they differ in what a search costs, in memory, and in how long they
take to build. The limits are estimates, not yet measured (docs/decisions/0023).
"""

from enum import StrEnum


class Kind(StrEnum):
    """How vectors are kept and searched."""

    FLAT = "flat"  # every vector compared, float32
    HALF = "half"  # the same at half the memory, float16
    GRAPH = "graph"  # HNSW: neighbours of neighbours
    LISTS = "lists"  # IVF-PQ in memory, then exact over float16 vectors on disk


# Up to so many passages an exact search takes a few milliseconds.
FLAT_UP_TO = 50_000
HALF_UP_TO = 150_000
GRAPH_UP_TO = 300_000
# An index is made anew when more than this share of its rows has gone.
MOST_GONE = 0.2
# And one that was fitted to its vectors, when there are so many times more of them.
OUTGROWN = 4.0
# Kept a while after the count falls below a limit, so that an index on the edge is not made twice.
_HYSTERESIS = 0.8


def kind_for(count: int, *, now: Kind | None = None, chosen: Kind | None = None) -> Kind:
    """The kind for so many passages.

    Args:
        now: what there is already; it stays when the count is only little below its range.
        chosen: what the settings say; it is taken whatever the count.
    """
    if chosen is not None:
        return chosen
    limits = ((Kind.FLAT, FLAT_UP_TO), (Kind.HALF, HALF_UP_TO), (Kind.GRAPH, GRAPH_UP_TO))
    fitting = next((kind for kind, limit in limits if count <= limit), Kind.LISTS)
    if now is not None and list(Kind).index(now) > list(Kind).index(fitting):
        below = dict(limits)[list(Kind)[list(Kind).index(now) - 1]]
        if count > below * _HYSTERESIS:
            return now
    return fitting
