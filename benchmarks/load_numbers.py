"""The numbers of a load test, from what was seen of each question. Pure."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and what came of it.

    `seconds` until the whole answer and `first_token` until the first piece of the draft, both from
    the question; None when there was none. `most_ahead` is how many were before it when it had to
    wait.
    """

    user: int
    seconds: float | None = None
    first_token: float | None = None
    tokens: int = 0
    most_ahead: int = 0
    error: str | None = None
    retry_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 95th percentile, by nearest rank; None without values."""

    p50: float | None
    p95: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Level:
    """What so many chats got.

    `fairness` is the most answers that a user got over the fewest: 1 is even; None for one user, or
    when one got none at all.
    """

    HEADINGS: ClassVar[str] = (
        "chats  answers  errors  tokens/s  first token p50/p95    answer p50/p95  most ahead  "
        "max/min"
    )

    chats: int
    seconds: float
    answers: int
    tokens: int
    tokens_per_second: float
    first_token: Spread
    answer: Spread
    most_ahead: int
    answers_of_user: tuple[int, ...]
    fairness: float | None
    errors: dict[str, int] = field(default_factory=dict)

    def row(self) -> str:
        """A line under `HEADINGS`."""
        fairness = "-" if self.fairness is None else f"{self.fairness:.2f}"
        if 0 in self.answers_of_user:
            fairness = "starved"
        return (
            f"{self.chats:>5}  {self.answers:>7}  {sum(self.errors.values()):>6}  "
            f"{self.tokens_per_second:>8.1f}  {_pair(self.first_token):>19}  "
            f"{_pair(self.answer):>16}  {self.most_ahead:>10}  {fairness:>7}"
        )


def level_of(asked: Sequence[Asked], chats: int, users: int, seconds: float) -> Level:
    """Sum up what `chats` chats of `users` users saw in so many seconds."""
    answered = [one for one in asked if one.seconds is not None]
    counts = Counter(one.user for one in answered)
    # Chats are dealt out in turn: with fewer chats than users some ask nothing.
    of_user = tuple(counts[user] for user in range(min(users, chats)))
    tokens = sum(one.tokens for one in answered)
    return Level(
        chats=chats,
        seconds=seconds,
        answers=len(answered),
        tokens=tokens,
        tokens_per_second=tokens / seconds,
        first_token=spread([one.first_token for one in answered if one.first_token is not None]),
        answer=spread([one.seconds for one in answered if one.seconds is not None]),
        most_ahead=max((one.most_ahead for one in asked), default=0),
        answers_of_user=of_user,
        fairness=_fairness(of_user),
        errors=dict(Counter(one.error for one in asked if one.error is not None).most_common()),
    )


def spread(values: Sequence[float]) -> Spread:
    """Median and 95th percentile by nearest rank: the smallest value that so many do not exceed."""
    if not values:
        return Spread(None, None, 0)
    return Spread(percentile(values, 0.5), percentile(values, 0.95), len(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share, in (0, 1], does not exceed: nearest rank.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("a percentile of nothing")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _fairness(of_user: Sequence[int]) -> float | None:
    if len(of_user) < 2 or min(of_user) == 0:
        return None
    return max(of_user) / min(of_user)


def _pair(spread: Spread) -> str:
    if spread.p50 is None or spread.p95 is None:
        return "-"
    return f"{spread.p50:.2f} / {spread.p95:.2f} s"
