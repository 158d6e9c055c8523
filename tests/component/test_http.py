"""The HTTP application over a real database; searching and answering are plain functions."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openai
import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from itsdangerous import Signer
from sqlalchemy import insert, select

from app.accounts import Accounts
from app.administration import Administration
from app.api.application import create_app
from app.api.guard import CONTENT_SECURITY_POLICY
from app.api.services import Readiness, Services, Suggestions
from app.audit import AuditLog
from app.conversations.store import ConversationStore
from app.deletion import Deletions
from app.evidence.finding import EvidenceFinder
from app.identities import Identities
from app.library import Library as Documents
from app.login_links import LoginLinks
from app.operating_point import OperatingPointStore
from app.own_account import OwnAccount
from app.people import People
from app.reingestion import Reingestion
from app.schema import metadata
from app.scopes import EVERY
from app.sharing import Sharing
from app.suggesting.suggester import Suggestion
from app.unlocking import Unlocking
from app.uploads.staging import Staging
from evals.feedback import Thumbs
from evals.schedule_store import ScheduleStore
from evals.store import EvalStore
from evals.types import (
    Case,
    Expectation,
    Observation,
    Result,
    RunState,
    SeenSentence,
)
from generation.decoding import Decoding
from generation.errors import EngineMissing, ModelUnusable, QuestionTooLong
from generation.types import (
    Answer,
    Assayed,
    AssayedSentence,
    Citation,
    Drafted,
    EngineInfo,
    Finished,
    Message,
    Origin,
    Retrieved,
    Timings,
    Usage,
    Verdict,
)
from ingestion.jobs.store import JobStore
from ingestion.pipeline import Ingester
from ingestion.sandbox import ReaderProcess
from retrieval.access import AccessList
from retrieval.alike import AlikeDocuments
from retrieval.catalog import Catalog
from retrieval.collections import Collections
from retrieval.database import open_database
from retrieval.erasure import Erasure
from retrieval.lexical import LexicalIndex
from retrieval.narrowing import EVERY_DOCUMENT, Narrowing
from retrieval.originals import Originals
from retrieval.policies import Policies
from retrieval.schema import documents, revisions
from retrieval.search import Searcher
from retrieval.store import Store
from retrieval.tags import Tags
from retrieval.types import Access, Collection, Document, Hit, Passage, Principal
from retrieval.vectors.projection import VectorProjection
from tests.fakes import SubstringVerifier, WordEncoder

PASSWORD = "correct horse"
SCRIPT = "<script>alert(1)</script>"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
DECODING = Decoding()
ORIGIN = {"Origin": "http://localhost"}


# What stands in for the models


def hit_of(collection: Collection, words: str, *, name: str = "handbook.pdf") -> Hit:
    document = Document(
        id=collection.id,
        collection_id=collection.id,
        path=f"/srv/files/{collection.name}/{name}",
        name=name,
        title="Handbook",
        media_type="application/pdf",
        revision_id=1,
    )
    passage = Passage(
        id=collection.id,
        document_id=document.id,
        revision_id=1,
        collection_id=collection.id,
        start=10,
        end=10 + len(words),
        page=3,
        context="Handbook",
        text=words,
    )
    return Hit(passage, document, score=0.5, similarity=0.75)


def put_documents(store: Store, hits: Sequence[Hit]) -> None:
    """Have the store know the documents that made-up hits are of, each with the text of one."""
    now = datetime.now(UTC)
    with store._engine.begin() as sql:
        for hit in {hit.document.id: hit for hit in hits}.values():
            document, passage = hit.document, hit.passage
            known = select(documents.c.id).where(documents.c.id == document.id)
            if sql.execute(known).first():
                continue
            row = {"id": document.id, "collection_id": document.collection_id}
            row |= {"path": document.path, "name": document.name, "created_at": now}
            sql.execute(insert(documents).values(**row, revision_id=passage.revision_id))
            text = " " * passage.start + passage.text
            kept = {"document_id": document.id, "title": document.title, "text": text}
            kept |= {"media_type": "text/plain", "sha256": "0" * 64, "created_at": now}
            known = select(revisions.c.id).where(revisions.c.id == passage.revision_id)
            if not sql.execute(known).first():
                sql.execute(insert(revisions).values(id=passage.revision_id, **kept))


def numbered(hit: Hit, number: int) -> Hit:
    """The same hit in a document of its own."""
    document = replace(hit.document, id=number, revision_id=number)
    passage = replace(hit.passage, id=number, document_id=number, revision_id=number)
    return replace(hit, document=document, passage=passage)


def sentence_from(
    hit: Hit, verdict: Verdict = Verdict.SUPPORTED, text: str = ""
) -> AssayedSentence:
    passage = hit.passage
    citation = Citation(
        passage_id=passage.id,
        document_id=passage.document_id,
        revision_id=passage.revision_id,
        document=hit.document.name,
        page=passage.page,
        start=passage.start,
        end=passage.end,
        quote=passage.text,
    )
    origin = Origin.GENERATED if text else Origin.QUOTED
    citations = (citation,) if verdict is not Verdict.UNSUPPORTED else ()
    return AssayedSentence(text or passage.text, origin, verdict, 0.9, citations)


def answer_of(
    question: str,
    sentences: Sequence[AssayedSentence],
    *,
    nearest: Sequence[Hit] = (),
    decoding: Decoding = DECODING,
) -> Answer:
    said = [s.text for s in sentences if s.verdict is Verdict.SUPPORTED]
    return Answer(
        question=question,
        text=" ".join(said) or "Your documents do not answer this.",
        abstained=not sentences,
        answerability=0.75,
        sentences=tuple(sentences),
        nearest=tuple(nearest),
        usage=Usage(prompt_tokens=40, completion_tokens=7),
        timings=Timings(retrieval=0.01, first_token=0.2, total=0.5),
        engine=EngineInfo("toy", "torch"),
        decoding=decoding,
        prompt_version="answer-1",
        change_number=1,
    )


class Library:
    """Finds every passage it may read; answers with their words. Notes what it was asked."""

    def __init__(self, hits: Sequence[Hit]) -> None:
        self.hits = hits
        self.asked: list[SimpleNamespace] = []

    def search(
        self,
        question: str,
        /,
        *,
        readable: frozenset[int],
        k: int,
        earlier: Sequence[str],
        within: Narrowing,
    ) -> list[Hit]:
        found = [hit for hit in self.hits if hit.passage.collection_id in readable]
        return [hit for hit in found if within.wants(hit.document.name)][:k]

    def answer(
        self,
        question: str,
        /,
        *,
        readable: frozenset[int],
        history: Sequence[Message],
        decoding: Decoding | None,
        is_cancelled: Callable[[], bool],
        within: Narrowing = EVERY_DOCUMENT,
    ) -> Iterator[Any]:
        self.asked.append(SimpleNamespace(question=question, history=history, decoding=decoding))
        hits = self.search(question, readable=readable, k=8, earlier=(), within=within)
        yield Retrieved(tuple(hits))
        sentences = [sentence_from(hit) for hit in hits]
        for sentence in sentences:
            yield Assayed(sentence)
        if hits:
            for draft, verdict in [
                ("So it is.", Verdict.PARTLY),
                ("And so is the moon.", Verdict.UNSUPPORTED),
                ("Truly.", Verdict.SUPPORTED),
            ]:
                yield Drafted(draft + " ")
                sentences.append(sentence_from(hits[0], verdict, draft))
                yield Assayed(sentences[-1])
        yield Finished(answer_of(question, sentences, decoding=decoding or DECODING))


# The site


@dataclass
class Site:
    """A site with two collections: ada reads the open one, bob the secret one, root both."""

    services: Services
    library: Library
    clock: SimpleNamespace
    people: dict[str, Principal]

    def client(self, name: str | None = None, **changes: Any) -> TestClient:
        """A browser, logged in if a name is given. `changes` are to the services."""
        app = create_app(replace(self.services, **changes))
        client = TestClient(
            app,
            base_url="http://localhost",
            headers=ORIGIN,
            follow_redirects=False,
            raise_server_exceptions=False,
        )
        if name is not None:
            form = {"name": name, "password": PASSWORD}
            assert client.post("/login", data=form).headers["location"] == "/"
        return client

    def key(self, name: str) -> dict[str, str]:
        key = self.services.accounts.keys.create(self.people[name], "script", scopes=EVERY)
        return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def site(tmp_path):
    with opened_site(tmp_path) as opened:
        yield opened


@contextmanager
def opened_site(tmp_path: Path) -> Iterator[Site]:
    """A site of its own, for as long as the context lasts."""
    engine = open_database(tmp_path / "assay.db")
    metadata.create_all(engine)
    access = AccessList(engine)
    store = Store(engine, Originals(tmp_path / "originals"))
    clock = SimpleNamespace(now=datetime.now(UTC).replace(tzinfo=None))
    accounts = Accounts(engine, now=lambda: clock.now, hasher=QUICK)
    people = {
        name: access.add_user(name, is_administrator=name == "root")
        for name in ["ada", "bob", "root", "guest"]
    }
    for person in people.values():
        accounts.set_password(person, PASSWORD)
    open_, secret = store.ensure_collection("open"), store.ensure_collection("secret")
    access.grant(people["ada"], open_, Access.READ)
    access.grant(people["bob"], secret, Access.READ)
    people_, collections, audit = People(engine), Collections(engine), AuditLog(engine)
    policies, originals = Policies(engine), Originals(tmp_path / "originals")
    sharing = Sharing(access, collections, policies, audit)
    encoder, erasure = WordEncoder(), Erasure(engine, originals)
    catalog, jobs = Catalog(engine), JobStore(engine)
    vectors = VectorProjection(store, tmp_path / "vectors", encoder)
    searcher = Searcher(store, encoder, vectors, LexicalIndex(engine))
    deletions = Deletions(
        engine, store, erasure, collections, audit,
        projection=lambda: vectors, search=searcher.search,
    )  # fmt: skip
    library = Library(
        [hit_of(open_, "Tea is at four."), hit_of(secret, "The vault opens at nine.")]
    )
    put_documents(store, library.hits)
    evidence = EvidenceFinder(store, store._originals)
    services = Services(
        accounts=accounts,
        access=access,
        policies=policies,
        operating_point=OperatingPointStore(engine),
        people=people_,
        collections=collections,
        audit=audit,
        administration=Administration(access, people_, accounts, Identities(engine), audit),
        own_account=OwnAccount(
            accounts,
            people_,
            audit,
            LoginLinks(engine, now=lambda: clock.now),
            now=lambda: clock.now,
        ),
        sharing=sharing,
        library=Documents(
            access,
            catalog,
            AlikeDocuments(engine),
            Tags(engine),
            originals,
            deletions,
            Reingestion(jobs, catalog, originals, audit),
            sharing,
            audit,
        ),
        store=store,
        conversations=ConversationStore(engine),
        evidence=evidence,
        evals=EvalStore(engine),
        thumbs=Thumbs(engine),
        schedules=ScheduleStore(engine),
        jobs=jobs,
        staging=Staging(tmp_path / "staging"),
        unlocking=Unlocking(
            JobStore(engine),
            Staging(tmp_path / "staging"),
            tmp_path,
            lambda password: Ingester(
                store, WordEncoder, lambda: ReaderProcess(passwords=(password,))
            ),
        ),
        search=library.search,
        answer=library.answer,
        verifier=SubstringVerifier,
        readiness=lambda: Readiness(ready=True, detail="ready"),
        engine_name="toy/engine",
        default_decoding=DECODING,
        suggestions=lambda _: Suggestions((Suggestion("When is tea?"),), "Who made the moon?"),
        secure_cookies=False,
        session_secret=b"not a secret",
        allowed_hosts=("assay.example.org", "*.example.net"),
    )
    yield Site(services, library, clock, people)
    evidence.close()
    engine.dispose()


def cookie_of(client: TestClient) -> dict[str, str]:
    return {"Cookie": f"assay_session={client.cookies['assay_session']}"}


def events_of(response: Any) -> list[tuple[str, Any]]:
    events = []
    for block in response.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if line[:1] != ":")
        if "event" in lines:
            events.append((lines["event"], json.loads(lines["data"])))
    return events


def chunks_of(response: Any) -> list[dict[str, Any]]:
    data = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
    assert data.pop() == "[DONE]"
    return [json.loads(item) for item in data]


def chat(*messages: str, **more: Any) -> dict[str, Any]:
    roles = ["user", "assistant"] * len(messages)
    turns = [{"role": r, "content": c} for r, c in zip(roles, messages, strict=False)]
    return {"model": "assay", "messages": turns, **more}


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


# Searching and asking


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("ada", ["Tea is at four."]),
        ("bob", ["The vault opens at nine."]),
        ("root", ["Tea is at four.", "The vault opens at nine."]),
        ("guest", []),
    ],
)
def test_everybody_finds_and_is_answered_from_what_they_may_read(site, name, texts):
    client = site.client(name)

    found = client.post("/api/search", json={"question": "When?"}).json()["hits"]
    events = events_of(client.post("/api/ask", json={"question": "When?"}))
    whole = client.post("/v1/chat/completions", json=chat("When?")).json()["assay"]

    assert [hit["text"] for hit in found] == texts
    assert [p["text"] for p in events[0][1]["passages"]] == texts
    quotes = {c["quote"] for s in events[-1][1]["sentences"] for c in s["citations"]}
    assert quotes == set(texts)
    assert {c["quote"] for s in whole["sentences"] for c in s["citations"]} == set(texts)
    assert events[-1][1]["abstained"] == (texts == [])


def test_a_grant_that_is_taken_away_counts_at_once(site):
    client = site.client("ada")
    site.services.access.revoke(site.people["ada"], site.services.store.collection("open"))

    assert client.post("/api/search", json={"question": "?"}).json()["hits"] == []


def test_where_a_file_lies_is_told_to_administrators_only(site):
    ask = {"question": "?", "k": 1}
    (hers,) = site.client("ada").post("/api/search", json=ask).json()["hits"]
    (roots,) = site.client("root").post("/api/search", json=ask).json()["hits"]

    assert hers == {
        "document": "handbook.pdf",
        "page": 3,
        "start": 10,
        "end": 25,
        "text": "Tea is at four.",
        "score": 0.5,
        "commands": [],
    }
    assert roots == {**hers, "path": "/srv/files/open/handbook.pdf"}
    for path, body in [("/api/ask", {"question": "?"}), ("/v1/chat/completions", chat("?"))]:
        assert "/srv/files" not in site.client("root").post(path, json=body).text


def test_asking_sends_every_event_in_order(site):
    reply = site.client("ada").post(
        "/api/ask",
        json={
            "question": " When is tea? ",
            "history": [
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": "Hello."},
            ],
            "decoding": {"temperature": 0.5, "seed": 7, "stop": ["\n"]},
        },
    )

    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = events_of(reply)
    assert [event for event, _ in events] == [
        "retrieved", "sentence", "drafted", "sentence", "drafted", "sentence", "drafted",
        "sentence", "answer",
    ]  # fmt: skip
    assert events[1][1] == {
        "text": "Tea is at four.",
        "origin": "quoted",
        "verdict": "supported",
        "score": 0.9,
        "citations": [
            {
                "document": "handbook.pdf",
                "page": 3,
                "start": 10,
                "end": 25,
                "quote": "Tea is at four.",
                "commands": [],
            }
        ],
    }
    assert events[-1][1]["text"] == "Tea is at four. Truly."
    (asked,) = site.library.asked
    assert asked.question == "When is tea?"
    assert asked.history == [Message("user", "Hello"), Message("assistant", "Hello.")]
    assert asked.decoding == Decoding(temperature=0.5, seed=7, stop=("\n",))


def test_hostile_words_arrive_as_they_are_and_only_as_json(site):
    hostile = SCRIPT + "\n\ndata: x\r\n\u2028\x00\ud800"
    (_, collection) = site.services.store.collections()
    site.library.hits = [hit_of(collection, hostile, name=SCRIPT)]
    client = site.client("root")

    ask = client.post("/api/ask", json={"question": SCRIPT})
    stream = client.post("/v1/chat/completions", json=chat(SCRIPT, stream=True))
    whole = client.post("/v1/chat/completions", json=chat(SCRIPT))
    found = client.post("/api/search", json={"question": SCRIPT})

    assert events_of(ask)[1][1]["citations"][0]["document"] == SCRIPT
    assert events_of(ask)[1][1]["text"] == hostile
    assert chunks_of(stream)[1]["choices"][0]["delta"]["content"] == hostile
    assert whole.json()["assay"]["sentences"][0]["text"] == hostile
    assert found.json()["hits"][0]["text"] == hostile
    for reply in [ask, stream, whole, found]:
        assert "html" not in reply.headers["content-type"]


def test_names_stand_escaped_in_the_page(site):
    page = site.client("ada", engine_name=SCRIPT).get("/").text

    assert SCRIPT not in page
    assert page.count("&lt;script&gt;") == 1
    assert page.count("<script") == page.count('<script type="module" src="/static/') == 2
    assert "<style" not in page
    assert " style=" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_suggestions_are_those_of_whoever_asks(site):
    def suggestions(requester: Principal) -> Suggestions:
        return Suggestions((Suggestion(f"Who is {requester.name}?", "who.txt", 7),))

    assert site.client().get("/api/suggestions").status_code == 401
    assert site.client("ada", suggestions=suggestions).get("/api/suggestions").json() == {
        "questions": [{"question": "Who is ada?", "document": "who.txt", "document_id": 7}],
        "unanswerable": None,
    }


def test_who_may_read_no_document_is_told_what_to_do_first(site):
    assert "No document is open to you yet" in site.client("guest").get("/").text
    assert 'id="suggestions"' in site.client("ada").get("/").text
    for one in site.services.store.known_files(site.services.store.collection("open")).values():
        site.services.store.remove([one.document_id])
    assert "No document is open to you yet" in site.client("ada").get("/").text
    site.services.access.grant(
        site.people["ada"], site.services.store.collection("open"), Access.WRITE
    )
    page = site.client("ada").get("/").text
    assert "Bring documents in" in page
    assert 'id="suggestions"' not in page


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (QuestionTooLong(900, 512), "the question takes 900 tokens and the limit is 512"),
        (EngineMissing("/srv/models/x.gguf", "gone"), "the model that writes answers is missing"),
        (RuntimeError("/srv/files/secret"), "something went wrong on the server"),
    ],
)
def test_an_error_half_way_ends_the_stream_with_a_word_about_it(site, error, detail):
    def answer(question, **_):
        yield Retrieved(())
        raise error

    client = site.client("ada", answer=answer)
    (_, (event, told)) = events_of(client.post("/api/ask", json={"question": "?"}))
    stream = client.post("/v1/chat/completions", json=chat("?", stream=True))
    whole = client.post("/v1/chat/completions", json=chat("?"))

    assert event == "error"
    assert detail in told["detail"]
    assert detail in json.loads(stream.text.split("data: ")[-1])["error"]["message"]
    assert "[DONE]" not in stream.text
    assert detail in whole.json()["error"]["message"]
    assert (
        whole.status_code
        == {QuestionTooLong: 400, EngineMissing: 503, RuntimeError: 500}[type(error)]
    )
    assert "/srv" not in whole.text + stream.text + str(told)
    error.with_traceback(None)  # which would keep every frame it went through


# Verifying what others wrote

TEA = {"context": ["Rain.", "Tea is at four."], "response": "Tea is at four. Rum is at six."}


def test_responses_are_verified_in_order_with_their_evidence(site):
    said = {"id": 7, "question": "When?", "context": {"tea": "at four"}, "response": "tea: at four"}
    reply = site.client("guest").post("/api/verify", json={"items": [TEA, said]})

    assert reply.status_code == 200
    assert reply.json() == {
        "verifier": "substring",
        "items": [
            {
                "score": 0.5,
                "flagged": True,
                "blocked": False,
                "verifier": "substring",
                "sentences": [
                    {
                        "text": "Tea is at four.",
                        "start": 0,
                        "end": 15,
                        "verdict": "supported",
                        "score": 1.0,
                        "spans": [
                            {"context": 1, "start": 0, "end": 15, "quote": "Tea is at four."}
                        ],
                    },
                    {
                        "text": "Rum is at six.",
                        "start": 16,
                        "end": 30,
                        "verdict": "unsupported",
                        "score": 0.0,
                        "spans": [],
                    },
                ],
            },
            {
                "id": 7,
                "score": 1.0,
                "flagged": False,
                "blocked": False,
                "verifier": "substring",
                "sentences": [
                    {
                        "text": "tea: at four",
                        "start": 0,
                        "end": 12,
                        "verdict": "supported",
                        "score": 1.0,
                        "spans": [{"context": 0, "start": 0, "end": 12, "quote": "tea: at four"}],
                    }
                ],
            },
        ],
    }


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{", 400, "not valid JSON"),
        (b"[]", 422, "body: "),
        (b'{"context": "x", "response": "y"}', 422, "items: Field required"),
        (b'{"items": []}', 422, "items: List should have at least 1 item"),
        (b'{"items": [%s]}' % b",".join([b"{}"] * 33), 422, "items"),
        (b'{"items": [{"context": "x"}]}', 422, "items.0.response: Field required"),
        (b'{"items": [{"response": "x"}]}', 422, "items.0.context: Field required"),
        (
            b'{"items": [{"context": 5, "response": "x"}]}',
            422,
            "items.0.context: expected text, a list of texts, or an object",
        ),
        (
            b'{"items": [{"context": "\\ud800", "response": "x"}]}',
            422,
            "items.0.context: holds a lone surrogate",
        ),
        (
            b'{"items": [{"context": "x", "response": "y", "colour": 1}]}',
            422,
            "items.0.colour: Extra inputs",
        ),
        (b'{"items": [{"context": ' + b"[" * 5000 + b"]" * 5000 + b"}]}", 400, ""),
        (
            b'{"items": [{"context": "", "response": "%s"}]}' % (b"x" * 100_001),
            422,
            "items.0.response: String should have at most 100000 characters",
        ),
        (
            b'{"items": [%s]}'
            % b",".join([b'{"context":"","response":"%s"}' % (b"x" * 60_000)] * 2),
            422,
            "items: the responses have 120,000 characters together and the limit is 100,000",
        ),
    ],
)
def test_what_cannot_be_verified_is_told_where(site, body, status, detail):
    headers = {"Content-Type": "application/json"}
    reply = site.client("ada").post("/api/verify", content=body, headers=headers)

    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert detail in reply.json()["detail"]


def test_as_many_as_the_limit_are_verified_a_few_at_a_time(site):
    verifier = SubstringVerifier()
    client = site.client("ada", verifier=lambda: verifier)

    reply = client.post("/api/verify", json={"items": [TEA] * 32})

    assert len(reply.json()["items"]) == 32
    assert verifier.batches == [8] * 4


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (ModelUnusable("/srv/models/x is missing"), 503, "the model that verifies is missing"),
        (RuntimeError("/srv/models/x"), 500, "something went wrong on the server"),
    ],
)
def test_a_verifier_that_fails_does_not_name_the_files_of_the_server(site, error, status, detail):
    def load():
        raise error

    reply = site.client("ada", verifier=load).post("/api/verify", json={"items": [TEA]})

    assert reply.status_code == status
    assert detail in reply.json()["detail"]
    assert "/srv" not in reply.text


class SlowVerifier(SubstringVerifier):
    """Waits before each batch until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.let_go = threading.Semaphore(0), threading.Semaphore(0)

    def verify(self, claims):
        self.begun.release()
        assert self.let_go.acquire(timeout=10)
        return super().verify(claims)


def test_verifying_has_places_of_its_own_and_no_answer_waits_behind_it(site):
    slow, headers = SlowVerifier(), site.key("ada")
    app = create_app(
        replace(site.services, verifier=lambda: slow, answers_at_once=1, answers_waiting=0)
    )

    async def scenario() -> None:
        running = Request(app, "/api/verify", {"items": [TEA]}, headers)
        assert await acquired(slow.begun)
        for path in ["/api/search", "/api/ask"]:
            other = Request(app, path, {"question": "?"}, headers)
            await asyncio.wait_for(other.task, 10)
            assert other.status == 200
        refused = Request(app, "/api/verify", {"items": [TEA]}, headers)
        await asyncio.wait_for(refused.task, 10)
        assert (refused.status, refused.headers["retry-after"]) == (503, "10")
        slow.let_go.release()
        await asyncio.wait_for(running.task, 10)
        assert json.loads(running.text)["items"][0]["flagged"]

    asyncio.run(scenario())


def test_verifying_stops_after_the_batch_when_nobody_waits_for_it(site):
    slow, headers = SlowVerifier(), site.key("ada")
    app = create_app(replace(site.services, verifier=lambda: slow))

    async def scenario() -> None:
        request = Request(app, "/api/verify", {"items": [TEA] * 32}, headers)
        assert await acquired(slow.begun)
        request.leave()
        await asyncio.wait_for(request.task, 10)
        for _ in range(4):
            slow.let_go.release()
        assert not await asyncio.to_thread(slow.begun.acquire, timeout=0.3)

    asyncio.run(scenario())
    assert slow.batches == [8]


# One answer too many, and clients that leave


class Slow:
    """Makes an answer that goes on until it is let go or cancelled."""

    def __init__(self) -> None:
        self.begun, self.stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.let_go = threading.Event()
        self.saw_cancel = False

    def __call__(self, question, *, is_cancelled, **_):
        try:
            yield Retrieved(())
            self.begun.release()
            for _ in range(3000):  # a test that fails must end as well
                if self.let_go.wait(0.005):
                    break
                if is_cancelled():
                    self.saw_cancel = True
                    return
            yield Finished(answer_of(question, []))
        finally:
            self.stopped.release()


class Request:
    """A request whose client can leave half-way, which `TestClient` cannot."""

    def __init__(
        self, app: Any, path: str, body: object, headers: dict[str, str], method: str = "POST"
    ) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.text = ""
        self.answered = asyncio.Event()
        self._left = asyncio.Event()
        self._body: bytes | None = json.dumps(body).encode()
        sent = {"host": "localhost", "content-type": "application/json", **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(k.lower().encode(), v.encode()) for k, v in sent.items()],
        }
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    def leave(self) -> None:
        self._left.set()

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        self.text += message.get("body", b"").decode()
        self.answered.set()


async def acquired(semaphore: threading.Semaphore) -> bool:
    return await asyncio.to_thread(semaphore.acquire, timeout=10)


@pytest.mark.parametrize("path", ["/api/ask", "/v1/chat/completions", "/v1/chat/completions#whole"])
def test_an_answer_nobody_waits_for_is_stopped(site, path):
    slow, headers = Slow(), site.key("ada")
    app = create_app(replace(site.services, answer=slow))
    body = {"question": "?"} if path == "/api/ask" else chat("?", stream="#" not in path)

    async def scenario() -> None:
        request = Request(app, path.split("#")[0], body, headers)
        assert await acquired(slow.begun)
        request.leave()
        assert await acquired(slow.stopped)
        await asyncio.wait_for(request.task, 10)

    asyncio.run(scenario())
    assert slow.saw_cancel


def test_more_questions_than_places_are_sent_away_until_one_is_free(site):
    slow, headers = Slow(), site.key("ada")
    app = create_app(replace(site.services, answer=slow, answers_at_once=1, answers_waiting=2))

    async def scenario() -> None:
        def ask(path: str = "/api/ask") -> Request:
            body = {"question": "?"} if path == "/api/ask" else chat("?", stream=True)
            return Request(app, path, body, headers)

        running = ask()
        assert await acquired(slow.begun)
        waiting = [ask(), ask()]
        for request in waiting:
            await asyncio.wait_for(request.answered.wait(), 10)
        for path in ["/api/ask", "/v1/chat/completions"]:
            refused = ask(path)
            await asyncio.wait_for(refused.task, 10)
            assert (refused.status, refused.headers["retry-after"]) == (503, "10")
            assert "it answers 1 at a time and lets 2 more wait" in refused.text

        # Who leaves the queue makes room without having had a turn.
        waiting[0].leave()
        await asyncio.wait_for(waiting[0].task, 10)
        late = ask()
        await asyncio.wait_for(late.answered.wait(), 10)
        assert late.status == 200
        assert not slow.begun.acquire(blocking=False)

        slow.let_go.set()
        for request in [running, waiting[1], late]:
            await asyncio.wait_for(request.task, 10)
            assert "event: answer" in request.text

    asyncio.run(scenario())


def test_the_server_answers_others_while_it_makes_an_answer(site):
    slow, headers = Slow(), site.key("ada")
    app = create_app(replace(site.services, answer=slow))

    async def scenario() -> None:
        running = Request(app, "/api/ask", {"question": "?"}, headers)
        assert await acquired(slow.begun)
        other = Request(app, "/api/search", {"question": "?"}, headers)
        await asyncio.wait_for(other.task, 10)
        assert "Tea is at four." in other.text
        assert not running.task.done()
        slow.let_go.set()
        await asyncio.wait_for(running.task, 10)

    asyncio.run(scenario())


def test_a_silent_stream_is_kept_alive(site):
    slow, headers = Slow(), site.key("ada")
    app = create_app(replace(site.services, answer=slow, keep_alive_seconds=0.01))

    async def scenario() -> Request:
        request = Request(app, "/api/ask", {"question": "?"}, headers)
        assert await acquired(slow.begun)
        while request.text.count(": working") < 4:
            await asyncio.sleep(0.005)
        slow.let_go.set()
        await asyncio.wait_for(request.task, 10)
        return request

    assert "event: answer" in asyncio.run(scenario()).text


# OpenAI's shapes


def test_the_models_are_assay_and_its_engine(site):
    client = site.client("ada")

    listed = client.get("/v1/models").json()

    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["assay", "toy/engine"]
    assert client.get("/v1/models/toy/engine").json() == listed["data"][1]
    missing = client.get("/v1/models/gpt-9")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


def test_a_completion_in_one_piece(site):
    reply = site.client("ada").post("/v1/chat/completions", json=chat("Hi", "Hi.", "When is tea?"))

    body = reply.json()
    assert body["object"] == "chat.completion"
    assert body["model"] == "assay"
    assert body["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Tea is at four. Truly.",
                "refusal": None,
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert body["usage"] == {
        "prompt_tokens": 40,
        "completion_tokens": 7,
        "total_tokens": 47,
        "prompt_tokens_details": {"cached_tokens": 0},
    }
    assay = body["assay"]
    assert set(assay) == {
        "abstained", "answerability", "sentences", "nearest", "timings", "engine_info", "decoding",
        "prompt_version", "change_number", "finish_reason", "drafts", "language", "evidence",
        "left_out",
        "policy",
        "struck",
        "standalone_question",
        "small_talk",
    }  # fmt: skip
    assert [s["verdict"] for s in assay["sentences"]] == [
        "supported", "partly", "unsupported", "supported",
    ]  # fmt: skip
    assert assay["timings"] == {"retrieval": 0.01, "first_token": 0.2, "total": 0.5}
    (asked,) = site.library.asked
    assert asked.question == "When is tea?"
    assert asked.history == (Message("user", "Hi"), Message("assistant", "Hi."))


@pytest.mark.parametrize("has_usage", [False, True])
def test_the_pieces_of_a_stream_join_to_the_text_and_the_last_carries_the_assay(site, has_usage):
    client = site.client("ada")
    options = {"stream_options": {"include_usage": True}} if has_usage else {}

    chunks = chunks_of(
        client.post("/v1/chat/completions", json=chat("When is tea?", stream=True, **options))
    )
    whole = client.post("/v1/chat/completions", json=chat("When is tea?")).json()

    assert len({(c["id"], c["created"], c["model"], c["object"]) for c in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    deltas = [c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]]
    assert [d for d in deltas if d] == ["Tea is at four.", " Truly."]
    assert "".join(deltas) == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["assay"] == whole["assay"]
    assert all("assay" not in chunk for chunk in chunks[:-1])
    finishing = chunks[-2] if has_usage else chunks[-1]
    assert finishing["choices"] == [
        {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    ]
    if has_usage:
        assert chunks[-1]["choices"] == []
        assert chunks[-1]["usage"] == whole["usage"]


def test_an_abstention_is_said_in_words_and_in_the_extension(site):
    client = site.client("guest")

    whole = client.post("/v1/chat/completions", json=chat("When is tea?")).json()
    chunks = chunks_of(client.post("/v1/chat/completions", json=chat("When is tea?", stream=True)))

    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert whole["choices"][0]["message"]["content"] == "Your documents do not answer this."
    assert said == "Your documents do not answer this."
    assert whole["assay"]["abstained"]
    assert chunks[-1]["assay"]["sentences"] == []


def test_a_text_that_is_not_what_was_streamed_is_an_error_and_not_two_answers(site):
    def answer(question, **_):
        sentence = sentence_from(site.library.hits[0])
        yield Assayed(sentence)
        yield Finished(replace(answer_of(question, [sentence]), text="Something else."))

    reply = site.client("ada", answer=answer).post(
        "/v1/chat/completions", json=chat("?", stream=True)
    )

    assert "Something else." not in reply.text
    assert '"server_error"' in reply.text


def test_what_is_asked_for_reaches_the_engine(site):
    client = site.client("ada")
    body = chat(
        "?",
        temperature=0.25,
        top_p=0.5,
        max_tokens=9,
        max_completion_tokens=7,
        seed=3,
        stop=["a", "b"],
        n=1,
        user="someone",
        logit_bias={},
        presence_penalty=None,
    )

    reply = client.post("/v1/chat/completions", json=body).json()
    client.post("/v1/chat/completions", json=chat("?", max_tokens=9, stop="x"))
    client.post("/v1/chat/completions", json=chat("?"))

    assert [asked.decoding for asked in site.library.asked] == [
        Decoding(max_tokens=7, temperature=0.25, top_p=0.5, seed=3, stop=("a", "b")),
        Decoding(max_tokens=9, stop=("x",)),
        DECODING,
    ]
    assert reply["choices"][0]["finish_reason"] == "stop"


def test_content_may_come_in_parts_and_instructions_are_history(site):
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "assistant", "content": None},
        {
            "role": "user",
            "content": [{"type": "text", "text": "When"}, {"type": "text", "text": "is tea?"}],
        },
    ]

    site.client("ada").post("/v1/chat/completions", json={"model": "assay", "messages": messages})

    (asked,) = site.library.asked
    assert asked.question == "When\nis tea?"
    assert asked.history == (Message("system", "Be brief."), Message("assistant", ""))


IMAGE = [{"type": "image_url", "image_url": {"url": "x"}}]


@pytest.mark.parametrize(
    ("change", "status", "param", "words"),
    [
        ({"model": "gpt-9"}, 404, "model", "there is no model 'gpt-9'"),
        ({"model": None}, 400, "model", "valid string"),
        ({"n": 2}, 400, "n", "n is 2"),
        ({"temperature": 2.5}, 400, "temperature", "less than or equal to 2"),
        ({"top_p": 0}, 400, "top_p", "greater than 0"),
        ({"max_tokens": 0}, 400, "max_tokens", "greater than or equal to 1"),
        ({"seed": "x"}, 400, "seed", "valid integer"),
        ({"stop": ["a"] * 5}, 400, "stop", "up to 4"),
        ({"stop": ""}, 400, "stop", "none of them empty"),
        ({"messages": []}, 400, "messages", "at least 1"),
        ({"messages": "hi"}, 400, "messages", "valid list"),
        ({"messages": [{"role": "user"}]}, 400, "messages[0].content", "0 characters"),
        (chat("?", "!"), 400, "messages[1].role", "end with the user's"),
        (chat("x" * 4001), 400, "messages[0].content", "4001 characters"),
        ({"messages": [{"role": "tool", "content": ""}]}, 400, "messages[0].role", "'tool'"),
        ({"messages": [{"role": "user", "content": IMAGE}]}, 400, "messages[0].content", "'image_"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(site, change, status, param, words):
    reply = site.client("ada").post("/v1/chat/completions", json={**chat("?"), **change})

    error = reply.json()["error"]
    assert reply.status_code == status
    assert error["param"] == param
    assert words in error["message"]
    assert error["type"] == "invalid_request_error"


def test_openais_own_client_is_content(site):
    client = openai.OpenAI(
        api_key=site.key("ada")["Authorization"].removeprefix("Bearer "),
        base_url="http://localhost/v1",
        http_client=site.client(),
        max_retries=0,
    )
    question = [{"role": "user", "content": "When is tea?"}]

    with client:
        whole = client.chat.completions.create(model="assay", messages=question)
        pieces = list(client.chat.completions.create(model="assay", messages=question, stream=True))
        assert [model.id for model in client.models.list()] == ["assay", "toy/engine"]
        with pytest.raises(openai.NotFoundError, match="there is no model"):
            client.chat.completions.create(model="gpt-9", messages=question)
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="assay_x").models.list()

    assert whole.choices[0].message.content == "Tea is at four. Truly."
    assert whole.model_extra["assay"]["sentences"][0]["verdict"] == "supported"
    said = "".join(piece.choices[0].delta.content or "" for piece in pieces)
    assert said == whole.choices[0].message.content
    assert pieces[-1].model_extra["assay"] == whole.model_extra["assay"]


# Policies


def test_who_manages_a_collection_chooses_its_policy_and_readers_see_those_of_their_collections(
    site,
):
    root, ada = site.client("root"), site.client("ada")
    chosen = root.put("/api/policies/open", json={"policy": "strike"})
    assert chosen.json() == {"collection": "open", "policy": "strike"}
    assert ada.get("/api/policies").json() == {
        "policies": [{"collection": "open", "policy": "strike"}]
    }
    assert len(root.get("/api/policies").json()["policies"]) == 2
    site.services.access.grant(site.people["ada"], Collection(1, "open"), Access.MANAGE)
    assert ada.put("/api/policies/open", json={"policy": "quote"}).status_code == 200
    assert ada.put("/api/policies/secret", json={"policy": "show"}).status_code == 404


def test_a_policy_is_not_chosen_by_readers_nor_for_what_is_not_there(site):
    refused = site.client("ada").put("/api/policies/open", json={"policy": "show"})
    assert refused.status_code == 403
    assert site.client("root").put("/api/policies/no", json={"policy": "show"}).status_code == 404
    wrong = site.client("root").put("/api/policies/open", json={"policy": "shout"})
    assert wrong.status_code == 422
    assert site.client().get("/api/policies").status_code == 401


# The operating point


def finished_run(site: Site) -> int:
    """A run of three cases: one answered rightly, one with a wrong sentence, one to decline."""
    evals = site.services.evals
    cases = [Case("a", "When?"), Case("b", "Who?"), Case("c", "Why?")]
    version = evals.put_suite("tea", cases)
    pins = {"settings": {"abstain_below": 0.0}}
    run = evals.start_run(version, cases=3, origin="command", pins=pins)
    said = {"s": Verdict.SUPPORTED, "u": Verdict.UNSUPPORTED}
    rows = [("ss", 0.9, "answer"), ("su", 0.6, "answer"), ("u", 0.3, "abstain")]
    for position, (verdicts, answerability, expectation) in enumerate(rows):
        sentences = tuple(SeenSentence("…", Origin.GENERATED, said[v], 0.5) for v in verdicts)
        seen = Observation("…", False, answerability, sentences, (), 0, 0, 0, None, 0, 1)
        evals.add_result(
            run.id,
            Result(
                position, cases[position].key, "c", 1.0, Expectation(expectation),
                {"answerability": answerability}, seen,
            ),
        )  # fmt: skip
    evals.finish_run(run.id, {}, state=RunState.FINISHED)
    return run.id


def test_an_administrator_chooses_when_to_decline_on_the_curve_of_a_run(site):
    root, run = site.client("root"), finished_run(site)
    page = root.get("/evals/operating-point")
    assert "the measured default" in page.text
    assert "<svg" in page.text

    form = {"decision": "choose", "run": str(run), "unsupported": "25", "answered": "50 %"}
    assert root.post("/evals/operating-point", data=form).status_code == 303
    chosen = site.services.operating_point.current()
    assert chosen.abstain_below == pytest.approx(0.32)
    assert (chosen.run_id, chosen.chosen_by) == (run, "root")
    after = root.get("/evals/operating-point?done=chosen").text
    assert "at most 25.0" in after
    assert "in force" in after

    assert root.post("/evals/operating-point", data={"decision": "clear"}).status_code == 303
    assert site.services.operating_point.current() is None


@pytest.mark.parametrize(
    "form",
    [
        {"decision": "choose", "run": "", "unsupported": "5"},
        {"decision": "choose", "unsupported": "-1"},
        {"decision": "choose", "unsupported": "nan"},
        {"decision": "choose", "unsupported": "0", "answered": "100"},
        {"decision": "shout"},
    ],
)
def test_what_cannot_be_kept_is_not_chosen(site, form):
    run = finished_run(site)
    answer = site.client("root").post("/evals/operating-point", data={"run": str(run), **form})
    assert answer.status_code == 422
    assert site.services.operating_point.current() is None


def test_the_operating_point_is_for_administrators_and_says_when_a_setting_stands_in_its_place(
    site,
):
    assert site.client("ada").get("/evals/operating-point").status_code == 403
    page = site.client("root", limit_set_by="ASSAY_ABSTAIN_BELOW").get("/evals/operating-point")
    assert "No run to choose by" in page.text
    assert "ASSAY_ABSTAIN_BELOW" in page.text
