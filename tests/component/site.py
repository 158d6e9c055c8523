"""The HTTP application over a real database; searching and answering are plain functions.

What tests of routes share.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from sqlalchemy import insert, select

from app.accounts import Accounts
from app.administration import Administration
from app.api.application import create_app
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


# Verifying what others wrote

TEA = {"context": ["Rain.", "Tea is at four."], "response": "Tea is at four. Rum is at six."}


class SlowVerifier(SubstringVerifier):
    """Waits before each batch until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.let_go = threading.Semaphore(0), threading.Semaphore(0)

    def verify(self, claims):
        self.begun.release()
        assert self.let_go.acquire(timeout=10)
        return super().verify(claims)


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
