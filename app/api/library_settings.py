"""The settings of a collection: who may read it, its policy, its name, and its end."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.api.identity import Asking, Identity
from app.api.problems import FORESEEN, problem_of
from app.api.replies import Numbered
from app.api.services import Services
from app.errors import ParameterRefused
from app.web import pages
from retrieval.types import Access, Collection, Policy

_READ = ["GET", "HEAD"]
_DONE = {
    "granted": "Changed; it counts from the next request on.",
    "policy": "Changed; it counts from the next question on.",
    "renamed": "Renamed. Grants and documents are as they were.",
}
# What becomes of a sentence that the documents do not support.
_POLICIES = {
    Policy.SHOW: "It is shown with its verdict, and is no part of the answer.",
    Policy.STRIKE: "It is left out, and the answer says how many were.",
    Policy.QUOTE: "The draft gives way to the best sentences of the documents, word for word.",
    Policy.ABSTAIN: "The question is declined, and the nearest passages are shown.",
}


def add_settings(router: APIRouter, services: Services, identity: Identity) -> None:
    """What is under `/{collection}` of the library, but for its documents; for who manages it."""
    _add_access(router, services, identity)
    _add_rest(router, services, identity)


def _add_access(router: APIRouter, services: Services, identity: Identity) -> None:
    asks = Depends(identity.asking)
    sharing = services.sharing

    @router.api_route("/{collection}/access", methods=_READ)
    def show_access(
        collection: Numbered, asking: Annotated[Asking, asks], done: str | None = None
    ) -> Response:
        found = _managed(services, asking, collection)
        return _settings_page(services, asking, found, done=_DONE.get(done or "", ""))

    @router.post("/{collection}/access")
    def grant(
        collection: Numbered,
        asking: Annotated[Asking, asks],
        principal: Annotated[str, Form()] = "",
        access: Annotated[str, Form()] = "",
    ) -> Response:
        found = _managed(services, asking, collection)

        def act() -> None:
            who = services.access.principal(principal.strip())
            if access == "none":
                sharing.revoke(asking.actor, who, found)
            else:
                level = Access(access) if access in set(Access) else Access.READ
                sharing.grant(asking.actor, who, found, level)

        return _attempt(services, asking, found, act, "granted")


def _add_rest(router: APIRouter, services: Services, identity: Identity) -> None:
    asks = Depends(identity.asking)
    sharing = services.sharing

    @router.post("/{collection}/policy")
    def choose_policy(
        collection: Numbered, asking: Annotated[Asking, asks], policy: Annotated[str, Form()] = ""
    ) -> Response:
        found = _managed(services, asking, collection)

        def act() -> None:
            if policy not in set(Policy):
                choices = ", ".join(one.value for one in Policy)
                raise ParameterRefused("policy", f"{policy!r} is no policy; one of {choices}")
            sharing.choose_policy(asking.actor, found, Policy(policy))

        return _attempt(services, asking, found, act, "policy")

    @router.post("/{collection}/reingest")
    def reingest(collection: Numbered, asking: Annotated[Asking, asks]) -> Response:
        services.library.reingest_collection(asking.actor, asking.principal, collection)
        return RedirectResponse(f"/library/{collection}?done=reingest", status_code=303)

    @router.post("/{collection}/rename")
    def rename(
        collection: Numbered, asking: Annotated[Asking, asks], name: Annotated[str, Form()] = ""
    ) -> Response:
        found = _managed(services, asking, collection)
        return _attempt(
            services, asking, found, lambda: sharing.rename(asking.actor, found, name), "renamed"
        )

    @router.post("/{collection}/delete")
    def delete(collection: Numbered, asking: Annotated[Asking, asks]) -> Response:
        receipt = services.library.delete_collection(asking.actor, asking.principal, collection)
        # Of a collection that is gone only administrators see the receipt later: it is shown now.
        page = pages.page("library_receipt.html", asking.principal, here="library", receipt=receipt)
        return HTMLResponse(page)


def _managed(services: Services, asking: Asking, number: int) -> Collection:
    return services.sharing.require(asking.principal, number, Access.MANAGE)


def _attempt(
    services: Services, asking: Asking, found: Collection, act: Callable[[], object], done: str
) -> Response:
    try:
        act()
    except FORESEEN as error:
        problem = problem_of(error)
        return _settings_page(
            services, asking, found, status=problem.status, problem=problem.detail
        )
    return RedirectResponse(f"/library/{found.id}/access?done={done}", status_code=303)


def _settings_page(
    services: Services,
    asking: Asking,
    collection: Collection,
    *,
    status: int = 200,
    problem: str = "",
    done: str = "",
) -> Response:
    is_administrator = asking.principal.is_administrator
    everybody = services.access.principals() if is_administrator else []
    page = pages.page(
        "library_access.html",
        asking.principal,
        here="library",
        collection=collection,
        grants=services.access.grants(collection=collection),
        # Who else there is, is not for everybody who manages a collection.
        names=[one.name for one in everybody if not one.is_administrator],
        policy=services.policies.among([collection.id])[collection.id],
        policies=_POLICIES,
        problem=problem,
        done=done,
    )
    return HTMLResponse(page, status)
