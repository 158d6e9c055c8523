"""Many readers of pages, searches and evidence on a running server, while questions queue.

    ASSAY_ANSWERS_PER_USER=16 assay serve --with-samples
    python -m benchmarks.readers --url http://127.0.0.1:8000 --user admin --password SECRET \\
        [--user maria --password SECRET ...] [--readers 50] [--pause 4] [--chats 12] \\
        [--seconds 60] [--questions QUESTIONS] [--first QUESTION] [--seed 1] [--json]

Readers and chats are dealt out to the users in turn. A conversation is begun first, for there to be
evidence. Then each chat asks one question after another through /api/ask, and each reader goes
through one door after another: a page, a search, a list, a piece of evidence, with a pause of
`--pause` seconds between on average (exponential: people are independent). Milliseconds until
the whole reply, by door and by kind, first with nobody asking and then with the chats. Ends with 1
on an error.

QUESTIONS is as for `benchmarks.load`; without it those about the sample documents are asked.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from benchmarks.load import read_questions, say
from benchmarks.load_client import User, ask, events, logged_in
from benchmarks.load_numbers import percentile

SAMPLE_QUESTIONS = Path(__file__).resolve().parents[1] / "tests/data/sample_questions.jsonl"
# Its answer stands in a PDF of the sample documents.
FIRST_QUESTION = "How much notice is needed to end the maintenance contract?"
WORDS = (
    "notice period",
    "rent of the tower",
    "how long is the warranty",
    "Sunday surcharge",
    "VAT",
)


class Door(NamedTuple):
    """What readers ask for; `share` is how often beside the others."""

    share: float
    kind: str
    name: str
    method: str
    path: str
    body: object = None


class Found(NamedTuple):
    """What a user can read: the numbers of a collection, a document, a conversation, an answer.

    `has_page`: the answer's source stands on a page that can be drawn.
    """

    collection: int
    document: int
    conversation: int
    answer: int
    has_page: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """How long a door took, in milliseconds."""

    door: str
    n: int
    p50: float
    p95: float
    p99: float
    most: float


def doors_of(found: Found, words: str) -> list[Door]:
    """The doors of a user."""
    evidence = f"/api/answers/{found.answer}/sources/0/0"
    return [
        Door(3, "page", "chat", "GET", "/"),
        Door(2, "page", "conversation", "GET", f"/conversations/{found.conversation}"),
        Door(2, "page", "library", "GET", "/library"),
        Door(3, "page", "collection", "GET", f"/library/{found.collection}"),
        Door(3, "page", "document", "GET", f"/library/documents/{found.document}"),
        Door(1, "page", "account", "GET", "/account"),
        Door(3, "search", "search page", "GET", f"/search?q={words}"),
        Door(3, "search", "search", "POST", "/api/search", {"question": words}),
        Door(3, "json", "conversations", "GET", "/api/conversations"),
        Door(2, "json", "answers", "GET", f"/api/conversations/{found.conversation}"),
        Door(2, "json", "documents", "GET", "/api/documents"),
        Door(2, "json", "suggestions", "GET", "/api/suggestions"),
        Door(3, "evidence", "evidence", "GET", evidence),
        Door(2 if found.has_page else 0, "evidence", "its page", "GET", f"{evidence}/page"),
    ]


async def prepared(client: httpx2.AsyncClient, question: str) -> Found:
    """What there is to read for a user: made now where it is not there yet."""
    collections = (await client.get("/api/collections")).json()["collections"]
    documents = (await client.get("/api/documents?order=largest")).json()["documents"]
    if not collections or not documents:
        sys.exit("there is nothing to read: give every --user a grant, or use --with-samples")
    answer: dict[str, Any] = {}
    body = {"question": question, "decoding": {"max_tokens": 24}}
    async with client.stream("POST", "/api/conversations", json=body) as reply:
        async for event, data in events(reply):
            if event == "answer":
                answer = data
    if not answer.get("sentences"):
        sys.exit(f"{question!r} was declined: there is no evidence to open")
    source = (await client.get(f"/api/answers/{answer['id']}/sources/0/0")).json()
    return Found(
        collections[0]["id"],
        documents[0]["id"],
        answer["conversation"],
        answer["id"],
        source["printed"] is not None,
    )


@dataclass(slots=True)
class Phase:
    """What was seen while so many chats asked."""

    chats: int
    until: float
    took: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)
    answers: int = 0

    async def read(
        self, client: httpx2.AsyncClient, found: Found, draw: random.Random, pause: float
    ) -> None:
        """Be one reader until the end."""
        await asyncio.sleep(draw.uniform(0, pause))
        while time.perf_counter() < self.until:
            doors = doors_of(found, draw.choice(WORDS))
            [door] = draw.choices(doors, [one.share for one in doors])
            began = time.perf_counter()
            try:
                reply = await client.request(door.method, door.path, json=door.body)
            except httpx2.HTTPError as error:
                self.errors[f"{door.name}: {type(error).__name__}"] += 1
            else:
                if reply.status_code != 200:
                    self.errors[f"{door.name}: status {reply.status_code}"] += 1
                self.took[door.kind, door.name].append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(draw.expovariate(1 / pause))

    async def chat(self, client: httpx2.AsyncClient, number: int, questions: Sequence[str]) -> None:
        """Ask one question after the other until the end."""
        asked = number
        while time.perf_counter() < self.until:
            one = await ask(client, number, questions[asked % len(questions)])
            asked += self.chats
            if one.error is not None:
                self.errors[f"ask: {one.error}"] += 1
                await asyncio.sleep(one.retry_seconds or 1.0)
            self.answers += one.error is None

    def measured(self) -> list[Measured]:
        """By door, then by kind."""
        kinds: dict[str, list[float]] = defaultdict(list)
        for (kind, _), values in self.took.items():
            kinds[f"every {kind}"] += values
        by_door = [_measured(name, values) for (_, name), values in sorted(self.took.items())]
        return by_door + [_measured(kind, values) for kind, values in sorted(kinds.items())]


def _measured(door: str, values: Sequence[float]) -> Measured:
    at = [percentile(values, share) for share in (0.5, 0.95, 0.99)]
    return Measured(door, len(values), *at, max(values))


async def measure(arguments: argparse.Namespace, questions: Sequence[str]) -> bool:
    """Both phases. Whether nothing went wrong."""
    users = [
        User(name, password)
        for name, password in zip(arguments.user, arguments.password, strict=True)
    ]
    phases = []
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(logged_in(arguments.url, user)) for user in users
        ]
        found = [await prepared(client, arguments.first) for client in clients]
        for chats in dict.fromkeys([0, arguments.chats]):
            one = Phase(chats, time.perf_counter() + arguments.seconds)
            readers = [
                one.read(
                    clients[number % len(clients)],
                    found[number % len(clients)],
                    random.Random(arguments.seed * 1000 + number),
                    arguments.pause,
                )
                for number in range(arguments.readers)
            ]
            asking = [
                one.chat(clients[number % len(clients)], number, questions)
                for number in range(chats)
            ]
            await asyncio.gather(*readers, *asking)
            _say(one, arguments)
            phases.append(one)
    if arguments.json:
        said = [
            {
                "chats": one.chats,
                "answers": one.answers,
                "doors": [asdict(door) for door in one.measured()],
                "errors": one.errors,
            }
            for one in phases
        ]
        print(json.dumps({"readers": arguments.readers, "pause": arguments.pause, "phases": said}))
    return not any(one.errors for one in phases)


def _say(phase: Phase, arguments: argparse.Namespace) -> None:
    requests = sum(len(values) for values in phase.took.values())
    say(
        f"{arguments.readers} readers, {phase.chats} chats, {arguments.seconds:.0f} s: "
        f"{requests} requests, {requests / arguments.seconds:.1f}/s; {phase.answers} answers"
    )
    say(f"  {'milliseconds':<16} {'n':>6} {'p50':>7} {'p95':>7} {'p99':>7} {'most':>7}")
    for one in phase.measured():
        say(
            f"  {one.door:<16} {one.n:>6} {one.p50:>7.0f} {one.p95:>7.0f} "
            f"{one.p99:>7.0f} {one.most:>7.0f}"
        )
    for error, count in phase.errors.items():
        say(f"  {count} x {error}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--url", required=True, type=lambda url: url.rstrip("/"))
    parser.add_argument("--user", required=True, action="append", help="once for each user")
    parser.add_argument("--password", required=True, action="append", help="one for each --user")
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between, on average")
    parser.add_argument("--chats", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long a phase lasts")
    parser.add_argument("--questions", type=Path, default=SAMPLE_QUESTIONS)
    parser.add_argument(
        "--first", default=FIRST_QUESTION, help="begins the conversations; its source is opened"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    arguments = parser.parse_args()
    if len(arguments.user) != len(arguments.password):
        parser.error("give as many --password as --user")
    try:
        is_good = asyncio.run(measure(arguments, read_questions(arguments.questions)))
    except httpx2.HTTPError as error:
        sys.exit(f"{arguments.url} cannot be asked: {error or type(error).__name__}")
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()
