"""The decoding controls of a request, parsed once, and how a refusal of them is told."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.decoding import blamed_field, decoding_over
from app.errors import ParameterRefused
from generation.decoding import MOST_BEAMS, Decoding
from generation.errors import BadDecoding

_MOST_STOPS = 4
_LONGEST_STOP = 200
_MOST_TOKENS = 2**31
_Stop = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_STOP)]


class DecodingRequest(BaseModel):
    """How tokens are chosen; what is left out is as the server is configured.

    The fields are those of `Decoding`, so the `decoding` of an answer can be sent as it is. A text
    or a truth value is no number.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    max_tokens: int | None = Field(default=None, ge=1, lt=_MOST_TOKENS)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0, lt=_MOST_TOKENS)
    min_p: float | None = Field(default=None, ge=0, le=1)
    repetition_penalty: float | None = Field(default=None, ge=0.01, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    num_beams: int | None = Field(default=None, ge=1, le=MOST_BEAMS)
    length_penalty: float | None = Field(default=None, ge=-5, le=5)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    stop: list[_Stop] | None = Field(default=None, max_length=_MOST_STOPS)
    logprobs: bool | None = None


class CompletionDecoding(BaseModel):
    """The same under the names OpenAI has, and beyond those the ones that other servers have."""

    model_config = ConfigDict(strict=True)

    n: int | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1, lt=_MOST_TOKENS)
    max_completion_tokens: int | None = Field(default=None, ge=1, lt=_MOST_TOKENS)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    stop: str | list[str] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0)
    # -1 is how some servers say that it is off.
    top_k: int | None = Field(default=None, ge=-1, lt=_MOST_TOKENS)
    min_p: float | None = Field(default=None, ge=0, le=1)
    repetition_penalty: float | None = Field(default=None, ge=0.01, le=2)
    num_beams: int | None = Field(default=None, ge=1, le=MOST_BEAMS)
    length_penalty: float | None = Field(default=None, ge=-5, le=5)


def asked_decoding(asked: DecodingRequest | None, default: Decoding) -> Decoding:
    """What `/api/ask` was asked for.

    Raises:
        ParameterRefused: two fields contradict each other.
    """
    try:
        return decoding_over(default, {} if asked is None else asked.model_dump())
    except BadDecoding as error:
        raise told(error, "decoding.") from error


def completion_decoding(asked: CompletionDecoding, default: Decoding) -> Decoding:
    """What `/v1/chat/completions` was asked for.

    Raises:
        ParameterRefused: something asks for what cannot be done, or two fields contradict.
    """
    if asked.n not in {None, 1}:
        raise ParameterRefused(
            "n",
            f"n is {asked.n}; Assay checks and gives one answer, so n must be 1 (with num_beams, "
            "the other texts of the beam search are in assay.drafts)",
        )
    if asked.top_logprobs:
        raise ParameterRefused(
            "top_logprobs",
            f"top_logprobs is {asked.top_logprobs}; Assay gives the log-probability of each token "
            "that was written and of no other: leave it out, or set it to 0",
        )
    fields: dict[str, Any] = asked.model_dump()
    fields["max_tokens"] = asked.max_completion_tokens or asked.max_tokens
    fields["stop"] = _stops(asked.stop)
    fields["top_k"] = 0 if asked.top_k == -1 else asked.top_k
    try:
        return decoding_over(default, fields)
    except BadDecoding as error:
        raise told(error) from error


def told(error: BadDecoding, place: str = "") -> BadDecoding | ParameterRefused:
    """The refusal with the field to blame, if it names one; `place` goes before the name."""
    field = blamed_field(str(error))
    if field is None:
        return error
    return ParameterRefused(f"{place}{field}", str(error), status=422)


def whole_characters(parameter: str, text: str) -> str:
    """A text that was sent, as it is.

    Raises:
        ParameterRefused: it has halves of characters, which JSON can hold and no tokenizer takes.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ParameterRefused(
            parameter,
            f"character {error.start} of {parameter} is half of one (a lone surrogate); send whole "
            "characters",
        ) from None
    return text


def _stops(asked: str | list[str] | None) -> list[str] | None:
    stops = [asked] if isinstance(asked, str) else asked
    if not stops:
        return None  # OpenAI's clients send an empty list for none
    if len(stops) > _MOST_STOPS or "" in stops or max(map(len, stops)) > _LONGEST_STOP:
        raise ParameterRefused(
            "stop",
            f"stop takes up to {_MOST_STOPS} texts of up to {_LONGEST_STOP} characters, none of "
            "them empty",
        )
    return [whole_characters("stop", stop) for stop in stops]
