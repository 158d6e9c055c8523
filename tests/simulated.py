"""Runs that nobody made: results drawn as sampling at a temperature would scatter them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from evals.summary import summarise
from evals.types import Expectation, Json, Result, Run, RunState, SuiteVersion

WHEN = datetime(2026, 11, 1)  # noqa: DTZ001 - UTC without zone, as in SQL
_CASES_OF_A_DOCUMENT = 3
_SENTENCES = 3


@dataclass(frozen=True)
class Quality:
    """How good the product that is simulated is. Shares and probabilities."""

    hit: float = 0.85
    supported: float = 0.85
    right: float = 0.6
    threshold: float = 0.35
    temperature: float = 0.7


def run_of(
    number: int,
    results: Sequence[Result],
    *,
    pins: Mapping[str, Json] | None = None,
    state: RunState = RunState.FINISHED,
    suite: str = "simulated",
) -> Run:
    version = SuiteVersion(1, suite, 1, "digest", len(results), "", WHEN)
    summary = summarise(results, resamples=200) if state is RunState.FINISHED else {}
    return Run(
        number, version, state, "gate", WHEN, WHEN, len(results), len(results), pins or {},
        summary, "",
    )  # fmt: skip


def result_of(
    key: str,
    position: int = 0,
    *,
    cluster: str = "",
    expectation: Expectation | None = Expectation.ANSWER,
    error: str | None = None,
    weight: float = 1.0,
    **values: float | None,
) -> Result:
    return Result(position, key, cluster or key, weight, expectation, values, None, error)


def simulated(n: int, quality: Quality, *, cases: int, draw: int) -> list[Result]:
    """Results of `n` cases.

    Args:
        cases: seed of what a case is (how hard, how answerable): the same in all its runs.
        draw: seed of what sampling makes of it.
    """
    of_cases, of_draw = np.random.default_rng(cases), np.random.default_rng(draw)
    return [_one(place, quality, of_cases, of_draw) for place in range(n)]


def lose_every_second_hit(results: Sequence[Result]) -> list[Result]:
    """As if the retriever gave every second hit only; what is not found is not answered right."""
    found = 0
    kept = []
    for one in results:
        values = dict(one.values)
        if values.get("hit_at_5"):
            found += 1
            if found % 2 == 0:
                values |= {"hit_at_5": 0.0, "containment": 0.0}
        kept.append(replace(one, values=values))
    return kept


def _one(
    place: int, quality: Quality, of_cases: np.random.Generator, of_draw: np.random.Generator
) -> Result:
    is_answerable = of_cases.random() < 0.75
    # What is answerable seems so mostly, and the other way round.
    answerability = float(of_cases.beta(4, 2) if is_answerable else of_cases.beta(2, 4))
    ease, luck = of_cases.random(), of_cases.random()
    # A part of the cases always go the same way; the others are at sampling's mercy.
    scatter = 0.5 * quality.temperature * of_draw.normal(size=2)
    values = {
        "answerability": answerability,
        "abstained": float(answerability < quality.threshold),
        "seconds": float(of_draw.gamma(4, 0.5)),
    }
    if is_answerable:
        values["hit_at_5"] = float(luck < quality.hit)
        is_right = _logistic(quality.right, ease, scatter[0]) and luck < quality.hit
        values["containment"] = float(bool(is_right) and not values["abstained"])
    if not values["abstained"]:
        supported = of_draw.binomial(_SENTENCES, quality.supported) / _SENTENCES
        values["faithfulness"] = float(supported)
        values["hallucinated"] = float(supported < 1)
    expectation = Expectation.ANSWER if is_answerable else Expectation.ABSTAIN
    document = f"document {place // _CASES_OF_A_DOCUMENT}"
    return Result(place, f"case {place}", document, 1.0, expectation, values, None)


def _logistic(share: float, ease: float, scatter: float) -> bool:
    return bool(ease + 0.3 * scatter < share)
