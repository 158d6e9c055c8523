"""Where to draw the line on a probability, and how good the probability is. Pure.

Everything is weighed to a base rate: the rows at hand hold more that is unsupported than real use.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# The base rate that probabilities are calibrated to and limits are chosen for: so many responses,
# and so many sentences, are unsupported. The rows at hand hold more.
PRIOR = 0.20
_BLOCKED_AT_LEAST = 10


def to_prior(wrong: Bools, prior: float) -> Floats:
    """Weights under which `prior` is wrong."""
    share = float(wrong.mean())
    weights: Floats = np.where(wrong, prior / share, (1 - prior) / (1 - share))
    return weights


def best_f1(wrong: Bools, supported: Floats, prior: float) -> float:
    """The limit on P(supported) below which flagging has the largest expected F1.

    Labels only set the base rate: what is expected comes from the probabilities, which are
    calibrated to it. The labels of a few hundred responses would move the limit far by chance
    (Lipton, Elkan and Naryanaswamy 2014, "Thresholding classifiers to maximize F1 score").
    """
    weights = to_prior(wrong, prior)
    order = np.argsort(supported, kind="stable")
    hit = np.cumsum((weights * (1 - supported))[order])
    f1 = 2 * hit / (hit[-1] + np.cumsum(weights[order]))
    return float(np.nextafter(supported[order][int(np.argmax(f1))], 1))


def precise(wrong: Bools, supported: Floats, prior: float, precision: float) -> float:
    """The largest limit below which at least so much, by weight, is wrong.

    0 when there is none with ten cases or more below it: fewer would prove nothing.
    """
    weights = to_prior(wrong, prior)
    order = np.argsort(supported)
    hit = np.cumsum((weights * wrong)[order])
    is_enough = hit / np.cumsum(weights[order]) >= precision
    is_enough[: _BLOCKED_AT_LEAST - 1] = False
    enough = np.flatnonzero(is_enough)
    return float(np.nextafter(supported[order][enough[-1]], 1)) if len(enough) else 0.0


def recalling(wrong: Bools, supported: Floats, recall: float) -> float:
    """The smallest limit below which so much of what is wrong lies."""
    return float(np.nextafter(np.quantile(supported[wrong], recall), 1))


def calibration_error(wrong: Bools, supported: Floats, bins: int = 15) -> float | None:
    """Expected calibration error at the base rate calibrated to; None with one class."""
    if len(set(wrong.tolist())) < 2:
        return None
    weights = to_prior(wrong, PRIOR)
    place = np.clip(np.ceil(supported * bins).astype(int) - 1, 0, bins - 1)
    excess = np.bincount(place, weights=weights * (supported - ~wrong), minlength=bins)
    return float(np.sum(np.abs(excess)) / weights.sum())


def brier_score(wrong: Bools, supported: Floats) -> float | None:
    """Brier score at the base rate calibrated to; None with one class."""
    if len(set(wrong.tolist())) < 2:
        return None
    return float(np.average((supported - ~wrong) ** 2, weights=to_prior(wrong, PRIOR)))
