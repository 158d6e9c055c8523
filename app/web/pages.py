"""The pages as HTML. Every value is escaped; no script or style stands in a page."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.web.navigation import places_for
from retrieval.types import Principal

_HERE = Path(__file__).parent
STATIC = _HERE / "static"

_templates = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, visitor: Principal, *, here: str, **values: Any) -> str:  # noqa: ANN401
    """A page of the product, for somebody who is logged in.

    Args:
        template: its file in `templates`; it extends `frame.html`.
        here: key of the place in `navigation.PLACES` that the page belongs to.
        values: what the template shows.
    """
    return _templates.get_template(template).render(
        user=visitor.name,
        is_administrator=visitor.is_administrator,
        places=places_for(visitor),
        here=here,
        viewed_by=visitor.viewed_by,
        **values,
    )


def login_page(*, name: str = "", message: str | None = None) -> str:
    """The form to log in, with what went wrong the last time."""
    return _templates.get_template("login.html").render(name=name, message=message)


def error_page(title: str, detail: str) -> str:
    """What went wrong, and the way back."""
    return _templates.get_template("error.html").render(title=title, detail=detail)
