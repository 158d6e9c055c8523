"""Many requests at once: the desk over real threads, and what its users are told over HTTP."""

import asyncio
import gc
import json
import random
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.api.application import create_app, stop_answering
from app.api.desk import AnswerDesk, desks_for
from app.api.queueing import Limits
from app.api.running import Begun, Pause, Queued, RunningAnswer
from app.errors import ServerBusy, ServerStopping, TooManyAnswers
from tests.component.site import TEA, Request, Slow, SlowVerifier, acquired, chat, site

__all__ = ["site"]  # a fixture

ADA, BOB, EVE = 1, 2, 3
SECONDS = 10


class Work:
    """Work that says `begun`, and goes on until it is let go or cancelled."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.begun, self.let_go = threading.Event(), threading.Event()
        self.was_cancelled = self.was_closed = False
        self.thread = ""

    def __call__(self, is_cancelled: Callable[[], bool]) -> Iterator[str]:
        self.thread = threading.current_thread().name
        self.begun.set()
        try:
            yield "first"
            for _ in range(2000):  # a test that fails must end as well
                if self.let_go.wait(0.005):
                    break
                if is_cancelled():
                    self.was_cancelled = True
                    return
            if self.error is not None:
                raise self.error
            yield "last"
        finally:
            self.was_closed = True


def desk_of(at_once: int = 1, waiting: int = 10, per_principal: int = 10) -> AnswerDesk:
    return AnswerDesk(Limits(at_once, waiting, per_principal))


async def told(running: RunningAnswer[Any]) -> list[Any]:
    """Everything until the end."""
    return [event async for event in running.events(SECONDS)]


def waiting_events(running: RunningAnswer[Any]) -> list[Any]:
    """What has been told so far and was not yet read."""
    events = []
    while not running._items.empty():
        events.append(running._items.get_nowait())
    return events


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not is_so():
            await asyncio.sleep(0.002)


def none_is_kept(started: list[weakref.ref[RunningAnswer[Any]]]) -> bool:
    gc.collect()
    return all(running() is None for running in started)


# The desk


def test_who_waits_is_told_the_place_at_once_and_when_it_changes_and_then_that_it_begins():
    async def scenario() -> None:
        desk = desk_of()
        first, other, mine = Work(), Work(), Work()
        running = desk.start(ADA, first)
        before_me = desk.start(ADA, other)
        me = desk.start(BOB, mine)
        assert waiting_events(before_me) == [Queued(0)]
        assert waiting_events(me) == [Queued(1)]
        late = desk.start(ADA, Work())
        assert waiting_events(late) == [Queued(2)]
        eve = desk.start(EVE, Work())  # her first comes before ADA's second
        assert (waiting_events(eve), waiting_events(late)) == ([Queued(2)], [Queued(3)])
        assert waiting_events(me) == []  # nothing has changed for BOB

        first.let_go.set()
        await until(other.begun.is_set)
        assert waiting_events(me) == [Queued(0)]
        other.let_go.set()
        await until(mine.begun.is_set)
        mine.let_go.set()
        [begun, *rest] = await told(me)
        assert isinstance(begun, Begun)
        assert begun.seconds_waited > 0
        assert rest == ["first", "last"]
        assert await told(running) == ["first", "last"]
        for left in [late, eve]:
            left.cancel()
        await until(lambda: desk.state.being_made == 0)

    asyncio.run(scenario())


def test_a_place_in_the_queue_is_given_back_the_moment_it_is_given_up():
    async def scenario() -> None:
        desk = desk_of(waiting=2)
        work, never = Work(), Work()
        desk.start(ADA, work)
        leaving, staying = desk.start(ADA, never), desk.start(BOB, Work())
        with pytest.raises(ServerBusy):
            desk.start(EVE, Work())
        waiting_events(staying)

        leaving.cancel()
        leaving.cancel()  # nothing to do twice

        assert desk.state.waiting == 1
        assert waiting_events(staying) == [Queued(0)]
        assert await told(leaving) == [Queued(0)]
        desk.start(EVE, Work()).cancel()
        staying.cancel()
        work.let_go.set()
        await until(lambda: desk.state.being_made == 0)
        assert not never.begun.is_set()
        state = desk.state
        assert (state.started, state.finished, state.cancelled, state.refused) == (1, 1, 3, 1)

    asyncio.run(scenario())


def test_the_place_of_work_that_is_cancelled_is_free_when_the_work_has_seen_it():
    async def scenario() -> None:
        desk = desk_of()
        work, following = Work(), Work()
        running = desk.start(ADA, work)
        after = desk.start(BOB, following)
        await until(work.begun.is_set)

        running.cancel()

        await until(following.begun.is_set)
        assert work.was_cancelled
        assert work.was_closed
        following.let_go.set()
        assert (await told(after))[-1] == "last"
        state = desk.state
        assert (state.being_made, state.waiting) == (0, 0)
        assert (state.started, state.finished, state.cancelled) == (2, 1, 1)

    asyncio.run(scenario())


def test_work_that_does_not_look_is_stopped_at_its_next_event_and_lets_go_of_what_it_holds():
    is_closed, let_go = threading.Event(), threading.Event()

    def deaf(_: Callable[[], bool]) -> Iterator[int]:
        try:
            for number in range(1000):
                yield number
                assert let_go.wait(SECONDS)
        finally:
            is_closed.set()

    async def scenario() -> None:
        desk = desk_of()
        running = desk.start(ADA, deaf)
        stream = running.events(SECONDS)
        assert await anext(stream) == 0
        running.cancel()
        let_go.set()
        assert [event async for event in stream] in ([], [1])
        assert is_closed.is_set()
        assert desk.state.being_made == 0

    asyncio.run(scenario())


def test_an_error_reaches_who_reads_and_frees_the_place():
    async def scenario() -> None:
        desk = desk_of()
        broken, whole = Work(ZeroDivisionError("by what?")), Work()
        running, after = desk.start(ADA, broken), desk.start(ADA, whole)
        for work in [broken, whole]:
            work.let_go.set()
        with pytest.raises(ZeroDivisionError, match="by what"):
            await told(running)
        assert (await told(after))[-1] == "last"
        assert (desk.state.failed, desk.state.finished, desk.state.being_made) == (1, 1, 0)

    asyncio.run(scenario())


def test_work_without_a_thread_fails_and_takes_no_place(monkeypatch):
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def scenario() -> None:
        desk = desk_of()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            running = desk.start(ADA, Work())
        with pytest.raises(RuntimeError, match="new thread"):
            await told(running)
        assert (desk.state.failed, desk.state.being_made) == (1, 0)
        work = Work()
        work.let_go.set()
        assert await told(desk.start(ADA, work)) == ["first", "last"]

    asyncio.run(scenario())


def test_a_quiet_time_is_said_while_waiting_and_while_working():
    async def scenario() -> None:
        desk = desk_of()
        work, mine = Work(), Work()
        desk.start(ADA, work)
        stream = desk.start(BOB, mine).events(0.01)
        assert await anext(stream) == Queued(0)
        assert await anext(stream) is Pause.STILL_WORKING
        work.let_go.set()
        seen = [await anext(stream) for _ in range(4)]
        assert Pause.STILL_WORKING in seen
        mine.let_go.set()
        assert [event async for event in stream][-1] == "last"

    asyncio.run(scenario())


def test_threads_are_kept_and_end_with_the_desk():
    def names() -> set[str]:
        return {t.name for t in threading.enumerate() if t.name.startswith("answer-")}

    async def scenario() -> set[str]:
        desk = desk_of(at_once=2, waiting=40, per_principal=40)
        works = [Work() for _ in range(20)]
        for work in works:
            work.let_go.set()
        await asyncio.gather(*[told(desk.start(ADA, work)) for work in works])
        assert desk.state.finished == 20
        return {work.thread for work in works}

    before = threading.active_count()
    assert asyncio.run(scenario()) <= {"answer-1", "answer-2"}
    gc.collect()
    deadline = time.monotonic() + SECONDS
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before, names()


def test_a_random_crowd_leaves_nothing_behind():
    draw = random.Random(7)
    limits = Limits(at_once=3, waiting=12, per_principal=6)

    def work(is_cancelled: Callable[[], bool]) -> Iterator[int]:
        for number in range(draw.randrange(1, 6)):
            time.sleep(0.001)
            if is_cancelled():
                return
            yield number
        if draw.random() < 0.2:
            raise ValueError("a bad day")

    started: list[weakref.ref[RunningAnswer[Any]]] = []

    async def visitor(desk: AnswerDesk, user: int) -> str:
        await asyncio.sleep(draw.random() * 0.2)
        try:
            running = desk.start(user, work)
            started.append(weakref.ref(running))
        except (ServerBusy, TooManyAnswers):
            return "refused"
        try:
            async with asyncio.timeout(draw.choice([0.0, 0.004, 0.02, SECONDS])):
                await told(running)
        except TimeoutError:
            return "left"
        except ValueError:
            return "failed"
        finally:
            running.cancel()
        return "answered"

    async def scenario() -> None:
        desk = AnswerDesk(limits)
        ends = await asyncio.gather(*[visitor(desk, draw.randrange(6)) for _ in range(150)])
        await until(lambda: desk.state.being_made == 0)
        state = desk.state
        assert state.waiting == 0
        # Soon, not at once: a thread lets go of its work after it has said that it is over, and
        # the loop closes what a reader left half read in a task of its own.
        assert len(started) == 150 - ends.count("refused")
        await until(lambda: none_is_kept(started))
        assert state.refused == ends.count("refused")
        assert state.finished + state.failed + state.cancelled + state.refused == 150
        assert state.finished >= ends.count("answered") > 0
        assert state.cancelled > 0

    asyncio.run(scenario())


def test_a_desk_that_closes_tells_those_who_wait_and_lets_the_others_end():
    async def scenario() -> None:
        desk = desk_of(at_once=2)
        quick, endless = Work(), Work()
        ending, lasting = desk.start(ADA, quick), desk.start(BOB, endless)
        waiting = desk.start(ADA, Work())
        closing = asyncio.create_task(desk.close(0.3))
        stream = waiting.events(SECONDS)
        assert await anext(stream) == Queued(0)
        with pytest.raises(ServerStopping):
            await anext(stream)
        with pytest.raises(ServerStopping):
            desk.start(EVE, Work())
        quick.let_go.set()
        assert await told(ending) == ["first", "last"]
        stream = lasting.events(SECONDS)
        assert await anext(stream) == "first"
        with pytest.raises(ServerStopping):
            await anext(stream)
        await asyncio.wait_for(closing, SECONDS)
        assert endless.was_cancelled
        state = desk.state
        assert (state.being_made, state.waiting, state.finished, state.failed) == (0, 0, 1, 2)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("answers", "verifications"),
    [
        (Limits(8, 32, 4), Limits(2, 8, 4)),
        (Limits(1, 0, 1), Limits(1, 0, 1)),
        (Limits(3, 2, 9), Limits(1, 1, 9)),
    ],
)
def test_verifying_has_a_quarter_of_the_places(answers, verifications):
    desks = desks_for(answers)

    assert (desks.answers.limits, desks.verifications.limits) == (answers, verifications)


# Over HTTP


def events_in(text: str, name: str) -> list[Any]:
    return [json.loads(data) for data in re.findall(rf"event: {name}\ndata: (.*)\n", text)]


async def desk_state(app: Any, headers: dict[str, str]) -> Any:
    request = Request(app, "/api/desk", None, headers, "GET")
    await asyncio.wait_for(request.task, SECONDS)
    assert request.status == 200, request.text
    return json.loads(request.text)


def body_of(path: str) -> Any:
    return {"question": "?"} if path == "/api/ask" else chat("?", stream="#" not in path)


def test_the_event_stream_tells_the_position_and_the_turn(site):
    slow = Slow()
    app = create_app(replace(site.services, answer=slow, answers_at_once=1))

    async def scenario() -> None:
        first = Request(app, "/api/ask", {"question": "?"}, site.key("ada"))
        assert await acquired(slow.begun)
        asked = []
        for name in ["ada", "ada", "bob"]:
            asked.append(Request(app, "/api/ask", {"question": "?"}, site.key(name)))
            await until(lambda: "queued" in asked[-1].text)
        assert [events_in(request.text, "queued") for request in asked] == [
            [{"position": 1, "ahead": 0}],
            [{"position": 2, "ahead": 1}, {"position": 3, "ahead": 2}],  # bob's comes before it
            [{"position": 2, "ahead": 1}],
        ]
        slow.let_go.set()
        for request in [first, *asked]:
            await asyncio.wait_for(request.task, SECONDS)
            assert "event: answer" in request.text
        assert events_in(first.text, "queued") == events_in(first.text, "started") == []
        [begun] = events_in(asked[1].text, "started")
        assert begun["seconds_waited"] >= 0
        assert events_in(asked[1].text, "queued")[-1] == {"position": 1, "ahead": 0}

    asyncio.run(scenario())


def test_openais_stream_tells_the_position_in_comments(site):
    slow, headers = Slow(), site.key("ada")
    app = create_app(replace(site.services, answer=slow, answers_at_once=1))

    async def scenario() -> None:
        first = Request(app, "/v1/chat/completions", chat("?", stream=True), headers)
        assert await acquired(slow.begun)
        second = Request(app, "/v1/chat/completions", chat("?", stream=True), headers)
        await until(lambda: ": queued, position 1\n\n" in second.text)
        slow.let_go.set()
        for request in [first, second]:
            await asyncio.wait_for(request.task, SECONDS)
            assert request.text.endswith("data: [DONE]\n\n")
        assert ": started\n\n" in second.text
        assert ": queued" not in first.text

    asyncio.run(scenario())


@pytest.mark.parametrize("path", ["/api/ask", "/v1/chat/completions", "/v1/chat/completions#whole"])
def test_who_leaves_while_waiting_is_noticed_at_once(site, path):
    slow, headers, root = Slow(), site.key("ada"), site.key("root")
    app = create_app(replace(site.services, answer=slow, answers_at_once=1))

    async def scenario() -> None:
        first = Request(app, "/api/ask", {"question": "?"}, headers)
        assert await acquired(slow.begun)
        second = Request(app, path.split("#")[0], body_of(path), headers)
        while (await desk_state(app, root))["answers"]["waiting"] == 0:
            await asyncio.sleep(0.005)
        second.leave()
        await asyncio.wait_for(second.task, SECONDS)
        state = (await desk_state(app, root))["answers"]
        assert (state["waiting"], state["cancelled"], state["being_made"]) == (0, 1, 1)
        slow.let_go.set()
        await asyncio.wait_for(first.task, SECONDS)
        assert not slow.begun.acquire(blocking=False)

    asyncio.run(scenario())


def test_sessions_and_keys_of_a_user_are_one_and_the_limit_is_explained(site):
    slow = Slow()
    app = create_app(replace(site.services, answer=slow, answers_at_once=1, answers_per_user=2))
    keys = [site.key("ada"), site.key("ada")]

    async def scenario() -> None:
        asked = [Request(app, "/api/ask", {"question": "?"}, key) for key in keys]
        assert await acquired(slow.begun)
        await until(lambda: all(request.text for request in asked))
        for path in ["/api/ask", "/v1/chat/completions"]:
            refused = Request(app, path, body_of(path), keys[0])
            await asyncio.wait_for(refused.task, SECONDS)
            assert (refused.status, refused.headers["retry-after"]) == (429, "10")
            assert "2 requests in the queue, which is the limit for one user" in refused.text
            assert "1 being worked on, the next is number 1 of 1 waiting" in refused.text
        other = Request(app, "/api/ask", {"question": "?"}, site.key("bob"))
        slow.let_go.set()
        for request in [*asked, other]:
            await asyncio.wait_for(request.task, SECONDS)
            assert "event: answer" in request.text

    asyncio.run(scenario())


def test_verifying_is_fair_as_well(site):
    slow, headers = SlowVerifier(), site.key("ada")
    app = create_app(replace(site.services, verifier=lambda: slow, answers_per_user=2))

    async def scenario() -> None:
        asked = [Request(app, "/api/verify", {"items": [TEA]}, headers) for _ in range(2)]
        for _ in asked:
            assert await acquired(slow.begun)
        refused = Request(app, "/api/verify", {"items": [TEA]}, headers)
        await asyncio.wait_for(refused.task, SECONDS)
        assert refused.status == 429
        for _ in range(2):
            slow.let_go.release()
        for request in asked:
            await asyncio.wait_for(request.task, SECONDS)
            assert request.status == 200
        state = (await desk_state(app, site.key("root")))["verifications"]
        assert (state["finished"], state["refused"], state["being_made"]) == (2, 1, 0)

    asyncio.run(scenario())


def test_more_answers_than_the_frameworks_threads_do_not_hold_up_the_others(site):
    slow = Slow()
    services = replace(site.services, answer=slow, answers_at_once=50, answers_per_user=50)
    app = create_app(services)
    headers = site.key("ada")

    async def scenario() -> None:
        asked = [Request(app, "/api/ask", {"question": "?"}, headers) for _ in range(50)]
        for _ in asked:
            assert await acquired(slow.begun)
        other = Request(app, "/api/search", {"question": "?"}, headers)
        await asyncio.wait_for(other.task, SECONDS)
        assert other.status == 200
        slow.let_go.set()
        for request in asked:
            await asyncio.wait_for(request.task, SECONDS)

    asyncio.run(scenario())


def test_a_server_that_stops_says_so_in_every_form(site):
    slow, headers = Slow(), site.key("ada")
    app = create_app(replace(site.services, answer=slow))
    paths = ["/api/ask", "/v1/chat/completions", "/v1/chat/completions#whole"]

    async def scenario() -> None:
        asked = [Request(app, path.split("#")[0], body_of(path), headers) for path in paths]
        for _ in asked:
            assert await acquired(slow.begun)
        await asyncio.wait_for(stop_answering(app, 0.1), SECONDS)
        for request in asked:
            await asyncio.wait_for(request.task, SECONDS)
            assert "the server is being stopped or restarted" in request.text
        ask, stream, whole = asked
        assert events_in(ask.text, "error")[0]["status"] == 503
        assert '"server_stopping"' in stream.text
        assert (whole.status, whole.headers["retry-after"]) == (503, "10")
        late = Request(app, "/api/ask", {"question": "?"}, headers)
        await asyncio.wait_for(late.task, SECONDS)
        assert late.status == 503

    asyncio.run(scenario())


def test_only_administrators_see_how_busy_the_server_is(site):
    assert site.client().get("/api/desk").status_code == 401
    assert site.client("ada").get("/api/desk").status_code == 403
    client = site.client("root")
    client.post("/api/ask", json={"question": "When is tea?"})

    state = client.get("/api/desk").json()

    answers = state["answers"]
    assert answers.pop("usual_seconds") >= 0
    assert answers.pop("seconds_waited") >= 0
    assert answers == {
        "being_made": 0,
        "waiting": 0,
        "started": 1,
        "finished": 1,
        "failed": 0,
        "cancelled": 0,
        "refused": 0,
        "limits": {"at_once": 8, "waiting": 32, "per_user": 4},
    }
    assert state["verifications"]["limits"] == {"at_once": 2, "waiting": 8, "per_user": 4}
    assert state["verifications"]["usual_seconds"] is None
    assert all(number > 0 for number in state["process"].values())
