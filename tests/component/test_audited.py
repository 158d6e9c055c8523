"""What is done over HTTP stands in the audit log: by whom, to what, as whom, and nothing said."""

import pytest

from retrieval.types import Access
from tests.component.site import site
from tests.component.test_library_api import grant, publish

__all__ = ["site"]
TEXT = "Tea is served at four in the garden room upstairs."


@pytest.fixture
def log(site):
    """The entries that a query of the API finds, as (actor, action, object kind and number)."""
    root = site.client("root")

    def log(**wanted: str) -> list[tuple]:
        assert site.services.audit.flush(30)
        entries = root.get("/api/audit", params=wanted).json()["entries"]
        return [
            (one["actor"], one["action"], f"{one['object']}:{one['object_id']}")
            for one in reversed(entries)
        ]

    return log


def test_what_is_read_is_noted_whichever_door_it_went_through(site, log):
    document = publish(site, "open", "/srv/tea.txt", TEXT)
    ada = site.client("ada")
    ada.get(f"/api/documents/{document}")
    ada.get(f"/library/documents/{document}")
    ada.get(f"/api/documents/{document}/original")
    with site.services.store._engine.begin() as sql:
        passage = sql.exec_driver_sql("SELECT min(id) FROM passages").scalar()
    assert ada.get(f"/search/passages/{passage}").status_code == 200
    asked = ada.post("/api/conversations", json={"question": "When is tea?"})
    number = int(asked.text.split('"answer":')[1].split(",")[0].split("}")[0])
    assert ada.get(f"/api/answers/{number}/sources/0/0").status_code == 200
    reads = [entry[1:] for entry in log(action="document")]
    assert reads.count(("document.original", f"document:{document}")) == 1
    assert reads.count(("document.read", f"document:{document}")) >= 3
    assert any(action == "document.read" and of != f"document:{document}" for action, of in reads)
    assert [entry[1] for entry in log(action="answer")] == ["answer.sources"]


def test_conversations_that_leave_or_go_are_logged_by_number(site, log):
    ada = site.client("ada")
    ada.post("/api/conversations", json={"question": "When is tea?"})
    [heading] = ada.get("/api/conversations").json()["conversations"]
    number = heading["id"]
    for form in ("markdown", "json"):
        exported = ada.get(f"/api/conversations/{number}/export", params={"format": form})
        assert exported.status_code == 200
    ada.delete(f"/api/conversations/{number}")
    of = f"conversation:{number}"
    assert log(action="conversation") == [
        ("ada", "conversation.exported", of),
        ("ada", "conversation.exported", of),
        ("ada", "conversation.deleted", of),
    ]
    assert log(about=of, actor="bob") == []
    bob = site.client("bob")
    assert bob.get(f"/api/conversations/{number}/export").status_code == 404
    assert len(log(about=of)) == 3


def test_uploads_and_commands_of_jobs_are_logged_once_each(site, log):
    grant(site, "ada", "open", Access.WRITE)
    ada = site.client("ada")
    sent = {"params": {"collection": "open"}, "headers": {"Idempotency-Key": "one"}}
    for _ in range(2):  # the same request again is no other upload
        reply = ada.post("/api/jobs", files={"files": ("tea.txt", b"Tea.")}, **sent)
    job = reply.json()["job"]
    for command in ("pause", "resume", "cancel", "retry"):
        assert ada.post(f"/api/jobs/{job}/{command}").status_code == 200
    actions = ["job.added", "job.paused", "job.resumed", "job.cancelled", "job.retried"]
    assert log(about=f"job:{job}") == [("ada", action, f"job:{job}") for action in actions]
    assert log(action="job.paused") == [("ada", "job.paused", f"job:{job}")]


def test_a_change_of_policy_says_what_it_was_before(site, log):
    root = site.client("root")
    open_ = site.services.store.collection("open")
    root.put("/api/policies/open", json={"policy": "strike"})
    assert log(action="policy") == [("root", "policy.chosen", f"collection:{open_.id}")]
    [entry] = root.get("/api/audit", params={"action": "policy"}).json()["entries"]
    assert entry["details"] == {"before": "show", "policy": "strike"}
    page = root.get("/admin/audit", params={"action": "policy"}).text
    assert "policy.chosen" in page and "login.succeeded" not in page


def test_what_is_read_through_other_eyes_names_both(site, log):
    document = publish(site, "open", "/srv/tea.txt", TEXT)
    root = site.client("root")
    root.post("/view-as", data={"user": str(site.people["ada"].id)})
    root.get(f"/api/documents/{document}")
    error = {"kind": "TypeError", "places": ["chat.js:12:5"]}
    assert root.post("/api/script-errors", json=error).status_code == 204
    assert root.post("/api/ask", json={"question": "?"}).status_code == 403
    root.post("/view-as/end")
    assert log(actor="root", action="view")[0][1] == "view.began"
    [entry] = (
        site.client("root")
        .get("/api/audit", params={"about": f"document:{document}"})
        .json()["entries"]
    )
    assert (entry["actor"], entry["viewed_as"], entry["request"] is None) == ("root", "ada", False)
