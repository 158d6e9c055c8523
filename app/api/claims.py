"""Responses to be verified, as they come from outside, and what is said about them.

Without the web framework: the command line reads and says the same.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from app.api.wire import verification_json
from generation.groundedness.context import Context, evidence_of
from generation.groundedness.evidence import response_spans
from generation.groundedness.types import Claim, ResponseVerifier

LONGEST_QUESTION = 20_000
LONGEST_RESPONSE = 100_000
LONGEST_CONTEXT = 1_000_000
MOST_SENTENCES = 500
DEEPEST_CONTEXT = 20


def _within_limits(context: object) -> Context:
    """A context of the right kind and of bearable size.

    Counts each value with the keys that lead to it, because `evidence_of` repeats them.
    """
    if not isinstance(context, str | list | dict):
        raise ValueError("expected text, a list of texts, or an object")
    characters = 0
    left: list[tuple[object, int, int]] = [(context, 0, 0)]
    while left:
        value, heading, depth = left.pop()
        if depth > DEEPEST_CONTEXT:
            raise ValueError(f"nested deeper than {DEEPEST_CONTEXT} levels; flatten it")
        if isinstance(value, dict):
            left += [(v, heading + len(_sound(key)) + 2, depth + 1) for key, v in value.items()]
        elif isinstance(value, list):
            left += [(part, heading, depth + 1) for part in value]
        else:
            characters += heading + len(_sound(str(value)))
        characters += 1  # an empty list costs something too
        if characters > LONGEST_CONTEXT:
            raise ValueError(
                f"longer than {LONGEST_CONTEXT:,} characters; send the part that matters",
            )
    return context


def _within_patience(response: str) -> str:
    """A response of bearable length: each sentence is compared with all of the context."""
    sentences = len(response_spans(response))
    if sentences > MOST_SENTENCES:
        raise ValueError(
            f"{sentences:,} sentences; the limit is {MOST_SENTENCES}; send it in parts"
        )
    return response


def _identifier(value: object) -> object:
    if isinstance(value, str):
        return _sound(value)
    if value is None or isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
        return value
    raise ValueError("expected text or a number")


def _sound(text: str) -> str:
    """The text, unless it holds half a character, which nothing could be sent back with."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = "holds a lone surrogate (\\ud800 to \\udfff); remove it"
        raise ValueError(message) from error
    return text


class VerifyItem(BaseModel):
    """A response, what it answers, and what it must rest on. Other fields are left alone."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "q-17",
                    "question": "When does the lease end?",
                    "context": ["The lease ends on 31 May.", "The rent is £900 a month."],
                    "response": "It ends on 31 May. The rent is £950.",
                }
            ]
        }
    )

    id: Annotated[
        Any,
        AfterValidator(_identifier),
        WithJsonSchema({"type": ["string", "number", "null"]}),
        Field(description="Comes back as it is."),
    ] = None
    question: Annotated[
        str,
        BeforeValidator(lambda question: "" if question is None else question),
        Field(max_length=LONGEST_QUESTION),
    ] = ""
    context: Annotated[
        Any,
        AfterValidator(_within_limits),
        WithJsonSchema({"anyOf": [{"type": kind} for kind in ("string", "array", "object")]}),
    ]
    response: Annotated[str, Field(max_length=LONGEST_RESPONSE), AfterValidator(_within_patience)]

    def claim(self) -> Claim:
        """What a verifier reads."""
        return Claim(self.question, evidence_of(self.context), self.response)


def verified(items: Sequence[VerifyItem], verifier: ResponseVerifier) -> list[dict[str, Any]]:
    """What the verifier finds about the items, judged as one batch.

    Returns:
        One `VerificationJson` per item, in order, with the item's `id` if it has one.
    """
    claims = [item.claim() for item in items]
    return [
        {
            **item.model_dump(include={"id"}, exclude_unset=True),
            **verification_json(claim, judgement, verifier=verifier.version),
        }
        for item, claim, judgement in zip(items, claims, verifier.verify(claims), strict=True)
    ]
