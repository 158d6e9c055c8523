"""Is the answer in these passages at all? Decided before anything is generated. Pure."""

import math

from generation.quoting import Signals

# A logistic regression fitted by `benchmarks/fit_sufficiency.py` on 800 SQuAD 2 questions asked
# over 490 articles; the articles of the reported figures are others (docs/LOG.md).
_INTERCEPT = -3.69
_COEFFICIENTS = Signals(
    similarity=2.34,
    sentence_similarity=2.15,
    coverage=1.53,
    numbers_missing=-1.57,
    names_missing=-1.03,
)
ABSTAIN_BELOW = 0.4


def answerability(signals: Signals) -> float:
    """Probability that the passages hold the answer, in (0, 1)."""
    total = _INTERCEPT + sum(
        weight * value for weight, value in zip(_COEFFICIENTS, signals, strict=True)
    )
    return 1 / (1 + math.exp(-total))


def is_answerable(probability: float, abstain_below: float | None = None) -> bool:
    """Whether to answer; `abstain_below` moves the operating point, None is the measured one."""
    limit = ABSTAIN_BELOW if abstain_below is None else abstain_below
    return probability >= limit
