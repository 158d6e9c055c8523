"""Lists of documents: in order, page by page, and only of the collections that are asked for."""

import pytest

from retrieval.catalog import Catalog, Order
from retrieval.collections import Collections
from retrieval.names import name_key
from tests.component.library import opened

EXTRA = [" And a third.", "", "", "", " And yet another."]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("home")) as library:
        for number, name in enumerate(["b.txt", "a.txt", "B.txt", "a.txt", "100%_done.txt"]):
            # Of 3, 1, 1, 1 and 2 passages, each longer than the one before.
            text = f"Text number {number}. And a second." + "!" * number
            library.publish("one", f"/{number}/{name}", text + EXTRA[number])
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
        (Order.NAME, ["100%_done.txt", "a.txt", "a.txt", "b.txt", "B.txt"]),
        (Order.NAME_DOWN, ["B.txt", "b.txt", "a.txt", "a.txt", "100%_done.txt"]),
        (Order.LARGEST, ["100%_done.txt", "b.txt", "a.txt", "B.txt", "a.txt"]),
        (Order.SMALLEST, ["a.txt", "B.txt", "a.txt", "b.txt", "100%_done.txt"]),
        (Order.FEWEST, ["a.txt", "B.txt", "a.txt", "b.txt", "100%_done.txt"]),
        (Order.MOST, ["100%_done.txt", "b.txt", "a.txt", "B.txt", "a.txt"]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_pages_join_to_the_whole_list_whatever_their_size(library, catalog, order, names, size):
    found, after = [], None
    while page := catalog.documents(only(library, "one"), order=order, after=after, limit=size):
        found += page
        after = page[-1].place(order)
    assert [one.name for one in found] == names
    assert len({one.id for one in found}) == 5
    collection = library.store.collection("one")
    numbers = range(1, -(-5 // size) + 2)  # one too many
    pages = [catalog.page(collection, order=order, number=n, size=size) for n in numbers]
    assert [one for page in pages for one in page.documents] == found
    assert {page.total for page in pages} == {5}
    assert pages[-1].documents == []


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
    assert (one.passages, one.pages, one.media_type) == (3, None, "text/plain")
    assert one.size == len("Text number 0. And a second. And a third.")
    first = catalog.passages(one, limit=1)
    rest = catalog.passages(one, after=first[-1].start)
    assert (
        "".join(passage.text for passage in (*first, *rest))
        == "Text number 0. And a second. And a third."
    )
    assert [kept.sha256 for kept in catalog.revisions(one)] == [one.sha256]


def test_only_documents_without_text_are_listed_when_that_is_asked_for(library, catalog):
    library.publish("scans", "/a.png", "")
    library.publish("scans", "/b.txt", "There is text.")
    scans = library.store.collection("scans")
    page = catalog.page(scans, order=Order.NAME, number=1, size=9, only_textless=True)
    assert ([one.name for one in page.documents], page.total) == (["a.png"], 1)
    [size] = Collections(library.engine).sizes(only(library, "scans"))
    assert size[1:] == (2, 1, 1)


def test_sizes_that_were_not_written_down_are_found_out(library, catalog):
    before = catalog.documents(library.everything())
    library.execute("UPDATE documents SET size = -1")
    library.store.measure()
    assert catalog.documents(library.everything()) == before
    assert all(one.size >= 0 for one in before)


@pytest.mark.parametrize(
    "names",
    [
        ["a.txt", "B.txt", "c.txt"],
        ["report 9", "report 10", "report 11"],
        ["1.2", "1.10", "2"],
        ["", "0", "a"],
    ],
)
def test_names_are_ordered_as_people_order_them(names):
    assert sorted(set(names), key=name_key) == names
