"""What was asked for, over what is usual. Pure."""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from generation.decoding import Decoding

FIELDS = tuple(field.name for field in fields(Decoding))
_PLAIN = Decoding()


def decoding_over(default: Decoding, asked: Mapping[str, Any]) -> Decoding:
    """The default with what was asked for in its place.

    Whoever asks for sampling or for beam search means that and not the other one: defaults that
    belong to another method are set aside. What was asked for is kept as it is, so two things that
    were asked for and contradict each other are refused.

    Args:
        asked: fields of `Decoding`; one that is None was not asked for.

    Raises:
        BadDecoding: a value is out of range, or two contradict each other.
    """
    given = {name: asked[name] for name in FIELDS if asked.get(name) is not None}
    aside: dict[str, Any] = {}
    if given.get("num_beams", 1) > 1:
        aside = {"temperature": _PLAIN.temperature, "logprobs": _PLAIN.logprobs}
    elif given.get("temperature", 0) > 0 or "num_beams" in given:
        aside = {"num_beams": _PLAIN.num_beams, "length_penalty": _PLAIN.length_penalty}
    if "stop" in given:
        given["stop"] = tuple(given["stop"])
    return replace(default, **{**aside, **given})


def blamed_field(message: str) -> str | None:
    """The field that a refusal names first; None when it names none."""
    found = re.search(rf"\b(?:{'|'.join(FIELDS)})\b", message)
    return found[0] if found else None
