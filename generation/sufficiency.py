"""Is the answer in these passages at all? Decided before anything is generated. Pure."""

import math

from generation.quoting import Signals

# A logistic regression over `Signals`, fitted by `benchmarks/fit_sufficiency.py` on SQuAD 2
# questions over all 490 articles; its questions and articles are not those of the reported figures
# (docs/LOG.md).
_INTERCEPT = -3.0
_COEFFICIENTS = Signals(3.0, 2.0, 1.0, 1.0, -1.0, -1.0)
ABSTAIN_BELOW = 0.5


def answerability(signals: Signals) -> float:
    """Probability that the passages hold the answer, in (0, 1)."""
    total = _INTERCEPT + sum(
        weight * value for weight, value in zip(_COEFFICIENTS, signals, strict=True)
    )
    return 1 / (1 + math.exp(-total))


def is_answerable(signals: Signals, abstain_below: float | None = None) -> bool:
    """Whether to answer; `abstain_below` moves the operating point, None is the measured one."""
    limit = ABSTAIN_BELOW if abstain_below is None else abstain_below
    return answerability(signals) >= limit
