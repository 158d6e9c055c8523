"""The pages as HTML. Every value is escaped; no script or style stands in a page."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.web.browsers import browser_of
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
_templates.filters["browser"] = browser_of


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


def login_page(
    *,
    name: str = "",
    message: str | None = None,
    provider: str | None = None,
    has_password: bool = True,
) -> str:
    """Where one logs in, with what went wrong the last time.

    Args:
        provider: where else one may log in; None: nowhere.
        has_password: whether names and passwords are taken.
    """
    return _templates.get_template("login.html").render(
        name=name, message=message, provider=provider, has_password=has_password
    )


def login_link_page(name: str, token: str) -> str:
    """What a link that logs somebody in once leads to."""
    return _templates.get_template("login_link.html").render(name=name, token=token)


def error_page(title: str, detail: str) -> str:
    """What went wrong, and the way back."""
    return _templates.get_template("error.html").render(title=title, detail=detail)
