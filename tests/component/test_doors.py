"""Who gets in, from where, and what is told to whoever does not: over a real database."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from itsdangerous import Signer

from app.api.guard import CONTENT_SECURITY_POLICY
from app.api.services import Readiness
from tests.component.site import PASSWORD, SCRIPT, chat, cookie_of, site

__all__ = ["site"]  # a fixture


# The frame of every page


def test_the_bar_leads_nowhere_a_visitor_would_be_refused(site):
    for name in ["ada", "root"]:
        client = site.client(name)
        bar = client.get("/").text.split("</header>")[0]
        assert ('href="/evals"' in bar) == (name == "root")
        assert bar.count("aria-current") == 1


def test_an_error_of_a_script_is_noted_without_what_it_said(site, caplog):
    client = site.client("ada")
    sent = {"kind": "TypeError", "places": ["chat.js:12:5", "frame.js:1:1"]}

    assert client.post("/api/script-errors", json=sent).status_code == 204

    [record] = [record for record in caplog.records if record.name == "app.api.script_errors"]
    assert record.getMessage() == "script error TypeError at chat.js:12:5, frame.js:1:1"
    for refused in [
        {**sent, "kind": "words of a document"},
        {**sent, "places": ["https://elsewhere/x.js:1:1"]},
        {**sent, "places": ["a.js:1:1\nforged line"]},
        {**sent, "message": "secret"},
    ]:
        assert client.post("/api/script-errors", json=refused).status_code == 422


# Logging in and out


def test_who_logs_in_sees_the_chat_until_logging_out(site):
    client = site.client()
    assert client.get("/").headers["location"] == "/login"

    reply = client.post("/login", data={"name": " ada ", "password": PASSWORD})
    page = client.get("/")

    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    assert page.status_code == 200
    assert "<bdi>ada</bdi>" in page.text
    assert 'id="suggestions"' in page.text
    assert client.get("/login").headers["location"] == "/"

    stolen = cookie_of(client)
    assert client.post("/logout").headers["location"] == "/login"
    assert client.get("/").headers["location"] == "/login"
    assert site.client().get("/", headers=stolen).status_code == 303


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(site):
    form = {"name": "ada", "password": PASSWORD}
    plain = site.client().post("/login", data=form).headers["set-cookie"]
    secure = site.client(secure_cookies=True).post("/login", data=form).headers["set-cookie"]

    assert plain.startswith("assay_session=")
    assert secure.startswith("__Host-assay_session=")
    assert secure.endswith("; Secure")
    for cookie in [plain, secure]:
        assert "; HttpOnly; Max-Age=604800; Path=/; SameSite=lax" in cookie


def test_a_wrong_password_is_told_on_the_page_and_the_name_is_kept(site):
    reply = site.client().post("/login", data={"name": '"><b>', "password": "wrong"})

    assert reply.status_code == 401
    assert "the name or the password is wrong" in reply.text
    assert 'value="&#34;&gt;&lt;b&gt;"' in reply.text
    assert "set-cookie" not in reply.headers


def test_guessing_is_slowed_down_and_told_so(site):
    client = site.client()
    for _ in range(5):
        assert client.post("/login", data={"name": "ada", "password": "x"}).status_code == 401

    reply = client.post("/login", data={"name": "ada", "password": PASSWORD})

    assert reply.status_code == 429
    assert reply.headers["retry-after"] == "60"
    assert "wait 60 seconds and try again" in reply.text
    site.clock.now += timedelta(seconds=61)
    assert client.post("/login", data={"name": "ada", "password": PASSWORD}).status_code == 303


def test_a_session_ends_by_itself(site):
    client = site.client("ada")
    site.clock.now += timedelta(hours=12)

    assert client.get("/").headers["location"] == "/login"
    reply = client.post("/api/ask", json={"question": "When is tea?"})
    assert (reply.status_code, reply.json()["detail"]) == (
        401,
        "the session has ended; log in again",
    )


def test_logging_in_again_ends_the_session_before(site):
    client = site.client("ada")
    before = cookie_of(client)

    client.post("/login", data={"name": "bob", "password": PASSWORD})

    assert "<bdi>bob</bdi>" in client.get("/").text
    assert site.client().get("/", headers=before).status_code == 303


def test_a_forged_cookie_is_nobodys(site):
    token = site.services.accounts.log_in("ada", PASSWORD)
    forged = Signer(b"another secret", salt="assay.session").sign(token).decode()

    for cookie in ["", token, f"{token}.", forged, "é", "." * 5000]:
        client = site.client()
        reply = client.get("/", headers={"Cookie": f"assay_session={cookie}".encode()})
        assert reply.headers["location"] == "/login"


# What holds everywhere

ADDRESSES = [
    ("GET", "/"),
    ("GET", "/login"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/redoc"),
    ("GET", "/nothing"),
    ("GET", "/api/nothing"),
    ("GET", "/v1/nothing"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/nothing"),
    ("GET", "/static/chat.js"),
    ("GET", "/static/assay.css"),
    ("GET", "/static/nothing"),
    ("GET", "/static/%2e%2e/pages.py"),
    ("DELETE", "/"),
    ("GET", "/api/ask"),
    ("OPTIONS", "/api/ask"),
    ("POST", "/api/ask"),
    ("POST", "/api/search"),
    ("POST", "/api/verify"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/login"),
    ("POST", "/logout"),
    ("POST", "/broken"),
]


@pytest.mark.parametrize("name", [None, "ada"])
@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_every_response_forbids_what_is_not_ours(site, method, path, name):
    client = site.client(name)

    headers = client.request(method, path).headers

    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-cache" if "/static/" in path else "no-store")
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/api/search", "application/problem+json"),
        ("/v1/models", "application/json"),
    ],
)
def test_an_unforeseen_error_is_a_number_and_not_a_trace(site, caplog, path, media_type):
    def fail(_: object) -> None:
        raise RuntimeError("secret detail")

    broken = SimpleNamespace(session=fail, principal_of_key=fail)
    client = site.client(accounts=broken)

    reply = client.request(
        "POST" if path == "/api/search" else "GET",
        path,
        headers={"Authorization": "Bearer assay_x"},
        json={"question": "?"} if path == "/api/search" else None,
    )

    assert reply.status_code == 500
    assert reply.headers["content-type"] == media_type
    assert reply.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert reply.headers["cache-control"] == "no-store"
    assert "secret detail" not in reply.text
    assert "Traceback" not in reply.text
    (record,) = [r for r in caplog.records if r.name == "app.api.problems"]
    assert record.args[0] in reply.text


def test_all_but_the_door_and_the_health_needs_a_login(site):
    client = site.client()
    schema = site.client("ada").get("/openapi.json").json()
    closed = [
        (method.upper(), path)
        for path, methods in schema["paths"].items()
        for method in methods
        if path not in {"/healthz", "/readyz"}
    ]
    assert len(closed) >= 5

    for method, path in [*closed, ("GET", "/openapi.json")]:
        reply = client.request(method, path, json={} if method == "POST" else None)
        assert reply.status_code == 401, path
        assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "a.localhost", "127.0.0.1:8000", "[::1]:8000", "192.168.1.7",
     "assay.example.org", "ASSAY.example.org:443", "x.example.net"],
)  # fmt: skip
def test_our_own_hosts_are_served(site, host):
    assert site.client().get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "evil.example:8000", "", "example.net",
     "127.0.0.1.evil.example", "[", "assay.example.org.evil.example"],
)  # fmt: skip
def test_another_name_for_this_machine_is_refused(site, host):
    reply = site.client().get("/healthz", headers={"Host": host})

    assert reply.status_code == 421
    assert repr(host) in reply.json()["detail"]


def test_any_host_is_served_when_told_so(site):
    client = site.client(allowed_hosts=("*",))

    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "https://localhost"}, True),  # a proxy ends TLS
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://localhost:9000"}, False),
        ({"Origin": "http://localhost.evil.example"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
    ],
)
def test_a_session_acts_only_for_our_own_pages(site, headers, is_ours):
    client = site.client("ada")
    del client.headers["origin"]

    for path in ["/api/search", "/v1/chat/completions"]:
        body = {"question": "When is tea?"} if path == "/api/search" else chat("When is tea?")
        status = client.post(path, json=body, headers=headers).status_code
        assert status == (200 if is_ours else 403)
    assert client.post("/logout", headers=headers).status_code == (303 if is_ours else 403)
    assert client.get("/").status_code == (303 if is_ours else 200)
    form = {"name": "ada", "password": PASSWORD}
    reply = site.client().post("/login", data=form, headers={"Origin": "", **headers})
    assert reply.status_code == (303 if is_ours else 403)


def test_a_program_with_a_key_needs_no_origin(site):
    client = site.client()
    del client.headers["origin"]

    reply = client.post("/api/search", json={"question": "?"}, headers=site.key("ada"))

    assert [hit["text"] for hit in reply.json()["hits"]] == ["Tea is at four."]


@pytest.mark.parametrize("authorization", ["Bearer assay_x", "Bearer", "Basic YTpi", "assay_x", ""])
def test_a_wrong_key_is_not_passed_over_for_the_cookie(site, authorization):
    client = site.client("ada")

    reply = client.get("/v1/models", headers={"Authorization": authorization})

    assert reply.status_code == 401
    assert reply.json()["error"]["code"] == "invalid_api_key"


def test_a_revoked_key_is_refused(site):
    client, headers = site.client(), site.key("ada")
    assert client.get("/v1/models", headers=headers).status_code == 200

    site.services.accounts.keys.revoke(site.services.accounts.keys.all()[0].id)

    assert client.get("/v1/models", headers=headers).status_code == 401


def test_a_body_that_is_too_large_is_refused_announced_or_not(site):
    client = site.client("ada")
    announced = client.post("/api/ask", content=b"x" * 1_000_001)
    pieces = client.post("/api/ask", content=(b"x" * 100_000 for _ in range(11)))
    lied = client.post("/v1/chat/completions", content=b"{}", headers={"Content-Length": "-5"})

    assert (announced.status_code, pieces.status_code, lied.status_code) == (413, 413, 413)
    assert "larger than 1,000,000 bytes" in announced.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{", 400, "not valid JSON"),
        (b"[]", 422, "body: "),
        (b"{}", 422, "question: Field required"),
        (b'{"question": "  "}', 422, "question: String should have at least 1 character"),
        (b'{"question": "%s"}' % (b"x" * 4001), 422, "question: String should have at most 4000"),
        (b'{"question": 5}', 422, "question: "),
        (b'{"question": "\\ud800"}', 422, "question: "),
        (b'{"question": "?", "colour": 1}', 422, "colour: Extra inputs"),
        (
            b'{"question": "?", "history": [{"role": "system", "content": ""}]}',
            422,
            "history.0.rol",
        ),
        (b'{"question": "?", "decoding": {"temperature": 3}}', 422, "decoding.temperature: "),
        (b"\xff", 400, ""),
    ],
)
def test_a_request_that_makes_no_sense_is_told_where(site, body, status, detail):
    headers = {"Content-Type": "application/json"}
    reply = site.client("ada").post("/api/ask", content=body, headers=headers)

    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert detail in reply.json()["detail"]


def test_a_page_that_is_not_there_is_told_to_people_as_a_page(site):
    reply = site.client().get(f"/{SCRIPT}")

    assert reply.status_code == 404
    assert "<h1>Not Found</h1>" in reply.text
    assert "There is nothing at this address." in reply.text
    assert SCRIPT not in reply.text


# Health


def test_health_needs_nobody_and_readiness_says_what_is_missing(site):
    client = site.client(readiness=lambda: Readiness(ready=False, detail="the index is rebuilding"))

    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.head("/healthz").status_code == 200
    reply = client.get("/readyz")
    assert (reply.status_code, reply.json()["detail"]) == (503, "the index is rebuilding")
    assert site.client().get("/readyz").status_code == 200
