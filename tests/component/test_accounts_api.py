"""Accounts, groups, grants and the audit log over HTTP: what each may do, and what nobody may."""

import pytest

from app.scopes import Scope
from retrieval.types import Access
from tests.component.site import ORIGIN, PASSWORD, site  # noqa: F401 - a fixture

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def root(site):  # noqa: F811
    return site.client("root")


def number_of(root, kind: str, name: str) -> int:
    [found] = [one for one in root.get(f"/api/{kind}").json()[kind] if one["name"] == name]
    return found["id"]


def actions(root, **query: str) -> list[str]:
    entries = root.get("/api/audit", params=query).json()["entries"]
    return [entry["action"] for entry in entries]


# Users and groups


def test_an_administrator_adds_a_user_who_logs_in_with_the_password_shown_once(site, root):  # noqa: F811
    made = root.post("/api/users", json={"name": "maria"})
    assert made.status_code == 201
    assert made.json()["user"]["is_administrator"] is False
    form = {"name": "maria", "password": made.json()["password"]}
    assert site.client().post("/login", data=form).headers["location"] == "/"
    assert made.json()["password"] not in root.get("/api/users").text


def test_the_last_administrator_stays_one(site, root):  # noqa: F811
    number = number_of(root, "users", "root")
    for refused in (
        root.patch(f"/api/users/{number}", json={"is_administrator": False}),
        root.patch(f"/api/users/{number}", json={"is_disabled": True}),
        root.delete(f"/api/users/{number}"),
    ):
        assert refused.status_code == 409
        assert "last administrator" in refused.json()["detail"]
    ada = number_of(root, "users", "ada")
    assert root.patch(f"/api/users/{ada}", json={"is_administrator": True}).status_code == 200
    assert root.delete(f"/api/users/{number}").status_code == 204
    assert root.get("/api/users").status_code == 401  # gone, and so is the session


def test_who_is_disabled_is_out_at_once(site, root):  # noqa: F811
    ada, key = site.client("ada"), site.key("ada")
    number = number_of(root, "users", "ada")
    assert root.patch(f"/api/users/{number}", json={"is_disabled": True}).json()["disabled_at"]
    assert ada.get("/api/me").status_code == 401
    assert site.client().get("/api/me", headers=key).status_code == 401


def test_a_grant_to_a_group_reaches_its_members_and_leaves_with_them(site, root):  # noqa: F811
    bob = site.client("bob")
    assert root.post("/api/groups", json={"name": "tea"}).status_code == 201
    group = number_of(root, "groups", "tea")
    open_ = number_of(root, "collections", "open")
    root.put(f"/api/collections/{open_}/grants", json={"principal": "tea", "access": "read"})
    assert [c["name"] for c in bob.get("/api/collections").json()["collections"]] == ["secret"]
    joined = root.put(f"/api/groups/{group}/members/bob")
    assert joined.json()["members"] == ["bob"]
    assert len(bob.get("/api/collections").json()["collections"]) == 2
    root.delete(f"/api/groups/{group}/members/bob")
    assert len(bob.get("/api/collections").json()["collections"]) == 1
    root.put(f"/api/groups/{group}/members/bob")
    assert root.delete(f"/api/groups/{group}").status_code == 204
    assert len(bob.get("/api/collections").json()["collections"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/users", None),
        ("POST", "/api/users", {"name": "eve"}),
        ("GET", "/api/users/1", None),
        ("PATCH", "/api/users/1", {"is_administrator": True}),
        ("DELETE", "/api/users/3", None),
        ("POST", "/api/users/3/password", None),
        ("GET", "/api/users/3/sessions", None),
        ("DELETE", "/api/users/3/sessions", None),
        ("GET", "/api/users/3/keys", None),
        ("GET", "/api/groups", None),
        ("POST", "/api/groups", {"name": "us"}),
        ("DELETE", "/api/groups/9", None),
        ("PUT", "/api/groups/9/members/ada", None),
        ("GET", "/api/audit", None),
        ("GET", "/api/audit/export", None),
        ("POST", "/api/collections", {"name": "mine"}),
    ],
)
def test_administering_is_for_administrators(site, method, path, body):  # noqa: F811
    refused = site.client("ada").request(method, path, json=body)
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"


# Collections


def test_what_one_may_not_read_is_as_if_it_were_not_there(site, root):  # noqa: F811
    secret = number_of(root, "collections", "secret")
    ada = site.client("ada")
    unknown = ada.get("/api/collections/999999")
    for path in (f"/api/collections/{secret}", f"/api/collections/{secret}/grants"):
        hidden = ada.get(path)
        assert hidden.status_code == 404
        assert hidden.json()["detail"].replace(str(secret), "999999") == unknown.json()["detail"]
    for refused in (
        ada.patch(f"/api/collections/{secret}", json={"name": "mine"}),
        ada.put(f"/api/collections/{secret}/grants", json={"principal": "ada"}),
        ada.delete(f"/api/collections/{secret}/grants/bob"),
    ):
        assert refused.status_code == 404


@pytest.mark.parametrize("access", [Access.READ, Access.WRITE, Access.MANAGE])
def test_only_who_manages_a_collection_renames_it_and_grants_it(site, root, access):  # noqa: F811
    store, people = site.services.store, site.people
    site.services.access.grant(people["ada"], store.collection("open"), access)
    open_ = number_of(root, "collections", "open")
    ada = site.client("ada")
    expected = 200 if access is Access.MANAGE else 403
    assert ada.get(f"/api/collections/{open_}").json()["access"] == access
    granted = ada.put(f"/api/collections/{open_}/grants", json={"principal": "bob"})
    assert granted.status_code == expected
    assert ada.get(f"/api/collections/{open_}/grants").status_code == expected
    assert ada.patch(f"/api/collections/{open_}", json={"name": "tea"}).status_code == expected
    may_bob = store.collections()[0].id in site.services.access.readable(people["bob"])
    assert may_bob == (access is Access.MANAGE)


def test_names_that_are_taken_or_cannot_be_seen_are_refused_in_words(site, root):  # noqa: F811
    taken = root.post("/api/collections", json={"name": "open"})
    assert (taken.status_code, taken.json()["parameter"]) == (409, "name")
    unseen = root.post("/api/users", json={"name": "ad\u200ba"})
    assert unseen.status_code == 422
    assert "cannot be seen" in unseen.json()["detail"]
    assert root.post("/api/groups", json={"name": HOSTILE}).status_code == 201


# Own account


def test_a_password_is_changed_by_who_knows_it_and_other_sessions_end(site):  # noqa: F811
    here, there = site.client("ada"), site.client("ada")
    wrong = here.post("/api/me/password", json={"current": "guess", "new": "battery staple"})
    assert (wrong.status_code, wrong.json()["parameter"]) == (403, "current")
    short = here.post("/api/me/password", json={"current": PASSWORD, "new": "short"})
    assert short.status_code == 422
    right = here.post("/api/me/password", json={"current": PASSWORD, "new": "battery staple"})
    assert right.status_code == 204
    assert here.get("/api/me").status_code == 200
    assert there.get("/api/me").status_code == 401


def test_the_present_password_cannot_be_guessed_through_changing_it(site):  # noqa: F811
    ada = site.client("ada")
    statuses = [
        ada.post("/api/me/password", json={"current": f"guess {n}", "new": "x" * 9}).status_code
        for n in range(7)
    ]
    assert statuses == [403] * 5 + [429] * 2


def test_sessions_are_listed_and_ended_one_by_one_and_nobody_elses(site):  # noqa: F811
    here, there, bob = site.client("ada"), site.client("ada"), site.client("bob")
    listed = here.get("/api/me/sessions").json()["sessions"]
    [other] = [one for one in listed if not one["is_this_one"]]
    assert other["agent"] == "testclient"
    assert bob.delete(f"/api/me/sessions/{other['id']}").status_code == 404
    assert there.get("/api/me").status_code == 200
    assert here.delete(f"/api/me/sessions/{other['id']}").status_code == 204
    assert there.get("/api/me").status_code == 401
    assert len(here.get("/api/me/sessions").json()["sessions"]) == 1


def test_an_administrator_ends_the_sessions_and_keys_of_others(site, root):  # noqa: F811
    ada, key = site.client("ada"), site.key("ada")
    number = number_of(root, "users", "ada")
    assert root.delete(f"/api/users/{number}/sessions").json() == {"ended": 1}
    assert ada.get("/api/me").status_code == 401
    [listed] = root.get(f"/api/users/{number}/keys").json()["keys"]
    bob = number_of(root, "users", "bob")
    assert root.delete(f"/api/users/{bob}/keys/{listed['id']}").status_code == 404
    assert root.delete(f"/api/users/{number}/keys/{listed['id']}").status_code == 204
    assert site.client().get("/api/me", headers=key).status_code == 401


# Keys


def made_key(client, *scopes: str, **more: object) -> dict[str, str]:
    made = client.post("/api/me/keys", json={"name": "script", "scopes": list(scopes), **more})
    assert made.status_code == 201, made.text
    return {"Authorization": f"Bearer {made.json()['key']}"}


def test_a_key_does_what_its_scopes_say_and_no_more(site, root):  # noqa: F811
    program = site.client()
    asking, reading = made_key(root, "ask"), made_key(root, "read")
    administering = made_key(root, "admin")
    question = {"question": "When is tea?"}
    assert program.post("/api/search", json=question, headers=asking).status_code == 200
    assert program.post("/api/search", json=question, headers=reading).status_code == 200
    assert program.post("/api/search", json=question, headers=administering).status_code == 403
    assert program.get("/api/collections", headers=reading).status_code == 200
    refused = program.get("/api/collections", headers=asking)
    assert refused.status_code == 403
    assert "needs a key with the scope read; this one has ask" in refused.json()["detail"]
    for headers, status in ((asking, 403), (reading, 403), (administering, 200)):
        assert program.get("/api/users", headers=headers).status_code == status
    assert (
        program.get("/api/users", headers=made_key(site.client("ada"), "admin")).status_code == 403
    )


def test_a_key_that_is_made_without_scopes_may_ask(site):  # noqa: F811
    ada = site.client("ada")
    made = ada.post("/api/me/keys", json={"name": "script"}).json()
    assert made["made"]["scopes"] == ["ask"]
    assert made["key"] not in ada.get("/api/me/keys").text


def test_a_key_makes_no_keys_and_changes_no_password_whatever_its_scopes(site):  # noqa: F811
    program, key = site.client(), site.key("root")
    assert program.get("/api/me", headers=key).json()["name"] == "root"
    for refused in (
        program.post("/api/me/keys", json={"name": "another"}, headers=key),
        program.post("/api/me/password", json={"current": PASSWORD, "new": PASSWORD}, headers=key),
        program.get("/api/me/sessions", headers=key),
    ):
        assert refused.status_code == 403
        assert "needs a log-in in a browser" in refused.json()["detail"]


def test_a_key_expires(site):  # noqa: F811
    from datetime import timedelta

    ada = site.client("ada")
    key = made_key(ada, "read", days=1)
    program = site.client()
    assert program.get("/api/collections", headers=key).status_code == 200
    site.clock.now += timedelta(days=1)
    assert program.get("/api/collections", headers=key).status_code == 401
    for days in (0, -1, 4000):
        refused = ada.post("/api/me/keys", json={"name": "k", "days": days})
        assert refused.status_code in {401, 422}


def test_nobody_revokes_anothers_key(site):  # noqa: F811
    key = site.key("ada")
    number = site.services.accounts.keys.all()[0].id
    assert site.client("bob").delete(f"/api/me/keys/{number}").status_code == 404
    assert site.client().get("/api/me", headers=key).status_code == 200
    assert site.client("ada").delete(f"/api/me/keys/{number}").status_code == 204
    assert site.client().get("/api/me", headers=key).status_code == 401


def test_fifty_keys_are_enough_for_anybody(site):  # noqa: F811
    ada = site.client("ada")
    for _ in range(50):
        made_key(ada, Scope.ASK)
    assert ada.post("/api/me/keys", json={"name": "script"}).status_code == 409


# Requests of other sites


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/users", {"name": "eve", "is_administrator": True}),
        ("PATCH", "/api/users/1", {"is_administrator": True}),
        ("DELETE", "/api/users/1", None),
        ("POST", "/api/groups", {"name": "us"}),
        ("POST", "/api/collections", {"name": "mine"}),
        ("PUT", "/api/collections/1/grants", {"principal": "ada"}),
        ("POST", "/api/me/keys", {"name": "k"}),
        ("POST", "/api/me/password", {"current": PASSWORD, "new": "battery staple"}),
    ],
)
def test_no_other_site_changes_anything_through_a_browser(site, root, method, path, body):  # noqa: F811
    refused = root.request(method, path, json=body, headers={"Origin": "http://evil.example"})
    assert refused.status_code == 403
    assert "does not say that it comes from this site" in refused.json()["detail"]


# The audit log


def test_log_ins_changes_and_refusals_are_in_the_log_without_secrets(site, root):  # noqa: F811
    made = root.post("/api/users", json={"name": "maria"}).json()
    client = site.client()
    for password in ("wrong one", made["password"]):
        client.post("/login", data={"name": "maria", "password": password})
    client.post("/login", data={"name": "hunter2 in the wrong field", "password": "x"})
    secret = client.post("/api/me/keys", json={"name": "script"}).json()["key"]
    assert actions(root) == [
        "key.created",
        "login.failed",
        "login.succeeded",
        "login.failed",
        "user.added",
        "login.succeeded",
    ]
    text = root.get("/api/audit").text
    for word in (made["password"], secret, "wrong one", "hunter2"):
        assert word not in text
    assert actions(root, actor="maria") == ["key.created", "login.succeeded"]
    entry = root.get("/api/audit", params={"action": "key"}).json()["entries"][0]
    assert entry["details"] == {"days": None, "owner": "maria", "scopes": "ask"}


def test_a_stranger_who_tries_names_fills_no_log(site, root):  # noqa: F811
    client = site.client()
    for number in range(30):
        client.post("/login", data={"name": f"name {number}", "password": "x"})
    assert actions(root, action="login.failed") == ["login.failed"] * 20


def test_the_log_is_read_page_by_page_and_exported_as_lines(site, root):  # noqa: F811
    for number in range(5):
        root.post("/api/groups", json={"name": f"group {number}"})
    query = {"action": "group.added", "limit": "2"}
    names, cursor = [], None
    for _ in range(3):
        page = root.get("/api/audit", params=query | ({"cursor": cursor} if cursor else {})).json()
        names += [entry["details"]["name"] for entry in page["entries"]]
        cursor = page["next"]
    assert names == [f"group {number}" for number in range(4, -1, -1)]
    assert cursor is None
    exported = root.get("/api/audit/export", params={"action": "group.added"})
    assert exported.headers["content-type"].startswith("application/x-ndjson")
    assert len(exported.text.splitlines()) == 5
    assert actions(root)[0] == "audit.exported"
    for bad in ("%%%", "bm90IGpzb24", "e30"):
        assert root.get("/api/audit", params={"cursor": bad}).status_code == 422


def test_every_response_has_a_number_that_the_log_knows(site, root):  # noqa: F811
    made = root.post("/api/groups", json={"name": "legal"})
    [entry] = root.get("/api/audit", params={"action": "group"}).json()["entries"]
    assert entry["request"] == made.headers["x-request-id"]
    assert root.get("/api/me", headers=ORIGIN).headers["x-request-id"] != entry["request"]
