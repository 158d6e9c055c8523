"""Two runs side by side: what differs in metrics, in cases, and in what they ran on. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evals.comparing.flipping import (
    Cause,
    FlippedCase,
    PinDifference,
    flipped,
    pin_differences,
    pinned_number,
)
from evals.comparing.paired import Difference, draw_differences, match, metrics_of
from evals.types import Case, Result, Run, RunState

__all__ = ["Comparison", "compare", "edited_keys", "pin_differences"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of the first run's cases in the second.

    `differences` are second minus first, over the cases both share; metrics that neither run can
    have are left out. `flips` are in the order of the second run. `notes` say what limits all
    this.
    """

    first_run: int
    second_run: int
    pairs: int
    clusters: int
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    edited: tuple[str, ...]
    pins: tuple[PinDifference, ...]
    differences: tuple[Difference, ...]
    flips: tuple[FlippedCase, ...]
    notes: tuple[str, ...]

    @property
    def causes(self) -> dict[Cause, int]:
        """How many cases flipped for each likely cause, the commonest first."""
        return dict(Counter(flip.cause for flip in self.flips).most_common())


def compare(
    first: Run,
    first_results: Sequence[Result],
    second: Run,
    second_results: Sequence[Result],
    *,
    edited: frozenset[str] = frozenset(),
    draws: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare two runs over the cases they share, matched by key.

    Args:
        edited: what `edited_keys` says of the two suites' versions.
        draws: of the bootstrap that makes the intervals.
    """
    matched = match(first_results, second_results, edited=edited)
    pins = pin_differences(first.pins, second.pins)
    drawn = draw_differences(matched, metrics_of(matched.pairs), draws=draws, seed=seed)
    found = (one.difference for one in drawn.values())
    temperature = pinned_number(second.pins, "temperature") or 0.0
    return Comparison(
        first_run=first.id,
        second_run=second.id,
        pairs=len(matched.pairs),
        clusters=matched.clusters,
        only_first=matched.only_first,
        only_second=matched.only_second,
        edited=matched.edited,
        pins=pins,
        differences=tuple(one for one in found if one.pairs or one.unscored),
        flips=tuple(flipped(matched.pairs, pins, temperature=temperature)),
        notes=tuple(_notes(first, second, len(matched.pairs), matched.clusters)),
    )


def edited_keys(first: Iterable[Case], second: Iterable[Case]) -> frozenset[str]:
    """Keys that both have for cases that are not the same."""
    before = {case.key: case.digest for case in first}
    return frozenset(
        case.key for case in second if before.get(case.key, case.digest) != case.digest
    )


def _notes(first: Run, second: Run, pairs: int, clusters: int) -> Iterable[str]:
    for run in (first, second):
        if run.state is RunState.RUNNING:
            yield f"run {run.id} has not ended: {run.done} of {run.cases} cases are done"
    if first.version.suite != second.version.suite:
        yield f"the suites differ: {first.version.suite!r} and {second.version.suite!r}"
    if not pairs:
        yield "the runs share no case, so there is nothing to compare"
    elif clusters < 2:
        yield "the shared cases are all of one cluster: no interval can be told"
