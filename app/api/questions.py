"""Ask and search over JSON and event streams: what the chat page uses."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.api.audited import sources_noted
from app.api.decoding import DecodingRequest, asked_decoding, told
from app.api.desk import AnswerDesk
from app.api.identity import Identity
from app.api.narrowing import NarrowedRequest
from app.api.problems import problem_details, problem_of
from app.api.replies import example, sent
from app.api.running import Begun, EventStream, Queued, RunningAnswer, Told
from app.api.scope import CollectionNames, searched
from app.api.services import Services
from app.api.wire import (
    answer_json,
    encoded,
    located_passage_json,
    passage_json,
    sentence_json,
)
from app.audit import Actor
from generation.errors import BadDecoding
from generation.recall import MOST_RECALLED
from generation.types import (
    AnswerEvent,
    Assayed,
    Drafted,
    Finished,
    Message,
    PassagePart,
    Retrieved,
)
from retrieval.follow_up import standalone
from retrieval.types import Principal

LONGEST_QUESTION = 4000
MOST_HITS = 50

QuestionText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_QUESTION)
]


class SearchRequest(NarrowedRequest):
    """A question and how many passages to find for it."""

    question: QuestionText
    collections: CollectionNames = None
    k: int = Field(default=8, ge=1, le=MOST_HITS)
    history: list["Turn"] = Field(default=[], max_length=100)


class EvidencePart(BaseModel):
    """Words a question was asked with, as its answer named them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    passage: int = Field(ge=0, lt=2**63)
    start: int = Field(ge=0, lt=2**63)
    end: int = Field(ge=0, lt=2**63)


class Turn(BaseModel):
    """What was said before; a question may name the evidence it was asked with."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["user", "assistant"]
    content: str = Field(max_length=20_000)
    evidence: list[EvidencePart] = Field(default=[], max_length=MOST_RECALLED)

    def said(self) -> Message:
        """The turn as answering takes it."""
        parts = (PassagePart(part.passage, part.start, part.end) for part in self.evidence)
        return Message(self.role, self.content, tuple(parts))


class AskRequest(NarrowedRequest):
    """A question, and the conversation it follows on from, oldest first."""

    question: QuestionText
    history: list[Turn] = Field(default=[], max_length=100)
    collections: CollectionNames = None
    decoding: DecodingRequest | None = None


_SUGGESTIONS = {
    "questions": [
        {"question": "When does the lease end?", "document": "lease.pdf", "document_id": 77}
    ],
    "unanswerable": None,
}


def question_routes(services: Services, identity: Identity, desk: AnswerDesk) -> APIRouter:
    """`GET /api/suggestions`, `POST /api/search` and `POST /api/ask`."""
    router = APIRouter(prefix="/api", dependencies=[Depends(identity.requester)])

    def readable_collections(
        requester: Annotated[Principal, Depends(identity.requester)],
    ) -> frozenset[int]:
        return services.access.readable(requester)

    @router.get("/suggestions", responses=example(_SUGGESTIONS))
    def suggestions(requester: Annotated[Principal, Depends(identity.requester)]) -> Response:
        """Questions to try, which documents one may read answer; none while models still load."""
        found = services.suggestions(requester)
        questions = [one._asdict() for one in found.questions]
        return sent({"questions": questions, "unanswerable": found.unanswerable})

    @router.post("/search")
    def search(
        body: SearchRequest,
        requester: Annotated[Principal, Depends(identity.requester)],
        readable: Annotated[frozenset[int], Depends(readable_collections)],
    ) -> Response:
        """The passages that are nearest to a question, best first."""
        earlier = [turn.content for turn in body.history if turn.role == "user"]
        scope = searched(services.store, readable, body.collections)
        hits = services.search(
            body.question, readable=scope, k=body.k, earlier=earlier, within=body.within
        )
        # Where a file lies tells more than its words: that is for who put it there.
        shown = located_passage_json if requester.is_administrator else passage_json
        found = {
            "standalone_question": standalone(body.question, earlier).text,
            "hits": [shown(hit) for hit in hits],
        }
        return Response(encoded(found), media_type="application/json")

    @router.post("/ask")
    async def ask(
        body: AskRequest,
        requester: Annotated[Principal, Depends(identity.requester)],
        readable: Annotated[frozenset[int], Depends(readable_collections)],
        actor: Annotated[Actor, Depends(identity.actor)],
    ) -> Response:
        """An answer as an event stream.

        Events, each with JSON data: `queued` and `started` when it has to wait, `retrieved`,
        `drafted` (the draft as it is written), `sentence` (assayed), and one of `answer` or
        `error` at the end.
        """
        decoding = asked_decoding(body.decoding, services.default_decoding)
        scope = await run_in_threadpool(searched, services.store, readable, body.collections)
        running = desk.start(
            requester.id,
            lambda is_cancelled: sources_noted(
                services.answer(
                    body.question,
                    readable=scope,
                    history=[turn.said() for turn in body.history],
                    decoding=decoding,
                    is_cancelled=is_cancelled,
                    within=body.within,
                ),
                services.audit,
                actor,
            ),
        )
        return EventStream(running, _events(running, services.keep_alive_seconds))

    return router


async def _events(
    running: RunningAnswer[AnswerEvent], quiet_seconds: float
) -> AsyncIterator[bytes]:
    # Tells a reader, and proxies, that the connection stands even if it is not our turn yet.
    yield _KEEP_ALIVE
    try:
        async for event in running.events(quiet_seconds):
            yield _server_sent(event)
    except Exception as error:  # noqa: BLE001 - too late for another status: told in the stream
        told_of = told(error, "decoding.") if isinstance(error, BadDecoding) else error
        yield b"event: error\ndata: " + encoded(problem_details(problem_of(told_of))) + b"\n\n"


_KEEP_ALIVE = b": working\n\n"


def _server_sent(event: AnswerEvent | Told) -> bytes:
    name: str
    value: object
    match event:
        case Queued(ahead=ahead, position=position):
            name, value = "queued", {"position": position, "ahead": ahead}
        case Begun(seconds_waited=seconds):
            name, value = "started", {"seconds_waited": round(seconds, 3)}
        case Retrieved(hits=hits):
            name, value = "retrieved", {"passages": [passage_json(hit) for hit in hits]}
        case Drafted(text=text):
            name, value = "drafted", {"text": text}
        case Assayed(sentence=sentence):
            name, value = "sentence", sentence_json(sentence)
        case Finished(answer=answer):
            name, value = "answer", answer_json(answer)
        case _:
            return _KEEP_ALIVE
    return f"event: {name}\ndata: ".encode() + encoded(value) + b"\n\n"
