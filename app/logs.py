"""What Assay says of its own running: words for people, or one JSON object a line for programs.

No line has words of documents, questions or answers, nor secrets: of an error there is its class
and where it went through our code, never its message, which may quote any of these.
"""

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

Form: TypeAlias = Literal["text", "json"]

REQUESTS = "assay.requests"
# The number of the request that is being answered here; None outside of one.
current_request: ContextVar[str | None] = ContextVar("current_request", default=None)
_MOST_PLACES = 30


def log_as(form: Form) -> None:
    """Have every line of this process go to standard error in this form.

    As text these are warnings and errors; as JSON also one line for each request.
    """
    root = logging.getLogger()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter("%(message)s"))
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(REQUESTS).setLevel(logging.INFO if form == "json" else logging.NOTSET)
    logging.captureWarnings(form == "json")


def log_request(facts: Mapping[str, Any]) -> None:
    """Say that a request was answered, if such lines are wanted."""
    logger = logging.getLogger(REQUESTS)
    if logger.isEnabledFor(logging.INFO):
        logger.info("%s %s", facts["method"], facts["route"], extra={"facts": facts})


class JsonLines(logging.Formatter):
    """Makes a JSON object on one line of a record; times are UTC."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request": current_request.get(),
        }
        facts = getattr(record, "facts", None)
        line |= {"message": record.getMessage()} if facts is None else facts
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line |= {"error": type(error).__name__, "places": _places(error)}
        return json.dumps(line, ensure_ascii=True, default=str)


def _places(error: BaseException) -> list[str]:
    """Where an error went through, innermost first."""
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_PLACES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames)]
