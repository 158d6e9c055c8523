"""Conversations over HTTP: the list, asking in them, and taking up an answer that is being made."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.api.asking import AnswerMaker
from app.api.conversation_wire import (
    conversation_json,
    heading_json,
    kept_answer_json,
)
from app.api.decoding import DecodingRequest, asked_decoding, whole_characters
from app.api.identity import Identity
from app.api.live_answers import KEEP_ALIVE, LiveStream
from app.api.questions import QuestionText
from app.api.scope import CollectionNames, searched
from app.api.services import Services
from app.api.wire import encoded
from app.audit import Actor, Object
from app.conversations.exporting import as_json, as_markdown, file_name
from app.conversations.types import Conversation, KeptAnswer, Reason, Thumb
from app.conversations.withholding import as_readable
from app.errors import ParameterRefused
from retrieval.types import Principal

MOST_HEADINGS = 100
_LONGEST_COMMENT = 1000
_LONGEST_SEARCH = 200

Number = Annotated[int, Path(ge=0, lt=2**63)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class ConversationAskRequest(BaseModel):
    """A question of a conversation. What was said before it, the server knows."""

    model_config = ConfigDict(extra="forbid")

    question: QuestionText
    follows: int | None = Field(default=None, ge=0, lt=2**63)
    collections: CollectionNames = None
    decoding: DecodingRequest | None = None


class RenameRequest(BaseModel):
    """What a conversation is to be called."""

    model_config = ConfigDict(extra="forbid")

    title: Title


class RatingRequest(BaseModel):
    """What its reader thinks of an answer; a null thumb takes it back."""

    model_config = ConfigDict(extra="forbid")

    thumb: Thumb | None
    reason: Reason | None = None
    comment: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=_LONGEST_COMMENT)
    ] = ""


def conversation_routes(services: Services, identity: Identity, asking: AnswerMaker) -> APIRouter:
    """What is under `/api/conversations` and `/api/answers`."""
    router = APIRouter(prefix="/api", tags=["conversations"])
    _add_list(router, services, identity)
    _add_asking(router, services, identity, asking)
    _add_answers(router, services, identity, asking)
    return router


def _add_list(router: APIRouter, services: Services, identity: Identity) -> None:
    store = services.conversations
    Requester = Annotated[Principal, Depends(identity.in_person)]  # noqa: N806 - a type
    Asker = Annotated[Actor, Depends(identity.actor)]  # noqa: N806 - a type

    def own(requester: Principal, number: int) -> Conversation:
        readable = services.access.readable(requester)
        found = store.conversation(requester, number)
        shown = tuple(as_readable(answer, readable) for answer in found.answers)
        return Conversation(found.heading, found.owner_id, shown)

    @router.get("/conversations")
    def headings(
        requester: Requester,
        words: Annotated[str, Query(max_length=_LONGEST_SEARCH)] = "",
        before: Annotated[str, Query(max_length=60)] = "",
        limit: Annotated[int, Query(ge=1, le=MOST_HEADINGS)] = 50,
    ) -> Response:
        """The requester's own conversations, the one that was last asked in first."""
        found = store.headings(
            requester,
            words=whole_characters("words", words),
            before=_place(before) if before else None,
            limit=limit + 1,
        )
        page, more = found[:limit], len(found) > limit
        following = f"{page[-1].updated_at.isoformat()}/{page[-1].id}" if more else None
        body = {"conversations": [heading_json(one) for one in page], "next": following}
        return _json(body)

    @router.get("/conversations/{conversation}")
    def show(conversation: Number, requester: Requester) -> Response:
        """A conversation with every version of every answer."""
        return _json(conversation_json(own(requester, conversation)))

    @router.patch("/conversations/{conversation}", status_code=204)
    def rename(conversation: Number, body: RenameRequest, requester: Requester) -> Response:
        """Call it something else."""
        store.rename(requester, conversation, whole_characters("title", body.title))
        return Response(status_code=204)

    @router.delete("/conversations/{conversation}", status_code=204)
    def delete(conversation: Number, requester: Requester, actor: Asker) -> Response:
        """Delete it with everything in it."""
        store.delete(requester, conversation)
        services.audit.record(actor, "conversation.deleted", Object("conversation", conversation))
        return Response(status_code=204)

    @router.get("/conversations/{conversation}/export")
    def export(
        conversation: Number,
        requester: Requester,
        actor: Asker,
        format: Literal["markdown", "json"] = "markdown",  # noqa: A002 - the parameter's name
    ) -> Response:
        """A conversation as a file: the path to its newest answer, or as JSON all of it."""
        found = own(requester, conversation)
        of = Object("conversation", conversation)
        services.audit.record(actor, "conversation.exported", of, format=format)
        if format == "json":
            body, kind, end = encoded(as_json(found)), "application/json", "json"
        else:
            body, kind, end = as_markdown(found).encode(), "text/markdown; charset=utf-8", "md"
        headers = {"Content-Disposition": f'attachment; filename="{file_name(found, end)}"'}
        return Response(body, media_type=kind, headers=headers)


def _add_asking(
    router: APIRouter, services: Services, identity: Identity, asking: AnswerMaker
) -> None:
    Requester = Annotated[Principal, Depends(identity.in_person)]  # noqa: N806 - a type

    Asker = Annotated[Actor, Depends(identity.actor)]  # noqa: N806 - a type

    async def ask(
        body: ConversationAskRequest, requester: Principal, conversation: int | None, actor: Actor
    ) -> Response:
        decoding = asked_decoding(body.decoding, services.default_decoding)
        question = whole_characters("question", body.question)
        readable = await run_in_threadpool(services.access.readable, requester)
        collections = await run_in_threadpool(searched, services.store, readable, body.collections)
        live = await asking.begin(
            requester,
            question,
            conversation_id=conversation,
            follows=body.follows,
            readable=readable,
            collections=collections,
            decoding=decoding,
            actor=actor,
        )
        return LiveStream(live.listen(0, services.keep_alive_seconds))

    @router.post("/conversations")
    async def begin(body: ConversationAskRequest, requester: Requester, actor: Asker) -> Response:
        """Begin a conversation with a question. The reply is an event stream, see `/api/ask`.

        Its first event, `asked`, has the numbers of conversation and answer; the last one,
        `answer`, the answer as it is kept.
        """
        if body.follows is not None:
            raise ParameterRefused(
                "follows", "follows: a new conversation has no answer to follow", status=422
            )
        return await ask(body, requester, None, actor)

    @router.post("/conversations/{conversation}/answers")
    async def ask_on(
        conversation: Number, body: ConversationAskRequest, requester: Requester, actor: Asker
    ) -> Response:
        """Ask in a conversation: after the answer that the question follows.

        Questions that follow the same answer are versions of each other.
        """
        return await ask(body, requester, conversation, actor)


def _add_answers(
    router: APIRouter, services: Services, identity: Identity, asking: AnswerMaker
) -> None:
    store = services.conversations
    Requester = Annotated[Principal, Depends(identity.in_person)]  # noqa: N806 - a type

    def own(requester: Principal, number: int) -> KeptAnswer:
        answer = store.answer(requester, number)
        return as_readable(answer, services.access.readable(requester))

    @router.get("/answers/{answer}")
    def show(answer: Number, requester: Requester) -> Response:
        """An answer as it is kept."""
        return _json(kept_answer_json(own(requester, answer)))

    @router.get("/answers/{answer}/events")
    async def take_up(
        answer: Number,
        requester: Requester,
        last_event_id: Annotated[int, Header(ge=0, lt=2**31)] = 0,
    ) -> Response:
        """The events of an answer that is being made, those after `Last-Event-ID`.

        Of one that is not, the single event `answer`: what is kept of it.
        """
        live = asking.live.get(answer, requester.id)
        if live is not None:
            return LiveStream(live.listen(last_event_id, services.keep_alive_seconds))
        kept = await run_in_threadpool(own, requester, answer)
        return LiveStream(_only(encoded(kept_answer_json(kept))))

    @router.post("/answers/{answer}/stop", status_code=204)
    async def stop(answer: Number, requester: Requester) -> Response:
        """End an answer that is being made; what was assayed is kept."""
        live = asking.live.get(answer, requester.id)
        if live is None:
            await run_in_threadpool(store.answer, requester, answer)
        else:
            live.stop()
        return Response(status_code=204)

    @router.put("/answers/{answer}/rating", status_code=204)
    def rate(answer: Number, body: RatingRequest, requester: Requester) -> Response:
        """Keep what its reader thinks of an answer. Its first thumb is counted in Evals."""
        comment = whole_characters("comment", body.comment)
        is_first = store.rate(requester, answer, body.thumb, reason=body.reason, comment=comment)
        if is_first and body.thumb is not None:
            services.thumbs.count(body.thumb)
        return Response(status_code=204)


async def _only(data: bytes) -> AsyncIterator[bytes]:
    yield KEEP_ALIVE
    await asyncio.sleep(0)
    yield b"event: answer\ndata: " + data + b"\n\n"


def _place(before: str) -> tuple[datetime, int]:
    at, _, number = before.partition("/")
    try:
        place = datetime.fromisoformat(at).replace(tzinfo=None), int(number)
    except ValueError:
        raise ParameterRefused(
            "before", "before: expected what `next` of the page before it said", status=422
        ) from None
    return place


def _json(body: object) -> Response:
    return Response(encoded(body), media_type="application/json")
