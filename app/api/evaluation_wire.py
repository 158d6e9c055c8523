"""Evaluation as JSON: suites, runs and their cases."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from app.api.wire import SentenceJson, sentence_json
from evals.types import (
    Case,
    Json,
    Measured,
    Observation,
    Result,
    Run,
    SeenPassage,
    SuiteVersion,
)
from generation.types import Message


class MeasuredJson(TypedDict):
    """A metric with its 95 % interval; null is undefined."""

    value: float | None
    low: float | None
    high: float | None
    scored: int
    unscored: int


class SuiteJson(TypedDict):
    """The newest version of a suite. Times are ISO 8601, UTC."""

    suite: str
    version: int
    digest: str
    cases: int
    created_at: str
    newest_run: int | None


class RunJson(TypedDict):
    """A run without its cases and pins. `metrics` is empty until it has finished."""

    run: int
    suite: str
    version: int
    state: str
    origin: str
    started_at: str
    finished_at: str | None
    cases: int
    done: int
    note: str
    metrics: dict[str, MeasuredJson]


class PinnedRunJson(RunJson):
    """A run with what it ran on."""

    pins: Mapping[str, Json]


class RetrievedJson(TypedDict):
    """Where a retrieved passage stands; its words are in the document."""

    document: str
    page: int | None
    start: int
    end: int
    score: float


class TurnJson(TypedDict):
    """What was said before a question."""

    role: str
    content: str


class ObservationJson(TypedDict):
    """What the product did with a case."""

    text: str
    abstained: bool
    answerability: float
    sentences: list[SentenceJson]
    retrieved: list[RetrievedJson]
    prompt_tokens: int
    completion_tokens: int
    retrieval_seconds: float
    first_token_seconds: float | None
    seconds: float
    change_number: int


class CaseJson(TypedDict):
    """A case of a run: what was asked, and what came of it.

    `question` and what belongs to it are null when the case has been deleted since; `observation`
    is null when it failed (`error` says why) or a document that it quoted has been deleted.
    """

    position: int
    key: str
    question: str | None
    history: list[TurnJson]
    references: list[str]
    expectation: str | None
    tags: list[str]
    weight: float
    values: dict[str, float | None]
    observation: ObservationJson | None
    error: str | None


def suite_json(version: SuiteVersion, newest_run: int | None) -> SuiteJson:
    """A suite."""
    return {
        "suite": version.suite,
        "version": version.number,
        "digest": version.digest,
        "cases": version.cases,
        "created_at": _moment(version.created_at),
        "newest_run": newest_run,
    }


def run_json(run: Run) -> RunJson:
    """A run."""
    return {
        "run": run.id,
        "suite": run.version.suite,
        "version": run.version.number,
        "state": run.state.value,
        "origin": run.origin,
        "started_at": _moment(run.started_at),
        "finished_at": None if run.finished_at is None else _moment(run.finished_at),
        "cases": run.cases,
        "done": run.done,
        "note": run.note,
        "metrics": {name: _measured(value) for name, value in run.summary.items()},
    }


def pinned_run_json(run: Run) -> PinnedRunJson:
    """A run with its pins."""
    return {**run_json(run), "pins": run.pins}


def case_json(result: Result, case: Case | None) -> CaseJson:
    """A case of a run."""
    return {
        "position": result.position,
        "key": result.key,
        "question": case.question if case else None,
        "history": _history(case.history if case else ()),
        "references": list(case.references) if case else [],
        "expectation": result.expectation.value if result.expectation else None,
        "tags": list(case.tags) if case else [],
        "weight": result.weight,
        "values": dict(result.values),
        "observation": _observation(result.observation) if result.observation else None,
        "error": result.error,
    }


def _measured(one: Measured) -> MeasuredJson:
    return {
        "value": one.value,
        "low": one.low,
        "high": one.high,
        "scored": one.scored,
        "unscored": one.unscored,
    }


def _observation(seen: Observation) -> ObservationJson:
    return {
        "text": seen.text,
        "abstained": seen.abstained,
        "answerability": seen.answerability,
        "sentences": [sentence_json(sentence) for sentence in seen.sentences],
        "retrieved": [_retrieved(one) for one in seen.retrieved],
        "prompt_tokens": seen.prompt_tokens,
        "completion_tokens": seen.completion_tokens,
        "retrieval_seconds": seen.retrieval_seconds,
        "first_token_seconds": seen.first_token_seconds,
        "seconds": seen.seconds,
        "change_number": seen.change_number,
    }


def _retrieved(one: SeenPassage) -> RetrievedJson:
    return {
        "document": one.document,
        "page": one.page,
        "start": one.start,
        "end": one.end,
        "score": one.score,
    }


def _history(history: Sequence[Message]) -> list[TurnJson]:
    return [{"role": turn.role, "content": turn.content} for turn in history]


def _moment(at: datetime) -> str:
    return f"{at.isoformat(timespec='seconds')}Z"
