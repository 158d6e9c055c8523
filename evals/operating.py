"""What limits on answerability come to, by a run's cases, and which of them meets an aim. Pure.

A case is answered from the limit up, unless nothing that was written for it was supported. Limits
below that of the run itself are left out: what would have been said there is not known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from evals.types import Expectation, Json, Result, Run
from generation.types import Verdict

_STEPS = 50


class Limit(NamedTuple):
    """What declining below `threshold` of answerability comes to; shares in [0, 1].

    `answered` is of all cases; `unsupported` of the sentences shown then, those that are not
    supported; `wrongly` of the cases answered then, those that should be declined; `precision` of
    the cases declined then, those that should be; `recall` of the cases that should be declined,
    those that are. None is undefined.
    """

    threshold: float
    answered: float
    unsupported: float | None
    wrongly: float | None
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class Aim:
    """What an administrator wants: at most so many shown sentences that are not supported, at most
    so many of the answered questions that should have been declined, and at least so many answered.

    None of them bounds nothing.
    """

    most_unsupported: float | None = None
    most_wrongly: float | None = None
    least_answered: float | None = None

    def __post_init__(self) -> None:
        for name in ("most_unsupported", "most_wrongly", "least_answered"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}; it must be in [0, 1]")

    def is_met(self, limit: Limit) -> bool:
        """Whether a limit keeps within all the bounds; what is undefined breaks none."""
        bounds = ((limit.unsupported, self.most_unsupported), (limit.wrongly, self.most_wrongly))
        is_within = all(bound is None or share is None or share <= bound for share, bound in bounds)
        return is_within and (self.least_answered is None or limit.answered >= self.least_answered)


def limits_of(run: Run, results: Sequence[Result]) -> list[Limit]:
    """The limits a run can tell about, lowest first; empty when no case has an answerability."""
    known = [
        _Case(
            float(answerability),
            result.weight,
            result.observation.abstained,
            result.expectation,
            sum(s.verdict is not Verdict.SUPPORTED for s in result.observation.sentences),
            len(result.observation.sentences),
        )
        for result in results
        if result.observation is not None
        and (answerability := result.values.get("answerability")) is not None
    ]
    if not known:
        return []
    least = _limit_of(run)
    steps = [least, *(s / _STEPS for s in range(_STEPS + 1) if s / _STEPS > least)]
    return [_limit(known, threshold) for threshold in steps]


def limit_for(limits: Sequence[Limit], aim: Aim) -> Limit | None:
    """The lowest limit that meets an aim, which answers most; None when none does.

    One that answers nothing keeps any promise, and is not taken.
    """
    return next((limit for limit in limits if limit.answered > 0 and aim.is_met(limit)), None)


class _Case(NamedTuple):
    answerability: float
    weight: float
    abstained: bool
    expectation: Expectation | None
    unsupported: int
    sentences: int


def _limit_of(run: Run) -> float:
    """The limit that the run itself was made with; 0 when it is not known."""
    settings: Json = run.pins.get("settings")
    found = settings.get("abstain_below") if isinstance(settings, dict) else None
    return float(found) if isinstance(found, int | float) else 0.0


def _limit(cases: Sequence[_Case], threshold: float) -> Limit:
    answered = [c for c in cases if c.answerability >= threshold and not c.abstained]
    declined = [c for c in cases if c.answerability < threshold or c.abstained]
    judged = [c for c in answered if c.expectation is not None]
    refused = [c for c in declined if c.expectation is not None]
    to_decline = [c for c in cases if c.expectation is Expectation.ABSTAIN]
    return Limit(
        threshold=threshold,
        answered=_share(answered, cases) or 0.0,
        unsupported=_ratio(
            sum(c.weight * c.unsupported for c in answered),
            sum(c.weight * c.sentences for c in answered),
        ),
        wrongly=_share([c for c in judged if c.expectation is Expectation.ABSTAIN], judged),
        precision=_share([c for c in refused if c.expectation is Expectation.ABSTAIN], refused),
        recall=_share([c for c in declined if c.expectation is Expectation.ABSTAIN], to_decline),
    )


def _share(some: Sequence[_Case], of: Sequence[_Case]) -> float | None:
    return _ratio(sum(c.weight for c in some), sum(c.weight for c in of))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
