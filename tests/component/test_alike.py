"""Documents that are nearly the same are found among what somebody may read, and go with them."""

import pytest

from retrieval.alike import AlikeDocuments
from retrieval.narrowing import Narrowing
from retrieval.types import Mode
from tests.component.library import Library, opened, texts

BASE = " ".join(f"Clause {n} says that {n} pounds are due on day {n}." for n in range(1, 60))
NEAR = BASE.replace("Clause 30", "Paragraph 30")
FAR = " ".join(f"Recipe {n} takes {n} eggs and bakes for {n} minutes." for n in range(1, 60))


@pytest.fixture
def library(tmp_path):
    with opened(tmp_path) as library:
        library.publish("a", "/base.txt", BASE)
        library.publish("a", "/near.txt", NEAR)
        library.publish("a", "/far.txt", FAR)
        library.publish("b", "/copy.txt", BASE + " Signed.")
        AlikeDocuments(library.engine).look_at_unknown()
        yield library


def number(library: Library, collection: str, path: str) -> int:
    return library.store.known_files(library.store.collection(collection))[path].document_id


def of(library: Library, path: str, *collections: str) -> list[tuple[str, float]]:
    among = frozenset(library.store.collection(name).id for name in collections)
    found = AlikeDocuments(library.engine).of(number(library, "a", path), among)
    return [(one.name, one.likeness) for one in found]


def test_what_is_nearly_the_same_is_found_among_the_readable(library):
    [(near, share)] = of(library, "/base.txt", "a")
    assert near == "near.txt"
    assert 0.9 < share < 1.0
    assert [name for name, _ in of(library, "/base.txt", "a", "b")] == ["copy.txt", "near.txt"]
    assert of(library, "/far.txt", "a", "b") == []
    assert of(library, "/base.txt") == []


def test_groups_hold_everything_that_is_like_another(library):
    alike = AlikeDocuments(library.engine)
    [group] = alike.groups(library.everything())
    assert [one.name for one in group] == ["base.txt", "near.txt", "copy.txt"]
    assert group[0].likeness == 1.0
    [small] = alike.groups(frozenset({library.store.collection("a").id}))
    assert [one.name for one in small] == ["base.txt", "near.txt"]
    assert alike.groups(frozenset()) == []


def test_nothing_is_left_of_a_document_that_went_or_changed(library):
    library.remove("a", "/near.txt")
    assert of(library, "/base.txt", "a") == []
    library.publish("b", "/copy.txt", FAR)
    alike = AlikeDocuments(library.engine)
    assert alike.count_unknown() == 1  # as long as nobody has looked at the new text
    assert of(library, "/base.txt", "a", "b") == []
    assert alike.look_at_unknown() == 1
    assert alike.count_unknown() == 0
    assert [name for name, _ in of(library, "/far.txt", "a", "b")] == ["copy.txt"]
    library.remove("a", "/base.txt", "/far.txt")
    library.remove("b", "/copy.txt")
    assert library.rows("SELECT count(*) FROM document_bands") == [(0,)]
    assert library.rows("SELECT count(*) FROM document_traits") == [(0,)]


@pytest.mark.parametrize("mode", list(Mode))
def test_a_search_keeps_to_a_language(library, mode):
    german = "Die Miete ist am dritten Tag eines jeden Monats fällig, und zwar im Voraus."
    library.publish("a", "/miete.txt", german)
    AlikeDocuments(library.engine).look_at_unknown()
    hits = library.searcher.search(
        "Miete due clause",
        readable=library.everything(),
        k=500,
        mode=mode,
        within=Narrowing(languages=("de",)),
    )
    assert texts(hits) == [german]
