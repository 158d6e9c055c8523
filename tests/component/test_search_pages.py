"""The search page over a real store: what is found, marked and opened, and for whom."""

import re
from html import unescape

import pytest

from retrieval.lexical import LexicalIndex
from retrieval.search import Searcher
from retrieval.vectors.projection import VectorProjection
from tests.component.library import revision_of
from tests.component.site import Site, site
from tests.fakes import WordEncoder

__all__ = ["site"]  # a fixture

HOSTILE = '<script>alert("x")</script> & <b>rent</b>\u202eevil'
LEASE = "The lease ends in May. The rent is due monthly. Cats may stay."


@pytest.fixture
def searched(site: Site, tmp_path):
    encoder, store = WordEncoder(), site.services.store
    engine = store._engine
    for collection, path, text in [
        ("open", "/lease.txt", LEASE),
        ("open", f"/{HOSTILE.replace('/', '-')}.docx", f"The rent of {HOSTILE} is high."),
        ("secret", "/vault.txt", "The rent of the vault is a secret."),
    ]:
        revision = revision_of(path, text, encoder, title=HOSTILE if "docx" in path else "Lease")
        store.publish(
            store.ensure_collection(collection), revision, text.encode(),
            encoder=encoder.fingerprint,
        )  # fmt: skip
    projection = VectorProjection(store, tmp_path / "vectors", encoder)
    searcher = Searcher(store, encoder, projection, LexicalIndex(engine))
    client = site.client("ada", search=lambda q, **options: searcher.search(q, **options))
    client.searcher = searcher
    return client


def words(html: str) -> str:
    """The text of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html.split("<main", 1)[1])).split())


def links(html: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'href="(/search/passages/[^"]+)"', html)]


def test_the_empty_page_asks_and_the_bar_says_where_one_is(searched):
    page = searched.get("/search")
    assert page.status_code == 200
    assert 'href="/search" aria-current="true"' in page.text
    assert "Nothing found" not in page.text


def test_hits_are_marked_and_open_where_they_stand_in_their_document(searched):
    page = searched.get("/search", params={"q": "when is the rent due?"})
    assert "<mark>rent</mark>" in page.text
    assert "<mark>due</mark>" in page.text
    first = searched.get(links(page.text)[0])
    assert first.status_code == 200
    assert "The lease ends in May. The rent is due monthly. Cats may stay." in words(first.text)
    found = re.search(r'<section id="passage".*?>(.*?)</section>', first.text, re.DOTALL)[1]
    assert re.sub(r"<[^>]+>", "", found).strip() == "The rent is due monthly."
    assert 'href="/search?q=when+is+the+rent+due%3F"' in first.text


def test_what_documents_and_visitors_write_stays_text(searched):
    page = searched.get("/search", params={"q": HOSTILE, "document": "<SCRIPT>", "type": "docx"})
    assert "<script>alert" not in page.text
    assert "<b>rent" not in page.text
    assert "alert(" in words(page.text)
    shown = searched.get(links(page.text)[0])
    assert "<script>alert" not in shown.text
    assert "script-src 'self'" in shown.headers["content-security-policy"]


def test_filters_narrow_and_say_what_is_wrong(searched):
    def found(**filters: str) -> int:
        return len(links(searched.get("/search", params={"q": "rent", **filters}).text))

    assert found() == found(collection="open") == 4
    assert found(type="docx") == 1
    assert found(type="txt, docx") == 4
    assert found(document="LEASE") == 3
    assert found(until="2001-01-01") == 0
    wrong = searched.get("/search", params={"q": "rent", "since": "soon"})
    assert (wrong.status_code, "A day is written as 2026-11-29." in wrong.text) == (400, True)
    hidden = searched.get("/search", params={"q": "rent", "collection": "secret"})
    absent = searched.get("/search", params={"q": "rent", "collection": "absent"})
    assert hidden.status_code == absent.status_code == 400
    assert words(hidden.text).replace("secret", "") == words(absent.text).replace("absent", "")


def test_nothing_that_is_not_readable_is_found_or_opened(searched):
    assert "vault" not in words(searched.get("/search", params={"q": "vault secret"}).text)
    # Passages are numbered from 1; the secret one is the last.
    numbers = {n: searched.get(f"/search/passages/{n}").status_code for n in range(8)}
    assert numbers == {0: 404, 1: 200, 2: 200, 3: 200, 4: 200, 5: 404, 6: 404, 7: 404}
    assert "vault" not in searched.get("/search/passages/5").text
    assert searched.get("/search/passages/99999999999999999999").status_code == 404


def test_without_a_login_there_is_the_way_to_one(site):
    for path in ("/search?q=rent", "/search/passages/1"):
        reply = site.client().get(path, headers={"Accept": "text/html"})
        assert (reply.status_code, reply.headers["location"]) == (303, "/login")


def test_a_search_that_finds_nothing_says_so(searched):
    page = searched.get("/search", params={"q": "rent", "until": "2001-01-01"})
    assert "Nothing found" in page.text
    assert "Take a filter away" in page.text
