"""The places of the product, in the order of the bar at the top of every page.

To add a page to the bar, add a line to `PLACES`; its template extends `frame.html` and its route
calls `pages.page` with the place's key as `here`.
"""

from dataclasses import dataclass

from retrieval.types import Principal


@dataclass(frozen=True, slots=True)
class Place:
    """A page, or a group of pages, that the bar leads to. `key` says on a page that one is here."""

    key: str
    title: str
    path: str
    only_administrators: bool = False


PLACES = (
    Place("chat", "Chat", "/"),
    Place("search", "Search", "/search"),
    Place("library", "Library", "/library"),
    Place("evals", "Evals", "/evals", only_administrators=True),
    Place("admin", "Admin", "/admin/users", only_administrators=True),
)


def places_for(visitor: Principal) -> tuple[Place, ...]:
    """What the bar shows to somebody: never a place that would refuse them."""
    return tuple(
        place for place in PLACES if visitor.is_administrator or not place.only_administrators
    )
