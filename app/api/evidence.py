"""The sources of kept answers: where a quote stands, its page as a picture, and the original."""

from typing import Annotated, Literal, TypedDict
from urllib.parse import quote as percent

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from app.api.conversations import Number
from app.api.identity import Identity
from app.api.services import Services
from app.api.wire import encoded
from app.audit import Actor, Object
from app.conversations.types import KeptAnswer, Quote
from app.conversations.withholding import as_readable
from app.errors import UnknownSource
from app.evidence.context import Line
from app.evidence.finding import OnPage
from retrieval.types import Principal

NEAREST = -1
# It may do nothing, wherever it is opened.
ORIGINAL_POLICY = "default-src 'none'; sandbox"

Sentence = Annotated[int, Path(ge=NEAREST, le=10_000)]
Place = Annotated[int, Path(ge=0, le=10_000)]


class RunJson(TypedDict):
    """Characters that are all quoted, or none of them."""

    text: str
    is_quoted: bool


class LineJson(TypedDict):
    """A line of the text around a quote; of a table, with its cells."""

    is_row: bool
    cells: list[list[RunJson]]


class RectangleJson(TypedDict):
    """A part of a printed line, in fractions of the page, from its top left corner."""

    left: float
    top: float
    width: float
    height: float


class PrintedJson(TypedDict):
    """A quote on its page. `found`: the share of its letters that the rectangles are on."""

    image: str
    width: float
    height: float
    rectangles: list[RectangleJson]
    found: float


class SourceJson(TypedDict):
    """Where a quote stands."""

    document: str
    page: int | None
    quote: str
    is_changed: bool
    original: str
    lines: list[LineJson]
    printed: PrintedJson | None


def evidence_routes(services: Services, identity: Identity) -> APIRouter:
    """What is under `/api/answers/{answer}/sources`."""
    router = APIRouter(
        prefix="/api/answers/{answer}/sources/{sentence}/{number}", tags=["conversations"]
    )
    Requester = Annotated[Principal, Depends(identity.in_person)]  # noqa: N806 - a type
    Asker = Annotated[Actor, Depends(identity.actor)]  # noqa: N806 - a type

    def cited(requester: Principal, answer: int, sentence: int, number: int) -> Quote:
        """The quote, if the answer is the requester's and the document still readable."""
        kept = services.conversations.answer(requester, answer)
        readable = as_readable(kept, services.access.readable(requester))
        found = _quote(readable, sentence, number)
        if found is None or found.quote is None or found.is_deleted:
            raise UnknownSource(answer, sentence, number)
        return found

    def noted(actor: Actor, quote: Quote, part: str) -> None:
        of = Object("document", quote.document_id)
        services.audit.note(
            actor, "document.read", of, collection_id=quote.collection_id, part=part
        )

    @router.get("")
    def show(
        answer: Number, sentence: Sentence, number: Place, requester: Requester, actor: Asker
    ) -> Response:
        """Where the quote stands: in the text around it and, of a PDF, on its page.

        `sentence` and `number` count from 0; -1 as the sentence is what came nearest.
        """
        quote = cited(requester, answer, sentence, number)
        found = services.evidence.find(quote)
        if found is None or quote.document is None or quote.quote is None:
            raise UnknownSource(answer, sentence, number)
        noted(actor, quote, "quote")
        here = f"/api/answers/{answer}/sources/{sentence}/{number}"
        printed = None if found.on_page is None else _printed_json(found.on_page, f"{here}/page")
        body: SourceJson = {
            "document": quote.document,
            "page": quote.page,
            "quote": quote.quote,
            "is_changed": quote.is_changed,
            "original": f"{here}/original",
            "lines": [_line_json(line) for line in found.lines],
            "printed": printed,
        }
        return Response(encoded(body), media_type="application/json")

    @router.get("/page")
    def page(
        answer: Number,
        sentence: Sentence,
        number: Place,
        requester: Requester,
        actor: Asker,
        scale: Annotated[Literal["1", "2", "3"], Query()] = "2",
    ) -> Response:
        """The page that the quote stands on, as a PNG."""
        quote = cited(requester, answer, sentence, number)
        image = services.evidence.image(quote, int(scale))
        if image is None:
            raise UnknownSource(answer, sentence, number)
        noted(actor, quote, "page")
        return Response(image, media_type="image/png")

    @router.get("/original")
    def original(
        answer: Number, sentence: Sentence, number: Place, requester: Requester, actor: Asker
    ) -> Response:
        """The file the quote was read from, to download: never shown as a page of ours."""
        quote = cited(requester, answer, sentence, number)
        found = services.evidence.original(quote)
        if found is None:
            raise UnknownSource(answer, sentence, number)
        noted(actor, quote, "original")
        headers = {
            "Content-Disposition": _attachment(quote.document or "document"),
            "Content-Security-Policy": ORIGINAL_POLICY,
        }
        return Response(found[1], media_type="application/octet-stream", headers=headers)

    return router


def _quote(answer: KeptAnswer, sentence: int, number: int) -> Quote | None:
    if sentence == NEAREST:
        quotes = answer.nearest
    elif sentence < len(answer.sentences):
        quotes = answer.sentences[sentence].quotes
    else:
        return None
    return quotes[number] if number < len(quotes) else None


def _attachment(name: str) -> str:
    """A header that saves a file under its name, whatever is in the name (RFC 6266)."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_. ") else "_" for c in name)
    encoded_name = percent(name.encode("utf-8", "replace"), safe="")
    return f"attachment; filename=\"{plain[:100] or 'document'}\"; filename*=UTF-8''{encoded_name}"


def _line_json(line: Line) -> LineJson:
    return {
        "is_row": line.is_row,
        "cells": [
            [{"text": run.text, "is_quoted": run.is_quoted} for run in cell] for cell in line.cells
        ],
    }


def _printed_json(on_page: OnPage, image: str) -> PrintedJson:
    return {
        "image": image,
        "width": on_page.width,
        "height": on_page.height,
        "rectangles": [
            {"left": box.left, "top": box.top, "width": box.width, "height": box.height}
            for box in on_page.rectangles
        ],
        "found": on_page.found,
    }
