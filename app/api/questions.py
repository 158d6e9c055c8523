"""Ask and search over JSON and event streams: what the chat page uses."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from app.api.identity import Identity
from app.api.problems import problem_details, problem_of
from app.api.running import AnswerDesk, EventStream, Pause, RunningAnswer
from app.api.services import Services
from app.api.wire import (
    answer_json,
    encoded,
    located_passage_json,
    passage_json,
    sentence_json,
)
from generation.decoding import Decoding
from generation.types import AnswerEvent, Assayed, Drafted, Finished, Message, Retrieved
from retrieval.types import Principal

LONGEST_QUESTION = 4000
MOST_HITS = 50

QuestionText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_QUESTION)
]


class SearchRequest(BaseModel):
    """A question and how many passages to find for it."""

    model_config = ConfigDict(extra="forbid")

    question: QuestionText
    k: int = Field(default=8, ge=1, le=MOST_HITS)


class Turn(BaseModel):
    """What was said before."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["user", "assistant"]
    content: str = Field(max_length=20_000)


class DecodingRequest(BaseModel):
    """How tokens are chosen; what is left out is as the server is configured."""

    model_config = ConfigDict(extra="forbid")

    max_tokens: int | None = Field(default=None, ge=1, le=4096)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0)
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    stop: list[str] | None = Field(default=None, max_length=4)

    def over(self, default: Decoding) -> Decoding:
        """The default with what was asked for in its place."""
        return Decoding(
            max_tokens=default.max_tokens if self.max_tokens is None else self.max_tokens,
            temperature=default.temperature if self.temperature is None else self.temperature,
            top_p=default.top_p if self.top_p is None else self.top_p,
            top_k=default.top_k if self.top_k is None else self.top_k,
            seed=default.seed if self.seed is None else self.seed,
            stop=default.stop if self.stop is None else tuple(self.stop),
        )


class AskRequest(BaseModel):
    """A question, and the conversation it follows on from, oldest first."""

    model_config = ConfigDict(extra="forbid")

    question: QuestionText
    history: list[Turn] = Field(default=[], max_length=100)
    decoding: DecodingRequest | None = None


def question_routes(services: Services, identity: Identity, desk: AnswerDesk) -> APIRouter:
    """`POST /api/search` and `POST /api/ask`."""
    router = APIRouter(prefix="/api", dependencies=[Depends(identity.requester)])

    def readable_collections(
        requester: Annotated[Principal, Depends(identity.requester)],
    ) -> frozenset[int]:
        return services.access.readable(requester)

    @router.post("/search")
    def search(
        body: SearchRequest,
        requester: Annotated[Principal, Depends(identity.requester)],
        readable: Annotated[frozenset[int], Depends(readable_collections)],
    ) -> Response:
        """The passages that are nearest to a question, best first."""
        hits = services.search(body.question, readable=readable, k=body.k)
        # Where a file lies tells more than its words: that is for who put it there.
        shown = located_passage_json if requester.is_administrator else passage_json
        found = {"hits": [shown(hit) for hit in hits]}
        return Response(encoded(found), media_type="application/json")

    @router.post("/ask")
    async def ask(
        body: AskRequest,
        readable: Annotated[frozenset[int], Depends(readable_collections)],
    ) -> Response:
        """An answer as an event stream.

        Events, each with JSON data: `retrieved`, `drafted` (the draft as it is written),
        `sentence` (assayed), and one of `answer` or `error` at the end.
        """
        decoding = None
        if body.decoding is not None:
            decoding = body.decoding.over(services.default_decoding)
        running = desk.start(
            lambda is_cancelled: services.answer(
                body.question,
                readable=readable,
                history=[Message(turn.role, turn.content) for turn in body.history],
                decoding=decoding,
                is_cancelled=is_cancelled,
            )
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
            yield _KEEP_ALIVE if isinstance(event, Pause) else _server_sent(event)
    except Exception as error:  # noqa: BLE001 - too late for another status: told in the stream
        yield b"event: error\ndata: " + encoded(problem_details(problem_of(error))) + b"\n\n"


_KEEP_ALIVE = b": working\n\n"


def _server_sent(event: AnswerEvent) -> bytes:
    name: str
    value: object
    match event:
        case Retrieved(hits=hits):
            name, value = "retrieved", {"passages": [passage_json(hit) for hit in hits]}
        case Drafted(text=text):
            name, value = "drafted", {"text": text}
        case Assayed(sentence=sentence):
            name, value = "sentence", sentence_json(sentence)
        case Finished(answer=answer):
            name, value = "answer", answer_json(answer)
    return f"event: {name}\ndata: ".encode() + encoded(value) + b"\n\n"
