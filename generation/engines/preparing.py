"""From the stages of a model's preparation to how much of the whole is done. Pure."""

from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple


class _Stage(NamedTuple):
    name: str
    seconds: float


# In order, as the conversions name them, with what each took for the bundled model on two busy
# cores. Only their proportions matter: for larger models unpacking and writing take more of it.
_STAGES = (
    _Stage("reading the tokenizer", 28),
    _Stage("unpacking the weights", 49),
    _Stage("writing the weights", 4),
    _Stage("loading the model", 23),
    _Stage("tracing the model", 41),
    _Stage("comparing with torch", 32),
    _Stage("rounding the weights", 2),
    _Stage("writing the converted model", 4),
    _Stage("comparing with torch", 17),
)
_BEGINS = MappingProxyType(
    {at: sum(stage.seconds for stage in _STAGES[:at]) for at in range(len(_STAGES) + 1)}
)
# Said even when there is nothing to do.
_LOOKING = frozenset({"looking for the converted model"})


class OverallProgress:
    """Takes stages and the share of each that is done; tells the stage and the share of the whole.

    The whole begins with the first stage that comes: a model that was unpacked before is not
    unpacked again. The share never falls. A stage that is not known leaves it where it was, such as
    a wait, or is told as it is, such as a download before all others.

    Args:
        told: called with the stage and the share, 0 to 1.
    """

    def __init__(self, told: Callable[[str, float], None]) -> None:
        self._told = told
        self._first: int | None = None
        self._at = 0
        self._share = 0.0

    def __call__(self, stage: str, share: float) -> None:
        """A stage is done to this share."""
        if stage in _LOOKING:
            return
        names = [one.name for one in _STAGES[self._at :]]
        if stage in names:
            self._at += names.index(stage)
            self._first = self._at if self._first is None else self._first
            done = _BEGINS[self._at] + _STAGES[self._at].seconds * share - _BEGINS[self._first]
            whole = _BEGINS[len(_STAGES)] - _BEGINS[self._first]
            self._share = max(self._share, min(done / whole, 1.0))
        elif self._first is None:
            self._told(stage, share)
            return
        self._told(stage, self._share)
