"""Randomised users, groups, grants, revokes and deletions; many reads through every door; no leak.

    python -m benchmarks.permission_drill [--reads 100000] [--seconds 3600] [--seed 1] [--users 16]

A new home folder with the real application, encoder, indexes and verifier, and an engine that
writes one sentence. Every document has a word of its own in its text and one in its name, every
collection one in its name. Between reads, an administrator changes who may read what, over HTTP,
and now and then jobs are worked on: uploads, and documents that are read again.
A plain model in Python says what each reader may see at that moment. A leak is any reply that has
a word of what the reader may not read, or a document that was deleted, and anything done that the
reader may not do; a reply that is refused although its reader may have it is counted, too. Ends
with 1 when there was either.
"""

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from app.api.application import create_app
from app.bootstrap import Assay
from app.job_worker import work_through
from app.scopes import EVERY
from app.settings import settings_with
from generation.engines.base import Piece
from generation.types import EngineInfo, Message, Usage
from ingestion.publishing import ReadFile, publish_all
from ingestion.readers import read_document

# Side by side, as many readers are: a multiple of the one is the other.
READS_BETWEEN_CHANGES = 25
READS_BETWEEN_LINES = 5_000
COLLECTIONS = 8
DOCUMENTS = 6
TOPICS = "lease notice period rent deposit garden roof heating water keys parking cellar".split()
ADMINISTRATION = (
    "/api/users", "/api/groups", "/api/audit", "/api/audit/export", "/admin/users", "/admin/audit",
    "/api/desk", "/metrics",
)  # fmt: skip
EVALUATION = ("/api/evals/suites", "/api/evals/runs", "/evals", "/api/evals/runs/{number}/cases")
JOBS = ("/api/jobs", "/api/jobs/{number}", "/api/jobs/{number}/items")
CONVERSATIONS = (
    "/api/conversations", "/api/conversations/{number}", "/api/conversations/{number}/export",
    "/api/conversations/{number}/export?format=json", "/conversations/{number}",
)  # fmt: skip
ANSWERS = (
    "/api/answers/{number}", "/api/answers/{number}/sources/0/0",
    "/api/answers/{number}/sources/0/0/original", "/api/answers/{number}/sources/0/0/page",
)  # fmt: skip
PAGES = ("/", "/search?q={question}", "/api/policies", "/api/suggestions", "/account")
BOUNDARY = "drill"
# What may be done with a collection, and what that includes.
LEVELS = ("read", "write", "manage")
# Words of texts, of documents' names and of collections' names, each with its number.
MARK = re.compile(r"\b(zq|dn|cn)(\d+)q\b")


@dataclass(slots=True)
class Counted:
    """What came of the reads, by door: how many, with which status, and what was wrong."""

    reads: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    changes: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class World:
    """What there is, and who may do what: a plain model of it."""

    users: dict[str, int] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)
    groups: dict[str, int] = field(default_factory=dict)
    members: set[tuple[str, str]] = field(default_factory=set)  # group, user
    grants: dict[tuple[str, int], str] = field(default_factory=dict)  # principal, collection
    collections: dict[int, int] = field(default_factory=dict)  # number -> mark
    documents: dict[int, tuple[int, int]] = field(default_factory=dict)  # -> collection, mark
    place_of_mark: dict[int, int] = field(default_factory=dict)  # document's mark -> collection
    receipts: list[int] = field(default_factory=list)
    uploads: list[tuple[int, int]] = field(
        default_factory=list
    )  # collection, mark: not indexed yet
    most_jobs: int = 1
    most_answers: int = 1

    def may(self, user: str, collection: int | None, access: str) -> bool:
        level = self.levels(user).get(collection) if collection is not None else None
        return level is not None and LEVELS.index(level) >= LEVELS.index(access)

    def levels(self, user: str) -> dict[int, str]:
        if user in self.disabled or user not in self.users:
            return {}
        holders = {user} | {group for group, member in self.members if member == user}
        found: dict[int, str] = {}
        for (holder, collection), access in self.grants.items():
            if holder in holders and collection in self.collections:
                before = found.get(collection, "read")
                found[collection] = max(before, access, key=LEVELS.index)
        return found


class OneSentence:
    """An engine that writes one sentence at once."""

    info = EngineInfo("drill", "torch")
    context_tokens = 4096

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content.split()) for message in messages)

    def stream(
        self,
        messages: Sequence[Message],
        decoding: object,  # noqa: ARG002 - an engine's
        *,
        is_cancelled: Callable[[], bool],  # noqa: ARG002 - an engine's
    ) -> Iterator[Piece]:
        yield Piece("The documents say so. ")
        yield Piece("", Usage(self.count_tokens(messages), 4), "stop")


class Site:
    """The application, asked without a network."""

    def __init__(self, app: Any) -> None:  # noqa: ANN401 - an ASGI application
        self._app = app

    async def ask(self, method: str, path: str, key: str, body: object = None) -> tuple[int, str]:
        """Status and text of the reply. A text for a body is a form with files."""
        kind = (
            f"multipart/form-data; boundary={BOUNDARY}"
            if isinstance(body, str)
            else "application/json"
        )
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        if body is None:
            raw = b""
        target, _, query = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "scheme": "http", "path": target, "raw_path": target.encode(), "root_path": "",
            "query_string": query.encode(), "client": ("127.0.0.1", 1), "server": ("localhost", 80),
            "headers": [
                (b"host", b"localhost"), (b"authorization", f"Bearer {key}".encode()),
                (b"content-type", kind.encode()),
                (b"content-length", str(len(raw)).encode()),
            ],
        }  # fmt: skip
        parts: list[bytes] = []
        status = 0
        is_sent = False

        async def receive() -> dict[str, object]:
            nonlocal is_sent
            if is_sent:
                await asyncio.sleep(3600)
            is_sent = True
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, send)
        return status, b"".join(parts).decode(errors="replace")


class Drill:
    """Changes the world and reads it."""

    def __init__(self, assay: Assay, users: int, seed: int) -> None:
        self._assay = assay
        self._choose = random.Random(seed)
        self._site = Site(create_app(assay.services()))
        self._user_count = users
        self._next = 1
        self.world = World()
        self.counted = Counted()
        root = assay.access.ensure_administrator("root")
        self._root = assay.accounts.keys.create(root, "drill", scopes=EVERY)

    async def run(self, reads: int, seconds: float) -> None:
        """Read so many times, or so long."""
        for number in range(self._user_count):
            await self._add_user(f"user{number}")
        for number in range(4):
            await self._add_group(f"group{number}")
        for _ in range(COLLECTIONS):
            await self._add_collection()
        for _ in range(3 * self._user_count):
            await self._grant()
        begun = time.monotonic()
        for done in range(0, reads, READS_BETWEEN_CHANGES):
            taken = time.monotonic() - begun
            if taken > seconds:
                break
            if done and done % READS_BETWEEN_LINES == 0:
                print(
                    f"{done} reads, {done / taken:.0f}/s, {len(self.counted.leaks)} leaks",
                    file=sys.stderr,
                )
            await self._change()
            # Nothing changes what may be read until the next one: they may go on side by side.
            at_once = min(READS_BETWEEN_CHANGES, reads - done)
            await asyncio.gather(*[self._read() for _ in range(at_once)])

    # Changes

    async def _act(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401
        status, text = await self._site.ask(method, path, self._root, body)
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {text[:300]}")
        return json.loads(text) if text else None

    async def _change(self) -> None:
        acts = [
            (6, self._grant), (6, self._revoke), (3, self._join), (3, self._leave),
            (2, self._disable), (2, self._enable), (1, self._replace_user), (2, self._delete),
            (2, self._add_document), (0.3, self._delete_collection), (0.3, self._rename),
            (1, self._work),
        ]  # fmt: skip
        [act] = self._choose.choices([a for _, a in acts], [weight for weight, _ in acts])
        await act()
        self.counted.changes[act.__name__.strip("_")] += 1

    async def _add_user(self, name: str) -> None:
        made = await self._act("POST", "/api/users", {"name": name})
        self.world.users[name] = made["user"]["id"]
        principal = self._assay.access.principal(name)
        self.world.keys[name] = self._assay.accounts.keys.create(principal, "drill", scopes=EVERY)

    async def _add_group(self, name: str) -> None:
        self.world.groups[name] = (await self._act("POST", "/api/groups", {"name": name}))["id"]

    async def _add_collection(self) -> None:
        mark = self._mark()
        made = await self._act("POST", "/api/collections", {"name": f"shelf cn{mark}q"})
        self.world.collections[made["id"]] = mark
        for _ in range(DOCUMENTS):
            self._publish(made["id"])

    async def _add_document(self) -> None:
        self._publish(self._choose.choice(list(self.world.collections)))

    def _publish(self, collection: int) -> None:
        mark = self._mark()
        words = " ".join(self._choose.choices(TOPICS, k=12))
        text = f"The {words} of zq{mark}q. What the zq{mark}q says about {words} is final."
        name = f"paper dn{mark}q.txt"
        file = ReadFile(f"/drill/{name}", name, text.encode(), read_document(name, text.encode()))
        target = self._assay.collections.find(collection)
        assert target is not None
        store, encoder = self._assay.store, self._assay.encoder
        list(publish_all([file], store=store, collection=target, encoder=encoder))
        number = store.known_files(target)[file.path].document_id
        self.world.documents[number] = (collection, mark)
        self.world.place_of_mark[mark] = collection

    async def _grant(self) -> None:
        principal = self._choose.choice([*self.world.users, *self.world.groups])
        collection = self._choose.choice(list(self.world.collections))
        access = self._choose.choice(["read", "read", "write", "manage"])
        body = {"principal": principal, "access": access}
        await self._act("PUT", f"/api/collections/{collection}/grants", body)
        self.world.grants[principal, collection] = access

    async def _revoke(self) -> None:
        if not self.world.grants:
            return
        principal, collection = self._choose.choice(list(self.world.grants))
        await self._act("DELETE", f"/api/collections/{collection}/grants/{quote(principal)}")
        del self.world.grants[principal, collection]

    async def _join(self) -> None:
        group, user = self._choose.choice(list(self.world.groups)), self._any_user()
        await self._act("PUT", f"/api/groups/{self.world.groups[group]}/members/{quote(user)}")
        self.world.members.add((group, user))

    async def _leave(self) -> None:
        if not self.world.members:
            return
        group, user = self._choose.choice(sorted(self.world.members))
        await self._act("DELETE", f"/api/groups/{self.world.groups[group]}/members/{quote(user)}")
        self.world.members.discard((group, user))

    async def _disable(self) -> None:
        user = self._any_user()
        await self._act("PATCH", f"/api/users/{self.world.users[user]}", {"is_disabled": True})
        self.world.disabled.add(user)

    async def _enable(self) -> None:
        if self.world.disabled:
            user = self._choose.choice(sorted(self.world.disabled))
            await self._act("PATCH", f"/api/users/{self.world.users[user]}", {"is_disabled": False})
            self.world.disabled.discard(user)

    async def _replace_user(self) -> None:
        """Remove a user and add one of the same name: nothing may be inherited."""
        user = self._any_user()
        await self._act("DELETE", f"/api/users/{self.world.users[user]}")
        self.world.disabled.discard(user)
        self.world.members = {pair for pair in self.world.members if pair[1] != user}
        grants = self.world.grants.items()
        self.world.grants = {pair: access for pair, access in grants if pair[0] != user}
        await self._add_user(user)

    async def _delete(self) -> None:
        if not self.world.documents:
            return
        number = self._choose.choice(list(self.world.documents))
        receipt = await self._act("DELETE", f"/api/documents/{number}")
        if not receipt["clean"]:
            self.counted.leaks.append(f"receipt {receipt['id']} is not clean: {receipt['checks']}")
        self.world.receipts.append(receipt["id"])
        del self.world.documents[number]

    async def _delete_collection(self) -> None:
        number = self._choose.choice(list(self.world.collections))
        receipt = await self._act("DELETE", f"/api/collections/{number}")
        if not receipt["clean"]:
            self.counted.leaks.append(f"receipt {receipt['id']} is not clean: {receipt['checks']}")
        self.world.receipts.append(receipt["id"])
        del self.world.collections[number]
        documents = self.world.documents.items()
        self.world.documents = {n: (c, m) for n, (c, m) in documents if c != number}
        grants = self.world.grants.items()
        self.world.grants = {pair: access for pair, access in grants if pair[1] != number}
        await self._add_collection()

    async def _rename(self) -> None:
        number, mark = self._choose.choice(list(self.world.collections)), self._mark()
        name = {"name": f"shelf cn{mark}q"}
        await self._act("PATCH", f"/api/collections/{number}", name)
        self.world.collections[number] = mark

    async def _work(self) -> None:
        """Do the jobs that wait: what was uploaded can be read from now on."""
        await asyncio.to_thread(work_through, self._assay)
        for collection, mark in self.world.uploads:
            target = self._assay.collections.find(collection)
            known = self._assay.store.known_files(target) if target else {}
            found = known.get(f"upload:/paper dn{mark}q.txt")
            if found is not None:
                self.world.documents[found.document_id] = (collection, mark)
        self.world.uploads.clear()

    def _any_user(self) -> str:
        return self._choose.choice(list(self.world.users))

    def _mark(self) -> int:
        self._next += 1
        return self._next

    def _form(self, collection: int) -> str:
        """An upload of a document that is nowhere else; its name may be seen from now on."""
        mark = self._mark()
        self.world.place_of_mark[mark] = collection
        words = " ".join(self._choose.choices(TOPICS, k=12))
        name = f"paper dn{mark}q.txt"
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        text = f"The {words} of zq{mark}q. What the zq{mark}q says about {words} is final."
        return f"--{BOUNDARY}\r\n{head}\r\n\r\n{text}\r\n--{BOUNDARY}--\r\n"

    # Reads

    async def _read(self) -> None:
        user = self._any_user()
        door, method, path, body, wanted = self._door()
        status, text = await self._site.ask(method, path, self.world.keys[user], body)
        self.counted.reads[door] += 1
        self.counted.statuses[f"{door} {status}"] += 1
        levels = self.world.levels(user)
        if door == "search" and status == 200:
            # Beside what was found, it repeats the question, which may name anything.
            text = json.dumps(json.loads(text)["hits"])
        if door == "upload" and status == 403:
            text = text.replace(unquote(path.partition("=")[2]), "")  # as a refusal does
        for mark in self._leaked(text, levels, door):
            self.counted.leaks.append(f"{user} {method} {path}: {mark} ({status})")
        if door in {"upload", "reingest", "reingest all"}:
            self._note_job(door, user, path, body, text, status, wanted)
        elif wanted is not None and wanted in levels and status != 200:
            self.counted.refused.append(f"{user} {method} {path}: {status}")
        if status == 200 and door in {"chat", "ask again"}:
            numbers = re.findall(r'"answer": ?(\d+)', text)
            self.world.most_answers = max([self.world.most_answers, *map(int, numbers)])

    def _note_job(
        self,
        door: str,
        user: str,
        path: str,
        body: object,
        text: str,
        status: int,
        place: int | None,
    ) -> None:
        """What was done to a collection, or refused: it must be as its grants say."""
        is_done = status < 300
        if is_done and not self.world.may(user, place, "write"):
            self.counted.leaks.append(f"{user} {door} {path}: {status} without the right to write")
        if not is_done and self.world.may(user, place, "write"):
            self.counted.refused.append(f"{user} {door} {path}: {status} {text[:200]}")
        marks = {int(found) for kind, found in MARK.findall(str(body)) if kind == "dn"}
        if not is_done:
            for mark in marks:
                del self.world.place_of_mark[mark]
            return
        self.world.most_jobs = max(self.world.most_jobs, json.loads(text)["job"])
        if place is not None:
            self.world.uploads += [(place, mark) for mark in marks]

    def _leaked(self, text: str, levels: dict[int, str], door: str) -> set[str]:
        """The words in a reply that its reader may not see."""
        allowed = {("cn", self.world.collections[number]) for number in levels}
        for collection, mark in self.world.documents.values():
            if collection in levels:
                allowed |= {("zq", mark), ("dn", mark)}
        if door.startswith(("receipt", "jobs", "upload", "reingest")):
            # Names of what was deleted from, or is not yet read into, what one may write to.
            allowed |= {
                ("dn", mark)
                for mark, collection in self.world.place_of_mark.items()
                if levels.get(collection) in {"write", "manage"}
            }
        if door.startswith("receipt"):
            allowed |= {(kind, int(mark)) for kind, mark in MARK.findall(text) if kind == "cn"}
        found = {(kind, int(mark)) for kind, mark in MARK.findall(text)}
        return {f"{kind}{mark}" for kind, mark in found - allowed}

    def _door(self) -> tuple[str, str, str, object, int | None]:
        """A door: its name, how it is asked, and the collection that must open it, if one must."""
        world, choose = self.world, self._choose
        collection = choose.choice(list(world.collections))
        known = list(world.documents)
        document = choose.choice(known) if choose.random() < 0.8 else choose.randint(1, 3000)
        place = world.documents.get(document, (None, 0))[0]
        question = " ".join(choose.choices(TOPICS, k=3))
        some = choose.choice([f"zq{choose.randint(2, self._next)}q", question])
        receipt = choose.choice(world.receipts) if world.receipts else 1
        number = choose.randint(1, 400)
        chat = {"model": "assay", "messages": [{"role": "user", "content": question}]}
        api, library = f"/api/documents/{document}", "/library"
        shelf, page = f"/api/collections/{collection}", f"/library/{collection}"
        named = f"/api/documents?limit=200&named={choose.choice(['', 'dn'])}"
        administration = choose.choice(ADMINISTRATION)
        evaluation = choose.choice(EVALUATION).format(number=number)
        jobs = choose.choice(JOBS).format(number=choose.randint(1, world.most_jobs))
        answered = choose.randint(1, world.most_answers)
        conversations = choose.choice(CONVERSATIONS).format(number=answered)
        answers = choose.choice(ANSWERS).format(number=answered)
        other_page = choose.choice(PAGES).format(question=quote(question))
        shelf_name = quote(f"shelf cn{world.collections[collection]}q")
        doors: list[tuple[float, str, str, str, object, int | None]] = [
            (6, "search", "POST", "/api/search", {"question": some, "k": 50}, None),
            (0.5, "ask", "POST", "/api/ask", {"question": question}, None),
            (0.3, "completions", "POST", "/v1/chat/completions", chat, None),
            (0.5, "chat", "POST", "/api/conversations", {"question": question}, None),
            (6, "documents", "GET", named, None, None),
            (
                5,
                "of a collection",
                "GET",
                f"/api/documents?collection={collection}",
                None,
                collection,
            ),
            (8, "document", "GET", api, None, place),
            (8, "passages", "GET", f"{api}/passages", None, place),
            (6, "original", "GET", f"{api}/original", None, place),
            (3, "collections", "GET", "/api/collections", None, None),
            (3, "collection", "GET", shelf, None, collection),
            (2, "grants", "GET", f"{shelf}/grants", None, None),
            (3, "library page", "GET", library, None, None),
            (4, "collection page", "GET", page, None, collection),
            (4, "document page", "GET", f"{library}/documents/{document}", None, place),
            (2, "access page", "GET", f"{page}/access", None, None),
            (2, "receipts", "GET", "/api/receipts", None, None),
            (2, "receipt", "GET", f"/api/receipts/{receipt}", None, None),
            (1, "receipt page", "GET", f"{library}/receipts/{receipt}", None, None),
            (1, "evaluation", "GET", evaluation, None, None),
            (1, "administration", "GET", administration, None, None),
            (2, "jobs", "GET", jobs, None, None),
            (3, "conversations", "GET", conversations, None, None),
            (5, "answers", "GET", answers, None, None),
            (3, "pages", "GET", other_page, None, None),
            (0.5, "reingest", "POST", f"{api}/reingest", None, place),
            (0.2, "reingest all", "POST", f"{shelf}/reingest", None, collection),
            (
                0.5,
                "upload",
                "POST",
                f"/api/jobs?collection={shelf_name}",
                None,
                collection,
            ),
        ]
        [(_, *chosen)] = choose.choices(doors, [one[0] for one in doors])
        name, method, path, body, wanted = chosen
        if name == "upload":
            body = self._form(collection)
        return name, method, path, body, wanted


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--reads", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3600.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="assay-drill-") as home:
        assay = Assay(settings_with(Path(home), {}))
        assay.__dict__["_engine"] = OneSentence()
        drill = Drill(assay, arguments.users, arguments.seed)
        begun = time.monotonic()
        asyncio.run(drill.run(arguments.reads, arguments.seconds))
        seconds = time.monotonic() - begun
        assay.close()
    counted = drill.counted
    print(
        f"{sum(counted.reads.values())} reads through {len(counted.reads)} doors, "
        f"{sum(counted.changes.values())} changes, {seconds:.0f} s"
    )
    for status, number in sorted(counted.statuses.items()):
        print(f"  {status}: {number}")
    print(f"changes: {dict(counted.changes)}")
    print(f"leaks: {len(counted.leaks)}", *counted.leaks[:20], sep="\n  ")
    print(f"refused though readable: {len(counted.refused)}", *counted.refused[:20], sep="\n  ")
    sys.exit(bool(counted.leaks or counted.refused))


if __name__ == "__main__":
    main()
