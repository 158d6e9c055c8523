"""Many people ask a running server at once; then many leave at random moments.

    python -m benchmarks.load --url http://127.0.0.1:8000 --user admin --password SECRET \\
        [--user maria --password SECRET ...] --chats 1,4,16 --questions QUESTIONS \\
        [--seconds 60] [--drop 200] [--seed 1] [--json]

Each chat asks one question after another through /api/ask, as the chat page does, for so many
seconds; chats are dealt out to the users in turn. QUESTIONS has one question a line, as text or as
JSON with a field "question". Then connections are opened and dropped at random moments, one in
three of them to /v1/chat/completions without streaming, and the server is looked at until nothing
is left in its queue. The first user must be an administrator: that is who may read /api/desk.

First token: from the question to the first piece of the draft; answers for which nothing was
generated have none. Tokens are those the model wrote. Ends with 1 when there was an error or
something was left behind.
"""

import argparse
import asyncio
import json
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2

from benchmarks.load_client import Server, User, ask, desk, events, logged_in, server, server_of
from benchmarks.load_numbers import Asked, Level, level_of

# How long a connection lives that is dropped, at most.
LONGEST_DROPPED_SECONDS = 4.0
UNTIL_EMPTY_SECONDS = 120.0
REFUSED = "refused"
REFUSED_SECONDS = 0.5
MOST_REFUSALS = 60


@dataclass(frozen=True, slots=True)
class Dropped:
    """What became of connections that were dropped.

    `moments` counts when: before the reply began, while it waited, while it was worked on; or that
    it was over before, or refused for half a minute. `after` has the server after each half.
    """

    connections: int
    moments: dict[str, int]
    before: Server
    after: tuple[Server, ...]
    seconds_until_empty: float | None


def main() -> None:
    arguments = _parsed()
    users = [
        User(name, password)
        for name, password in zip(arguments.user, arguments.password, strict=True)
    ]
    questions = read_questions(arguments.questions)
    try:
        is_good = asyncio.run(_measure(arguments, users, questions))
    except httpx2.HTTPError as error:
        sys.exit(f"{arguments.url} cannot be asked: {error or type(error).__name__}")
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if is_good else 1)


async def _measure(
    arguments: argparse.Namespace, users: Sequence[User], questions: Sequence[str]
) -> bool:
    draw = random.Random(arguments.seed)
    limits = (await desk(arguments.url, users[0]))["answers"]["limits"]
    _require_room(arguments.chats, len(users), limits)
    say(
        f"server: {limits['at_once']} at once, {limits['waiting']} waiting, "
        f"{limits['per_user']} a user"
    )
    say(Level.HEADINGS)
    levels = []
    for chats in arguments.chats:
        level = await measured_level(arguments.url, users, questions, chats, arguments.seconds)
        say(level.row())
        for error, count in level.errors.items():
            say(f"    {count} x {error}")
        levels.append(level)
    dropped = None
    if arguments.drop:
        at_once = min(len(users) * limits["per_user"], limits["at_once"] + limits["waiting"])
        dropped = await drop(arguments.url, users, questions, arguments.drop, at_once, draw)
        for line in _dropped_lines(dropped):
            say(line)
    if arguments.json:
        result = {
            "limits": limits,
            "users": len(users),
            "seconds": arguments.seconds,
            "levels": [asdict(level) for level in levels],
            "dropped": asdict(dropped) if dropped else None,
        }
        print(json.dumps(result))
    is_empty = dropped is None or dropped.seconds_until_empty is not None
    return is_empty and not any(level.errors for level in levels)


# One level of load


async def measured_level(
    url: str, users: Sequence[User], questions: Sequence[str], chats: int, seconds: float
) -> Level:
    """Let so many chats ask for so long; what was begun by then is waited for."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(logged_in(url, user)) for user in users]
        began = time.perf_counter()
        asked = await asyncio.gather(
            *[
                _chat(
                    clients[chat % len(users)], chat % len(users), questions, chat, began + seconds
                )
                for chat in range(chats)
            ]
        )
        return level_of(
            [one for chat in asked for one in chat], chats, len(users), time.perf_counter() - began
        )


async def _chat(
    client: httpx2.AsyncClient, user: int, questions: Sequence[str], first: int, until: float
) -> list[Asked]:
    asked = []
    number = first  # or all would ask the same at the same time
    while time.perf_counter() < until:
        one = await ask(client, user, questions[number % len(questions)])
        asked.append(one)
        number += 1
        if one.retry_seconds is not None:
            await asyncio.sleep(min(one.retry_seconds, max(0.0, until - time.perf_counter())))
    return asked


# Connections that are dropped


async def drop(
    url: str, users: Sequence[User], questions: Sequence[str], count: int, at_once: int,
    draw: random.Random,
) -> Dropped:  # fmt: skip
    """Open so many connections, `at_once` of them at a time, and drop each at a random moment."""
    before = await server(url, users[0])
    after: list[Server] = []
    moments: Counter[str] = Counter()
    seconds: float | None = 0.0
    for half in [count // 2, count - count // 2]:
        await _drop_some(url, users, questions, half, at_once, draw, moments)
        emptied = await _until_empty(url, users[0])
        seconds = None if seconds is None or emptied is None else max(seconds, emptied)
        after.append(await server(url, users[0]))
    return Dropped(count, dict(moments.most_common()), before, tuple(after), seconds)


async def _drop_some(
    url: str, users: Sequence[User], questions: Sequence[str], count: int, at_once: int,
    draw: random.Random, moments: "Counter[str]",
) -> None:  # fmt: skip
    places = asyncio.Semaphore(at_once)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(logged_in(url, user)) for user in users]

        async def one(number: int) -> None:
            async with places:
                path = "/v1/chat/completions" if number % 3 == 0 else "/api/ask"
                lives = draw.uniform(0, LONGEST_DROPPED_SECONDS)
                client, question = clients[number % len(clients)], draw.choice(questions)
                for _ in range(MOST_REFUSALS):
                    if (moment := await _dropped(client, path, question, lives)) != REFUSED:
                        break
                    # Places of those that left just now are free a token later.
                    await asyncio.sleep(REFUSED_SECONDS)
                moments[moment] += 1

        await asyncio.gather(*[one(number) for number in range(count)])


async def _dropped(client: httpx2.AsyncClient, path: str, question: str, lives: float) -> str:
    """Ask, and leave after `lives` seconds; says how far it had come."""
    body: dict[str, object] = {"question": question}
    if path != "/api/ask":
        body = {"model": "assay", "messages": [{"role": "user", "content": question}]}
    moment = "before the reply began"
    try:
        async with asyncio.timeout(lives):
            async with client.stream("POST", path, json=body) as reply:
                if reply.status_code != 200:
                    return REFUSED
                async for event, _ in events(reply):
                    moment = "while it waited" if event == "queued" else "while it was worked on"
                return "over before"
    except (TimeoutError, httpx2.HTTPError):
        return moment


async def _until_empty(url: str, user: User) -> float | None:
    """Seconds until nothing waits and nothing is being made; None when that takes too long."""
    began = time.perf_counter()
    async with logged_in(url, user) as client:
        while (seconds := time.perf_counter() - began) < UNTIL_EMPTY_SECONDS:
            now = server_of((await client.get("/api/desk")).json())
            if now.being_made == now.waiting == 0:
                return seconds
            await asyncio.sleep(0.1)
    return None


# What is asked for and what is said


def read_questions(path: Path) -> list[str]:
    """The questions of a file: one a line, as text or as JSON with a field `question`."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    questions = [json.loads(x)["question"] if x.startswith("{") else x for x in lines if x]
    if not questions:
        sys.exit(f"{path} holds no question; write one a line")
    return questions


def _require_room(levels: Sequence[int], users: int, limits: dict[str, int]) -> None:
    chats = max(levels)
    most_of_one = math.ceil(chats / users)
    if most_of_one > limits["per_user"]:
        sys.exit(
            f"{chats} chats are {most_of_one} for a user and the server takes {limits['per_user']} "
            f"of one: give {math.ceil(chats / limits['per_user'])} times --user and --password, or "
            f"start it with ASSAY_ANSWERS_PER_USER={most_of_one}"
        )
    if chats > limits["at_once"] + limits["waiting"]:
        sys.exit(
            f"{chats} chats are more than the server takes, {limits['at_once']} at once and "
            f"{limits['waiting']} waiting; start it with a larger ASSAY_ANSWERS_WAITING"
        )


def _dropped_lines(dropped: Dropped) -> list[str]:
    moments = ", ".join(f"{count} {moment}" for moment, count in dropped.moments.items())
    seconds = dropped.seconds_until_empty
    empty = "NOT EMPTY" if seconds is None else f"empty {seconds:.1f} s after the last"
    lines = [f"dropped {dropped.connections}: {moments}; the queue was {empty}"]
    names = ["before", "after one half", "after the other"]
    for name, state in zip(names, [dropped.before, *dropped.after], strict=True):
        size = "?" if state.resident_bytes is None else f"{state.resident_bytes / 2**20:.0f} MiB"
        lines.append(
            f"  {name:<16} {size:>9}, {state.open_files} open files, {state.threads} threads, "
            f"{state.being_made} being made, {state.waiting} waiting"
        )
    return lines


def say(line: str) -> None:
    """To people; what programs read goes to the other stream."""
    print(line, file=sys.stderr, flush=True)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--url", required=True, type=lambda url: url.rstrip("/"))
    parser.add_argument("--user", required=True, action="append", help="once for each user")
    parser.add_argument("--password", required=True, action="append", help="one for each --user")
    parser.add_argument("--chats", type=_levels, default="1,4,16", help="levels, as 1,4,16")
    parser.add_argument("--questions", required=True, type=Path)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long a level lasts")
    parser.add_argument("--drop", type=int, default=0, help="connections to drop")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    arguments = parser.parse_args()
    if len(arguments.user) != len(arguments.password):
        parser.error("give as many --password as --user")
    if not arguments.questions.is_file():
        parser.error(f"--questions: there is no file {arguments.questions}")
    return arguments


def _levels(text: str) -> list[int]:
    levels = [int(part) for part in text.split(",")]
    if min(levels) < 1:
        raise argparse.ArgumentTypeError("a level has at least one chat")
    return levels


if __name__ == "__main__":
    main()
