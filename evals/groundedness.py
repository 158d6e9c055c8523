"""Measure how well a verifier finds responses that their context does not support.

A line of the file is a labelled response:
{question, context, response or claim, label (1 supported, 0 not) or hallucinated (true, false),
task or ds (named in the report), src or source (what several responses have in common; by
default their context)}. *Unsupported* is the positive class throughout.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evals.baselines import Labels, always_flagged, cross_fitted, features_of, fitted_on
from evals.errors import BadDataset
from evals.metrics.classification import auroc, brier, confusion, expected_calibration_error
from evals.metrics.resampling import Interval, clustered_bootstrap, difference
from evals.rows import objects_of
from generation.groundedness.context import evidence_of
from generation.groundedness.types import Claim, ResponseVerifier

RESAMPLES = 1000
SEED = 0
RESPONSES_AT_ONCE = 16
VERIFIER, ALWAYS, LENGTH, LEXICAL = "verifier", "always flagged", "length only", "lexical"
DIFFERENCE = f"{VERIFIER} minus {LEXICAL}"


@dataclass(frozen=True, slots=True)
class Case:
    """A response with its label. `source` is shared by cases that are not independent."""

    claim: Claim
    is_unsupported: bool
    task: str
    source: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What the verifier says: P(unsupported), what it flags (*warn*) and what it blocks."""

    version: str
    labels: Labels
    blocked: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of some of the cases: system -> metric -> interval."""

    responses: int
    sources: int
    unsupported_share: float
    systems: Mapping[str, Mapping[str, Interval]]


def read_cases(path: Path, *, by: str | None = None) -> list[Case]:
    """The labelled responses of a file of JSON lines, `.gz` or not.

    Args:
        by: the field that names the task, in place of `task`, else `ds`.

    Raises:
        BadDataset: the file is missing, empty, or a line is not what it should be.
    """
    cases = []
    for number, row in objects_of(path, "context"):
        try:
            cases.append(_case(row, by))
        except ValueError as error:
            raise BadDataset(path, number, str(error)) from error
    if not cases:
        raise BadDataset(path, 0, "it holds no line")
    return cases


def verify(
    cases: Sequence[Case],
    verifier: ResponseVerifier,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Verified:
    """Have every response judged, a few at a time."""
    score, flagged, blocked = [], [], []
    for start in range(0, len(cases), RESPONSES_AT_ONCE):
        claims = [case.claim for case in cases[start : start + RESPONSES_AT_ONCE]]
        for judgement in verifier.verify(claims):
            score.append(1 - judgement.score)
            flagged.append(judgement.flagged)
            blocked.append(judgement.blocked)
        if on_progress:
            on_progress(len(score))
    labels = Labels(np.array(score, dtype=np.float64), np.array(flagged, dtype=np.bool_))
    return Verified(verifier.version, labels, np.array(blocked, dtype=np.bool_))


def baselines(cases: Sequence[Case], fit_on: Sequence[Case] | None = None) -> dict[str, Labels]:
    """What labellers that read no meaning say.

    Args:
        fit_on: labelled cases to fit them to. Without any they are fitted to `cases` by
            cross-validation, which a frozen verifier has not had the advantage of.
    """
    features, positive = _features(cases), _positive(cases)
    found = {ALWAYS: always_flagged(len(cases))}
    for name, columns in {LENGTH: slice(4, 5), LEXICAL: slice(None)}.items():
        if fit_on is None:
            sources = [case.source for case in cases]
            found[name] = cross_fitted(features[:, columns], positive, sources, seed=SEED)
        else:
            known = _features(fit_on)[:, columns]
            found[name] = fitted_on(known, _positive(fit_on), features[:, columns])
    return found


def groups(
    cases: Sequence[Case],
    verified: Verified,
    others: Mapping[str, Labels],
    *,
    resamples: int = RESAMPLES,
) -> dict[str, Group]:
    """The figures of each task, in the order of the file, and those of all cases under ""."""
    tasks = np.array([case.task for case in cases])
    named = [task for task in dict.fromkeys(tasks.tolist()) if task]
    found = {}
    for name in [*named, ""]:
        rows = np.flatnonzero(tasks == name) if name else np.arange(len(cases))
        found[name] = _group(cases, rows, verified, others, resamples)
    return found


def _group(
    cases: Sequence[Case],
    rows: NDArray[np.intp],
    verified: Verified,
    others: Mapping[str, Labels],
    resamples: int,
) -> Group:
    sources = [cases[row].source for row in rows]
    positive = _positive([cases[row] for row in rows])
    systems = {
        name: Labels(labels.score[rows], labels.flagged[rows])
        for name, labels in {VERIFIER: verified.labels, **others}.items()
    }
    blocked = verified.blocked[rows]

    def measure(drawn: NDArray[np.intp]) -> dict[tuple[str, str], float | None]:
        truth = positive[drawn]
        values = {
            (name, metric): value
            for name, labels in systems.items()
            for metric, value in _metrics(truth, labels.score[drawn], labels.flagged[drawn])
        }
        block = confusion(truth, blocked[drawn])
        values[VERIFIER, "precision at block"] = block.precision
        values[VERIFIER, "recall at block"] = block.recall
        values[VERIFIER, "F1 at block"] = block.f1
        for metric in ("AUROC", "F1"):
            pair = values[VERIFIER, metric], values[LEXICAL, metric]
            values[DIFFERENCE, metric] = difference(*pair)
        return values

    found: dict[str, dict[str, Interval]] = {}
    intervals = clustered_bootstrap(measure, sources, resamples=resamples, seed=SEED)
    for (system, metric), interval in intervals.items():
        found.setdefault(system, {})[metric] = interval
    return Group(len(rows), len(set(sources)), float(np.mean(positive)), found)


def _metrics(
    positive: NDArray[np.bool_], score: NDArray[np.float64], flagged: NDArray[np.bool_]
) -> list[tuple[str, float | None]]:
    counts = confusion(positive, flagged)
    return [
        ("precision", counts.precision),
        ("recall", counts.recall),
        ("F1", counts.f1),
        ("balanced accuracy", counts.balanced_accuracy),
        ("AUROC", auroc(positive, score)),
        ("ECE", expected_calibration_error(positive, score)),
        ("Brier", brier(positive, score)),
    ]


def _case(row: Mapping[str, object], by: str | None) -> Case:
    """Read one line.

    Raises:
        ValueError: it lacks a response or a label, or they are of another kind.
    """
    response = row.get("response", row.get("claim"))
    if not isinstance(response, str):
        raise ValueError("expected a text as response, or as claim")
    question = row.get("question") or ""
    if not isinstance(question, str):
        raise ValueError("expected a text as question")
    context: Any = row["context"]
    source = row.get("src", row.get("source"))
    if source is None:
        source = hashlib.sha256(json.dumps(context, sort_keys=True).encode()).hexdigest()
    task = row.get(by) if by else row.get("task", row.get("ds"))
    return Case(
        claim=Claim(question, evidence_of(context), response),
        is_unsupported=_is_unsupported(row),
        task="" if task is None else str(task),
        source=str(source),
    )


def _is_unsupported(row: Mapping[str, object]) -> bool:
    label = row.get("label")
    if label is None and isinstance(row.get("hallucinated"), bool):
        return bool(row["hallucinated"])
    # True and False equal 1 and 0.
    if label not in (0, 1):
        raise ValueError("expected label 1 (supported) or 0 (not), or hallucinated true or false")
    return not label


def _features(cases: Sequence[Case]) -> NDArray[np.float64]:
    rows = [features_of(case.claim) for case in cases]
    return np.array(rows, dtype=np.float64)


def _positive(cases: Sequence[Case]) -> NDArray[np.bool_]:
    return np.array([case.is_unsupported for case in cases], dtype=np.bool_)
