"""OpenAI's chat completions, so that any client of theirs can ask Assay.

What they have no field for is in `assay`: verdicts, citations, nearest passages, timings, and what
made the answer.
"""

import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api.audited import sources_noted
from app.api.decoding import CompletionDecoding, completion_decoding, told, whole_characters
from app.api.desk import AnswerDesk
from app.api.identity import Identity
from app.api.problems import openai_error, problem_of
from app.api.questions import LONGEST_QUESTION
from app.api.running import Begun, EventStream, Pause, Queued, RunningAnswer
from app.api.services import Services
from app.api.wire import assay_json, encoded, logprobs_json, usage_json
from app.audit import Actor
from app.errors import ParameterRefused
from generation.decoding import Decoding
from generation.errors import BadDecoding
from generation.types import Answer, AnswerEvent, Assayed, Finished, Message
from retrieval.types import Principal

# Listed beside the engine's own name, so that a client need not know what answers today.
MODEL = "assay"

_ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


class ContentPart(BaseModel):
    """A piece of a message. Only text is understood."""

    type: str
    text: str | None = None


class ChatMessage(BaseModel):
    """One turn of the conversation."""

    role: str
    content: str | list[ContentPart] | None = None


class StreamOptions(BaseModel):
    """Whether the stream ends with the number of tokens."""

    include_usage: bool = False


class ChatRequest(CompletionDecoding):
    """OpenAI's request. Fields that are not here are ignored, as other servers do."""

    model: str
    messages: list[ChatMessage] = Field(min_length=1, max_length=500)
    stream: bool | None = None
    stream_options: StreamOptions | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request comes to."""

    question: str
    history: tuple[Message, ...]
    decoding: Decoding


def completion_routes(services: Services, identity: Identity, desk: AnswerDesk) -> APIRouter:
    """`POST /v1/chat/completions`, `GET /v1/models` and `GET /v1/models/{model}`."""
    router = APIRouter(prefix="/v1", dependencies=[Depends(identity.requester)])
    started = int(time.time())
    models = list(dict.fromkeys([MODEL, services.engine_name]))

    def readable_collections(
        requester: Annotated[Principal, Depends(identity.requester)],
    ) -> frozenset[int]:
        return services.access.readable(requester)

    def model_json(model: str) -> dict[str, object]:
        return {"id": model, "object": "model", "created": started, "owned_by": MODEL}

    @router.get("/models")
    def list_models() -> dict[str, object]:
        """The names a request may give as `model`."""
        return {"object": "list", "data": [model_json(model) for model in models]}

    @router.get("/models/{model:path}")
    def retrieve_model(model: str) -> dict[str, object]:
        """One of them."""
        _require_known(model, models)
        return model_json(model)

    @router.post("/chat/completions")
    async def complete(
        request: Request,
        body: ChatRequest,
        requester: Annotated[Principal, Depends(identity.requester)],
        readable: Annotated[frozenset[int], Depends(readable_collections)],
        actor: Annotated[Actor, Depends(identity.actor)],
    ) -> Response:
        """Answer the last message, which is the user's; those before it are the history."""
        _require_known(body.model, models)
        asked = _asked(body, services.default_decoding)
        running = desk.start(
            requester.id,
            lambda is_cancelled: sources_noted(
                services.answer(
                    asked.question,
                    readable=readable,
                    history=asked.history,
                    decoding=asked.decoding,
                    is_cancelled=is_cancelled,
                ),
                services.audit,
                actor,
            ),
        )
        completion = _Completion(body.model)
        if body.stream:
            has_usage = body.stream_options is not None and body.stream_options.include_usage
            chunks = completion.chunks(running, services.keep_alive_seconds, has_usage=has_usage)
            return EventStream(running, chunks)
        try:
            last = await running.last(request.receive)
        except BadDecoding as error:  # only the engine could tell
            raise told(error) from error
        if not isinstance(last, Finished):
            return Response(status_code=499)  # nobody is there to read it
        return Response(encoded(completion.whole(last.answer)), media_type="application/json")

    return router


class _Completion:
    """The parts of one reply have the same id, time and model."""

    def __init__(self, model: str) -> None:
        self._head = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": model,
        }

    def whole(self, answer: Answer) -> dict[str, object]:
        """The reply in one piece."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": answer.text, "refusal": None},
            "logprobs": logprobs_json(answer),
            "finish_reason": _finish_reason(answer),
        }
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": usage_json(answer.usage),
            "assay": assay_json(answer),
        }

    async def chunks(
        self, running: RunningAnswer[AnswerEvent], quiet_seconds: float, *, has_usage: bool
    ) -> AsyncIterator[bytes]:
        """The reply as server-sent events.

        What is sent cannot be unsaid, so no draft is: a sentence goes out when it is assayed, if
        the answer's text will have it (`AssayedSentence.is_said`). The pieces join to that
        text.
        """
        yield self._chunk({"role": "assistant", "content": ""})
        sent = ""
        try:
            async for event in running.events(quiet_seconds):
                if isinstance(event, Pause):
                    yield b": working\n\n"
                elif isinstance(event, Queued):
                    yield b": queued, position %d\n\n" % event.position
                elif isinstance(event, Begun):
                    yield b": started\n\n"
                elif isinstance(event, Assayed) and event.sentence.is_said:
                    piece = f" {event.sentence.text}" if sent else event.sentence.text
                    sent += piece
                    yield self._chunk({"content": piece})
                elif isinstance(event, Finished):
                    for chunk in self._last_chunks(event.answer, sent, has_usage=has_usage):
                        yield chunk
        except Exception as error:  # noqa: BLE001 - too late for another status: told in the stream
            told_of = told(error) if isinstance(error, BadDecoding) else error
            yield _data(openai_error(problem_of(told_of)))
            return
        yield b"data: [DONE]\n\n"

    def _last_chunks(self, answer: Answer, sent: str, *, has_usage: bool) -> list[bytes]:
        if not answer.text.startswith(sent):
            raise RuntimeError("the answer's text is not that of its supported sentences in order")
        rest = answer.text[len(sent) :]
        chunks = [self._chunk({"content": rest})] if rest else []
        assay: dict[str, object] = {"assay": assay_json(answer)}
        # The tokens are those of the whole draft: they belong to no sentence that was sent.
        ending = {"finish_reason": _finish_reason(answer), "logprobs": logprobs_json(answer)}
        if not has_usage:
            return [*chunks, self._chunk({}, ending, assay)]
        usage = {**self._head, "object": "chat.completion.chunk", "choices": []}
        return [
            *chunks,
            self._chunk({}, ending),
            _data({**usage, "usage": usage_json(answer.usage), **assay}),
        ]

    def _chunk(
        self,
        delta: dict[str, str],
        ending: Mapping[str, object] = MappingProxyType({}),
        extension: Mapping[str, object] = MappingProxyType({}),
    ) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None, **ending}
        return _data(
            {
                **self._head,
                "object": "chat.completion.chunk",
                "choices": [choice],
                **extension,
            }
        )


def _finish_reason(answer: Answer) -> str:
    """OpenAI's word for it. What was cut is the draft, of which the content may be whole sentences.

    A draft that we ended ourselves, because it strayed, has nothing more to give: "stop".
    """
    return "length" if answer.finish_reason == "length" and not answer.abstained else "stop"


def _require_known(model: str, models: Sequence[str]) -> None:
    if model not in models:
        names = ", ".join(repr(known) for known in models)
        raise ParameterRefused(
            "model",
            f"there is no model {model[:100]!r}; the models are: {names}",
            status=404,
            code="model_not_found",
        )


def _asked(body: ChatRequest, default: Decoding) -> _Asked:
    """Read question, history and decoding.

    Raises:
        ParameterRefused: something asks for what cannot be done.
    """
    messages = [_message(index, message) for index, message in enumerate(body.messages)]
    place = f"messages[{len(messages) - 1}]"
    question = messages[-1].content.strip()
    if messages[-1].role != "user":
        raise ParameterRefused(
            f"{place}.role", f"the last message is the {messages[-1].role}'s; end with the user's"
        )
    if not 1 <= len(question) <= LONGEST_QUESTION:
        raise ParameterRefused(
            f"{place}.content",
            f"the question has {len(question)} characters; it must have 1 to {LONGEST_QUESTION}",
        )
    return _Asked(question, tuple(messages[:-1]), completion_decoding(body, default))


def _message(index: int, message: ChatMessage) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        raise ParameterRefused(
            f"messages[{index}].role",
            f"a message of {message.role[:50]!r} is not understood; use {', '.join(_ROLES)}",
        )
    place = f"messages[{index}].content"
    if message.content is None or isinstance(message.content, str):
        return Message(role, whole_characters(place, message.content or ""))
    texts = []
    for part in message.content:
        if part.type != "text" or part.text is None:
            raise ParameterRefused(
                place,
                f"a part of type {part.type[:50]!r} is not understood; send text",
            )
        texts.append(part.text)
    return Message(role, whole_characters(place, "\n".join(texts)))


def _data(value: object) -> bytes:
    return b"data: " + encoded(value) + b"\n\n"
