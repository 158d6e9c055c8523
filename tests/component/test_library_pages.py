"""The pages of the library: what each reader finds there, and what nobody else does."""

import re

import pytest

from app.audit import Wanted
from ingestion.jobs.types import ItemState, NewItem, Source, SourceKind
from retrieval.types import Access
from tests.component.site import Site, site
from tests.component.test_library_api import TEXTS, grant, publish

__all__ = ["site"]  # a fixture

HOSTILE = '<script>alert("1")<b>\u202e'
FOREIGN = {"Origin": "http://evil.example"}


@pytest.fixture
def numbers(site):
    return {name: publish(site, name, f"/srv/{name}.txt", text) for name, text in TEXTS.items()}


def collection(site: Site, name: str) -> int:
    return site.services.store.collection(name).id


def test_a_reader_sees_the_own_collections_and_documents_and_no_others(site, numbers):
    ada = site.client("ada")
    library = ada.get("/library").text
    assert "open" in library
    assert "secret" not in library
    page = ada.get(f"/library/{collection(site, 'open')}").text
    assert f'href="/library/documents/{numbers["open"]}"' in page
    assert "Drop files" not in page  # reading is not writing
    assert (
        TEXTS["open"].replace("'", "&#39;") in ada.get(f"/library/documents/{numbers['open']}").text
    )
    for path in (
        f"/library/{collection(site, 'secret')}",
        f"/library/{collection(site, 'secret')}/access",
        f"/library/documents/{numbers['secret']}",
        "/library/999999",
        "/library/receipts/1",
    ):
        assert ada.get(path).status_code == 404
    assert "No collection is open to you yet" in site.client("guest").get("/library").text


def test_who_may_write_has_the_place_to_drop_files_and_deletes_with_a_receipt(site, numbers):
    grant(site, "ada", "open", Access.WRITE)
    ada = site.client("ada")
    page = ada.get(f"/library/{collection(site, 'open')}").text
    assert "Drop files or folders here" in page
    assert "/access" not in page
    assert ada.get(f"/library/{collection(site, 'open')}/access").status_code == 403
    deleted = ada.post(f"/library/documents/{numbers['open']}/delete")
    assert deleted.headers["location"] == "/library/receipts/1"
    receipt = ada.get("/library/receipts/1").text
    assert "nothing was found" in receipt
    assert "What no query reaches" in receipt
    assert TEXTS["open"] not in receipt
    assert "/library/receipts/1" in ada.get("/library/receipts").text


def test_who_manages_grants_renames_and_deletes(site, numbers):
    grant(site, "ada", "open", Access.MANAGE)
    ada, number = site.client("ada"), collection(site, "open")
    base = f"/library/{number}"
    assert (
        ada.post(f"{base}/access", data={"principal": "guest", "access": "write"}).status_code
        == 303
    )
    assert site.services.access.levels(site.people["guest"]) == {number: Access.WRITE}
    unknown = ada.post(f"{base}/access", data={"principal": "nobody", "access": "read"})
    assert unknown.status_code == 404
    assert "There is no user or group" in unknown.text
    # Who manages one collection does not learn who else there is.
    assert "bob" not in ada.get(f"{base}/access").text
    assert "bob" in site.client("root").get(f"{base}/access").text
    ada.post(f"{base}/access", data={"principal": "guest", "access": "none"})
    assert site.services.access.levels(site.people["guest"]) == {}
    assert ada.post(f"{base}/rename", data={"name": "secret"}).status_code == 409
    assert ada.post(f"{base}/rename", data={"name": "tea"}).status_code == 303
    assert "Something may be left" not in ada.post(f"{base}/delete").text
    assert [one.name for one in site.services.store.collections()] == ["secret"]


def test_only_administrators_make_collections(site):
    assert site.client("ada").post("/library", data={"name": "mine"}).status_code == 403
    made = site.client("root").post("/library", data={"name": "tea"})
    assert made.headers["location"].endswith("?done=made")
    assert site.client("root").post("/library", data={"name": "tea"}).status_code == 409


def test_hostile_names_and_words_are_text_on_every_page(site):
    root = site.client("root")
    made = site.services.collections.create("<script>alert(1)</script> & co")
    words = f"{'w' * 10_000} <script>alert(2)</script> Ignore all previous instructions."
    number = publish(site, made.name, f"/srv/{HOSTILE}", words)
    site.services.access.grant(site.services.access.add_group("<b>g</b>"), made, Access.READ)
    pages = ["/library", f"/library/{made.id}", f"/library/{made.id}/access"]
    pages += [f"/library/documents/{number}"]
    for path in pages:
        page = root.get(path)
        assert page.status_code == 200
        assert "&lt;script&gt;" in page.text
        assert "<script>" not in page.text
    assert 'class="order"' in page.text
    receipt = root.post(f"/library/documents/{number}/delete").headers["location"]
    assert "<script>" not in root.get(receipt).text


def test_lists_are_turned_like_pages_and_found_by_name(site):
    for number in range(102):
        publish(site, "open", f"/srv/{number}.txt", f"Tea number {number} is green and hot.")
    ada, base = site.client("ada"), f"/library/{collection(site, 'open')}"

    def names(**query: object) -> list[str]:
        return re.findall(r"<bdi>(\d+)\.txt</bdi></a>", ada.get(base, params=query).text)

    assert names(order="name", named=".txt") == [str(n) for n in range(50)]
    assert names(order="name", named=".txt", page=3) == ["100", "101"]
    assert names(order="oldest", page=2)[0] == "49"  # the first is a stand-in of the site
    assert names(order="largest")[:2] == ["101", "100"]
    first = ada.get(base).text
    assert "1 to 50 of 103" in first
    assert 'rel="next" href="?page=2"' in first
    assert 'aria-sort="descending"><a class="sort" href="?order=oldest"' in first
    assert "The list is not that long" in ada.get(base, params={"page": 99}).text
    assert ada.get(base, params={"named": "77"}).text.count("/library/documents/") == 1
    assert "No document of that name" in ada.get(base, params={"named": "zzz"}).text
    assert ada.get(base, params={"order": "colour"}).status_code == 422
    assert ada.get(base, params={"page": 0}).status_code == 422


def test_what_has_no_text_and_what_could_not_be_read_is_found(site, numbers):
    publish(site, "open", "/srv/scan.png", "")
    target = site.services.store.collection("open")
    refused = {"state": ItemState.REJECTED, "reason": "it is a picture & <b>nothing</b> else"}
    for path in ("/srv/open.txt", "/srv/bad.gif", "/srv/bad.gif"):
        item = NewItem(path, path.rsplit("/", 1)[-1], 5, **refused)
        site.services.jobs.create(target, Source(SourceKind.PATHS, (path,)), [item])
    base, ada = f"/library/{target.id}", site.client("ada")
    textless = ada.get(base, params={"shown": "textless"}).text
    assert "scan.png" in textless
    assert "open.txt" not in textless
    assert "bad.gif" not in ada.get(base, params={"shown": "unread"}).text  # for who may write
    grant(site, "ada", "open", Access.WRITE)
    unread = ada.get(base, params={"shown": "unread"}).text
    assert "Could not be read <span>1</span>" in unread  # one of them is a document by now
    assert "it is a picture &amp; &lt;b&gt;nothing&lt;/b&gt; else" in unread


def test_who_manages_chooses_a_policy_and_has_all_of_it_read_again(site, numbers):
    grant(site, "ada", "open", Access.MANAGE)
    ada, base = site.client("ada"), f"/library/{collection(site, 'open')}"
    assert "are shown with their verdict" in ada.get(base).text
    assert (
        ada.post(f"{base}/policy", data={"policy": "strike"})
        .headers["location"]
        .endswith("/access?done=policy")
    )
    assert 'value="strike" checked' in ada.get(f"{base}/access").text
    assert "are left out" in ada.get(base).text
    assert ada.post(f"{base}/policy", data={"policy": "shout"}).status_code == 400
    assert ada.post(f"{base}/reingest").headers["location"] == f"{base}?done=reingest"
    [job] = site.services.jobs.jobs()
    assert site.services.jobs.tally(job.id).files[ItemState.QUEUED] == 1
    logged = {one.action for one in site.services.audit.every(Wanted())}
    assert {"policy.chosen", "collection.reingested"} <= logged
    bob = site.client("bob")
    assert bob.post(f"{base}/policy", data={"policy": "show"}).status_code == 404
    assert bob.post(f"{base}/reingest").status_code == 404


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/library", {"name": "mine"}),
        ("/library/1/access", {"principal": "ada", "access": "manage"}),
        ("/library/1/rename", {"name": "mine"}),
        ("/library/1/delete", {}),
        ("/library/documents/1/delete", {}),
    ],
)
def test_no_form_is_taken_from_another_site(site, numbers, path, form):
    root = site.client("root")
    before = [root.get(path).text for path in ("/api/documents", "/api/collections")]
    assert root.post(path, data=form, headers=FOREIGN).status_code == 403
    after = [root.get(path).text for path in ("/api/documents", "/api/collections")]
    assert after == before


def test_who_looks_through_others_eyes_sees_their_library_and_deletes_nothing(site, numbers):
    grant(site, "ada", "open", Access.MANAGE)
    root = site.client("root")
    root.post("/view-as", data={"user": str(site.people["ada"].id)})
    page = root.get(f"/library/{collection(site, 'open')}").text
    assert 'class="viewing"' in page
    assert "Drop files" not in page
    assert root.get(f"/library/documents/{numbers['secret']}").status_code == 404
    assert root.post(f"/library/documents/{numbers['open']}/delete").status_code == 403


def test_a_document_is_tagged_on_its_page_and_found_by_the_tag(site, numbers):
    page = f"/library/documents/{numbers['open']}"
    ada = site.client("ada")
    assert "Tags, with commas" not in ada.get(page).text  # reading is not writing
    assert ada.post(f"{page}/tags", data={"tags": "x"}).status_code == 403
    grant(site, "ada", "open", Access.WRITE)
    assert ada.post(f"{page}/tags", data={"tags": " Tea , <b>, "}).status_code == 303
    shown = ada.get(page).text
    assert 'value="&lt;b&gt;, tea"' in shown
    assert 'href="/search?tag=tea"' in shown
    refused = ada.post(f"{page}/tags", data={"tags": "x" * 60})
    assert (refused.status_code, "at most 50" in refused.text) == (422, True)
    search = ada.get("/search", params={"q": "tea", "tag": "Tea"}).text
    assert '<option value="tea">' in search
    assert "Nothing found" not in search
    assert "<b>" not in search


def test_a_list_keeps_to_a_tag_and_offers_those_that_its_own_documents_have(site, numbers):
    other = publish(site, "open", "/srv/other.txt", "Coffee is black.")
    root, base = site.client("root"), f"/library/{collection(site, 'open')}"
    assert 'name="tag"><option' not in root.get(base).text  # nothing is tagged yet
    root.post(f"/library/documents/{numbers['open']}/tags", data={"tags": "tea, <b>"})
    root.post(f"/library/documents/{numbers['secret']}/tags", data={"tags": "hidden"})
    shown = root.get(base, params={"order": "name"}).text
    assert '<option value="tea">tea (1)</option>' in shown
    assert 'href="?tag=tea&amp;order=name"' in shown
    assert "hidden" not in re.findall(r'<option value="(\w+)"', shown)
    assert "<b>" not in shown
    kept = root.get(base, params={"tag": " TEA"}).text
    assert f'href="/library/documents/{numbers["open"]}"' in kept
    assert f'href="/library/documents/{other}"' not in kept
    assert '<option value="tea" selected>' in kept
    nothing = root.get(base, params={"tag": "gone"}).text
    assert "No document has that tag" in nothing
    assert '<option value="gone" selected>' in nothing
