"""The search page, and a passage where it stands in its document."""

from datetime import date
from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse, Response

from app.api.identity import Identity
from app.api.problems import problem_of
from app.api.questions import LONGEST_QUESTION
from app.api.services import Services
from app.audit import Actor, Object
from app.web import pages
from retrieval.errors import UnknownName
from retrieval.follow_up import telling_words
from retrieval.languages import LANGUAGES
from retrieval.marking import marked_spans, pieces
from retrieval.narrowing import Narrowing
from retrieval.types import Hit, Passage, Principal

_READ = ["GET", "HEAD"]
_HITS = 20
# Shown of a document before and after a passage.
_AROUND_CHARACTERS = 3000
_LONGEST_FILTER = 200

Words = Annotated[str, Query(max_length=_LONGEST_FILTER)]


class _Filters(NamedTuple):
    """What the form says; empty is everything."""

    collection: str
    document: str
    type: str
    since: str
    until: str
    language: str
    tag: str


def search_page_routes(services: Services, identity: Identity) -> APIRouter:
    """`/search` and `/search/passages/{number}`."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/search", methods=_READ)
    def search(
        visitor: Annotated[Principal, Depends(identity.requester)],
        q: Annotated[str, Query(max_length=LONGEST_QUESTION)] = "",
        collection: Words = "",
        document: Words = "",
        type: Words = "",  # noqa: A002 - as it stands in the address
        since: Words = "",
        until: Words = "",
        language: Words = "",
        tag: Words = "",
    ) -> Response:
        filters = _Filters(collection, document, type, since, until, language, tag)
        readable = services.access.readable(visitor)
        names = {c.name: c.id for c in services.store.collections() if c.id in readable}
        hits: list[Hit] = []
        trouble = ""
        try:
            within = _narrowing(filters)
            searched = frozenset({names[collection]} if collection else readable)
            if q.strip():
                hits = list(
                    services.search(
                        q.strip(), readable=searched, k=_HITS, earlier=(), within=within
                    )
                )
        except ValueError:
            trouble = "A day is written as 2026-11-29."
        except KeyError:
            trouble = f"There is no collection {collection!r} that you may read."
        html = pages.page(
            "search.html",
            visitor,
            here="search",
            question=q,
            longest_question=LONGEST_QUESTION,
            filters=filters,
            is_narrowed=any(filters),
            collections=sorted(names),
            languages=sorted(LANGUAGES.items(), key=lambda one: one[1]),
            tags=[used.tag for used in services.library.tags_used(visitor)],
            collection_names={number: name for name, number in names.items()},
            found=[(hit, _marked(hit.passage, q), _link(hit.passage, q)) for hit in hits],
            has_asked=bool(q.strip()),
            trouble=trouble,
        )
        return HTMLResponse(html, status_code=400 if trouble else 200)

    @router.api_route("/search/passages/{number}", methods=_READ)
    def passage(
        number: int,
        visitor: Annotated[Principal, Depends(identity.requester)],
        actor: Annotated[Actor, Depends(identity.actor)],
        q: Annotated[str, Query(max_length=LONGEST_QUESTION)] = "",
    ) -> Response:
        readable = services.access.readable(visitor)
        found = services.store.located([number]).get(number) if 0 <= number < 2**63 else None
        if found is None or found.passage.collection_id not in readable:
            # Nothing tells a passage that may not be read from one that is not there.
            gone = UnknownName("passage", str(number), "its document has changed or gone")
            return _refused(gone)
        shown = found.passage
        of = Object("document", shown.document_id)
        services.audit.note(
            actor, "document.read", of, collection_id=shown.collection_id, part="passage"
        )
        begin = max(0, shown.start - _AROUND_CHARACTERS)
        end = shown.end + _AROUND_CHARACTERS
        around = services.store.revision_slice(shown.revision_id, begin, end) or shown.text
        html = pages.page(
            "search_passage.html",
            visitor,
            here="search",
            document=found.document,
            passage=shown,
            before=around[: shown.start - begin],
            marked=_marked(shown, q),
            after=around[shown.end - begin :],
            is_beginning=begin == 0,
            is_end=len(around) < end - begin,
            back=f"/search?{urlencode({'q': q})}" if q else "/search",
        )
        return HTMLResponse(html)

    return router


def _narrowing(filters: _Filters) -> Narrowing:
    """The documents that are wanted.

    Raises:
        ValueError: what should be a day is none.
    """
    return Narrowing(
        (filters.document,) if filters.document else (),
        tuple(filters.type.replace(",", " ").split()),
        date.fromisoformat(filters.since) if filters.since else None,
        date.fromisoformat(filters.until) if filters.until else None,
        (filters.language,) if filters.language else (),
        tags=(" ".join(filters.tag.casefold().split()),) if filters.tag.strip() else (),
    )


def _marked(passage: Passage, question: str) -> list[tuple[str, bool]]:
    text = passage.text
    return pieces(text, marked_spans(text, telling_words(question)))


def _link(passage: Passage, question: str) -> str:
    return f"/search/passages/{passage.id}?{urlencode({'q': question})}#passage"


def _refused(error: Exception) -> Response:
    problem = problem_of(error)
    return HTMLResponse(pages.error_page(problem.title, problem.detail), problem.status)
