"""What an API key may be used for, and which of it a request needs. Pure.

Decided from method and address for every route at once: a route that is added later is covered,
and needs the most that its method may stand for.
"""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """What a key may be used for, within the rights of its user.

    ASK: questions, search, verification, conversations. READ: documents, passages, originals.
    WRITE: bringing documents in, reading them again, deleting them. ADMIN: users, groups, grants,
    collections, the audit log, evaluation; of use to administrators, and to who manages a
    collection.
    """

    ASK = "ask"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


LEAST = frozenset({Scope.ASK})
EVERY = frozenset(Scope)

_ADMIN = frozenset({Scope.ADMIN})
_ASKING = (
    "/v1",
    "/api/answers",
    "/api/ask",
    "/api/conversations",
    "/api/verify",
    "/api/evals/thumbs",
)
_ADMINISTERING = (
    "/admin",
    "/api/audit",
    "/api/desk",
    "/api/evals",
    "/api/groups",
    "/api/users",
    "/evals",
    "/metrics",
)
# What a session does for itself: a key could make itself longer-lived or wider.
_OWN = ("/account", "/api/me", "/api/view-as", "/view-as")
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


def scopes_for(method: str, path: str) -> frozenset[Scope]:
    """The scopes of which a key needs one for this request; none of them: no key may do it.

    Args:
        path: as it was asked for, decoded, without the query.
    """
    is_reading = method in _HARMLESS
    if _is_below(path, ("/openapi.json", "/docs")):
        return EVERY
    if _is_below(path, ("/api/search",)):
        return frozenset({Scope.ASK, Scope.READ})
    if _is_below(path, _ASKING) or path == "/api/evals/cases":
        return LEAST
    if _is_below(path, _ADMINISTERING):
        return _ADMIN
    if _is_below(path, _OWN):
        return EVERY if is_reading and path == "/api/me" else frozenset()
    if is_reading:
        return frozenset({Scope.READ})
    if _is_below(path, ("/api/collections",)) and path.endswith("/reingest"):
        return frozenset({Scope.WRITE})
    # What changes a collection itself, or who may read it.
    changes_collection = _is_below(path, ("/api/collections", "/api/policies"))
    return _ADMIN if changes_collection else frozenset({Scope.WRITE})


def scopes_text(scopes: Iterable[Scope]) -> str:
    """Scopes as they are kept and shown: in order, with a space between."""
    wanted = frozenset(scopes)
    return " ".join(scope.value for scope in Scope if scope in wanted)


def scopes_of(text: str) -> frozenset[Scope]:
    """Scopes from their text."""
    return frozenset(Scope(word) for word in text.split())


def _is_below(path: str, places: Iterable[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)
