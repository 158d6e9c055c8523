"""Lists of documents: in order, page by page, and only of the collections that are asked for."""

import pytest

from retrieval.catalog import Catalog, Order
from tests.component.library import opened


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("home")) as library:
        for number, name in enumerate(["b.txt", "a.txt", "B.txt", "a.txt", "100%_done.txt"]):
            library.publish("one", f"/{number}/{name}", f"Text number {number}. And a second.")
        library.publish("two", "/z.txt", "Another collection.")
        yield library


@pytest.fixture(scope="module")
def catalog(library):
    return Catalog(library.engine)


def only(library, name: str) -> frozenset[int]:
    return frozenset({library.store.collection(name).id})


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (Order.NEWEST, ["100%_done.txt", "a.txt", "B.txt", "a.txt", "b.txt"]),
        (Order.OLDEST, ["b.txt", "a.txt", "B.txt", "a.txt", "100%_done.txt"]),
        (Order.NAME, ["100%_done.txt", "B.txt", "a.txt", "a.txt", "b.txt"]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_pages_join_to_the_whole_list_whatever_their_size(library, catalog, order, names, size):
    found, after = [], None
    while page := catalog.documents(only(library, "one"), order=order, after=after, limit=size):
        found += page
        after = page[-1].place
    assert [one.name for one in found] == names
    assert len({one.id for one in found}) == 5


def test_a_name_is_found_by_a_part_of_it_and_signs_of_sql_are_letters(library, catalog):
    everything = library.everything()
    assert [one.name for one in catalog.documents(everything, named="B.T")] == ["B.txt", "b.txt"]
    assert [one.name for one in catalog.documents(everything, named="%_d")] == ["100%_done.txt"]
    assert catalog.documents(everything, named="_b") == []


def test_only_what_is_asked_for_is_found(library, catalog):
    assert {one.collection.name for one in catalog.documents(only(library, "two"))} == {"two"}
    assert catalog.documents(frozenset()) == []
    hidden = catalog.documents(only(library, "one"))[0]
    assert catalog.document(hidden.id, only(library, "two")) is None
    assert catalog.document(hidden.id, only(library, "one")) == hidden


def test_a_document_says_how_much_is_in_it_and_its_passages_are_its_text(library, catalog):
    one = catalog.documents(only(library, "one"), named="b.txt", order=Order.OLDEST)[0]
    assert (one.passages, one.pages, one.media_type) == (2, None, "text/plain")
    first = catalog.passages(one, limit=1)
    rest = catalog.passages(one, after=first[-1].start)
    assert "".join(passage.text for passage in (*first, *rest)) == "Text number 0. And a second."
    assert [kept.sha256 for kept in catalog.revisions(one)] == [one.sha256]
