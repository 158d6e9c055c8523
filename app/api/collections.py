"""Collections over JSON: which there are for somebody, and who may do what with them."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.api.identity import Asking, Identity
from app.api.people_wire import collection_json, grant_json
from app.api.replies import Numbered, example, nothing, sent
from app.api.services import Services
from app.errors import AccessDenied
from retrieval.types import Access, Collection

_COLLECTION = {"id": 4, "name": "contracts", "access": "manage", "documents": 120, "passages": 3411}
_GRANT = {"principal": "legal", "kind": "group", "access": "read"}


class CollectionName(BaseModel):
    """What a collection is to be called."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "contracts"}]}
    )

    name: str = Field(max_length=1000)


class GrantRequest(BaseModel):
    """What a user or group is to be allowed. Names are exact."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"principal": "legal", "access": "read"}]}
    )

    principal: str = Field(max_length=1000)
    access: Access = Access.READ


def collection_routes(services: Services, identity: Identity) -> APIRouter:
    """What is under `/api/collections`, but for documents."""
    router = APIRouter(
        prefix="/api/collections", tags=["collections"], dependencies=[Depends(identity.requester)]
    )
    sharing = services.sharing
    asks = Depends(identity.asking)

    def shown(asking: Asking, collection: Collection, *, status: int = 200) -> Response:
        levels = services.access.levels(asking.principal)
        [size] = services.collections.sizes(frozenset({collection.id}))
        return sent(collection_json(size, levels[collection.id]), status=status)

    @router.get("", responses=example({"collections": [_COLLECTION]}))
    def collections(asking: Annotated[Asking, asks]) -> Response:
        """The collections one may read, by name."""
        levels = services.access.levels(asking.principal)
        sizes = services.collections.sizes(frozenset(levels))
        return sent(
            {"collections": [collection_json(size, levels[size.collection.id]) for size in sizes]}
        )

    @router.post("", status_code=201, responses=example(_COLLECTION, status=201))
    def create(body: CollectionName, asking: Annotated[Asking, asks]) -> Response:
        """Make a collection, for administrators. It is private to them until it is granted."""
        require_administrator(asking)
        return shown(asking, sharing.create(asking.actor, body.name), status=201)

    @router.get("/{collection}", responses=example(_COLLECTION))
    def show(collection: Numbered, asking: Annotated[Asking, asks]) -> Response:
        """One of them."""
        return shown(asking, sharing.require(asking.principal, collection, Access.READ))

    @router.patch("/{collection}", responses=example(_COLLECTION))
    def rename(
        collection: Numbered, body: CollectionName, asking: Annotated[Asking, asks]
    ) -> Response:
        """Give it another name, for who manages it."""
        found = sharing.require(asking.principal, collection, Access.MANAGE)
        return shown(asking, sharing.rename(asking.actor, found, body.name))

    @router.get("/{collection}/grants", responses=example({"grants": [_GRANT]}))
    def grants(collection: Numbered, asking: Annotated[Asking, asks]) -> Response:
        """Who was granted what on it, for who manages it."""
        found = sharing.require(asking.principal, collection, Access.MANAGE)
        listed = services.access.grants(collection=found)
        return sent({"grants": [grant_json(grant) for grant in listed]})

    @router.put("/{collection}/grants", responses=example({"grants": [_GRANT]}))
    def grant(
        collection: Numbered, body: GrantRequest, asking: Annotated[Asking, asks]
    ) -> Response:
        """Grant it to a user or group, in place of what was granted before."""
        found = sharing.require(asking.principal, collection, Access.MANAGE)
        principal = services.access.principal(body.principal.strip())
        sharing.grant(asking.actor, principal, found, body.access)
        return grants(collection, asking)

    @router.delete("/{collection}/grants/{principal}", status_code=204)
    def revoke(collection: Numbered, principal: str, asking: Annotated[Asking, asks]) -> Response:
        """Take away what a user or group, named exactly, was granted."""
        found = sharing.require(asking.principal, collection, Access.MANAGE)
        sharing.revoke(asking.actor, services.access.principal(principal), found)
        return nothing()

    return router


def require_administrator(asking: Asking) -> None:
    """Refuse others than administrators.

    Raises:
        AccessDenied: it is another.
    """
    if not asking.principal.is_administrator:
        raise AccessDenied("new collections are made by administrators; ask one of them")
