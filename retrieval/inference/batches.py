"""Which texts are computed together. Pure."""

from collections.abc import Iterator, Sequence


def batches(lengths: Sequence[int], *, tokens: int, rows: int) -> Iterator[list[int]]:
    """Batches of like length, longest first: memory peaks at once or never, and an ETA errs on the
    safe side.

    Args:
        lengths: tokens of each text; texts of one length keep their order.
        tokens: the most in a batch, padding counted. A text that is longer is a batch by itself.
        rows: the most texts in a batch.

    Yields:
        Positions in `lengths`; each occurs once.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    begin = 0
    while begin < len(order):
        size = max(1, min(rows, tokens // max(lengths[order[begin]], 1)))
        yield order[begin : begin + size]
        begin += size
