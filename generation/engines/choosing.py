"""From the logits of a model to the next token. Pure.

The order is that of transformers: penalties, temperature, top-k, top-p, min-p.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from generation.decoding import Decoding
from generation.errors import EngineUnavailable

Logits: TypeAlias = NDArray[np.float32]  # (vocabulary,)

# top-p and min-p look at so many of the most probable tokens first: sorting all of a vocabulary
# takes longer than everything else here.
_FEW = 512


def log_softmax(logits: Logits) -> NDArray[np.float64]:
    """Natural logarithms of the probabilities, in double precision."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max()
    shifted -= np.log(np.exp(shifted).sum())
    return shifted


def logprob(logits: Logits, token: int) -> float:
    """The natural logarithm of the probability that the model itself gives a token."""
    peak = logits.max()
    total = np.exp(logits - peak, dtype=np.float64).sum()
    return float(np.float64(logits[token]) - np.float64(peak) - np.log(total))


def require_numbers(logits: Logits) -> None:
    """Refuse logits from which nothing can be chosen. Minus infinity forbids a token.

    Raises:
        EngineUnavailable: one is NaN or infinite, or all are minus infinity.
    """
    peak = logits.max()
    if not np.isfinite(peak):
        raise EngineUnavailable(
            f"the model computed {peak} where a number should be, so its weights are damaged or "
            "too large for their precision; try another ASSAY_PRECISION, or ASSAY_RUNTIME=torch"
        )


class Chooser:
    """Chooses the tokens of one text.

    Sampling draws one number for each token, so a seed gives the same text whether or not tokens
    were guessed ahead.

    Args:
        decoding: how; its beams are not looked at.
        prompt: the tokens read, which the repetition penalty counts as seen.
    """

    def __init__(self, decoding: Decoding, prompt: Sequence[int]) -> None:
        self._decoding = decoding
        seed = None if decoding.seed is None else decoding.seed % 2**64
        self._random = np.random.Generator(np.random.Philox(seed))
        self._seen = dict.fromkeys(prompt)
        self._written: Counter[int] = Counter()

    def next(self, logits: Logits) -> int:
        """Choose a token and count it as written. The lowest id wins a tie of greedy decoding."""
        require_numbers(logits)
        steered = penalized(logits, self._decoding, self._seen, self._written)
        if self._decoding.temperature > 0:
            token = drawn(steered, self._decoding, float(self._random.random()))
        else:
            token = int(steered.argmax())
        self._written[token] += 1
        self._seen[token] = None
        return token


def penalized(
    logits: Logits, decoding: Decoding, seen: dict[int, None], written: "Counter[int]"
) -> Logits:
    """Logits after the penalties; the same array when none is on.

    Repetition (Keskar et al. 2019, equation 2 as transformers reads it): the logit of a token in
    `seen` is divided by the penalty when positive, else multiplied. Presence and frequency
    (OpenAI): logit - presence - count x frequency for each written token.
    """
    times, presence = decoding.repetition_penalty, decoding.presence_penalty
    frequency = decoding.frequency_penalty
    if times == 1 and presence == 0 and frequency == 0:
        return logits
    steered = logits.copy()
    if times != 1 and seen:
        ids = np.fromiter(seen, dtype=np.intp)
        values = steered[ids]
        steered[ids] = np.where(values > 0, values / times, values * times)
    if written and (presence or frequency):
        ids = np.fromiter(written, dtype=np.intp)
        counts = np.fromiter(written.values(), dtype=np.float32)
        steered[ids] -= np.float32(presence) + counts * np.float32(frequency)
    return steered


def drawn(logits: Logits, decoding: Decoding, number: float) -> int:
    """The token at which the summed probabilities pass `number`, in [0, 1).

    Tokens are lined up from the most probable on (ties by id).
    """
    ids, probabilities = kept_tokens(logits, decoding)
    summed = np.cumsum(probabilities)
    place = int(np.searchsorted(summed, number * summed[-1], side="right"))
    return int(ids[min(place, len(ids) - 1)])


def kept_tokens(logits: Logits, decoding: Decoding) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The tokens that may be drawn and their probabilities, most probable first, summing to 1.

    Returns:
        ids: (n,) with n at least 1.
        probabilities: (n,), after temperature, top-k, top-p and min-p.
    """
    scaled = logits.astype(np.float64)
    scaled -= scaled.max()
    # A temperature near 0 would overflow to -inf, whose probability is 0 as it should be.
    with np.errstate(over="ignore", under="ignore"):
        scaled /= decoding.temperature
        weights = np.exp(scaled)
    total = weights.sum()
    if decoding.top_k:
        ids = _most_probable(weights, min(decoding.top_k, len(weights)))
        total = weights[ids].sum()
    else:
        ids = _enough(weights, total, decoding)
    probabilities = weights[ids] / total
    if decoding.top_p < 1:
        # The smallest set that reaches top_p: the token that passes it is in.
        size = int(np.searchsorted(np.cumsum(probabilities), decoding.top_p)) + 1
        ids, probabilities = ids[:size], probabilities[:size]
    if decoding.min_p > 0:
        size = int((probabilities >= decoding.min_p * probabilities[0]).sum())
        ids, probabilities = ids[:size], probabilities[:size]
    return ids, probabilities / probabilities.sum()


def _enough(
    weights: NDArray[np.float64], total: np.float64, decoding: Decoding
) -> NDArray[np.intp]:
    """So many of the most probable tokens that top-p and min-p are decided among them."""
    if len(weights) > _FEW:
        few = _most_probable(weights, _FEW)
        reached = weights[few].sum() / total
        last = weights[few[-1]] / weights[few[0]]
        if (decoding.top_p < 1 and reached > decoding.top_p) or last < decoding.min_p:
            return few
    return _most_probable(weights, len(weights))


def _most_probable(weights: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """The ids of the `count` heaviest, heaviest first, ties by id."""
    if count >= len(weights):
        return np.argsort(-weights, kind="stable")
    # All that are as heavy as the last one are looked at, so that ties go by id.
    least = np.partition(weights, len(weights) - count)[len(weights) - count]
    ids = np.flatnonzero(weights >= least)
    return ids[np.argsort(-weights[ids], kind="stable")][:count]
