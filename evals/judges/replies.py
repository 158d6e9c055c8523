"""What a judge is asked to reply with, and its reply read strictly. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from evals.errors import JudgeFailed

NOT_JSON = "the reply is not the JSON that was asked for"
SAYS_NOTHING = "the reply holds nothing"
# ragas' own shapes take any number where its prompts ask for 0 or 1; a 5 would go into a mean.
_BINARY = frozenset({"verdict", "attributed", "noncommittal"})
# Told to servers, so that a small model comes to an end; a longer reply is read all the same.
_MOST_ITEMS = 20
_MOST_CHARACTERS = 400
_FENCE = re.compile(r"```(?:json)?", re.IGNORECASE)

Shape = TypeVar("Shape", bound=BaseModel)


def schema_of(shape: type[BaseModel]) -> dict[str, Any]:
    """A shape's JSON schema, narrowed: no other fields, 0 or 1 where that is meant, an end to
    lists and texts.

    The form that servers take for replies that must keep to a schema.
    """
    narrowed = _narrowed(shape.model_json_schema(), "")
    assert isinstance(narrowed, dict)  # noqa: S101 - a schema of a model is an object
    return narrowed


def read_reply(reply: str, shape: type[Shape]) -> Shape:
    """The first JSON object in a reply, as a shape; prose and fences around it are passed over.

    Raises:
        JudgeFailed: there is none, a field is missing or of another kind, a verdict is neither 0
            nor 1, or all that it could say is empty.
    """
    value = _first_object(reply)
    if value is None:
        raise JudgeFailed(NOT_JSON)
    try:
        read = shape.model_validate(value, strict=True)
    except (ValidationError, RecursionError) as error:
        raise JudgeFailed(NOT_JSON) from error
    if _has_a_wrong_verdict(value):
        raise JudgeFailed(NOT_JSON)
    if _says_nothing(read):
        raise JudgeFailed(SAYS_NOTHING)
    return read


def _first_object(reply: str) -> dict[str, Any] | None:
    text = _FENCE.sub("", reply)
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    start = text.find("{")
    if start < 0:
        return None
    try:
        value, _ = decoder.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _has_a_wrong_verdict(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(
            (name in _BINARY and one not in (0, 1)) or _has_a_wrong_verdict(one)
            for name, one in value.items()
        )
    return isinstance(value, list) and any(_has_a_wrong_verdict(one) for one in value)


def _says_nothing(read: BaseModel) -> bool:
    """Whether every text and list in it is empty, of which some metrics would make a score."""
    spoken = [value for _, value in read if isinstance(value, str | list)]
    return bool(spoken) and not any(
        value.strip() if isinstance(value, str) else value for value in spoken
    )


def _narrowed(node: Any, name: str) -> Any:  # noqa: ANN401 - any part of a JSON schema
    if isinstance(node, list):
        return [_narrowed(one, "") for one in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: (
            {field: _narrowed(one, field) for field, one in value.items()}
            if key in {"properties", "$defs"}
            else _narrowed(value, "")
        )
        for key, value in node.items()
    }
    if kept.get("type") == "object":
        kept["additionalProperties"] = False
        kept["required"] = list(kept.get("properties", {}))
    if kept.get("type") == "array":
        kept.setdefault("maxItems", _MOST_ITEMS)
    if kept.get("type") == "string" and "enum" not in kept:
        kept.setdefault("maxLength", _MOST_CHARACTERS)
    if kept.get("type") == "integer" and name in _BINARY:
        kept["enum"] = [0, 1]
    return kept
