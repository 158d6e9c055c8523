"""The pages of accounts and administration, and seeing Assay as somebody else does."""

import re

import pytest

from tests.component.site import PASSWORD, site

__all__ = ["site"]  # a fixture

HOSTILE = '<script>alert("1")</script>'
FOREIGN = {"Origin": "http://evil.example"}


@pytest.fixture
def root(site):
    return site.client("root")


def ident(site, name: str) -> int:
    return site.people[name].id


def test_each_page_of_administration_has_the_frame_and_is_for_administrators(site, root):
    ada = site.client("ada")
    for path in (
        "/admin/users",
        f"/admin/users/{ident(site, 'ada')}",
        "/admin/groups",
        "/admin/audit",
    ):
        page = root.get(path)
        assert page.status_code == 200
        assert '<nav aria-label="Pages">' in page.text
        refused = ada.get(path)
        assert refused.status_code == 403
        assert "this is for administrators" in refused.text.lower()
    assert 'href="/admin' not in ada.get("/account").text
    assert root.get("/admin").headers["location"] == "/admin/users"


def test_a_user_is_added_with_a_password_shown_once_on_the_page(site, root):
    page = root.post("/admin/users", data={"name": "maria"})
    assert page.status_code == 200
    password = re.search(r'class="secret"[^>]*>([^<]+)<', page.text)[1]
    site.client().post("/login", data={"name": "maria", "password": password})
    assert password not in root.get("/admin/users").text
    again = root.post("/admin/users", data={"name": "maria"})
    assert again.status_code == 409
    assert "There is a user or group" in again.text


def test_hostile_names_are_text_on_every_page(site, root):
    site.services.access.add_user(HOSTILE, is_administrator=True)
    group = site.services.access.add_group(HOSTILE + " group")
    collection = site.services.collections.create(HOSTILE + " " + "w" * 150)
    user = site.services.access.principal(HOSTILE)
    site.services.access.join(user, group)
    site.services.accounts.set_password(user, PASSWORD)
    site.people[HOSTILE] = user
    client = site.client(HOSTILE)
    client.post("/api/me/keys", json={"name": HOSTILE, "scopes": ["ask"]})
    client.put(f"/api/collections/{collection.id}/grants", json={"principal": HOSTILE})
    for path in (
        "/account",
        "/admin/users",
        f"/admin/users/{user.id}",
        "/admin/groups",
        "/admin/audit",
    ):
        page = client.get(path)
        assert page.status_code == 200
        assert "&lt;script&gt;" in page.text
        assert "<script>" not in page.text


def test_the_last_administrator_is_told_so_on_the_page(site, root):
    number = ident(site, "root")
    for form in ({"change": "disable"}, {"change": "demote"}):
        page = root.post(f"/admin/users/{number}/state", data=form)
        assert page.status_code == 409
        assert "is the last administrator" in page.text
    assert root.post(f"/admin/users/{number}/remove").status_code == 409
    assert root.post(f"/admin/users/{number}/state", data={"change": "sing"}).status_code == 400


def test_groups_are_made_filled_and_deleted_on_their_page(site, root):
    assert root.post("/admin/groups", data={"name": "legal"}).status_code == 303
    group = site.services.access.principal("legal")
    members = f"/admin/groups/{group.id}/members"
    assert root.post(members, data={"join": "ada"}).status_code == 303
    assert "ada" in root.get(f"/admin/users/{ident(site, 'ada')}").text
    unknown = root.post(members, data={"join": "nobody"})
    assert unknown.status_code == 404
    assert "There is no user" in unknown.text
    root.post(f"/admin/users/{ident(site, 'ada')}/groups", data={"leave": "legal"})
    assert site.services.people.groups()[0].members == ()
    assert root.post(f"/admin/groups/{group.id}/remove").headers["location"].endswith("removed")
    assert "No group yet" in root.get("/admin/groups").text


def test_a_key_is_made_on_the_account_page_and_shown_once(site):
    ada = site.client("ada")
    page = ada.post(
        "/account/keys", data={"name": "laptop", "scope": ["ask", "read"], "days": "90"}
    )
    secret = re.search(r'class="secret"[^>]*>([^<]+)<', page.text)[1]
    assert site.client().get("/api/collections", headers={"Authorization": f"Bearer {secret}"})
    assert secret not in ada.get("/account").text
    [key] = site.services.accounts.keys.all()
    assert ada.post(f"/account/keys/{key.id}/revoke").headers["location"] == "/account?done=key"
    for form in ({"name": ""}, {"name": "k"}, {"name": "k", "scope": ["ask"], "days": "soon"}):
        assert ada.post("/account/keys", data=form).status_code in {400, 422}


def test_passwords_and_sessions_on_the_account_page(site):
    here, there = site.client("ada"), site.client("ada")
    form = {"current": PASSWORD, "new": "battery staple", "again": "battery stable"}
    assert "The new passwords differ" in here.post("/account/password", data=form).text
    form["again"] = form["new"]
    assert here.post("/account/password", data=form).status_code == 303
    assert there.get("/account").headers["location"] == "/login"
    assert here.get("/account").status_code == 200
    assert here.post("/account/sessions/999/end").status_code == 404


def test_an_account_page_without_a_grant_says_what_to_do(site):
    assert "No collection is open to you yet" in site.client("guest").get("/account").text


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/admin/users", {"name": "eve", "administrator": "yes"}),
        ("/admin/users/1/state", {"change": "promote"}),
        ("/admin/users/1/password", {}),
        ("/admin/users/1/remove", {}),
        ("/admin/users/1/groups", {"join": "g"}),
        ("/admin/groups", {"name": "g"}),
        ("/admin/groups/1/members", {"join": "ada"}),
        ("/admin/groups/1/remove", {}),
        ("/account/password", {"current": PASSWORD, "new": "x" * 9, "again": "x" * 9}),
        ("/account/keys", {"name": "k", "scope": "admin"}),
        ("/account/sessions/end-others", {}),
        ("/view-as", {"user": "1"}),
        ("/view-as/end", {}),
    ],
)
def test_no_form_is_taken_from_another_site(site, root, path, form):
    before = root.get("/api/audit").json()["entries"]
    assert root.post(path, data=form, headers=FOREIGN).status_code == 403
    assert root.get("/api/audit").json()["entries"] == before


# Seeing Assay as somebody else does


def test_viewing_as_somebody_has_their_rights_is_marked_and_changes_nothing(site, root):
    assert len(root.get("/api/collections").json()["collections"]) == 2
    assert root.post("/view-as", data={"user": str(ident(site, "ada"))}).status_code == 303
    assert [c["name"] for c in root.get("/api/collections").json()["collections"]] == ["open"]
    assert root.get("/admin/users").status_code == 403
    assert root.get("/evals").status_code == 403
    hits = root.post("/api/search", json={"question": "vault"}).json()["hits"]
    assert all("vault" not in hit["text"] for hit in hits)
    for path in ("/", "/account"):
        page = root.get(path).text
        assert 'class="viewing"' in page
        assert "<bdi>root</bdi>, see Assay as <strong><bdi>ada</bdi></strong>" in page
    for refused in (
        root.post("/api/ask", json={"question": "When is tea?"}),
        root.post("/api/me/keys", json={"name": "k"}),
        root.post("/account/keys", data={"name": "k", "scope": "ask"}),
        root.post("/api/me/password", json={"current": PASSWORD, "new": "battery staple"}),
        root.post("/view-as", data={"user": str(ident(site, "bob"))}),
    ):
        assert refused.status_code == 403
        assert "only to look" in refused.text
    end = root.post("/view-as/end")
    assert end.headers["location"] == f"/admin/users/{ident(site, 'ada')}"
    assert 'class="viewing"' not in root.get("/account").text
    entries = root.get("/api/audit", params={"action": "view"}).json()["entries"]
    assert [(entry["action"], entry["actor"], entry["viewed_as"]) for entry in entries] == [
        ("view.ended", "root", "ada"),
        ("view.began", "root", None),
    ]
    assert entries[1]["details"] == {"name": "ada"}


def test_viewing_ends_with_the_rights_to_it_and_with_who_is_viewed(site, root):
    site.services.access.add_user("second", is_administrator=True)
    root.post("/view-as", data={"user": str(ident(site, "ada"))})
    site.services.people.set_administrator(site.people["root"], is_administrator=False)
    assert root.get("/api/me").json()["name"] == "root"
    assert root.get("/api/collections").json()["collections"] == []
    site.services.people.set_administrator(site.people["root"], is_administrator=True)
    assert root.get("/api/me").json() == {
        "id": ident(site, "ada"), "name": "ada", "is_administrator": False, "viewed_by": "root"
    }  # fmt: skip
    site.services.people.remove(site.people["ada"])
    assert root.get("/api/me").json()["name"] == "root"


def test_only_administrators_see_as_others_and_nobody_as_a_group_or_themselves(site, root):
    ada = site.client("ada")
    assert ada.post("/view-as", data={"user": str(ident(site, "bob"))}).status_code == 403
    group = site.services.access.add_group("legal")
    assert root.post("/view-as", data={"user": str(group.id)}).status_code == 404
    assert root.post("/view-as", data={"user": str(ident(site, "root"))}).status_code == 400
    assert ada.post("/view-as/end").headers["location"] == "/"
    key = site.key("root")
    refused = site.client().post("/view-as", data={"user": "1"}, headers=key)
    assert refused.status_code == 403
