"""What each collection wants done with what its documents do not support, over JSON."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from app.api.identity import Asking, Identity
from app.api.services import Services
from app.api.wire import encoded
from app.errors import RequestRefused
from retrieval.errors import UnknownName
from retrieval.types import Policy, Principal


class ChosenPolicy(BaseModel):
    """A policy for a collection."""

    model_config = ConfigDict(extra="forbid")

    policy: Policy


def policy_routes(services: Services, identity: Identity) -> APIRouter:
    """`GET /api/policies`, and `PUT /api/policies/{collection}` for administrators."""
    router = APIRouter(prefix="/api/policies", tags=["policies"])

    @router.get("")
    def policies(requester: Annotated[Principal, Depends(identity.requester)]) -> Response:
        """The policy of each collection that the requester reads, by name."""
        readable = services.access.readable(requester)
        chosen = services.policies.among(readable)
        found = [one for one in services.store.collections() if one.id in chosen]
        shown = [{"collection": one.name, "policy": chosen[one.id].value} for one in found]
        return Response(encoded({"policies": shown}), media_type="application/json")

    @router.put("/{collection:path}")
    def choose(
        collection: str,
        body: ChosenPolicy,
        asking: Annotated[Asking, Depends(identity.asking)],
    ) -> Response:
        """Have answers over a collection follow a policy from the next question on."""
        if not asking.principal.is_administrator:
            raise RequestRefused(403, "how strict answers are is chosen by administrators")
        try:
            target = services.store.collection(collection)
        except UnknownName as error:
            raise RequestRefused(404, str(error)) from error
        services.sharing.choose_policy(asking.actor, target, body.policy)
        said = {"collection": collection, "policy": body.policy.value}
        return Response(encoded(said), media_type="application/json")

    return router
