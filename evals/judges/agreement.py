"""How far a judge agrees with people, on responses that people have labelled.

A judge's score is support, in [0, 1]: 1 when the contexts say it all. *Unsupported* is the positive
class, as in evals/groundedness.py, and a score below one half decides for it. What a judge left
unscored is in none of the figures but the share; our verifier is measured on the same rows.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evals.groundedness import Case
from evals.judges.names import Judge, material_of_claim
from evals.judges.registry import Judging
from evals.metrics.classification import auroc, confusion
from evals.metrics.resampling import Interval, clustered_bootstrap
from generation.groundedness.types import ResponseVerifier

RESAMPLES = 1000
SEED = 0
_HALF = 0.5
AUROC, BALANCED, KAPPA = "AUROC", "balanced accuracy", "kappa"


@dataclass(frozen=True, slots=True)
class Agreement:
    """A judge beside our verifier, on the rows that the judge scored.

    `unscored` of `rows` have no score of the judge. The figures are by name: AUROC, balanced
    accuracy, kappa.
    """

    rows: int
    unscored: int
    sources: int
    unsupported_share: float | None
    judge: Mapping[str, Interval]
    verifier: Mapping[str, Interval]

    @property
    def unscored_share(self) -> float:
        """Of all rows."""
        return self.unscored / self.rows


def drawn(cases: Sequence[Case], limit: int | None, *, seed: int = SEED) -> list[Case]:
    """At most `limit` cases, drawn at random in the file's order: a file may begin with one task.

    The same each time.
    """
    if limit is None or limit >= len(cases):
        return list(cases)
    chosen = random.Random(seed).sample(range(len(cases)), limit)  # noqa: S311 - no secret
    return [cases[place] for place in sorted(chosen)]


def can_be_compared(judge: Judge) -> bool:
    """Whether a judge says what people were asked: do the contexts support the response."""
    return judge.judges_grounding


def agreements(
    cases: Sequence[Case],
    judging: Judging,
    verifier: ResponseVerifier,
    *,
    resamples: int = RESAMPLES,
    on_progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Agreement]:
    """Have every response judged, and compare with the labels.

    Args:
        cases: at least one.
        judging: judges for which `can_be_compared`.
        on_progress: told after each case how many are done.

    Returns:
        By the judges' names.
    """
    scores: dict[str, list[float | None]] = {judge.name: [] for judge in judging.judges}
    support, flagged = [], []
    for done, case in enumerate(cases, start=1):
        [judgement] = verifier.verify([case.claim])
        support.append(judgement.score)
        flagged.append(judgement.flagged)
        values = judging.values_of(material_of_claim(case.claim))
        for judge in judging.judges:
            scores[judge.name].append(values.get(judge.metric))
        on_progress(done)
    ours = np.array(support, dtype=np.float64), np.array(flagged, dtype=np.bool_)
    return {name: _agreement(cases, said, ours, resamples) for name, said in scores.items()}


def cohens_kappa(positive: NDArray[np.bool_], decided: NDArray[np.bool_]) -> float | None:
    """Agreement beyond chance, (p_o - p_e) / (1 - p_e) (Cohen 1960).

    Args:
        positive, decided: (n,) what two raters say.

    Returns:
        At most 1; 0 is what chance gives. None without cases, and when both say the same one
        thing of all of them.
    """
    if not len(positive):
        return None
    # Both shares times n², in whole numbers: what is 0 comes out as 0.
    n, first, second = len(positive), int(np.sum(positive)), int(np.sum(decided))
    observed = n * int(np.sum(positive == decided))
    expected = first * second + (n - first) * (n - second)
    return None if expected == n * n else (observed - expected) / (n * n - expected)


def _agreement(
    cases: Sequence[Case],
    said: Sequence[float | None],
    ours: tuple[NDArray[np.float64], NDArray[np.bool_]],
    resamples: int,
) -> Agreement:
    rows = [row for row, score in enumerate(said) if score is not None]
    sources = [cases[row].source for row in rows]
    positive = np.array([cases[row].is_unsupported for row in rows], dtype=np.bool_)
    wrong = np.array([1 - score for score in said if score is not None], dtype=np.float64)
    decided = wrong > _HALF
    our_wrong, our_decided = 1 - ours[0][rows], ours[1][rows]

    def measure(chosen: NDArray[np.intp]) -> dict[tuple[str, str], float | None]:
        truth = positive[chosen]
        return {
            (system, name): value
            for system, score, decision in (
                ("judge", wrong[chosen], decided[chosen]),
                ("verifier", our_wrong[chosen], our_decided[chosen]),
            )
            for name, value in _figures(truth, score, decision).items()
        }

    found: dict[str, dict[str, Interval]] = {"judge": {}, "verifier": {}}
    intervals = clustered_bootstrap(measure, sources, resamples=resamples, seed=SEED)
    for (system, name), interval in intervals.items():
        found[system][name] = interval
    share = float(np.mean(positive)) if rows else None
    return Agreement(
        rows=len(said),
        unscored=len(said) - len(rows),
        sources=len(set(sources)),
        unsupported_share=share,
        judge=found["judge"],
        verifier=found["verifier"],
    )


def _figures(
    positive: NDArray[np.bool_], score: NDArray[np.float64], decided: NDArray[np.bool_]
) -> dict[str, float | None]:
    return {
        AUROC: auroc(positive, score),
        BALANCED: confusion(positive, decided).balanced_accuracy,
        KAPPA: cohens_kappa(positive, decided),
    }
