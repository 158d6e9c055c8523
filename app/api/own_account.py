"""What people do with their own account, over JSON: sessions, keys, password."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.api.identity import Asking, Identity
from app.api.people_wire import key_json, session_json
from app.api.replies import Numbered, example, nothing, sent
from app.api.services import Services
from app.scopes import LEAST, Scope
from app.sessions import Session

_KEY = {
    "id": 3,
    "name": "laptop",
    "prefix": "assay_Zk3f0a",
    "owner": "maria",
    "scopes": ["ask", "read"],
    "created_at": "2026-11-21T09:30:00Z",
    "expires_at": "2027-02-19T09:30:00Z",
    "last_used_at": None,
    "revoked_at": None,
}
_SESSION = {
    "id": 17,
    "created_at": "2026-11-21T08:00:00Z",
    "last_seen_at": "2026-11-21T09:30:00Z",
    "expires_at": "2026-11-28T08:00:00Z",
    "agent": "Mozilla/5.0 …",
    "is_this_one": True,
}


class NewKey(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "laptop", "days": 90}]}
    )

    name: str = Field(max_length=1000)
    scopes: list[Scope] = Field(default=sorted(LEAST), max_length=len(Scope))
    days: int | None = None


class NewPassword(BaseModel):
    """The present password and the next."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"current": "kf3p-x7qw-…", "new": "a long one of mine"}]},
    )

    current: str = Field(max_length=2000)
    new: str = Field(max_length=2000)


def own_account_routes(services: Services, identity: Identity) -> APIRouter:
    """What is under `/api/me`."""
    router = APIRouter(
        prefix="/api/me", tags=["account"], dependencies=[Depends(identity.requester)]
    )
    own = services.own_account
    accounts = services.accounts
    asks = Depends(identity.asking)

    @router.get(
        "",
        responses=example({"id": 2, "name": "maria", "is_administrator": False, "viewed_by": None}),
    )
    def me(asking: Annotated[Asking, asks]) -> Response:
        """Who asks."""
        principal, actor = asking.principal, asking.actor
        return sent(
            {
                "id": principal.id,
                "name": principal.name,
                "is_administrator": principal.is_administrator,
                "viewed_by": actor.name if actor.viewed_as is not None else None,
            }
        )

    @router.post("/password", status_code=204)
    def change_password(
        body: NewPassword,
        asking: Annotated[Asking, asks],
        session: Annotated[Session, Depends(identity.session)],
    ) -> Response:
        """Change the password. Every other session ends."""
        own.change_password(
            asking.actor, asking.principal, body.current, body.new, keep_session=session.id
        )
        return nothing()

    @router.get("/sessions", responses=example({"sessions": [_SESSION]}))
    def list_sessions(
        asking: Annotated[Asking, asks], session: Annotated[Session, Depends(identity.session)]
    ) -> Response:
        """One's sessions that go on, the newest first."""
        found = accounts.sessions.of(asking.principal)
        return sent({"sessions": [session_json(one, this_one=session.id) for one in found]})

    @router.delete("/sessions/{session}", status_code=204)
    def end_session(
        asking: Annotated[Asking, asks],
        this_one: Annotated[Session, Depends(identity.session)],
        number: Annotated[int, Path(alias="session", ge=0, lt=2**63)],
    ) -> Response:
        """End one of one's sessions."""
        own.end_session(asking.actor, this_one.owner, number)
        return nothing()

    @router.get(
        "/keys",
        responses=example({"keys": [_KEY]}),
        dependencies=[Depends(identity.session)],
    )
    def list_keys(asking: Annotated[Asking, asks]) -> Response:
        """One's API keys, revoked ones too, in the order they were made."""
        return sent({"keys": [key_json(key) for key in accounts.keys.all(asking.principal)]})

    @router.post(
        "/keys",
        status_code=201,
        responses=example({"key": "assay_Zk3f0a…", "made": _KEY}, status=201),
    )
    def create_key(
        body: NewKey,
        asking: Annotated[Asking, asks],
        session: Annotated[Session, Depends(identity.session)],
    ) -> Response:
        """Make an API key. Its text is told this once."""
        owner = session.owner
        secret = own.create_key(asking.actor, owner, body.name, frozenset(body.scopes), body.days)
        return sent({"key": secret, "made": key_json(accounts.keys.all(owner)[-1])}, status=201)

    @router.delete("/keys/{key}", status_code=204)
    def revoke_key(
        key: Numbered,
        asking: Annotated[Asking, asks],
        session: Annotated[Session, Depends(identity.session)],
    ) -> Response:
        """Make one of one's API keys useless."""
        own.revoke_key(asking.actor, key, owner=session.owner)
        return nothing()

    return router
