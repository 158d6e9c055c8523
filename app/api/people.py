"""Users and groups over JSON, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.api.identity import Identity
from app.api.people_wire import group_json, key_json, session_json, user_json
from app.api.replies import Numbered, example, nothing, sent
from app.api.services import Services
from app.audit import Actor
from app.errors import UnknownEntry
from app.people import User
from retrieval.types import Principal

_USER = {
    "id": 2,
    "name": "maria",
    "is_administrator": False,
    "created_at": "2026-11-20T10:00:00Z",
    "disabled_at": None,
    "last_seen_at": "2026-11-21T09:30:00Z",
    "groups": ["legal"],
}
_GROUP = {
    "id": 5,
    "name": "legal",
    "created_at": "2026-11-20T10:05:00Z",
    "members": ["maria", "paul"],
}


class NewUser(BaseModel):
    """A user to be added."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "maria"}]})

    name: str = Field(max_length=1000)
    is_administrator: bool = False


class UserChange(BaseModel):
    """What is to be another way; what is not named stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"is_disabled": True}]}
    )

    is_administrator: bool | None = None
    is_disabled: bool | None = None


class NewGroup(BaseModel):
    """A group to be made."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "legal"}]})

    name: str = Field(max_length=1000)


def people_routes(services: Services, identity: Identity) -> APIRouter:
    """What is under `/api/users` and `/api/groups`."""
    router = APIRouter(
        prefix="/api", tags=["users"], dependencies=[Depends(identity.administrator)]
    )
    _add_users(router, services, identity)
    _add_sessions(router, services, identity)
    _add_groups(router, services, identity)
    return router


def _add_users(router: APIRouter, services: Services, identity: Identity) -> None:
    administration = services.administration
    people = services.people
    acts = Depends(identity.actor)

    @router.get("/users", responses=example({"users": [_USER]}))
    def users() -> Response:
        """Every user, by name."""
        return sent({"users": [user_json(user) for user in people.users()]})

    @router.post(
        "/users",
        status_code=201,
        responses=example({"user": _USER, "password": "kf3p-x7qw-mm2t-9hze"}, status=201),
    )
    def add_user(body: NewUser, actor: Annotated[Actor, acts]) -> Response:
        """Add a user. The generated password is told this once."""
        added = administration.add_user(actor, body.name, is_administrator=body.is_administrator)
        user = user_json(_user(services, added.principal))
        return sent({"user": user, "password": added.password}, status=201)

    @router.get("/users/{user}", responses=example(_USER))
    def show_user(user: Numbered) -> Response:
        """One of them."""
        return sent(user_json(_user(services, people.find("user", user))))

    @router.patch("/users/{user}", responses=example(_USER))
    def change_user(user: Numbered, body: UserChange, actor: Annotated[Actor, acts]) -> Response:
        """Make a user an administrator or not one, disabled or not. One administrator remains."""
        found = people.find("user", user)
        if body.is_administrator is not None:
            administration.set_administrator(actor, found, is_administrator=body.is_administrator)
        if body.is_disabled is not None:
            change = administration.disable if body.is_disabled else administration.enable
            change(actor, found)
        return sent(user_json(_user(services, found)))

    @router.delete("/users/{user}", status_code=204)
    def remove_user(user: Numbered, actor: Annotated[Actor, acts]) -> Response:
        """Delete a user with grants, sessions, keys and conversations."""
        administration.remove_user(actor, people.find("user", user))
        return nothing()

    @router.post("/users/{user}/password", responses=example({"password": "kf3p-x7qw-mm2t-9hze"}))
    def new_password(user: Numbered, actor: Annotated[Actor, acts]) -> Response:
        """Give a user a new password, which is told this once. The user's sessions end."""
        password = administration.new_password(actor, people.find("user", user))
        return sent({"password": password})


def _add_sessions(router: APIRouter, services: Services, identity: Identity) -> None:
    administration = services.administration
    people, accounts = services.people, services.accounts
    acts = Depends(identity.actor)

    @router.get("/users/{user}/sessions")
    def list_sessions(user: Numbered) -> Response:
        """The sessions of a user that go on, the newest first."""
        found = accounts.sessions.of(people.find("user", user))
        return sent({"sessions": [session_json(one, this_one=None) for one in found]})

    @router.delete("/users/{user}/sessions", responses=example({"ended": 2}))
    def end_sessions(user: Numbered, actor: Annotated[Actor, acts]) -> Response:
        """End all of them."""
        ended = administration.end_sessions(actor, people.find("user", user))
        return sent({"ended": ended})

    @router.delete("/users/{user}/sessions/{session}", status_code=204)
    def end_session(user: Numbered, session: Numbered, actor: Annotated[Actor, acts]) -> Response:
        """End one of them."""
        administration.end_session(actor, people.find("user", user), session)
        return nothing()

    @router.get("/users/{user}/keys")
    def list_keys(user: Numbered) -> Response:
        """The API keys of a user, revoked ones too."""
        found = accounts.keys.all(people.find("user", user))
        return sent({"keys": [key_json(key) for key in found]})

    @router.delete("/users/{user}/keys/{key}", status_code=204)
    def revoke_key(user: Numbered, key: Numbered, actor: Annotated[Actor, acts]) -> Response:
        """Make an API key of a user useless."""
        administration.revoke_key(actor, people.find("user", user), key)
        return nothing()


def _add_groups(router: APIRouter, services: Services, identity: Identity) -> None:
    administration = services.administration
    people = services.people
    acts = Depends(identity.actor)

    def shown(number: int) -> Response:
        [found] = [one for one in people.groups() if one.principal.id == number]
        return sent(group_json(found))

    @router.get("/groups", responses=example({"groups": [_GROUP]}))
    def groups() -> Response:
        """Every group with its members, by name."""
        return sent({"groups": [group_json(group) for group in people.groups()]})

    @router.post("/groups", status_code=201, responses=example(_GROUP, status=201))
    def add_group(body: NewGroup, actor: Annotated[Actor, acts]) -> Response:
        """Make a group. What is granted to it is granted to its members."""
        made = administration.add_group(actor, body.name)
        response = shown(made.id)
        response.status_code = 201
        return response

    @router.delete("/groups/{group}", status_code=204)
    def remove_group(group: Numbered, actor: Annotated[Actor, acts]) -> Response:
        """Delete a group. Its members lose what they had through it."""
        administration.remove_group(actor, people.find("group", group))
        return nothing()

    @router.put("/groups/{group}/members/{user}", responses=example(_GROUP))
    def join(
        group: Numbered,
        user: Annotated[str, Path(description="the user's name")],
        actor: Annotated[Actor, acts],
    ) -> Response:
        """Make a user a member."""
        found = people.find("group", group)
        administration.join(actor, _named(services, user), found)
        return shown(group)

    @router.delete("/groups/{group}/members/{user}", responses=example(_GROUP))
    def leave(
        group: Numbered,
        user: Annotated[str, Path(description="the user's name")],
        actor: Annotated[Actor, acts],
    ) -> Response:
        """End a membership."""
        found = people.find("group", group)
        administration.leave(actor, _named(services, user), found)
        return shown(group)


def _named(services: Services, name: str) -> Principal:
    return services.people.named("user", name)


def _user(services: Services, principal: Principal) -> User:
    for user in services.people.users():
        if user.principal.id == principal.id:
            return user
    raise UnknownEntry("user", principal.id)
