"""The pages of administrators: users, groups, and seeing Assay as somebody else does."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.api.identity import Asking, Identity
from app.api.problems import FORESEEN, problem_of
from app.api.replies import Numbered
from app.api.services import Services
from app.errors import ParameterRefused, UnknownEntry
from app.own_account import is_in_use
from app.people import User
from app.sessions import Session
from app.web import pages
from retrieval.types import Principal

_READ = ["GET", "HEAD"]
_DONE = {
    "removed": "Removed.",
    "changed": "Changed; it counts from the next request on.",
    "ended": "The sessions have ended.",
    "revoked": "The key is revoked.",
    "tied": "Tied; that one logs in as this user.",
    "untied": "Nobody at a provider logs in as this user any more; the sessions have ended.",
}


def admin_page_routes(services: Services, identity: Identity) -> APIRouter:
    """What is under `/admin`, but for the log."""
    router = APIRouter(
        prefix="/admin", include_in_schema=False, dependencies=[Depends(identity.administrator)]
    )
    _add_users(router, services, identity)
    _add_user_actions(router, services, identity)
    _add_user_belongings(router, services, identity)
    _add_user_ties(router, services, identity)
    _add_groups(router, services, identity)
    return router


def _add_users(router: APIRouter, services: Services, identity: Identity) -> None:
    administration = services.administration
    asks = Depends(identity.asking)

    @router.api_route("", methods=_READ)
    def admin() -> Response:
        return RedirectResponse("/admin/users", status_code=303)

    @router.api_route("/users", methods=_READ)
    def users(asking: Annotated[Asking, asks], done: str | None = None) -> Response:
        return _users(services, asking, done=_DONE.get(done or "", ""))

    @router.post("/users")
    def add_user(
        asking: Annotated[Asking, asks],
        name: Annotated[str, Form()] = "",
        administrator: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            added = administration.add_user(
                asking.actor, name, is_administrator=bool(administrator)
            )
        except FORESEEN as error:
            problem = problem_of(error)
            return _users(
                services, asking, status=problem.status, problem=problem.detail, name=name
            )
        return _user(services, asking, added.principal.id, secret=added.password)

    @router.api_route("/users/{user}", methods=_READ)
    def user(user: Numbered, asking: Annotated[Asking, asks], done: str | None = None) -> Response:
        return _user(services, asking, user, done=_DONE.get(done or "", ""))


def _add_user_actions(router: APIRouter, services: Services, identity: Identity) -> None:
    administration, people = services.administration, services.people
    asks = Depends(identity.asking)

    @router.post("/users/{user}/password")
    def new_password(user: Numbered, asking: Annotated[Asking, asks]) -> Response:
        password = administration.new_password(asking.actor, people.find("user", user))
        return _user(services, asking, user, secret=password)

    @router.post("/users/{user}/state")
    def change_state(
        user: Numbered, asking: Annotated[Asking, asks], change: Annotated[str, Form()] = ""
    ) -> Response:
        found = people.find("user", user)
        return _attempt(services, asking, user, lambda: _change(services, asking, found, change))

    @router.post("/users/{user}/remove")
    def remove(user: Numbered, asking: Annotated[Asking, asks]) -> Response:
        found = people.find("user", user)
        try:
            administration.remove_user(asking.actor, found)
        except FORESEEN as error:
            problem = problem_of(error)
            return _user(services, asking, user, status=problem.status, problem=problem.detail)
        return RedirectResponse("/admin/users?done=removed", status_code=303)


def _add_user_belongings(router: APIRouter, services: Services, identity: Identity) -> None:
    administration, people = services.administration, services.people
    asks = Depends(identity.asking)

    @router.post("/users/{user}/groups")
    def change_groups(
        user: Numbered,
        asking: Annotated[Asking, asks],
        join: Annotated[str, Form()] = "",
        leave: Annotated[str, Form()] = "",
    ) -> Response:
        found = people.find("user", user)

        def act() -> None:
            if join:
                administration.join(asking.actor, found, people.named("group", join))
            if leave:
                administration.leave(asking.actor, found, people.named("group", leave))

        return _attempt(services, asking, user, act)

    @router.post("/users/{user}/sessions/end")
    def end_sessions(user: Numbered, asking: Annotated[Asking, asks]) -> Response:
        found = people.find("user", user)

        def act() -> None:
            administration.end_sessions(asking.actor, found)

        return _attempt(services, asking, user, act, "ended")

    @router.post("/users/{user}/keys/{key}/revoke")
    def revoke_key(user: Numbered, key: Numbered, asking: Annotated[Asking, asks]) -> Response:
        found = people.find("user", user)

        def act() -> None:
            administration.revoke_key(asking.actor, found, key)

        return _attempt(services, asking, user, act, "revoked")


def _add_user_ties(router: APIRouter, services: Services, identity: Identity) -> None:
    administration, people = services.administration, services.people
    asks = Depends(identity.asking)

    @router.post("/users/{user}/ties")
    def tie(
        user: Numbered, asking: Annotated[Asking, asks], subject: Annotated[str, Form()] = ""
    ) -> Response:
        found = people.find("user", user)

        def act() -> None:
            if services.sign_on is None:
                raise ParameterRefused("subject", "there is no provider to log in at")
            issuer = services.sign_on.provider.issuer
            administration.tie(asking.actor, found, issuer, subject.strip())

        return _attempt(services, asking, user, act, "tied")

    @router.post("/users/{user}/ties/end")
    def untie(user: Numbered, asking: Annotated[Asking, asks]) -> Response:
        found = people.find("user", user)

        def act() -> None:
            administration.untie(asking.actor, found)

        return _attempt(services, asking, user, act, "untied")


def _attempt(
    services: Services,
    asking: Asking,
    user: int,
    act: Callable[[], object],
    done: str = "changed",
) -> Response:
    """Act and go back to the page of the user, or show it with what went wrong."""
    try:
        act()
    except FORESEEN as error:
        problem = problem_of(error)
        return _user(services, asking, user, status=problem.status, problem=problem.detail)
    return RedirectResponse(f"/admin/users/{user}?done={done}", status_code=303)


def _change(services: Services, asking: Asking, user: Principal, change: str) -> None:
    administration, actor = services.administration, asking.actor
    match change:
        case "disable":
            administration.disable(actor, user)
        case "enable":
            administration.enable(actor, user)
        case "promote" | "demote":
            administration.set_administrator(actor, user, is_administrator=change == "promote")
        case _:
            raise ParameterRefused("change", "change: disable, enable, promote or demote")


def _add_groups(router: APIRouter, services: Services, identity: Identity) -> None:
    administration, people = services.administration, services.people
    asks = Depends(identity.asking)

    @router.api_route("/groups", methods=_READ)
    def groups(asking: Annotated[Asking, asks], done: str | None = None) -> Response:
        return _groups(services, asking, done=_DONE.get(done or "", ""))

    @router.post("/groups")
    def add_group(asking: Annotated[Asking, asks], name: Annotated[str, Form()] = "") -> Response:
        def act() -> None:
            administration.add_group(asking.actor, name)

        return _attempt_group(services, asking, act, name=name)

    @router.post("/groups/{group}/members")
    def change_members(
        group: Numbered,
        asking: Annotated[Asking, asks],
        join: Annotated[str, Form()] = "",
        leave: Annotated[str, Form()] = "",
    ) -> Response:
        found = people.find("group", group)

        def act() -> None:
            if join:
                administration.join(asking.actor, people.named("user", join), found)
            if leave:
                administration.leave(asking.actor, people.named("user", leave), found)

        return _attempt_group(services, asking, act)

    @router.post("/groups/{group}/remove")
    def remove_group(group: Numbered, asking: Annotated[Asking, asks]) -> Response:
        found = people.find("group", group)

        def act() -> None:
            administration.remove_group(asking.actor, found)

        return _attempt_group(services, asking, act, "removed")


def _attempt_group(
    services: Services,
    asking: Asking,
    act: Callable[[], object],
    done: str = "changed",
    *,
    name: str = "",
) -> Response:
    try:
        act()
    except FORESEEN as error:
        problem = problem_of(error)
        return _groups(services, asking, status=problem.status, problem=problem.detail, name=name)
    return RedirectResponse(f"/admin/groups?done={done}", status_code=303)


def _groups(
    services: Services,
    asking: Asking,
    *,
    status: int = 200,
    done: str = "",
    problem: str = "",
    name: str = "",
) -> Response:
    groups = services.people.groups()
    html = pages.page(
        "admin_groups.html",
        asking.principal,
        here="admin",
        part="groups",
        groups=groups,
        granted={
            group.principal.id: services.access.grants(principal=group.principal)
            for group in groups
        },
        users=[user.principal.name for user in services.people.users()],
        done=done,
        problem=problem,
        name=name,
    )
    return HTMLResponse(html, status)


def viewing_routes(services: Services, identity: Identity) -> APIRouter:
    """`/view-as`: seeing Assay as somebody else does."""
    router = APIRouter(include_in_schema=False)

    @router.post("/view-as", dependencies=[Depends(identity.administrator)])
    def view_as(
        asking: Annotated[Asking, Depends(identity.asking)],
        session: Annotated[Session, Depends(identity.session)],
        user: Annotated[int, Form(ge=0, lt=2**63)],
    ) -> Response:
        other = services.people.find("user", user)
        if other.id == session.owner.id:
            raise ParameterRefused("user", "you see Assay as yourself already")
        services.administration.view_as(asking.actor, session.id, other)
        return RedirectResponse("/", status_code=303)

    @router.post("/view-as/end")
    def end_viewing(
        asking: Annotated[Asking, Depends(identity.asking)],
        session: Annotated[Session, Depends(identity.session)],
    ) -> Response:
        if session.viewed_as is not None:
            services.administration.view_as(asking.actor, session.id, None)
            return RedirectResponse(f"/admin/users/{session.viewed_as.id}", status_code=303)
        return RedirectResponse("/", status_code=303)

    return router


def _users(
    services: Services,
    asking: Asking,
    *,
    status: int = 200,
    done: str = "",
    problem: str = "",
    name: str = "",
) -> Response:
    html = pages.page(
        "admin_users.html",
        asking.principal,
        here="admin",
        part="users",
        users=services.people.users(),
        done=done,
        problem=problem,
        name=name,
    )
    return HTMLResponse(html, status)


def _user(
    services: Services,
    asking: Asking,
    number: int,
    *,
    status: int = 200,
    **said: Any,  # noqa: ANN401
) -> Response:
    user = _found(services, number)
    accounts = services.accounts
    now = accounts.now()
    groups = [group.principal.name for group in services.people.groups()]
    html = pages.page(
        "admin_user.html",
        asking.principal,
        here="admin",
        part="users",
        shown=user,
        is_oneself=asking.principal.id == number,
        other_groups=[name for name in groups if name not in user.groups],
        grants=services.access.grants(principal=user.principal),
        provider=None if services.sign_on is None else services.sign_on.provider.name,
        ties=services.administration.ties(user.principal),
        sessions=accounts.sessions.of(user.principal),
        keys=[(key, is_in_use(key, now)) for key in accounts.keys.all(user.principal)],
        **{"done": "", "problem": "", "secret": "", **said},
    )
    return HTMLResponse(html, status)


def _found(services: Services, number: int) -> User:
    for user in services.people.users():
        if user.principal.id == number:
            return user
    raise UnknownEntry("user", number)
