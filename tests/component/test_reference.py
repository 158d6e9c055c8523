"""The API as a page and as a schema, metrics, and which documents answers were made of."""

import json
import re

from app.api.reference import operations_of
from tests.component.test_http import QUICK, site
from tests.component.test_library_api import publish

__all__ = ["QUICK", "site"]


def test_the_page_has_every_route_of_the_schema_and_loads_nothing_from_elsewhere(site):
    ada = site.client("ada")
    schema, page = ada.get("/openapi.json").json(), ada.get("/docs")
    assert page.status_code == 200
    for path in schema["paths"]:
        assert f"<code>{path.replace(chr(39), '&#39;')}</code>" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert not re.search(r'(?:src|href)="(?!/|#)', page.text)
    assert "<script>" not in page.text
    assert site.client().get("/docs").headers["location"] == "/login"


def test_every_operation_says_what_it_does_and_examples_are_what_is_taken(site):
    schema = site.client("ada").get("/openapi.json").json()
    operations = dict.fromkeys(one for _, one in operations_of(schema))
    assert len(operations) > 40
    for one in operations:
        assert one.summary, f"{one.method} {one.path} says nothing"
        for text in (one.request, one.reply):
            assert not text or json.loads(text) is not None
    [made] = [one for one in operations if (one.method, one.path) == ("POST", "/api/users")]
    assert json.loads(made.request) == {"name": "maria"}
    assert ("name", "body", "string", True, "") in made.fields
    assert "kf3p" in made.reply


def test_metrics_are_numbers_for_administrators_alone(site):
    publish(site, "open", "/srv/tea.txt", "Tea is served at four in the garden room upstairs.")
    ada, root = site.client("ada"), site.client("root")
    assert ada.get("/metrics").status_code == 403
    assert site.client().get("/metrics").status_code in {303, 401}
    reply = root.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    values = dict(
        line.rsplit(" ", 1) for line in reply.text.splitlines() if not line.startswith("#")
    )
    assert float(values["assay_users"]) == 4
    assert float(values['assay_waiting{queue="answers"}']) == 0
    assert float(values["assay_documents"]) >= 1
    for line in reply.text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{queue="[a-z]+"\})? [\d.e+]+', line)
    assert "tea" not in reply.text.replace("steam", "")


def test_an_answer_says_in_the_log_which_documents_it_was_made_of(site):
    ada, root = site.client("ada"), site.client("root")
    ada.post("/api/ask", json={"question": "When is tea?"})
    body = {"model": "assay", "messages": [{"role": "user", "content": "When is tea?"}]}
    ada.post("/v1/chat/completions", json=body)
    assert site.services.audit.flush(10)
    entries = root.get("/api/audit", params={"action": "answer"}).json()["entries"]
    documents = sorted({hit.document.id for hit in site.library.hits[:1]})
    assert [(one["actor"], one["details"]) for one in entries] == [
        ("ada", {"documents": documents}),
        ("ada", {"documents": documents}),
    ]
    assert "tea" not in root.get("/api/audit").text.lower()
