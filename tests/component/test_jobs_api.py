"""Uploads and jobs over HTTP: to disk piece by piece, seen and commanded by who may write."""

import os
import re
import threading
from pathlib import Path

import pytest

from app.api.jobs import JobDesk
from app.audit import Object, Wanted
from app.job_locks import JobLocks
from app.uploads.staging import Staging
from ingestion.jobs.types import Command, JobState
from ingestion.jobs.work import JobWork
from ingestion.pipeline import Ingester
from ingestion.sandbox import ReaderProcess
from retrieval.types import Access, Principal
from tests.component.library import bytes_under
from tests.component.site import Site, events_of, site
from tests.fakes import PlainReader, WordEncoder
from tests.unit.test_unlocking import locked_pdf

__all__ = ["site"]  # a fixture
PATIENCE_SECONDS = 60
BOUNDARY = "limit"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def files(**texts: str):
    return [("file", (f"{name}.txt", text)) for name, text in texts.items()]


def writer(site: Site, name: str = "ada", access: Access = Access.WRITE) -> dict[str, str]:
    """The key of somebody who may write to the collection `open`."""
    site.services.access.grant(site.people[name], site.services.store.collection("open"), access)
    return site.key(name)


def post(site: Site, headers, /, collection: str = "open", **more):
    return site.client().post(f"/api/jobs?collection={collection}", headers=headers, **more)


def staged(site: Site) -> list[Path]:
    return [path for path in site.services.staging._folder.rglob("*") if path.is_file()]


def work(site: Site, job_id: int) -> None:
    store, jobs = site.services.store, site.services.jobs
    JobWork(jobs, store, Ingester(store, WordEncoder, PlainReader())).run(job_id)


def part(name: str, content: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def test_an_upload_is_a_job_that_says_what_became_of_each_file(site):
    headers = writer(site)
    reply = post(site, headers, files=files(tea="Tea is at four.", blank=" "))
    assert reply.status_code == 201
    made = reply.json()
    assert reply.headers["location"] == f"/api/jobs/{made['job']}"
    assert (made["state"], made["collection"], made["started_by"]) == ("queued", "open", "ada")
    assert made["files"]["queued"] == 2
    assert made["progress"]["bytes_total"] == 16
    assert "paths" not in made  # folders of the server are for administrators
    work(site, made["job"])
    client = site.client()
    done = client.get(f"/api/jobs/{made['job']}", headers=headers).json()
    assert (done["state"], done["files"]["indexed"], done["files"]["rejected"]) == ("done", 1, 1)
    items = client.get(f"/api/jobs/{made['job']}/items", headers=headers).json()
    assert [(one["name"], one["state"], one["change"]) for one in items["items"]] == [
        ("tea.txt", "indexed", "added"),
        ("blank.txt", "rejected", None),
    ]
    assert items["items"][1]["reason"]
    assert "path" not in items["items"][0]
    only = client.get(f"/api/jobs/{made['job']}/items?state=rejected&limit=1", headers=headers)
    assert (only.json()["total"], only.json()["items"][0]["name"]) == (1, "blank.txt")
    events = events_of(client.get(f"/api/jobs/{made['job']}/events", headers=headers))
    assert [name for name, _ in events] == ["end"]
    assert events[0][1] == done


def test_an_uploaded_folder_keeps_to_its_own_rules(site):
    headers = writer(site)
    sent = {"docs/a.txt": b"A.", "docs/b.tmp": b"B.", "docs/.assayignore": b"*.tmp\n"}
    body = b"".join(part(name, content) for name, content in sent.items()) + END
    made = post(site, {**headers, **FORM}, content=body).json()
    assert (made["ignored"], made["progress"]["files_total"]) == (1, 1)
    assert [item.name for item in site.services.jobs.items(made["job"]).items] == ["docs/a.txt"]
    assert len(staged(site)) == 1  # nothing is kept of the others
    only = part("docs/b.tmp", b"B.") + part("docs/.assayignore", b"*") + END
    made = post(site, {**headers, **FORM}, content=only).json()
    work(site, made["job"])
    assert site.services.jobs.job(made["job"]).state.value == "done"
    bad = part("docs/a.txt", b"A.") + part("docs/.assayignore", b"[z-a]") + END
    reply = post(site, {**headers, **FORM}, content=bad)
    assert (reply.status_code, "line 1" in reply.json()["detail"]) == (422, True)


def test_what_arrives_goes_to_disk_in_pieces_and_its_name_nowhere(site):
    names = ["../../../escape.txt", "/etc/cron.d/x", "a\\b.txt", "same.txt", "same.txt", "‮x.txt"]
    body = b"".join(part(name, b"words " * 20_000) for name in names) + END

    def pieces():
        for start in range(0, len(body), 7_001):
            yield body[start : start + 7_001]

    headers = {**writer(site), **FORM}
    reply = post(site, headers, content=pieces())
    assert reply.status_code == 201
    found = staged(site)
    assert len(found) == 6
    assert all(re.fullmatch(r"[0-9a-f]{32}/\d{6}", str(p.relative_to(p.parents[1]))) for p in found)
    assert {path.read_bytes() for path in found} == {b"words " * 20_000}
    items = site.services.jobs.items(reply.json()["job"]).items
    assert [item.name for item in items] == [
        "escape.txt", "etc/cron.d/x", "a/b.txt", "same.txt", "same (2).txt", "_x.txt"
    ]  # fmt: skip
    assert items[0].path == "upload:/escape.txt"


def test_the_same_request_twice_makes_one_job(site):
    headers = {**writer(site), "Idempotency-Key": "tuesday"}
    first = post(site, headers, files=files(a="A."))
    again = post(site, headers, files=files(a="A."))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["job"] == again.json()["job"]
    assert len(staged(site)) == 1
    other = post(site, {**writer(site), "Idempotency-Key": "friday"}, files=files(a="A."))
    assert other.status_code == 201
    assert (
        post(site, {**headers, "Idempotency-Key": "k" * 201}, files=files(a="A.")).status_code
        == 422
    )


@pytest.mark.parametrize(
    ("body", "content_type", "status", "words"),
    [
        (b"{}", "application/json", 415, "multipart/form-data"),
        (b"", FORM["Content-Type"], 400, "cut short"),
        (part("a.txt", b"half"), FORM["Content-Type"], 400, "cut short"),
        (b"no form at all", FORM["Content-Type"], 400, "no multipart form"),
        (END, FORM["Content-Type"], 422, "no file"),
        (b'--limit\r\nContent-Disposition: form-data; name="x"\r\n\r\nv\r\n' + END,
         FORM["Content-Type"], 422, "no file"),
    ],
)  # fmt: skip
def test_what_is_no_upload_is_refused_and_leaves_nothing(site, body, content_type, status, words):
    headers = {**writer(site), "Content-Type": content_type}
    reply = post(site, headers, content=body)
    assert reply.status_code == status
    assert words in reply.json()["detail"]
    assert staged(site) == []
    assert site.services.jobs.jobs() == []


def test_an_upload_that_is_too_large_is_refused_whatever_it_announces(site):
    headers = {**writer(site), **FORM}
    body = part("a.txt", b"x" * 2_000) + END
    client = site.client(upload_bytes=1_000)
    announced = client.post("/api/jobs?collection=open", headers=headers, content=body)
    silent = client.post(
        "/api/jobs?collection=open", headers=headers, content=iter([body[:900], body[900:]])
    )
    for reply in (announced, silent):
        assert reply.status_code == 413
        assert "ASSAY_UPLOAD_MB" in reply.json()["detail"]
    assert staged(site) == []


def test_a_full_disk_is_told_and_leaves_nothing(site, monkeypatch):
    headers = writer(site)
    monkeypatch.setattr(Staging, "free_bytes", lambda _: 0)
    reply = post(site, headers, files=files(a="A."))
    assert reply.status_code == 507
    monkeypatch.undo()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    reply = post(site, headers, files=files(a="A."))
    assert (reply.status_code, staged(site)) == (507, [])
    assert "no room" in reply.json()["detail"]


@pytest.mark.parametrize("who", ["bob", "guest", "reader"])
def test_who_may_not_write_neither_uploads_nor_sees_jobs(site, who):
    headers = writer(site, "ada", Access.READ) if who == "reader" else site.key(who)
    reply = post(site, headers, files=files(a="A."))
    assert reply.status_code == 403
    assert staged(site) == []
    store, jobs = site.services.store, site.services.jobs
    job = _job_of(site)
    client = site.client()
    assert client.get("/api/jobs", headers=headers).json() == {"jobs": [], "next": None}
    for path in ("", "/items", "/events"):
        assert client.get(f"/api/jobs/{job}{path}", headers=headers).status_code == 404
    for command in ("pause", "resume", "cancel", "retry"):
        reply = client.post(f"/api/jobs/{job}/{command}", headers=headers)
        assert reply.status_code == 404
        assert reply.json()["detail"] == client.get("/api/jobs/99", headers=headers).json()[
            "detail"
        ].replace("99", str(job))
    assert jobs.job(job).state is JobState.QUEUED
    assert {collection.name for collection in store.collections()} == {"open", "secret"}


def _job_of(site: Site) -> int:
    reply = post(site, site.key("root"), files=files(secret="Secret."))
    return reply.json()["job"]


def test_nobody_uploads_without_logging_in_and_no_other_site_does_for_somebody(site):
    assert post(site, {}, files=files(a="A.")).status_code == 401
    writer(site)
    client = site.client("ada")
    cross = client.post(
        "/api/jobs?collection=open", headers={"Origin": "http://evil.example"}, files=files(a="A.")
    )
    assert cross.status_code == 403
    assert client.post("/api/jobs?collection=open", files=files(a="A.")).status_code == 201


def test_an_administrator_makes_the_collection_by_uploading_to_it(site):
    reply = post(site, site.key("root"), collection="new", files=files(a="A."))
    assert reply.status_code == 201
    assert "new" in {collection.name for collection in site.services.store.collections()}
    assert reply.json()["paths"] == []


def test_a_job_is_paused_resumed_cancelled_and_retried(site):
    headers, client = writer(site, access=Access.MANAGE), site.client()
    job = post(site, headers, files=files(a="A.", b="CRASH")).json()["job"]

    def ask(command: str, **more):
        return client.post(f"/api/jobs/{job}/{command}", headers=headers, **more)

    assert ask("pause").json()["state"] == "paused"
    assert ask("resume").json()["state"] == "queued"
    work(site, job)
    refused = ask("pause")
    assert refused.status_code == 409
    assert "job" in refused.json()["detail"]
    assert ask("retry").json()["files"]["queued"] == 1
    assert ask("cancel").json()["state"] == "cancelled"
    assert ask("retry", json={"rejected": True}).json()["state"] == "queued"
    assert ask("retry", json={"typo": True}).status_code == 422
    assert ask("explode").status_code == 404
    listed = client.get("/api/jobs?state=queued&limit=1", headers=headers).json()
    assert (listed["jobs"][0]["job"], listed["next"]) == (job, job)
    assert client.get(f"/api/jobs?before={job}", headers=headers).json()["jobs"] == []


def when_told(monkeypatch) -> threading.Event:
    """Set once a stream has told of a job for the first time."""
    told, shown = threading.Event(), JobDesk.shown

    def tell(*arguments):
        text = shown(*arguments)
        told.set()
        return text

    monkeypatch.setattr(JobDesk, "shown", tell)
    return told


def test_progress_is_told_as_it_happens_and_ends_with_the_job(site, monkeypatch):
    headers = writer(site)
    job = post(site, headers, files=files(a="A.", b="B.")).json()["job"]

    told = when_told(monkeypatch)

    def later() -> None:
        assert told.wait(PATIENCE_SECONDS)
        work(site, job)

    thread = threading.Thread(target=later)
    thread.start()
    events = events_of(site.client().get(f"/api/jobs/{job}/events", headers=headers))
    thread.join()
    assert (events[0][0], events[-1][0]) == ("progress", "end")
    assert events[0][1]["files"]["queued"] == 2
    assert events[-1][1]["files"]["indexed"] == 2


def test_a_stream_ends_when_its_reader_may_no_longer_see_the_job(site, monkeypatch):
    headers = writer(site)
    job = post(site, headers, files=files(a="A.")).json()["job"]

    told = when_told(monkeypatch)

    def revoke(person: Principal) -> None:
        assert told.wait(PATIENCE_SECONDS)
        site.services.access.revoke(person, site.services.store.collection("open"))

    thread = threading.Thread(target=revoke, args=(site.people["ada"],))
    thread.start()
    events = events_of(site.client().get(f"/api/jobs/{job}/events", headers=headers))
    thread.join()
    assert [name for name, _ in events] == ["progress"]


# The staging folder


def test_uploads_that_nobody_refers_to_are_swept_but_never_one_that_arrives(tmp_path):
    staging = Staging(tmp_path / "staging")
    with staging.arriving() as arriving, arriving.next_file() as (path, out):
        out.write(b"half")
        assert staging.sweep(wanted=[]) == 0
        assert path.exists()
    assert not path.exists()  # not kept
    with staging.arriving() as arriving:
        with arriving.next_file() as (path, out):
            out.write(b"whole")
        arriving.keep()
    assert staging.left_over([]) == 1
    assert staging.sweep(wanted=[arriving.name]) == 0
    assert path.read_bytes() == b"whole"
    assert staging.sweep(wanted=[arriving.name], kept_seconds=-1) == 1
    assert not path.exists()
    assert staging.sweep(wanted=[]) == 0


def test_only_files_of_the_staging_folder_are_forgotten(tmp_path):
    staging = Staging(tmp_path / "staging")
    outside = tmp_path / "precious.txt"
    outside.write_text("Mine.")
    staging.forget(str(outside))
    assert outside.exists()
    with staging.arriving() as arriving:
        with arriving.next_file() as (path, _):
            pass
        arriving.keep()
    staging.forget(str(path))
    staging.forget(str(path))
    assert not path.parent.exists()


def test_commands_are_named_as_their_routes():
    assert {command.value for command in Command} == {"pause", "resume", "cancel", "retry"}


def test_administrators_list_addresses_where_the_operator_allows_it(site):
    open_client, closed_client = site.client(fetches_urls=True), site.client()
    root, ada = site.key("root"), writer(site)
    body = {"urls": ["https://example.org/a", "# a comment", "https://example.org/b#top"]}

    def ask(client, headers, body=body):
        return client.post("/api/jobs/urls?collection=open", headers=headers, json=body)

    assert ask(open_client, ada).status_code == 403
    assert ask(closed_client, root).status_code == 409
    wrong = ask(open_client, root, {"urls": ["https://example.org", "file:///etc/passwd"]})
    assert (wrong.status_code, "line 2" in wrong.json()["detail"]) == (422, True)
    made = ask(open_client, root)
    assert made.status_code == 201
    assert (made.json()["source"], made.json()["files"]["queued"]) == ("urls", 2)
    items = site.services.jobs.items(made.json()["job"]).items
    assert [(item.path, item.name) for item in items] == [
        ("https://example.org/a", "example.org/a"),
        ("https://example.org/b", "example.org/b"),
    ]
    [entry] = site.services.audit.entries(Wanted(action="document.fetch"), limit=5)
    assert entry.object == Object("job", made.json()["job"])


def test_a_file_that_needs_a_password_is_read_with_it_and_nothing_keeps_the_password(site, caplog):
    headers = writer(site)
    files_ = [("file", ("lease.pdf", locked_pdf("Ypsilon-77"))), ("file", ("b.txt", "Tea."))]
    made = post(site, headers, files=files_).json()
    store, jobs = site.services.store, site.services.jobs
    JobWork(jobs, store, Ingester(store, WordEncoder, ReaderProcess)).run(made["job"])
    client, base = site.client(), f"/api/jobs/{made['job']}/items"
    waiting, other = client.get(base, headers=headers).json()["items"]
    assert (waiting["state"], waiting["needs_password"]) == ("rejected", True)
    assert other["needs_password"] is False

    def give(item: int, password: object, who=headers):
        return client.post(f"{base}/{item}/password", headers=who, json={"password": password})

    wrong = give(waiting["item"], "wrong").json()
    assert (wrong["needs_password"], "does not open it" in wrong["reason"]) == (True, True)
    assert give(waiting["item"], "Ypsilon-77", site.key("bob")).status_code == 404
    assert give(waiting["item"], "").status_code == 422
    assert give(other["item"], "x").status_code == 409
    assert give(999_999, "x").status_code == 404
    done = give(waiting["item"], "Ypsilon-77").json()
    assert (done["state"], done["change"], done["needs_password"]) == ("indexed", "added", False)
    assert client.get(f"/api/jobs/{made['job']}", headers=headers).json()["files"]["indexed"] == 2
    assert give(waiting["item"], "Ypsilon-77").status_code == 409
    entries = site.services.audit.entries(Wanted(action="job.password_given"))
    assert [(one.object, one.details) for one in entries] == [
        (Object("job", made["job"]), {"file": waiting["item"], "outcome": outcome})
        for outcome in ("indexed", "rejected")
    ]
    assert not any("lease" in str(path) for path in staged(site))
    home = site.services.staging._folder.parent
    assert b"Ypsilon-77" not in bytes_under(home)
    assert "Ypsilon-77" not in caplog.text


def test_a_password_waits_until_the_job_has_ended_and_the_bytes_must_be_there(site):
    headers = writer(site)
    made = post(site, headers, files=[("file", ("lease.pdf", locked_pdf("y")))]).json()
    store, jobs = site.services.store, site.services.jobs
    [item] = jobs.items(made["job"]).items
    address = f"/api/jobs/{made['job']}/items/{item.id}/password"
    client = site.client()
    assert client.post(address, headers=headers, json={"password": "y"}).status_code == 409
    JobWork(jobs, store, Ingester(store, WordEncoder, ReaderProcess)).run(made["job"])
    with JobLocks(site.services.staging._folder.parent).held(made["job"]):
        busy = client.post(address, headers=headers, json={"password": "y"})
        assert (busy.status_code, "being worked on" in busy.json()["detail"]) == (409, True)
    Path(item.location).unlink()
    assert client.post(address, headers=headers, json={"password": "y"}).status_code == 410
