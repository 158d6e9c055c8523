"""Asks the cases of a suite, one after the other, and keeps what came of each at once."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from evals.scoring import values_of
from evals.store import EvalStore
from evals.summary import summarise
from evals.types import (
    Case,
    Observation,
    Result,
    Run,
    RunState,
    SeenCitation,
    SeenPassage,
    SeenSentence,
    Values,
)
from generation.decoding import Decoding
from generation.errors import GenerationError
from generation.types import (
    Answer,
    AnswerEvent,
    AssayedSentence,
    Citation,
    Finished,
    Message,
    Retrieved,
)
from retrieval.errors import RetrievalError
from retrieval.types import Hit

_SEED_BYTES = 4

# (case, what was observed, the text of each retrieved passage) -> values. A scorer raises nothing
# for a case that it cannot score: the value is None.
Scorer: TypeAlias = Callable[[Case, Observation, Sequence[str]], Values]


@dataclass(frozen=True, slots=True)
class Observed:
    """What was observed of a case; `passages[i]` is the text of `observation.retrieved[i]`."""

    observation: Observation
    passages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """A case has its result: the `done`th of `cases`."""

    run_id: int
    done: int
    cases: int
    result: Result


class Answering(Protocol):
    """`Answerer.answer`, as far as a run needs it."""

    def __call__(
        self,
        question: str,
        *,
        readable: frozenset[int],
        history: Sequence[Message],
        decoding: Decoding,
    ) -> Iterator[AnswerEvent]: ...


def run_cases(
    evals: EvalStore,
    run: Run,
    cases: Sequence[Case],
    ask: Callable[[Case], Observed],
    scorers: Sequence[Scorer],
    *,
    on_progress: Callable[[Progress], object] = lambda _: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Run:
    """Ask the cases of a run that have no result yet; after the last one, end the run.

    A case whose question cannot be answered (an error of `generation` or `retrieval`) becomes a
    failed result and stops nothing. Any other error ends this call, and the run can be gone on
    with, as after a kill.

    Args:
        cases: of the run, all of them; a case's place here is its position.
        scorers: their values are joined, a later one's over an earlier one's of the same name.
        is_cancelled: asked before each case.

    Returns:
        The run: ended, or still running when it was cancelled. It has failed when every case has.
    """
    done = evals.done_positions(run.id)
    count = len(done)
    for position, case in enumerate(cases):
        if position in done:
            continue
        if is_cancelled():
            return evals.run(run.id)
        result = _result(position, case, ask, scorers)
        evals.add_result(run.id, result)
        count += 1
        on_progress(Progress(run.id, count, len(cases), result))
    results = evals.results(run.id)
    is_failed = all(result.error is not None for result in results)
    state = RunState.FAILED if is_failed else RunState.FINISHED
    return evals.finish_run(run.id, summarise(results), state=state)


def asking(
    answer: Answering, *, readable: frozenset[int], decoding: Decoding, seed: int
) -> Callable[[Case], Observed]:
    """What asks a case as a reader would, each with a seed of its own.

    Args:
        readable: ids of the collections that are asked.
        decoding: its seed is replaced by `seed_of` the run's and the case's.
    """

    def ask(case: Case) -> Observed:
        own = replace(decoding, seed=seed_of(seed, case.key))
        return observed(
            answer(case.question, readable=readable, history=case.history, decoding=own)
        )

    return ask


def scoring(
    *,
    is_exact: Callable[[SeenCitation], bool],
    similarity: Callable[[str, Sequence[str]], float] | None,
) -> Scorer:
    """The scorer of every run: all that needs no judge.

    Args:
        is_exact: whether a citation's quote is the text of its revision at its offsets.
        similarity: of a text and the most similar of others, in [-1, 1].
    """

    def score(case: Case, seen: Observation, passages: Sequence[str]) -> Values:
        return values_of(case, seen, passages, is_exact=is_exact, similarity=similarity)

    return score


def seed_of(run_seed: int, key: str) -> int:
    """A case's seed: the same whatever is asked before it, in [0, 2^32)."""
    digest = hashlib.sha256(f"{run_seed}:{key}".encode()).digest()
    return int.from_bytes(digest[:_SEED_BYTES], "big")


def observed(events: Iterable[AnswerEvent]) -> Observed:
    """What the events of one answer come to.

    Raises:
        ValueError: they end without an answer.
    """
    hits: tuple[Hit, ...] = ()
    answer: Answer | None = None
    for event in events:
        if isinstance(event, Retrieved):
            hits = event.hits
        elif isinstance(event, Finished):
            answer = event.answer
    if answer is None:
        raise ValueError("the events of an answer ended without one")
    return Observed(_observation(answer, hits), tuple(hit.passage.text for hit in hits))


def _result(
    position: int,
    case: Case,
    ask: Callable[[Case], Observed],
    scorers: Sequence[Scorer],
) -> Result:
    values: dict[str, float | None] = {}
    observation, error = None, None
    try:
        seen = ask(case)
    except (GenerationError, RetrievalError) as refused:
        error = str(refused)
    else:
        observation = seen.observation
        for score in scorers:
            values.update(score(case, observation, seen.passages))
    return Result(
        position=position,
        key=case.key,
        cluster=case.independent_of_others,
        weight=case.weight,
        expectation=case.expectation,
        values=values,
        observation=observation,
        error=error,
    )


def _observation(answer: Answer, hits: Sequence[Hit]) -> Observation:
    return Observation(
        text=answer.text,
        abstained=answer.abstained,
        answerability=answer.answerability,
        sentences=tuple(_sentence(sentence) for sentence in answer.sentences),
        retrieved=tuple(_passage(hit) for hit in hits),
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
        retrieval_seconds=answer.timings.retrieval,
        first_token_seconds=answer.timings.first_token,
        seconds=answer.timings.total,
        change_number=answer.change_number,
    )


def _sentence(sentence: AssayedSentence) -> SeenSentence:
    return SeenSentence(
        sentence.text,
        sentence.origin,
        sentence.verdict,
        sentence.score,
        tuple(_citation(one) for one in sentence.citations),
    )


def _citation(one: Citation) -> SeenCitation:
    return SeenCitation(
        passage_id=one.passage_id,
        document_id=one.document_id,
        revision_id=one.revision_id,
        document=one.document,
        page=one.page,
        start=one.start,
        end=one.end,
        quote=one.quote,
    )


def _passage(hit: Hit) -> SeenPassage:
    return SeenPassage(
        passage_id=hit.passage.id,
        document_id=hit.document.id,
        revision_id=hit.passage.revision_id,
        document=hit.document.name,
        path=hit.document.path,
        page=hit.passage.page,
        start=hit.passage.start,
        end=hit.passage.end,
        score=hit.score,
    )
