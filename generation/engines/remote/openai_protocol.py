"""OpenAI's chat protocol, as servers of open models speak it: what is sent, what comes back. Pure.

Beyond OpenAI's own controls each family of servers has names of its own, and defaults of its own,
which it takes from the model's files: what is off is therefore said, not left out, wherever the
name is known. Whether a server heeds what it is sent cannot be seen from outside.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from generation.decoding import Decoding, Method
from generation.errors import BadDecoding
from generation.types import FinishReason, Message, Token, Usage

END = "[DONE]"
_SHOWN_CHARACTERS = 200
_LONGEST_NAME = 200
_LARGEST = 2**31
# llama.cpp's seeds have 32 bits, and their largest stands for "draw one".
_LLAMA_SEEDS = 2**32 - 1
_RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
_REQUESTS_OWN = frozenset({400, 405, 409, 411, 413, 414, 415, 422, 429})
# All that OpenAI and the servers here say when the model ended of itself.
_ENDINGS: Mapping[str, FinishReason] = {"stop": "stop", "eos": "stop", "length": "length"}


class Family(StrEnum):
    """Servers whose names for controls are known. `OTHER` is given OpenAI's, and others if on."""

    LLAMA_CPP = "llama.cpp"
    VLLM = "vLLM"
    SGLANG = "SGLang"
    OLLAMA = "Ollama"
    OTHER = "other"


_FAMILY_OF_OWNER = {
    "llamacpp": Family.LLAMA_CPP,
    "vllm": Family.VLLM,
    "sglang": Family.SGLANG,
    "library": Family.OLLAMA,
}


@dataclass(frozen=True, slots=True)
class OfferedModel:
    """A model in a server's list. `context_tokens` is its window there, where the list has it."""

    id: str
    family: Family = Family.OTHER
    context_tokens: int | None = None

    @property
    def name(self) -> str:
        """What readers see: never where a file lies on that machine."""
        last = self.id.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
        if last.endswith(".gguf"):
            return last.removesuffix(".gguf") or self.id
        return last if self.id.startswith("/") and last else self.id


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer.

    `is_retryable`: the same request may do better in a moment, `retry_seconds` from now if the
    server says so. `is_servers`: it speaks against the server rather than against this request.
    `status` is that of a reply other than 200.
    """

    reason: str
    is_retryable: bool = False
    is_servers: bool = True
    retry_seconds: float | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one event of a stream says. `is_token`: the model wrote something, be it thoughts."""

    text: str = ""
    tokens: tuple[Token, ...] = ()
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    is_token: bool = False


def request_body(
    model: OfferedModel, messages: Sequence[Message], decoding: Decoding, context_tokens: int
) -> dict[str, Any]:
    """What is posted to /chat/completions.

    Raises:
        BadDecoding: a server like this one cannot do what is asked.
    """
    if decoding.method is Method.BEAM:
        raise BadDecoding(
            f"num_beams is {decoding.num_beams} and {model.name} runs on a server: OpenAI's "
            "protocol has no beam search; set num_beams to 1, or use a model of this machine"
        )
    body: dict[str, Any] = {
        "model": model.id,
        "messages": chat_messages(messages),
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": decoding.max_tokens,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "presence_penalty": decoding.presence_penalty,
        "frequency_penalty": decoding.frequency_penalty,
    }
    if decoding.seed is not None:
        is_llama = model.family is Family.LLAMA_CPP
        body["seed"] = decoding.seed % _LLAMA_SEEDS if is_llama else decoding.seed
    if decoding.stop:
        body["stop"] = list(decoding.stop)
    if decoding.logprobs:
        body |= {"logprobs": True, "top_logprobs": 1}
    return body | _beyond_openai(model, decoding, context_tokens)


def chat_messages(messages: Sequence[Message]) -> list[dict[str, str]]:
    """A conversation as the protocol has it."""
    return [{"role": message.role, "content": message.content} for message in messages]


def read_models(reply: object) -> list[OfferedModel]:
    """The models of a reply to GET /models; what is no such list has none."""
    entries = reply.get("data") if isinstance(reply, dict) else None
    found = []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or not _is_name(entry.get("id")):
            continue
        family = _FAMILY_OF_OWNER.get(str(entry.get("owned_by")), Family.OTHER)
        meta = entry.get("meta")
        window = meta.get("n_ctx") if isinstance(meta, dict) else entry.get("max_model_len")
        found.append(OfferedModel(entry["id"], family, positive(window)))
    return found


def named_model(name: str, offered: Sequence[OfferedModel]) -> OfferedModel:
    """The model of that name, whatever is offered.

    Servers answer to more names than they list (llama.cpp to any): the family is the same for all
    of a server, and so is the window where there is one model.
    """
    for one in offered:
        if one.id == name:
            return one
    family = offered[0].family if offered else Family.OTHER
    return OfferedModel(name, family, offered[0].context_tokens if len(offered) == 1 else None)


def read_chunk(data: str) -> Chunk | Failure:
    """One event of a stream."""
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        return Failure(f"it sent what is not JSON ({shortened(data)!r})")
    if not isinstance(event, dict):
        return Failure(f"it sent JSON that is no object ({shortened(data)!r})")
    if event.get("error"):
        return Failure(f"it broke off: {error_text(event)}")
    choices = event.get("choices")
    usage = _usage(event.get("usage"))
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return Chunk(usage=usage)
    choice = choices[0]
    delta = choice.get("delta")
    delta = delta if isinstance(delta, dict) else {}
    text = delta.get("content")
    text = text if isinstance(text, str) else ""
    thoughts = delta.get("reasoning_content") or delta.get("reasoning")
    reason = choice.get("finish_reason")
    if isinstance(reason, str) and reason and reason not in _ENDINGS:
        return Failure(f"it ended the answer for a reason of its own: {shortened(reason)!r}")
    tokens = _tokens(choice.get("logprobs"))
    return Chunk(
        _without_surrogates(text),
        tokens,
        _ENDINGS[reason] if isinstance(reason, str) and reason else None,
        usage,
        is_token=bool(text or thoughts or tokens),
    )


def refusal(status: int, retry_after: str | None, body: str) -> Failure:
    """What a status other than 200 means.

    A server that is busy (429) works, and one that refuses a request (other 4xx) does, too.
    """
    words = error_text(_json_or_none(body))
    said = f"it answered {status}" + (f" ({words})" if words else "")
    return Failure(
        said + _advice(status),
        is_retryable=status in _RETRYABLE,
        is_servers=status not in _REQUESTS_OWN,
        retry_seconds=_seconds(retry_after) if status in _RETRYABLE else None,
        status=status,
    )


def _advice(status: int) -> str:
    if 300 <= status < 400:
        return "; redirects are not followed: set the address to where this one leads"
    if status in {401, 403}:
        return "; check its key (ASSAY_REMOTE_KEY)"
    if status == 404:
        return "; check its address, which mostly ends in /v1, and the name of the model"
    return ""


def error_text(reply: object) -> str:
    """What a server says went wrong, shortened; empty when it does not say."""
    for name in ("error", "message", "detail"):
        if isinstance(reply, dict):
            reply = reply.get(name, reply)
    return shortened(reply) if isinstance(reply, str) else ""


def shortened(text: str) -> str:
    """The beginning of a text, on one line, without what would drive a terminal."""
    flat = "".join(char if char.isprintable() else " " for char in text[: 4 * _SHOWN_CHARACTERS])
    flat = " ".join(flat.split())
    return flat if len(flat) <= _SHOWN_CHARACTERS else flat[:_SHOWN_CHARACTERS] + "…"


def positive(value: object) -> int | None:
    """The value, when it is a whole number above 0 that anything can hold."""
    return _whole(value) or None


def _whole(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < _LARGEST else None


def _beyond_openai(
    model: OfferedModel, decoding: Decoding, context_tokens: int
) -> dict[str, object]:
    """The controls that OpenAI does not have, by the names of the server's family."""
    if model.family is Family.LLAMA_CPP:
        return {
            "top_k": decoding.top_k or -1,
            "min_p": decoding.min_p,
            "repeat_penalty": decoding.repetition_penalty,
            # Its penalties look at the last 64 tokens unless told to look at all.
            "repeat_last_n": context_tokens,
        }
    if model.family in {Family.VLLM, Family.SGLANG}:
        return {
            "top_k": decoding.top_k or -1,
            "min_p": decoding.min_p,
            "repetition_penalty": decoding.repetition_penalty,
        }
    used = {
        "top_k": (decoding.top_k, 0),
        "min_p": (decoding.min_p, 0.0),
        "repetition_penalty": (decoding.repetition_penalty, 1.0),
    }
    on = {name: value for name, (value, off) in used.items() if value != off}
    if on and model.family is Family.OLLAMA:
        raise BadDecoding(
            f"{', '.join(on)} cannot be set for {model.name}: Ollama's OpenAI protocol has no such "
            "control; leave it out, or set it in the model's Modelfile"
        )
    return dict(on)


def _tokens(logprobs: object) -> tuple[Token, ...]:
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    found = []
    for entry in content if isinstance(content, list) else []:
        text = entry.get("token") if isinstance(entry, dict) else None
        value = entry.get("logprob") if isinstance(entry, dict) else None
        if isinstance(text, str) and isinstance(value, int | float) and math.isfinite(value):
            # Rounding takes some servers a little above certainty.
            found.append(Token(_without_surrogates(text), min(float(value), 0.0)))
    return tuple(found)


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    prompt, completion = _whole(value.get("prompt_tokens")), _whole(value.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    details = value.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(prompt, completion, min(positive(cached) or 0, prompt))


def _seconds(retry_after: str | None) -> float | None:
    """The header's seconds; its other form, a date, is not worth another clock."""
    text = (retry_after or "").strip()
    return float(text) if text.isascii() and text.isdecimal() and len(text) <= 6 else None


def _json_or_none(body: str) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        # A page for people says nothing here.
        return None if body.lstrip().startswith("<") else body


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()


def _without_surrogates(text: str) -> str:
    """JSON can hold halves of characters; nothing that is stored or sent on can."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
