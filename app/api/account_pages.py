"""The page of one's own account: what one may read, password, sessions, API keys."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.api.identity import Asking, Identity
from app.api.problems import FORESEEN, problem_of
from app.api.replies import Numbered
from app.api.services import Services
from app.errors import ParameterRefused
from app.own_account import is_in_use
from app.scopes import LEAST, Scope
from app.web import pages

_READ = ["GET", "HEAD"]
_SCOPES = (
    (Scope.ASK, "Ask", "questions, search, verification"),
    (Scope.READ, "Read", "documents and passages"),
    (Scope.WRITE, "Write", "bring documents in, delete them"),
    (Scope.ADMIN, "Administer", "users, grants, the audit log; if you may"),
)
_DONE = {
    "password": "The password is changed. Other sessions have ended.",
    "session": "The session has ended.",
    "sessions": "All other sessions have ended.",
    "key": "The key is revoked.",
}


def account_page_routes(services: Services, identity: Identity) -> APIRouter:
    """What is under `/account`."""
    router = APIRouter(
        prefix="/account", include_in_schema=False, dependencies=[Depends(identity.session)]
    )

    @router.api_route("", methods=_READ)
    def account(
        asking: Annotated[Asking, Depends(identity.asking)], done: str | None = None
    ) -> Response:
        return _page(services, asking, done=_DONE.get(done or "", ""))

    _add_password(router, services, identity)
    _add_sessions(router, services, identity)
    _add_keys(router, services, identity)
    return router


def _add_password(router: APIRouter, services: Services, identity: Identity) -> None:
    @router.post("/password")
    def change_password(
        asking: Annotated[Asking, Depends(identity.asking)],
        current: Annotated[str, Form()] = "",
        new: Annotated[str, Form()] = "",
        again: Annotated[str, Form()] = "",
    ) -> Response:
        def act() -> None:
            if new != again:
                raise ParameterRefused("again", "the new passwords differ; type both again")
            services.own_account.change_password(
                asking.actor, asking.principal, current, new, keep_session=_number(asking)
            )

        return _attempt(services, asking, act, "password")


def _add_sessions(router: APIRouter, services: Services, identity: Identity) -> None:
    asks = Depends(identity.asking)

    @router.post("/sessions/end-others")
    def end_others(asking: Annotated[Asking, asks]) -> Response:
        def act() -> None:
            services.administration.end_sessions(
                asking.actor, asking.principal, but=_number(asking)
            )

        return _attempt(services, asking, act, "sessions")

    @router.post("/sessions/{session}/end")
    def end_session(session: Numbered, asking: Annotated[Asking, asks]) -> Response:
        def act() -> None:
            services.own_account.end_session(asking.actor, asking.principal, session)

        return _attempt(services, asking, act, "session")


def _add_keys(router: APIRouter, services: Services, identity: Identity) -> None:
    own = services.own_account
    asks = Depends(identity.asking)

    @router.post("/keys")
    def create_key(
        asking: Annotated[Asking, asks],
        name: Annotated[str, Form()] = "",
        days: Annotated[str, Form()] = "",
        scope: Annotated[list[str] | None, Form()] = None,
    ) -> Response:
        chosen = frozenset(one for one in Scope if one.value in (scope or ()))
        try:
            secret = own.create_key(asking.actor, asking.principal, name, chosen, _days(days))
        except FORESEEN as error:
            return _refused(services, asking, error)
        # Not a redirect: the key is shown this once, and must not stand in an address.
        return _page(services, asking, secret=secret)

    @router.post("/keys/{key}/revoke")
    def revoke_key(key: Numbered, asking: Annotated[Asking, asks]) -> Response:
        def act() -> None:
            own.revoke_key(asking.actor, key, owner=asking.principal)

        return _attempt(services, asking, act, "key")


def _attempt(services: Services, asking: Asking, act: Callable[[], object], done: str) -> Response:
    """Act and go back to the page, or show it with what went wrong."""
    try:
        act()
    except FORESEEN as error:
        return _refused(services, asking, error)
    return RedirectResponse(f"/account?done={done}", status_code=303)


def _refused(services: Services, asking: Asking, error: Exception) -> Response:
    problem = problem_of(error)
    return _page(services, asking, status=problem.status, problem=problem.detail)


def _page(
    services: Services,
    asking: Asking,
    *,
    status: int = 200,
    done: str = "",
    problem: str = "",
    secret: str = "",
) -> Response:
    principal, accounts = asking.principal, services.accounts
    levels = services.access.levels(principal)
    now = accounts.now()
    keys = [(key, is_in_use(key, now)) for key in accounts.keys.all(principal)]
    html = pages.page(
        "account.html",
        principal,
        here="account",
        done=done,
        problem=problem,
        secret=secret,
        collections=[
            (size, levels[size.collection.id])
            for size in services.collections.sizes(frozenset(levels))
        ],
        sessions=accounts.sessions.of(principal),
        this_one=_number(asking),
        keys=sorted(keys, key=lambda pair: not pair[1]),
        has_password=services.password_login and accounts.has_password(principal),
        scopes=_SCOPES,
        least=LEAST,
    )
    return HTMLResponse(html, status)


def _number(asking: Asking) -> int:
    assert asking.session is not None  # noqa: S101 - the router takes no one else
    return asking.session.id


def _days(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise ParameterRefused("days", "days: expected a whole number, or nothing for no end")
    return int(text)
