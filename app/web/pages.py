"""The pages as HTML. Every value is escaped; no script or style stands in a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).parent
STATIC = _HERE / "static"

_templates = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def chat_page(
    *,
    user: str,
    engine: str,
    questions: Sequence[str],
    unanswerable: str | None,
    longest_question: int,
    is_administrator: bool,
    decoding: str,
) -> str:
    """The chat. `questions` and `unanswerable` are offered while nothing has been asked.

    `decoding` is the server's own, as JSON.
    """
    return _templates.get_template("chat.html").render(
        user=user,
        engine=engine,
        questions=questions,
        unanswerable=unanswerable,
        longest_question=longest_question,
        is_administrator=is_administrator,
        decoding=decoding,
    )


def evaluation_page(template: str, *, user: str, waiting: int, here: str, **values: Any) -> str:  # noqa: ANN401
    """A page of evaluation; `waiting` cases are to be reviewed, `here` is where one is."""
    return _templates.get_template(template).render(user=user, waiting=waiting, here=here, **values)


def login_page(*, name: str = "", message: str | None = None) -> str:
    """The form to log in, with what went wrong the last time."""
    return _templates.get_template("login.html").render(name=name, message=message)


def error_page(title: str, detail: str) -> str:
    """What went wrong, and the way back."""
    return _templates.get_template("error.html").render(title=title, detail=detail)
