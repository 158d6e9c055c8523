"""What readers say of answers: thumbs, which are counted, and test cases, which go into a suite."""

import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypedDict

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from app.api.identity import Identity
from app.api.questions import QuestionText, Turn
from app.api.services import Services
from app.api.wire import encoded
from app.errors import ParameterRefused, RequestRefused, TooMuchFeedback
from evals.errors import UnknownSuite
from evals.store import EvalStore
from evals.types import Case, Expectation, digest_of, key_of
from generation.types import Message
from retrieval.types import Principal

CHAT_SUITE = "chat"
MOST_CHAT_CASES = 2000
LONGEST_REFERENCE, LONGEST_COMMENT = 4000, 1000
FEEDBACK_ALLOWED, FEEDBACK_WINDOW = 30, timedelta(minutes=10)
# What stands for an answer that was given before: its own words may be a document's, which must go
# when the document does.
NOT_KEPT = "…"
_PEOPLE_WATCHED = 10_000
_LONGEST_HISTORY = 60_000
_DIGITS_OF_A_PERSON = 8

Words = Annotated[str, StringConstraints(strip_whitespace=True)]
Thumb = Literal["up", "down"]
Reason = Literal["wrong", "incomplete", "unsupported", "should-answer", "should-decline", "other"]


class ThumbRequest(BaseModel):
    """What a reader thought of an answer."""

    model_config = ConfigDict(extra="forbid")

    thumb: Thumb


class CaseRequest(BaseModel):
    """A question as a test case, with what should have come of it."""

    model_config = ConfigDict(extra="forbid")

    question: QuestionText
    history: list[Turn] = Field(default=[], max_length=12)
    expectation: Literal["answer", "abstain"]
    reference: Annotated[Words, StringConstraints(max_length=LONGEST_REFERENCE)] = ""
    thumb: Thumb | None = None
    reason: Reason | None = None
    comment: Annotated[Words, StringConstraints(max_length=LONGEST_COMMENT)] = ""


class AddedCaseJson(TypedDict):
    """Where a case went."""

    suite: str
    version: int
    key: str


_CASE_EXAMPLES = {
    "should answer": {
        "summary": "It declined, but the documents say it",
        "value": {
            "question": "How long is the probation period?",
            "expectation": "answer",
            "reference": "Six months.",
            "thumb": "down",
            "reason": "should-answer",
        },
    },
    "should decline": {
        "summary": "It made something up",
        "value": {
            "question": "What was the turnover last year?",
            "expectation": "abstain",
            "thumb": "down",
            "reason": "should-decline",
        },
    },
}
_ADDED_EXAMPLE = {"suite": CHAT_SUITE, "version": 4, "key": "5f0c1c3d9b8e7a60-7d1a54f2"}


class Pace:
    """Lets everybody do something so often within a window. Forgets the oldest of too many people.

    Counted in memory, as failed logins are: a restart forgets a few minutes.
    """

    def __init__(
        self,
        allowed: int,
        window: timedelta,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._allowed, self._window, self._now = allowed, window, now
        self._lock = threading.Lock()
        self._times: dict[int, deque[datetime]] = {}

    def count(self, person: Principal) -> None:
        """Count once more.

        Raises:
            TooMuchFeedback: it was too often; this time is not counted.
        """
        now = self._now()
        with self._lock:
            times = self._times.pop(person.id, deque[datetime](maxlen=self._allowed))
            self._times[person.id] = times
            if len(times) == self._allowed and now - times[0] < self._window:
                wait = times[0] + self._window - now
                raise TooMuchFeedback(self._allowed, max(1, math.ceil(wait.total_seconds())))
            times.append(now)
            if len(self._times) > _PEOPLE_WATCHED:
                del self._times[next(iter(self._times))]


def feedback_routes(services: Services, identity: Identity) -> APIRouter:
    """`POST /api/evals/cases` and `POST /api/evals/thumbs`: for whoever is logged in."""
    router = APIRouter(prefix="/api/evals", tags=["evals"])
    pace = Pace(FEEDBACK_ALLOWED, FEEDBACK_WINDOW)

    @router.post("/thumbs", status_code=204)
    def count_thumb(
        body: ThumbRequest, requester: Annotated[Principal, Depends(identity.requester)]
    ) -> Response:
        """Count what a reader thought of an answer; nothing else of it is kept."""
        pace.count(requester)
        services.thumbs.count(body.thumb)
        return Response(status_code=204)

    @router.post(
        "/cases",
        status_code=201,
        responses={201: {"content": {"application/json": {"example": _ADDED_EXAMPLE}}}},
    )
    def add_case(
        body: Annotated[CaseRequest, Body(openapi_examples=_CASE_EXAMPLES)],
        requester: Annotated[Principal, Depends(identity.requester)],
    ) -> Response:
        """Add a question to the suite `chat`; the requester's own of the same words is replaced."""
        case = case_of(body, requester)
        pace.count(requester)
        refuse_a_full_suite(services.evals)
        version = services.evals.add_case(CHAT_SUITE, case, note=f"from the chat: {case.key}")
        added: AddedCaseJson = {
            "suite": version.suite,
            "version": version.number,
            "key": case.key,
        }
        return Response(encoded(added), 201, media_type="application/json")

    return router


def case_of(body: CaseRequest, requester: Principal) -> Case:
    """What was said, as a case. Earlier answers are left out, see `NOT_KEPT`.

    Its key is of the question, the turns before it and who adds it, so that nobody replaces what
    another has said. Cases of one question are one cluster, whoever added them.

    Raises:
        ParameterRefused: a reference for what should be declined, or too long a history.
    """
    if body.reference and body.expectation == "abstain":
        raise ParameterRefused(
            "reference",
            "reference: a question that should be declined has no right answer; leave it out",
            status=422,
        )
    history = _history(body.history)
    if body.thumb is None:
        tags: list[str] = []
    else:
        tags = [f"thumbs {body.thumb}"]
    if body.reason is not None:
        tags.append(body.reason)
    said = f": {body.comment}" if body.comment else ""
    asked = key_of(body.question, history)
    return Case(
        key=f"{asked}-{digest_of(['principal', requester.id])[:_DIGITS_OF_A_PERSON]}",
        question=body.question,
        history=history,
        references=(body.reference,) if body.reference else (),
        expectation=Expectation(body.expectation),
        tags=tuple(tags),
        cluster=asked,
        source=CHAT_SUITE,
        note=f"added by {requester.name}{said}",
    )


def refuse_a_full_suite(evals: EvalStore) -> None:
    """Refuse to make the suite longer than anybody reviews.

    Raises:
        RequestRefused: it is as long already.
    """
    try:
        cases = evals.suite(CHAT_SUITE).cases
    except UnknownSuite:
        return
    if cases >= MOST_CHAT_CASES:
        raise RequestRefused(
            409,
            f"the suite {CHAT_SUITE!r} has {cases:,} cases and the limit is {MOST_CHAT_CASES:,}; "
            "tell an administrator, who can sort them into suites of their own",
        )


def _history(turns: Sequence[Turn]) -> tuple[Message, ...]:
    characters = sum(len(turn.content) for turn in turns if turn.role == "user")
    if characters > _LONGEST_HISTORY:
        raise ParameterRefused(
            "history",
            f"history: the questions have {characters:,} characters together and the limit is "
            f"{_LONGEST_HISTORY:,}; leave out the first ones",
            status=422,
        )
    return tuple(
        Message(turn.role, turn.content if turn.role == "user" else NOT_KEPT) for turn in turns
    )
