"""Logs as programs read them: one JSON object a line, and nothing in it that is somebody's."""

import io
import json
import logging
from dataclasses import replace

import pytest

from app.logs import REQUESTS, JsonLines, log_as, log_request
from tests.component.site import PASSWORD, site

__all__ = ["site"]
# In what is asked, uploaded, named and answered; and in what nobody may see.
TEXT, SECRET = "Zebulon-Quartermain", "kf3p-hunter2-marker"


@pytest.fixture
def lines():
    """What was logged so far, read back as JSON; everything down to the smallest detail of ours."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    root, requests, ours = (logging.getLogger(name) for name in (None, REQUESTS, "app"))
    root.addHandler(handler)
    levels = [(logger, logger.level) for logger in (requests, ours)]
    for logger, _ in levels:
        logger.setLevel(logging.DEBUG)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.removeHandler(handler)
    for logger, level in levels:
        logger.setLevel(level)


def requests_of(lines) -> list[dict]:
    return [line for line in lines() if line["logger"] == REQUESTS]


def test_a_line_for_each_request_names_the_route_and_who_asked(site, lines):
    ada = site.client("ada")
    reply = ada.get("/api/documents/77")
    ada.post("/api/search", json={"question": "tea"}, headers=site.key("ada"))
    ada.get("/static/assay.css")
    ada.get("/nowhere/at/all")
    login, document, search, static, nowhere = requests_of(lines)
    assert document["request"] == reply.headers["x-request-id"] == reply.json()["request"]
    assert document["ms"] > 0 and document["at"].endswith("+00:00")
    seen = [
        [line[name] for name in ("method", "route", "status", "user", "key")]
        for line in (login, document, search, static, nowhere)
    ]
    ada_id = site.people["ada"].id
    assert seen == [
        ["POST", "/login", 303, None, None],
        ["GET", "/api/documents/{document}", 404, ada_id, None],
        ["POST", "/api/search", 200, ada_id, 1],
        ["GET", "/static/{file}", 200, None, None],
        ["GET", None, 404, None, None],
    ]


def test_no_line_has_words_of_anybody_or_a_secret(site, lines):
    def fails(*_, **__):
        raise RuntimeError(f"the document says {TEXT}")
        yield

    client = site.client()
    for name, password in ((TEXT, SECRET), ("ada", SECRET), (SECRET, SECRET), ("root", PASSWORD)):
        client.post("/login", data={"name": name, "password": password})
    client.post("/api/ask", json={"question": TEXT})
    client.get("/search", params={"q": TEXT})
    client.get(f"/search/{TEXT}")
    client.get(f"/login/once/{SECRET}")
    client.get("/login/callback", params={"code": SECRET, "state": SECRET, "error": TEXT})
    client.get("/api/me", headers={"Authorization": f"Bearer assay_{SECRET}"})
    client.request(SECRET.upper().replace("-", ""), "/")
    client.post("/api/conversations", json={"question": TEXT})
    client.post("/api/verify", json={"items": [{"response": TEXT, "context": TEXT}]})
    open_ = site.services.store.collection("open")
    files = {"files": (f"{TEXT}.txt", TEXT.encode(), "text/plain")}
    sent = client.post("/api/jobs", params={"collection": open_.name}, files=files)
    assert sent.status_code == 201, sent.text
    client.post("/api/script-errors", json={"kind": "TypeError", "message": TEXT})
    broken = site.client("ada", answer=fails)
    broken.post("/api/ask", json={"question": TEXT})
    broken.get("/", headers={"Host": f"{TEXT}.example.org"})
    gone = replace(site.services, store=None)
    site.client("ada", store=gone.store).get("/")

    written = lines()
    assert len(requests_of(lines)) >= 18
    failed = [line for line in written if line.get("error")]
    assert {line["error"] for line in failed} >= {"RuntimeError", "AttributeError"}
    assert all(line["places"] and line["request"] for line in failed)
    text = json.dumps(written).lower()
    for marker in (TEXT, SECRET, PASSWORD, SECRET.replace("-", "")):
        assert marker.lower() not in text


def test_as_text_there_are_no_lines_for_requests_and_as_json_nothing_else(capsys):
    before = logging.getLogger().handlers[:]
    try:
        log_as("text")
        log_request({"method": "GET", "route": "/"})
        logging.getLogger("app").warning("the index is behind")
        assert capsys.readouterr().err == "the index is behind\n"
        log_as("json")
        log_request({"method": "GET", "route": "/"})
        logging.getLogger("app").warning("one\nforged line")
        first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
        assert (first["route"], second["message"]) == ("/", "one\nforged line")
    finally:
        log_as("text")
        logging.getLogger().handlers[:] = before
