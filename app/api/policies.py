"""What each collection wants done with what its documents do not support, over JSON."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from app.api.identity import Asking, Identity
from app.api.replies import sent
from app.api.services import Services
from app.errors import RequestRefused
from retrieval.types import Access, Policy, Principal


class ChosenPolicy(BaseModel):
    """A policy for a collection."""

    model_config = ConfigDict(extra="forbid")

    policy: Policy


def policy_routes(services: Services, identity: Identity) -> APIRouter:
    """`GET /api/policies`, and `PUT /api/policies/{collection}` for who manages it."""
    router = APIRouter(prefix="/api/policies", tags=["policies"])

    @router.get("")
    def policies(requester: Annotated[Principal, Depends(identity.requester)]) -> Response:
        """The policy of each collection that the requester reads, by name."""
        readable = services.access.readable(requester)
        chosen = services.policies.among(readable)
        found = [one for one in services.store.collections() if one.id in chosen]
        return sent(
            {
                "policies": [
                    {"collection": one.name, "policy": chosen[one.id].value} for one in found
                ]
            }
        )

    @router.put("/{collection:path}")
    def choose(
        collection: str, body: ChosenPolicy, asking: Annotated[Asking, Depends(identity.asking)]
    ) -> Response:
        """Have answers over a collection follow a policy from the next question on."""
        levels = services.access.levels(asking.principal)
        known = {one.name: one for one in services.store.collections() if one.id in levels}
        if collection not in known:
            raise RequestRefused(404, f"there is no collection {collection!r} that you may read")
        target = services.sharing.require(asking.principal, known[collection].id, Access.MANAGE)
        services.sharing.choose_policy(asking.actor, target, body.policy)
        return sent({"collection": collection, "policy": body.policy.value})

    return router
