"""How routes reply in JSON, and how they say so in the schema."""

import base64
import json
from typing import Annotated, Any, TypeAlias

from fastapi import Path
from starlette.responses import Response

from app.api.wire import encoded
from app.errors import ParameterRefused

# A number that SQL can hold.
Numbered: TypeAlias = Annotated[int, Path(ge=0, lt=2**63)]
LONGEST_CURSOR = 2000


def sent(value: object, *, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(encoded(value), status, media_type="application/json")


def nothing() -> Response:
    """It was done, and there is nothing to tell."""
    return Response(status_code=204)


def example(value: object, *, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """What the schema shows of a reply."""
    return {status: {"content": {"application/json": {"example": value}}}}


def cursor_text(place: object) -> str:
    """Where a list goes on, as a text that programs hand back and do not read."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def cursor_place(text: str | None) -> Any:  # noqa: ANN401 - whatever was put in
    """What was put into `cursor_text`; None without one.

    Raises:
        ParameterRefused: it is none of ours.
    """
    if text is None:
        return None
    try:
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError) as error:
        raise ParameterRefused(
            "cursor", "this is no `next` of a list; begin without a cursor", status=422
        ) from error
