"""The pages of the library: collections, their documents, who may read them, receipts."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.api.documents import place_of
from app.api.identity import Asking, Identity
from app.api.problems import FORESEEN, problem_of
from app.api.replies import LONGEST_CURSOR, Numbered, cursor_text
from app.api.services import Services
from app.errors import AccessDenied
from app.web import pages
from generation.injection import commands_in
from retrieval.catalog import Listed, Order
from retrieval.hidden import HiddenBy
from retrieval.languages import LANGUAGES
from retrieval.tags import tags_of
from retrieval.types import Access, Collection

_READ = ["GET", "HEAD"]
_DOCUMENTS, _PASSAGES, _RECEIPTS, _GROUPS = 50, 30, 50, 100
_DONE = {
    "granted": "Changed; it counts from the next request on.",
    "renamed": "Renamed. Grants and documents are as they were.",
    "fetching": "The pages are being fetched; what became of each is shown below.",
    "made": "Made. Only administrators read it until it is granted.",
}
HIDDEN = {
    HiddenBy.MARKED: "marked as hidden",
    HiddenBy.COLOUR: "in the colour of what is behind it",
    HiddenBy.SIZE: "too small to see",
    HiddenBy.OUTSIDE: "outside the page",
    HiddenBy.COVERED: "under something that covers it",
    HiddenBy.SHEET: "in a hidden sheet, row or column",
    HiddenBy.SLIDE: "on a hidden slide",
    HiddenBy.CHARACTERS: "in characters that show nothing",
}
_ORDERS = ((Order.NEWEST, "Newest"), (Order.OLDEST, "Oldest"), (Order.NAME, "By name"))


def library_page_routes(services: Services, identity: Identity) -> APIRouter:
    """What is under `/library`."""
    router = APIRouter(
        prefix="/library", include_in_schema=False, dependencies=[Depends(identity.requester)]
    )
    # Before the collections, whose addresses would match these too.
    _add_documents(router, services, identity)
    _add_receipts(router, services, identity)
    _add_collections(router, services, identity)
    _add_sharing(router, services, identity)
    return router


def _add_collections(router: APIRouter, services: Services, identity: Identity) -> None:
    asks = Depends(identity.asking)

    def shown(asking: Asking, *, status: int = 200, problem: str = "", name: str = "") -> Response:
        levels = services.access.levels(asking.principal)
        sizes = services.collections.sizes(frozenset(levels))
        return _page(
            asking,
            "library.html",
            status=status,
            sizes=[(size, levels[size.collection.id]) for size in sizes],
            problem=problem,
            name=name,
        )

    @router.api_route("", methods=_READ)
    def library(asking: Annotated[Asking, asks]) -> Response:
        return shown(asking)

    @router.post("")
    def create(asking: Annotated[Asking, asks], name: Annotated[str, Form()] = "") -> Response:
        try:
            if not asking.principal.is_administrator:
                raise AccessDenied("new collections are made by administrators; ask one of them")
            made = services.sharing.create(asking.actor, name)
        except FORESEEN as error:
            problem = problem_of(error)
            return shown(asking, status=problem.status, problem=problem.detail, name=name)
        return RedirectResponse(f"/library/{made.id}?done=made", status_code=303)

    @router.api_route("/{collection}", methods=_READ)
    def collection(
        collection: Numbered,
        asking: Annotated[Asking, asks],
        order: Order = Order.NEWEST,
        named: Annotated[str, Query(max_length=200)] = "",
        after: Annotated[str | None, Query(max_length=LONGEST_CURSOR)] = None,
        done: str | None = None,
    ) -> Response:
        found = services.sharing.require(asking.principal, collection, Access.READ)
        [size] = services.collections.sizes(frozenset({found.id}))
        documents = services.library.documents(
            asking.principal,
            collection=found,
            order=order,
            after=place_of(after),
            named=named.strip(),
            limit=_DOCUMENTS + 1,
        )
        query = {"order": order.value, **({"named": named} if named else {})}
        following = ""
        if len(documents) > _DOCUMENTS:
            place = cursor_text(documents[_DOCUMENTS - 1].place)
            following = urlencode({**query, "after": place})
        page = documents[:_DOCUMENTS]
        return _page(
            asking,
            "library_collection.html",
            size=size,
            access=services.access.levels(asking.principal)[found.id],
            documents=[(one, services.library.size(one)) for one in page],
            order=order,
            orders=[
                (one, title, urlencode({**query, "order": one.value})) for one, title in _ORDERS
            ],
            named=named,
            fetches_urls=services.fetches_urls,
            is_first=after is None,
            first=urlencode(query),
            following=following,
            done=_DONE.get(done or "", ""),
        )


def _add_sharing(router: APIRouter, services: Services, identity: Identity) -> None:
    asks = Depends(identity.asking)
    sharing = services.sharing

    def managed(asking: Asking, number: int) -> Collection:
        return sharing.require(asking.principal, number, Access.MANAGE)

    def attempt(
        asking: Asking, found: Collection, act: Callable[[], object], done: str
    ) -> Response:
        try:
            act()
        except FORESEEN as error:
            problem = problem_of(error)
            return _access_page(
                services, asking, found, status=problem.status, problem=problem.detail
            )
        return RedirectResponse(f"/library/{found.id}/access?done={done}", status_code=303)

    @router.api_route("/{collection}/access", methods=_READ)
    def show_access(
        collection: Numbered, asking: Annotated[Asking, asks], done: str | None = None
    ) -> Response:
        found = managed(asking, collection)
        return _access_page(services, asking, found, done=_DONE.get(done or "", ""))

    @router.post("/{collection}/access")
    def grant(
        collection: Numbered,
        asking: Annotated[Asking, asks],
        principal: Annotated[str, Form()] = "",
        access: Annotated[str, Form()] = "",
    ) -> Response:
        found = managed(asking, collection)

        def act() -> None:
            who = services.access.principal(principal.strip())
            if access == "none":
                sharing.revoke(asking.actor, who, found)
            else:
                level = Access(access) if access in set(Access) else Access.READ
                sharing.grant(asking.actor, who, found, level)

        return attempt(asking, found, act, "granted")

    @router.post("/{collection}/rename")
    def rename(
        collection: Numbered, asking: Annotated[Asking, asks], name: Annotated[str, Form()] = ""
    ) -> Response:
        found = managed(asking, collection)
        return attempt(asking, found, lambda: sharing.rename(asking.actor, found, name), "renamed")

    @router.post("/{collection}/delete")
    def delete(collection: Numbered, asking: Annotated[Asking, asks]) -> Response:
        receipt = services.library.delete_collection(asking.actor, asking.principal, collection)
        # Of a collection that is gone only administrators see the receipt later: it is shown now.
        return _page(asking, "library_receipt.html", receipt=receipt)


def _access_page(
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
    return _page(
        asking,
        "library_access.html",
        status=status,
        collection=collection,
        grants=services.access.grants(collection=collection),
        # Who else there is, is not for everybody who manages a collection.
        names=[one.name for one in everybody if not one.is_administrator],
        problem=problem,
        done=done,
    )


def _add_documents(router: APIRouter, services: Services, identity: Identity) -> None:
    library = services.library
    asks = Depends(identity.asking)

    @router.api_route("/documents/{document}", methods=_READ)
    def document(
        document: Numbered,
        asking: Annotated[Asking, asks],
        after: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    ) -> Response:
        found = library.opened(asking.actor, asking.principal, document)
        return shown(asking, found, after)

    def shown(
        asking: Asking, found: Listed, after: int | None = None, problem: str = ""
    ) -> Response:
        read = library.passages(found, after=after, limit=_PASSAGES + 1)
        passages = read[:_PASSAGES]
        levels = services.access.levels(asking.principal)
        return _page(
            asking,
            "library_document.html",
            status=422 if problem else 200,
            tag_problem=problem,
            tags_used=library.tags_used(asking.principal),
            document=found,
            size=library.size(found),
            may_write=levels[found.collection.id].includes(Access.WRITE),
            passages=[(one, _pieces(one.text)) for one in passages],
            orders=sum(is_order for one in passages for _, is_order in _pieces(one.text)),
            language=LANGUAGES.get(found.language or "", ""),
            alike=library.alike(asking.principal, found),
            hidden=[(one, HIDDEN[one.by], _pieces(one.text)) for one in library.hidden(found)],
            is_first=after is None,
            following=passages[-1].start if len(read) > _PASSAGES else None,
        )

    @router.api_route("/alike", methods=_READ)
    def alike(asking: Annotated[Asking, asks]) -> Response:
        groups = library.alike_groups(asking.principal)
        return _page(
            asking, "library_alike.html", groups=groups[:_GROUPS], more=len(groups) - _GROUPS
        )

    @router.post("/documents/{document}/tags")
    def tag(
        document: Numbered, asking: Annotated[Asking, asks], tags: Annotated[str, Form()] = ""
    ) -> Response:
        found = library.document(asking.principal, document, Access.WRITE)
        try:
            wanted = tags_of(tag for tag in tags.split(",") if tag.strip())
        except ValueError as error:
            return shown(asking, found, problem=str(error))
        library.tag(asking.actor, asking.principal, document, wanted)
        return RedirectResponse(f"/library/documents/{document}", status_code=303)

    @router.post("/documents/{document}/delete")
    def delete(document: Numbered, asking: Annotated[Asking, asks]) -> Response:
        receipt = library.delete(asking.actor, asking.principal, document)
        return RedirectResponse(f"/library/receipts/{receipt.id}", status_code=303)


def _add_receipts(router: APIRouter, services: Services, identity: Identity) -> None:
    asks = Depends(identity.asking)

    @router.api_route("/receipts", methods=_READ)
    def receipts(
        asking: Annotated[Asking, asks],
        before: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    ) -> Response:
        found = services.library.receipts(asking.principal, before=before, limit=_RECEIPTS + 1)
        older = found[_RECEIPTS - 1].id if len(found) > _RECEIPTS else None
        return _page(asking, "library_receipts.html", receipts=found[:_RECEIPTS], older=older)

    @router.api_route("/receipts/{receipt}", methods=_READ)
    def receipt(receipt: Numbered, asking: Annotated[Asking, asks]) -> Response:
        found = services.library.receipt(asking.principal, receipt)
        return _page(asking, "library_receipt.html", receipt=found)


def _pieces(text: str) -> list[tuple[str, bool]]:
    """A text in pieces, and of each whether it is an order to a model."""
    pieces, at = [], 0
    for command in commands_in(text):
        pieces += [(text[at : command.start], False), (text[command.start : command.end], True)]
        at = command.end
    return [piece for piece in (*pieces, (text[at:], False)) if piece[0]]


def _page(asking: Asking, template: str, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401
    return HTMLResponse(pages.page(template, asking.principal, here="library", **values), status)
