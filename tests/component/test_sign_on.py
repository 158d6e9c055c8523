"""Logging in at a provider that is real but for its people, and by a link that is good for once."""

import base64
import hmac
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey

from app.audit import COMMAND_LINE, Wanted
from app.cli.people import user as user_command
from app.cli.terminal import Terminal
from app.identities import Identities
from app.oidc.client import OidcClient
from app.oidc.sign_on import SignOn
from app.oidc.types import Provider
from tests.component.site import PASSWORD, site
from tests.provider import CLIENT, SECRET, TestProvider, provider_running

__all__ = ["site"]
SUBJECT = "248289761001"
BROWSER = httpx.Client(verify=False, trust_env=False)


@pytest.fixture
def provider() -> Iterator[TestProvider]:
    with provider_running() as running:
        yield running


class Door:
    """A site whose people log in at the provider."""

    def __init__(self, site, provider, **changes) -> None:
        self.site, self.provider = site, provider
        described = Provider(
            "Example",
            provider.issuer,
            CLIENT,
            "http://localhost/login/callback",
            SECRET,
            creates_accounts=True,
        )
        services = site.services
        self.identities = Identities(services.accounts._engine)
        self.sign_on = SignOn(
            OidcClient(replace(described, **changes)),
            self.identities,
            services.access,
            services.people,
            services.accounts,
            services.administration,
            services.own_account,
            services.audit,
        )

    def client(self, *, name: str | None = None, **changes) -> TestClient:
        return self.site.client(name, sign_on=self.sign_on, **changes)

    def place(self, client: TestClient, *, button: str = "in") -> str:
        """Go to the provider, press a button there, and say where that leads."""
        begun = client.get("/login/provider")
        assert begun.status_code == 303
        page = BROWSER.get(begun.headers["location"]).text
        [place] = re.findall(rf'id="{button}" href="([^"]+)"', page)
        parts = urlsplit(unescape(place))
        assert (parts.netloc, parts.path) == ("localhost", "/login/callback")
        return f"{parts.path}?{parts.query}"

    def refused(self, client: TestClient, place: str) -> str:
        """What the login page says after a reply that is not taken."""
        reply = client.get(place)
        assert reply.status_code >= 400
        assert client.get("/").headers["location"] == "/login"
        [said] = re.findall(r'role="alert">Not logged in: (.+)\.</p>', reply.text)
        assert "Log in with <bdi>Example</bdi>" in reply.text
        return unescape(said)

    def log_in(self, client: TestClient) -> str:
        reply = client.get(self.place(client))
        assert (reply.status_code, reply.headers["location"]) == (303, "/")
        return client.get("/api/me").json()["name"]

    def entries(self, action: str) -> list:
        return self.site.services.audit.entries(Wanted(action=action))


@pytest.fixture
def door(site, provider):
    return Door(site, provider)


def test_whoever_the_provider_vouches_for_gets_an_account_and_keeps_it(door):
    client = door.client()
    page = client.get("/login").text
    assert 'href="/login/provider">Log in with <bdi>Example</bdi></a>' in page
    assert door.log_in(client) == "maria"

    door.provider.user["preferred_username"] = "another name"
    door.provider.user["email"] = "elsewhere@example.org"
    assert door.log_in(door.client()) == "maria"

    door.provider.user = {"sub": "2", "preferred_username": "bea", "email": "elsewhere@example.org"}
    assert door.log_in(door.client()) == "bea"
    maria = door.site.services.people.named("user", "maria")
    [tie] = door.identities.of(maria)
    assert (tie.issuer, tie.subject) == (door.provider.issuer, SUBJECT)
    assert [e.actor.name for e in door.entries("login.succeeded")] == ["bea", "maria", "maria"]
    assert door.entries("user.added")[1].details == {"name": "maria", "subject": SUBJECT}
    assert set(door.provider.asked) == {
        "/.well-known/openid-configuration", "/authorize", "/token", "/keys"
    }  # fmt: skip


def test_the_request_is_the_one_the_specifications_want(door):
    client = door.client()
    begun = client.get("/login/provider", headers={"Host": "assay.example.org"})
    query = {n: v[0] for n, v in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    assert query["redirect_uri"] == "http://localhost/login/callback"
    assert query["scope"] == "openid profile email"
    assert len({query["state"], query["nonce"], query["code_challenge"]}) == 3
    again = client.get("/login/provider").headers["location"]
    assert query["state"] not in again and query["nonce"] not in again
    [cookie] = [c for c in begun.headers.get_list("set-cookie") if "sign_on" in c]
    assert "HttpOnly; Max-Age=600; Path=/; SameSite=lax" in cookie
    assert SECRET not in begun.headers["location"]


def test_logging_out_ends_our_session_and_an_earlier_one_is_ended_too(door):
    client = door.client()
    client.post("/login", data={"name": "ada", "password": PASSWORD})
    ada = door.site.services.people.named("user", "ada")
    door.log_in(client)
    assert door.site.services.accounts.sessions.of(ada) == []
    assert client.post("/logout").headers["location"] == "/login"
    assert client.get("/").headers["location"] == "/login"
    assert [e.actor.name for e in door.entries("login.ended")] == ["maria", "ada"]


def test_who_has_no_password_is_offered_none_to_change(door):
    maria, ada = door.client(), door.site.client("ada")
    door.log_in(maria)
    assert 'name="current"' not in maria.get("/account").text
    assert 'name="current"' in ada.get("/account").text


def test_a_code_or_state_that_was_used_is_of_no_use(door):
    client = door.client()
    kept = client.get("/login/provider").cookies["assay_sign_on"]
    client.cookies.clear()
    place = door.place(client)
    cookie = {"Cookie": f"assay_sign_on={client.cookies['assay_sign_on']}"}
    assert client.get(place).status_code == 303

    stranger = door.client()
    assert "belongs to no log-in that was begun in this browser" in door.refused(stranger, place)
    # Even who has stolen the cookie of the browser has a code that is spent.
    reply = stranger.get(place, headers=cookie)
    assert (reply.status_code, "begin again" in reply.text) == (400, True)
    # Nor does another attempt of the same browser take it.
    reply = stranger.get(place, headers={"Cookie": f"assay_sign_on={kept}"})
    assert reply.status_code == 400
    reasons = [entry.details["reason"] for entry in door.entries("login.failed")]
    assert reasons == ["attempt_lost"] * 3


def test_a_stolen_code_is_of_no_use_in_another_browser(door):
    """The state is made to fit, the code is whole: what is missing is the verifier."""
    victim, thief = door.client(), door.client()
    stolen = parse_qs(urlsplit(door.place(victim)).query)["code"][0]
    own = parse_qs(urlsplit(door.place(thief)).query)
    query = urlencode({"code": stolen, "state": own["state"][0], "iss": door.provider.issuer})
    assert "begin again" in door.refused(thief, f"/login/callback?{query}")


def wrong_claims() -> list[tuple[dict, str]]:
    """Claims of a token, and what is said of each."""
    now = int(time.time())
    return [
        ({"aud": "another"}, "sent a token for another application"),
        ({"aud": [CLIENT, "another"]}, "sent a token for another application"),
        ({"azp": "another"}, "sent a token for another application"),
        ({"iss": "https://other.example"}, "sent a token with another iss than expected"),
        ({"nonce": "another"}, "belongs to no log-in"),
        ({"nonce": None}, "belongs to no log-in"),
        ({"nonce": ["another"]}, "belongs to no log-in"),
        ({"exp": now - 120}, "has expired by the clock of this server"),
        ({"exp": None}, "sent a token without exp"),
        ({"exp": "tomorrow"}, "sent a token with another exp"),
        ({"iat": now + 600}, "is of the future by the clock of this server"),
        ({"nbf": now + 600}, "is of the future"),
        ({"sub": None}, "sent a token without sub"),
        ({"sub": ""}, "another sub"),
        ({"sub": 7}, "another sub"),
        ({"sub": "x" * 256}, "whose subject cannot be kept"),
        ({"preferred_username": None}, "the claim 'preferred_username' is missing"),
        ({"preferred_username": "ma\u200bria"}, "cannot be the name of an account"),
        ({"preferred_username": "ada"}, f"`assay user tie NAME {SUBJECT}`"),
    ]


def test_what_is_wrong_with_a_token_is_said_and_nobody_comes_in(door):
    client = door.client()
    for claims, said in wrong_claims():
        door.provider.claims = claims
        assert said in door.refused(client, door.place(client)), claims
    assert len(door.site.services.people.users()) == 4
    assert all(entry.details["reason"] for entry in door.entries("login.failed"))


def test_a_signature_by_any_other_key_is_none(door):
    client, provider = door.client(), door.provider
    said = "Example sent a token that is not signed with one of its keys"
    published = provider.keys[0]
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    assert said in door.refused(client, door.place(client))
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "unknown"})
    assert said in door.refused(client, door.place(client))
    # Nor does one that anybody could make: with the published key as a shared secret, or without.
    provider.forge = lambda claims: forged(claims, "HS256", published.as_pem(private=False))
    assert said in door.refused(client, door.place(client))
    provider.forge = lambda claims: forged(claims, "none", b"")
    assert said in door.refused(client, door.place(client))
    provider.forge = lambda claims: "no token at all"
    assert said in door.refused(client, door.place(client))


def forged(claims: dict, algorithm: str, secret: bytes) -> str:
    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    header = {"alg": algorithm, "kid": "one"}
    signed = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    mac = hmac.new(secret, signed.encode(), "sha256").digest() if secret else b""
    return f"{signed}.{part(mac)}"


def test_a_new_key_of_the_provider_is_fetched(door, monkeypatch):
    assert door.log_in(door.client()) == "maria"
    door.provider.rotate()
    monkeypatch.setattr("app.oidc.client._RENEWED_SECONDS", -1.0)
    assert door.log_in(door.client()) == "maria"
    assert door.provider.asked.count("/keys") == 2


def test_cancelling_there_is_no_fault_and_other_refusals_are_named(door):
    client = door.client()
    said = door.refused(client, door.place(client, button="no"))
    assert said == "the log-in at Example was cancelled, or Example does not let you in here"
    place = door.place(client, button="no")
    other = place.replace("access_denied", "temporarily_unavailable")
    assert "(temporarily_unavailable)" in door.refused(client, other)
    place = door.place(client, button="no")
    other = place.replace("access_denied", "%3Cscript%3E+go+to+evil.example")
    assert "(no code of OAuth)" in door.refused(client, other)


def test_a_reply_of_another_provider_is_not_taken(door):
    client = door.client()
    place = door.place(client)
    mixed = re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fother.example", place)
    assert "begin again" in door.refused(client, mixed)
    place = door.place(client)
    assert "begin again" in door.refused(client, re.sub(r"&iss=[^&]+", "", place))


def test_nothing_in_a_request_says_where_people_go_on_to(door):
    client = door.client()
    for name in ("next", "redirect_uri", "return_to", "RelayState"):
        begun = client.get(f"/login/provider?{name}=https://evil.example")
        assert "evil" not in begun.headers["location"]
    place = door.place(client)
    reply = client.get(f"{place}&next=https://evil.example&redirect_uri=//evil.example")
    assert reply.headers["location"] == "/"


def test_a_provider_that_is_down_or_strange_is_told_on_the_page(door, monkeypatch):
    monkeypatch.setattr("app.oidc.client._FAILED_SECONDS", -1.0)
    client, provider = door.client(), door.provider

    def said() -> str:
        reply = client.get("/login/provider")
        assert reply.status_code == 502
        return unescape(re.findall(r'role="alert">Not logged in: (.+)\.</p>', reply.text)[0])

    provider.status = 503
    assert said() == "Example cannot be reached at present; try again in a moment"
    provider.status = 200
    provider.described = {"issuer": "https://other.example"}
    assert "calls itself by another address than ASSAY_OIDC_ISSUER has" in said()
    provider.described = {"token_endpoint": "http://elsewhere.example/token"}
    assert "has no token_endpoint that is https" in said()
    provider.described = {}
    place = door.place(client)
    provider.status = 500
    assert "cannot be reached" in door.refused(client, place)
    gone = Door(door.site, replace_issuer(provider))
    assert "cannot be reached" in gone.client().get("/login/provider").text


def replace_issuer(provider: TestProvider) -> TestProvider:
    return TestProvider("http://127.0.0.1:9")


def test_who_is_disabled_is_refused_and_who_is_untied_is_unknown(door):
    door.log_in(door.client())
    services = door.site.services
    maria = services.people.named("user", "maria")
    services.administration.disable(COMMAND_LINE, maria)
    client = door.client()
    said = door.refused(client, door.place(client))
    assert said == "the account 'maria' is disabled; ask an administrator"
    services.administration.enable(COMMAND_LINE, maria)
    assert services.administration.untie(COMMAND_LINE, maria) == 1
    assert "that is not tied to your log-in" in door.refused(client, door.place(client))


def test_without_the_setting_only_those_come_in_whom_an_administrator_has_tied(site, provider):
    door = Door(site, provider, creates_accounts=False)
    client = door.client()
    said = door.refused(client, door.place(client))
    assert said == (
        "you have no account here yet; an administrator can tie one to your log-in at Example "
        f"with `assay user tie NAME {SUBJECT}`"
    )
    site.services.administration.tie(COMMAND_LINE, site.people["guest"], provider.issuer, SUBJECT)
    assert door.log_in(client) == "guest"
    assert len(site.services.people.users()) == 4


def test_an_administrator_ties_and_unties_on_the_page_of_a_user(site, provider):
    door = Door(site, provider, creates_accounts=False)
    client = door.client()
    assert SUBJECT in door.refused(client, door.place(client))  # what to tie is said there
    root, ada = door.client(name="root"), site.people["ada"]
    page = f"/admin/users/{ada.id}"
    assert "Tied to nobody there" in root.get(page).text
    assert root.post(f"{page}/ties", data={"subject": " "}).status_code == 422
    tied = root.post(f"{page}/ties", data={"subject": f" {SUBJECT} "})
    assert tied.headers["location"] == f"{page}?done=tied"
    assert f"<bdi>{SUBJECT}</bdi>" in root.get(page).text
    other = root.post(f"/admin/users/{site.people['bob'].id}/ties", data={"subject": SUBJECT})
    assert (other.status_code, "tied to another account" in other.text) == (409, True)
    assert door.log_in(client) == "ada"

    assert root.post(f"{page}/ties/end").headers["location"] == f"{page}?done=untied"
    assert client.get("/").headers["location"] == "/login"
    assert [entry.actor.name for entry in door.entries("user.tied")] == ["root"]
    assert [entry.actor.name for entry in door.entries("user.untied")] == ["root"]
    ada_asks = door.client(name="ada")
    assert ada_asks.post(f"{page}/ties", data={"subject": "x"}).status_code == 403
    hostile = root.post(f"{page}/ties", data={"subject": "<script>alert(1)</script>"})
    assert hostile.status_code == 303
    assert "<script>alert(1)" not in root.get(page).text


def test_without_a_provider_nobody_is_tied_to_one(site):
    root = site.client("root")
    page = f"/admin/users/{site.people['ada'].id}"
    assert "Log-in at a provider" not in root.get(page).text
    assert root.post(f"{page}/ties", data={"subject": "x"}).status_code == 400


def test_groups_follow_the_provider_and_only_those_that_exist(site, provider):
    services = site.services
    for name in ("legal", "sales"):
        services.administration.add_group(COMMAND_LINE, name)
    door = Door(site, provider, groups_claim="groups")
    provider.claims = {"groups": ["legal", "no such group", 7]}
    door.log_in(door.client())

    def groups() -> tuple[str, ...]:
        [maria] = [u for u in services.people.users() if u.principal.name == "maria"]
        return maria.groups

    assert groups() == ("legal",)
    provider.claims = {"groups": "sales"}
    door.log_in(door.client())
    assert groups() == ("sales",)
    provider.claims = {}
    door.log_in(door.client())
    assert groups() == ()
    [first] = door.entries("group.joined")[-1:]
    assert (first.actor.name, first.details) == (
        "single sign-on",
        {"group": "legal", "user": "maria"},
    )


def test_passwords_can_be_switched_off(door):
    client = door.client(password_login=False)
    page = client.get("/login").text
    assert 'type="password"' not in page and "Log in with" in page
    reply = client.post("/login", data={"name": "ada", "password": PASSWORD})
    assert (reply.status_code, "passwords are not taken" in reply.text) == (403, True)


def test_without_a_provider_nothing_of_it_is_there(site):
    client = site.client()
    assert "/login/provider" not in client.get("/login").text
    assert client.get("/login/provider").status_code == 401
    assert client.get("/login/callback?code=a&state=b").status_code == 401


# By a link


def test_a_link_logs_its_user_in_once(site):
    own, root = site.services.own_account, site.people["root"]
    token = own.make_login_link(COMMAND_LINE, root)
    client = site.client()
    for _ in range(2):  # looking at it does not use it up
        assert "Log in as <bdi>root</bdi>" in client.get(f"/login/once/{token}").text
    elsewhere = {"Origin": "https://evil.example"}
    assert client.post(f"/login/once/{token}", headers=elsewhere).status_code == 403
    reply = client.post(f"/login/once/{token}")
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    assert client.get("/admin/users").status_code == 200
    for again in (site.client().get, site.client().post):
        reply = again(f"/login/once/{token}")
        assert (reply.status_code, "this link was used" in reply.text) == (410, True)


def test_a_link_ends_after_a_quarter_of_an_hour_and_with_its_user(site):
    own = site.services.own_account
    late = own.make_login_link(COMMAND_LINE, site.people["root"])
    of_ada = own.make_login_link(COMMAND_LINE, site.people["ada"])
    site.services.people.disable(site.people["ada"])
    assert site.client().post(f"/login/once/{of_ada}").status_code == 410
    site.clock.now += timedelta(minutes=15)
    assert site.client().post(f"/login/once/{late}").status_code == 410
    with site.services.accounts._engine.begin() as sql:
        kept = sql.exec_driver_sql("SELECT token_hash FROM login_links").scalars().all()
    assert late not in kept and len(kept) == 2


def test_the_command_line_makes_links_and_ties_accounts(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setenv("ASSAY_OIDC_ISSUER", "https://login.example.org")
    monkeypatch.setenv("ASSAY_OIDC_CLIENT_ID", "assay")
    monkeypatch.setenv("ASSAY_PUBLIC_URL", "https://docs.example.org")

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(user_command, arguments, obj=Terminal())
        return str(done.exception) if done.exception else done.output

    run("add", "maria")
    run("add", "bea")
    assert re.match(r"https://docs\.example\.org/login/once/[\w-]{43}\n", run("login", "maria"))
    assert run("tie", "maria", "248") == "'248' logs in as 'maria'\n"
    assert "tied to another account" in run("tie", "bea", "248")
    assert "1 could log in so until now" in run("untie", "maria")
    assert run("tie", "bea", "248") == "'248' logs in as 'bea'\n"
    monkeypatch.delenv("ASSAY_OIDC_ISSUER")
    assert "set ASSAY_OIDC_ISSUER first" in run("tie", "bea", "9")
