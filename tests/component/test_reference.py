"""The API as a page and as a schema, metrics, and which documents answers were made of."""

import json
import re

import jsonschema

from app.api.examples import EXAMPLES
from app.api.reference import operations_of
from retrieval.types import Access
from tests.component.site import QUICK, site
from tests.component.test_library_api import grant, publish

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
        has_body = any(field.place == "body" for field in one.fields)
        assert bool(one.request) == has_body, f"{one.method} {one.path} has no example of a body"
    [made] = [one for one in operations if (one.method, one.path) == ("POST", "/api/users")]
    assert json.loads(made.request) == {"name": "maria"}
    assert ("name", "body", "string", True, "") in made.fields
    assert "kf3p" in made.reply


def test_every_reply_with_words_has_an_example_and_every_example_is_what_is_taken(site):
    schema = site.client("ada").get("/openapi.json").json()
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            where = f"{method} {path}"
            sent = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if sent is not None:
                rules = {**sent["schema"], "components": schema["components"]}
                known = sent["schema"].get("$ref", "").rpartition("/")[2]
                of_model = schema["components"]["schemas"].get(known, {}).get("examples", [])
                examples = [sent["example"]] if "example" in sent else of_model
                assert examples, where
                for example in examples:
                    jsonschema.validate(example, rules)
            replies = [reply for status, reply in operation["responses"].items() if status < "3"]
            kinds = {kind: c for reply in replies for kind, c in reply.get("content", {}).items()}
            binary = {"image/png", "application/octet-stream"}
            for kind, content in kinds.items():
                assert kind in binary or "example" in content or "examples" in content, where


def test_examples_of_replies_have_the_fields_of_real_ones(site):
    ada, root = site.client("ada"), site.client("root")
    ada.post("/api/conversations", json={"question": "When is tea?"})
    grant(site, "ada", "open", Access.WRITE)
    sent = ada.post("/api/jobs?collection=open", files={"files": ("a.txt", b"Tea.")})
    real = {
        ("get", "/api/answers/{answer}"): ada.get("/api/answers/1"),
        ("get", "/api/conversations"): ada.get("/api/conversations"),
        ("post", "/api/jobs"): sent,
        ("get", "/api/jobs/{job}/items"): ada.get("/api/jobs/1/items"),
        ("get", "/api/desk"): root.get("/api/desk"),
        ("get", "/v1/models"): ada.get("/v1/models"),
        ("get", "/api/policies"): ada.get("/api/policies"),
    }
    for place, reply in real.items():
        shown, found = EXAMPLES[place].reply, reply.json()
        assert shown.keys() <= found.keys(), place
        assert place[1].startswith("/api/answers") or shown.keys() == found.keys(), place


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
