"""A mean with what a reader needs to judge it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its 95 % interval. `value` is None when nothing was scored.

    `low` and `high` are None when fewer than two were scored.
    """

    value: float | None
    low: float | None
    high: float | None
    scored: int
    unscored: int


def estimate(values: Sequence[float | None]) -> Estimate:
    """Mean of the scored values with a normal 95 % interval, value ± 1.96 s/√n."""
    scored = [value for value in values if value is not None]
    n, unscored = len(scored), len(values) - len(scored)
    if n == 0:
        return Estimate(None, None, None, 0, unscored)
    mean = sum(scored) / n
    if n == 1:
        return Estimate(mean, None, None, 1, unscored)
    variance = sum((value - mean) ** 2 for value in scored) / (n - 1)
    half = _Z_95 * math.sqrt(variance / n)
    return Estimate(mean, mean - half, mean + half, n, unscored)


def wilson(successes: int, n: int) -> Estimate:
    """A proportion with its Wilson 95 % interval (Wilson, JASA 1927), sound near 0 and 1."""
    if n == 0:
        return Estimate(None, None, None, 0, 0)
    p = successes / n
    low, high = wilson_bounds(p, n)
    return Estimate(p, low, high, n, 0)


def wilson_bounds(share: float, n: float) -> tuple[float, float]:
    """The Wilson 95 % interval of a share of `n` > 0 independent cases.

    `n` may be a fraction, an effective number of cases. For a mean of values in [0, 1] that are not
    only 0 and 1 it is wider than need be, since none varies more than a share of the same mean.
    """
    z2 = _Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # Exactly 0 and 1 on paper when all failed or succeeded; rounding must not pass them.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))
