"""Searches that keep to some documents find all of those and nothing that is not readable."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.api.questions import SearchRequest
from retrieval.narrowing import EVERY_DOCUMENT, Narrowing
from retrieval.tags import Tags, tags_of
from retrieval.types import Mode
from tests.component.library import opened, texts

modes = pytest.mark.parametrize("mode", list(Mode))
TODAY = datetime.now(UTC).date()


@pytest.fixture
def library(tmp_path):
    with opened(tmp_path) as library:
        for number in range(120):
            library.publish("a", f"/filler{number}.txt", f"The rent is due on day {number}.")
        library.publish("a", "/Lease Größe.PDF", "The rent of the lease.")
        library.publish("a", "/lease.docx", "The rent in the other lease.")
        library.publish("b", "/secret-lease.pdf", "The rent is a secret.")
        yield library


def found(library, within: Narrowing, mode: Mode, *collections: str) -> list[str]:
    readable = frozenset(library.store.collection(name).id for name in collections or ("a",))
    hits = library.searcher.search(
        "the rent is due", readable=readable, k=500, mode=mode, within=within
    )
    return sorted(texts(hits))


@modes
def test_names_and_endings_narrow_without_starving(library, mode):
    lease, other = "The rent of the lease.", "The rent in the other lease."
    assert found(library, Narrowing(documents=("LEASE",)), mode) == sorted([lease, other])
    assert found(library, Narrowing(documents=("größe", "nowhere")), mode) == [lease]
    assert found(library, Narrowing(types=("pdf",)), mode) == [lease]
    assert found(library, Narrowing(types=(".PDF", "docx")), mode) == sorted([lease, other])
    assert found(library, Narrowing(("lease",), ("docx",)), mode) == [other]
    assert found(library, Narrowing(documents=("%",)), mode) == []
    assert found(library, Narrowing(types=("df",)), mode) == []
    assert len(found(library, EVERY_DOCUMENT, mode)) == 122


@modes
def test_days_count_from_beginning_to_end(library, mode):
    library.execute(
        "UPDATE revisions SET created_at = '2026-03-01 23:59:59.000000' WHERE id = "
        "(SELECT revision_id FROM documents WHERE name = 'lease.docx')"
    )
    day = date(2026, 3, 1)
    assert len(found(library, Narrowing(since=day, until=day), mode)) == 1
    assert found(library, Narrowing(until=day - timedelta(days=1)), mode) == []
    assert len(found(library, Narrowing(since=day + timedelta(days=1)), mode)) == 121
    assert found(library, Narrowing(since=TODAY + timedelta(days=2)), mode) == []


@modes
def test_narrowing_opens_nothing_that_is_not_readable(library, mode):
    assert found(library, Narrowing(documents=("secret",)), mode) == []
    both = found(library, Narrowing(documents=("secret",)), mode, "a", "b")
    assert both == ["The rent is a secret."]


@modes
def test_a_new_revision_is_found_and_the_old_one_is_not(library, mode):
    library.publish("a", "/lease.docx", "The rent was changed.")
    assert found(library, Narrowing(types=("docx",)), mode) == ["The rent was changed."]
    library.remove("a", "/lease.docx")
    assert found(library, Narrowing(types=("docx",)), mode) == []


@modes
def test_tags_narrow_to_the_documents_that_have_one_of_them(library, mode):
    tags, known = Tags(library.engine), {}
    for collection in ("a", "b"):
        known |= library.store.known_files(library.store.collection(collection))
    tags.put(known["/lease.docx"].document_id, tags_of(["Rent", "2026"]))
    tags.put(known["/secret-lease.pdf"].document_id, tags_of(["rent"]))
    assert found(library, Narrowing(tags=("rent", "other")), mode) == [
        "The rent in the other lease."
    ]
    assert found(library, Narrowing(tags=("ren",)), mode) == []
    assert len(found(library, Narrowing(tags=("rent",)), mode, "a", "b")) == 2
    only_a = frozenset({library.store.collection("a").id})
    assert tags.used(only_a) == [("2026", 1), ("rent", 1)]
    # They stay when the document changes, and go with it.
    library.publish("a", "/lease.docx", "The rent was changed.")
    assert found(library, Narrowing(tags=("2026",)), mode) == ["The rent was changed."]
    library.remove("a", "/lease.docx")
    assert tags.used(only_a) == []
    tags.put(known["/lease.docx"].document_id, ("rent",))
    assert tags.used(only_a) == []


def test_a_request_says_which_documents():
    body = SearchRequest.model_validate(
        {"question": "x", "types": [" pdf "], "documents": ["a"], "since": "2026-03-01"}
    )
    assert body.within == Narrowing(("a",), ("pdf",), date(2026, 3, 1))
    assert SearchRequest(question="q", tags=[" Rent "]).within == Narrowing(tags=("rent",))
    assert SearchRequest(question="x").within.is_empty
    for bad in ({"types": [""]}, {"since": "soon"}, {"documents": ["x"] * 51}):
        with pytest.raises(ValueError, match="validation error"):
            SearchRequest.model_validate({"question": "x", **bad})
