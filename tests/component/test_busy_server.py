"""One answer too many, clients that leave, and streams that are silent."""

import asyncio
from dataclasses import replace

import pytest

from app.api.application import create_app
from tests.component.site import Request, Slow, acquired, chat, site

__all__ = ["site"]  # a fixture


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
