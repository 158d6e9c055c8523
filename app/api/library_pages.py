"""The pages of the library: collections, their documents, who may read them, receipts."""

import math
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.api.identity import Asking, Identity
from app.api.library_settings import add_settings
from app.api.problems import FORESEEN, problem_of
from app.api.replies import Numbered
from app.api.services import Services
from app.errors import AccessDenied, OriginalMissing
from app.web import pages
from generation.injection import commands_in
from retrieval.catalog import Listed, Order
from retrieval.hidden import HiddenBy
from retrieval.languages import LANGUAGES
from retrieval.tags import LONGEST_TAG, tags_of
from retrieval.types import Access

_READ = ["GET", "HEAD"]
_DOCUMENTS, _PASSAGES, _RECEIPTS, _GROUPS = 50, 30, 50, 100
_DONE = {
    "fetching": "The pages are being fetched; what became of each is shown below.",
    "reingest": "All of it is being read again. Until then it is searched as it was.",
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
_MOST_UNREAD = 200
# A page so far behind that no list reaches it; SQL takes its number.
_LAST_PAGE = 10**9


class Shown(StrEnum):
    """Which files of a collection are listed."""

    ALL = "all"
    TEXTLESS = "textless"
    UNREAD = "unread"


class _Column(NamedTuple):
    """A column that puts the list in order: first one way, pressed again the other."""

    title: str
    first: Order
    second: Order
    is_number: bool = False


_COLUMNS = (
    _Column("Document", Order.NAME, Order.NAME_DOWN),
    _Column("Size", Order.LARGEST, Order.SMALLEST, is_number=True),
    _Column("Passages", Order.FEWEST, Order.MOST, is_number=True),
    _Column("Brought in", Order.NEWEST, Order.OLDEST),
)
_RISING = frozenset({Order.NAME, Order.SMALLEST, Order.FEWEST, Order.OLDEST})


def library_page_routes(services: Services, identity: Identity) -> APIRouter:
    """What is under `/library`."""
    router = APIRouter(
        prefix="/library", include_in_schema=False, dependencies=[Depends(identity.requester)]
    )
    # Before the collections, whose addresses would match these too.
    _add_documents(router, services, identity)
    _add_receipts(router, services, identity)
    _add_collections(router, services, identity)
    add_settings(router, services, identity)
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
        tag: Annotated[str, Query(max_length=LONGEST_TAG)] = "",
        shown: Shown = Shown.ALL,
        page: Annotated[int, Query(ge=1, le=_LAST_PAGE)] = 1,
        done: str | None = None,
    ) -> Response:
        found = services.sharing.require(asking.principal, collection, Access.READ)
        [size] = services.collections.sizes(frozenset({found.id}))
        access = services.access.levels(asking.principal)[found.id]
        may_write = access.includes(Access.WRITE)
        tag = " ".join(tag.casefold().split())
        unread = services.jobs.unread(found, limit=_MOST_UNREAD) if may_write else None
        listed = services.library.page(
            found,
            order=order,
            number=page,
            size=_DOCUMENTS,
            named=named.strip(),
            tag=tag,
            only_textless=shown is Shown.TEXTLESS,
        )

        def address(**changes: object) -> str:
            """This list otherwise; on its first page, unless said."""
            here = {"named": named, "tag": tag, "order": order, "shown": shown, "page": 1}
            usual = {"named": "", "tag": "", "order": Order.NEWEST, "shown": Shown.ALL, "page": 1}
            wanted = {**here, **changes}
            return "?" + urlencode({k: str(v) for k, v in wanted.items() if v != usual[k]})

        return _page(
            asking,
            "library_collection.html",
            size=size,
            access=access,
            may_write=may_write,
            policy=services.policies.among([found.id])[found.id],
            grants=services.access.grants(collection=found)
            if access.includes(Access.MANAGE)
            else None,
            documents=[(one, services.library.size(one)) for one in listed.documents],
            unread=unread,
            total=listed.total,
            page=page,
            pages=max(1, math.ceil(listed.total / _DOCUMENTS)),
            first_row=(page - 1) * _DOCUMENTS + 1,
            order=order,
            columns=_COLUMNS,
            rising=_RISING,
            named=named,
            tag=tag,
            tags=services.library.tags_used(asking.principal, found),
            fetches_urls=services.fetches_urls,
            shown=shown,
            address=address,
            done=_DONE.get(done or "", ""),
        )


def _add_documents(router: APIRouter, services: Services, identity: Identity) -> None:
    library = services.library
    asks = Depends(identity.asking)

    def shown(
        asking: Asking,
        found: Listed,
        *,
        after: int | None = None,
        job: int | None = None,
        status: int = 200,
        problem: str = "",
        tag_problem: str = "",
    ) -> Response:
        read = library.passages(found, after=after, limit=_PASSAGES + 1)
        passages = [(one, _pieces(one.text)) for one in read[:_PASSAGES]]
        levels = services.access.levels(asking.principal)
        underway = library.being_reingested(found)
        return _page(
            asking,
            "library_document.html",
            status=status,
            problem=problem,
            tag_problem=tag_problem,
            tags_used=library.tags_used(asking.principal),
            job=job if underway is None else underway.id,
            is_underway=underway is not None,
            document=found,
            size=library.size(found),
            may_write=levels[found.collection.id].includes(Access.WRITE),
            passages=passages,
            orders=sum(is_order for _, pieces in passages for _, is_order in pieces),
            language=LANGUAGES.get(found.language or "", ""),
            alike=library.alike(asking.principal, found),
            hidden=[(one, HIDDEN[one.by], _pieces(one.text)) for one in library.hidden(found)],
            is_first=after is None,
            following=passages[-1][0].start if len(read) > _PASSAGES else None,
        )

    @router.api_route("/documents/{document}", methods=_READ)
    def document(
        document: Numbered,
        asking: Annotated[Asking, asks],
        after: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        job: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    ) -> Response:
        found = library.opened(asking.actor, asking.principal, document)
        return shown(asking, found, after=after, job=job)

    @router.post("/documents/{document}/reingest")
    def reingest(document: Numbered, asking: Annotated[Asking, asks]) -> Response:
        try:
            job = library.reingest(asking.actor, asking.principal, document).job
        except OriginalMissing as error:
            problem = problem_of(error)
            found = library.opened(asking.actor, asking.principal, document)
            return shown(asking, found, status=problem.status, problem=problem.detail)
        return RedirectResponse(f"/library/documents/{document}?job={job.id}", status_code=303)

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
            return shown(asking, found, status=422, tag_problem=str(error))
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
