"""Judges by name as one scorer, which counts what they could not score, and why."""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TypeAlias

from evals.errors import JudgeFailed, JudgesMissing
from evals.judges.models import JudgeModel
from evals.judges.names import (
    SPREAD,
    Asked,
    Inputs,
    Judge,
    Material,
    asked_for,
    material_of,
)
from evals.judges.rubrics import PREFERRED, PROMPTS, grade, preference
from evals.types import Case, Observation
from generation.groundedness.types import ResponseVerifier
from retrieval.encoder import Encoder

# A case's inputs and which attempt it is -> its score. Raises JudgeFailed where there is none.
Measure: TypeAlias = Callable[[Inputs, int], float]


@dataclass(frozen=True, slots=True)
class Parts:
    """What judges are made with; each is called when the first judge needs it."""

    encoder: Callable[[], Encoder]
    verifier: Callable[[], ResponseVerifier]
    model: Callable[[], JudgeModel]


@dataclass(slots=True)
class Tally:
    """How a judge fared: attempts that gave a score, and the others by reason.

    `cases` it was asked of, `unscored` of which no attempt gave a score.
    """

    judge: Judge
    cases: int = 0
    unscored: int = 0
    attempts: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def text(self) -> str:
        """In words, for people."""
        said = f"{self.judge.name}: {self.cases - self.unscored} of {self.cases} cases scored"
        reasons = "; ".join(f"{reason}: {count}" for reason, count in self.failures.most_common())
        return f"{said}; of {self.attempts} attempts failed: {reasons}" if reasons else said


class Judging:
    """The judges of a run: a `Scorer` of evals.running.

    A judge that reads something the case has not (a reference, an answer where there was an
    abstention) is not asked, and its value is absent. One that was asked and gave no score has the
    value None: unscored. Repeated judging gives the mean of the attempts that succeeded, and their
    standard deviation as `…_spread`.
    """

    def __init__(self, asked: Sequence[Asked], measures: Mapping[str, Measure]) -> None:
        self._asked = list(asked)
        self._measures = measures
        self.tallies = {one.judge.name: Tally(one.judge) for one in asked}

    @property
    def judges(self) -> list[Judge]:
        """In the order they were asked for."""
        return [one.judge for one in self._asked]

    def __call__(
        self, case: Case, seen: Observation, passages: Sequence[str]
    ) -> dict[str, float | None]:
        """Score a case."""
        return self.values_of(material_of(case, seen, passages))

    def values_of(self, material: Material) -> dict[str, float | None]:
        """Score what judges read."""
        values: dict[str, float | None] = {}
        for one in self._asked:
            scores = self._scores(one, material)
            if scores is None:
                continue
            values[one.judge.metric] = statistics.fmean(scores) if scores else None
            if one.repeats > 1:
                spread = statistics.stdev(scores) if len(scores) > 1 else None
                values[one.judge.metric + SPREAD] = spread
        return values

    def _scores(self, asked: Asked, material: Material) -> list[float] | None:
        """The scores of the attempts that gave one; None when the judge is not asked."""
        judge = asked.judge
        # Any reference is right: the one that comes closest counts. To ask a model about each
        # would cost as many times the time; it gets the first.
        references = material.references[: 1 if judge.asks_a_model else None] or ("",)
        known = [material.inputs(judge.reads, reference=text) for text in references]
        inputs = [one for one in known if one is not None]
        if not inputs:
            return None
        if "reference" not in judge.reads:
            inputs = inputs[:1]
        tally = self.tallies[judge.name]
        tally.cases += 1
        scores = []
        for attempt in range(asked.repeats):
            tally.attempts += 1
            try:
                scores.append(max(self._measures[judge.name](one, attempt) for one in inputs))
            except JudgeFailed as error:
                tally.failures[error.reason] += 1
        tally.unscored += not scores
        return scores


def judges_of(names: Sequence[str], parts: Parts) -> Judging:
    """Judges by name, ready to score.

    Args:
        names: keys of `evals.judges.names.JUDGES`; `NAME@3` is asked three times on each case.

    Raises:
        UnknownJudge: there is none of this name.
        ValueError: how often a judge is to be asked cannot be.
        JudgesMissing: one is ragas', which is not installed.
    """
    asked = asked_for(names)
    missing = [one.judge.name for one in asked if one.judge.is_ragas]
    if missing and find_spec("ragas") is None:
        raise JudgesMissing(missing)
    return Judging(asked, {one.judge.name: _measure(one.judge, parts) for one in asked})


def prompt_versions(judges: Sequence[Judge]) -> dict[str, str]:
    """The prompt of each rubric among these judges: what a run has to pin."""
    versions = {}
    for judge in judges:
        rubric = judge.name.partition(":")[2]
        if not judge.is_ragas:
            versions[judge.name] = PROMPTS[rubric]
    return versions


def _measure(judge: Judge, parts: Parts) -> Measure:
    family, _, name = judge.name.partition(":")
    if family == "ragas":
        from evals.judges.ragas_metrics import ragas_measure

        return ragas_measure(
            name, encoder=parts.encoder, verifier=parts.verifier, model=parts.model
        )
    model = parts.model()
    if name == "preferred_to_reference":
        return lambda inputs, attempt: _preferred(model, inputs, attempt)
    return lambda inputs, attempt: grade(model, name, inputs, attempt=attempt)


def _preferred(model: JudgeModel, inputs: Inputs, attempt: int) -> float:
    texts = [str(inputs[name]) for name in ("user_input", "response", "reference")]
    question, response, reference = texts
    return PREFERRED[preference(model, question, response, reference, attempt=attempt)]
