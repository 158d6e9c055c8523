"""Cases that went the other way between two runs, each with its likely cause. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from evals.comparing.causes import Cause, Likely, cause_of
from evals.comparing.pins import PinDifference, pin_differences, pinned_number
from evals.types import Expectation, Result

__all__ = [
    "Cause",
    "Flip",
    "FlippedCase",
    "Likely",
    "PinDifference",
    "cause_of",
    "flipped",
    "flips_of",
    "pin_differences",
    "pinned_number",
]


class Flip(StrEnum):
    """In what a case went the other way."""

    FAILED = "failed"
    ANSWERED = "answered"
    RIGHT = "right"
    HALLUCINATED = "hallucinated"
    RETRIEVED = "retrieved"


@dataclass(frozen=True, slots=True)
class FlippedCase:
    """A case that went the other way, by its place in each run.

    `now` says of each flip whether it holds in the second run; in the first it was the other way
    round. `is_worse` is None when nobody can say, as with an abstention where the case does not
    say whether one is wanted.
    """

    key: str
    first_position: int
    second_position: int
    now: Mapping[Flip, bool]
    is_worse: bool | None
    cause: Cause
    evidence: str


def flipped(
    pairs: Iterable[tuple[Result, Result]],
    differing: Sequence[PinDifference],
    *,
    temperature: float,
) -> list[FlippedCase]:
    """Those pairs that went the other way in anything, in the order given.

    Args:
        differing: what `pin_differences` says of the two runs.
        temperature: of the second run.
    """
    found = []
    for first, second in pairs:
        now = flips_of(first, second)
        if not now:
            continue
        likely = cause_of(first, second, differing, temperature=temperature)
        worse = [_is_worse(flip, holds, second.expectation) for flip, holds in now.items()]
        found.append(
            FlippedCase(
                key=second.key,
                first_position=first.position,
                second_position=second.position,
                now=now,
                is_worse=next((verdict for verdict in worse if verdict is not None), None),
                cause=likely.cause,
                evidence=likely.evidence,
            )
        )
    return found


def flips_of(first: Result, second: Result) -> dict[Flip, bool]:
    """What holds of the second result and did not of the first, or the other way round.

    What one of them does not say has not flipped.
    """
    flips = {}
    for flip, holds in _HOLDS.items():
        before, after = holds(first), holds(second)
        if before is not None and after is not None and before != after:
            flips[flip] = after
    return flips


def _has_failed(result: Result) -> bool | None:
    return result.error is not None


def _is_answered(result: Result) -> bool | None:
    if result.observation is not None:
        return not result.observation.abstained
    return _negated(_is_set(result, "abstained"))


def _is_right(result: Result) -> bool | None:
    """Whether the answer is, or holds, a reference."""
    values = [_is_set(result, name) for name in ("exact_match", "containment")]
    known = [value for value in values if value is not None]
    return any(known) if known else None


_HOLDS: Mapping[Flip, Callable[[Result], bool | None]] = {
    Flip.FAILED: _has_failed,
    Flip.ANSWERED: _is_answered,
    Flip.RIGHT: _is_right,
    Flip.HALLUCINATED: lambda result: _is_set(result, "hallucinated"),
    Flip.RETRIEVED: lambda result: _is_set(result, "hit_at_5"),
}


def _is_set(result: Result, name: str) -> bool | None:
    value = result.values.get(name)
    return None if value is None else value >= 1


def _negated(value: bool | None) -> bool | None:  # noqa: FBT001 - the value itself
    return None if value is None else not value


def _is_worse(flip: Flip, holds: bool, expectation: Expectation | None) -> bool | None:  # noqa: FBT001
    if flip is Flip.ANSWERED:
        return None if expectation is None else holds == (expectation is Expectation.ABSTAIN)
    return holds if flip in {Flip.FAILED, Flip.HALLUCINATED} else not holds
