"""What a reader whose question has to wait sees in a real browser; answering is a function."""

import threading
import time
from dataclasses import replace

import httpx
import pytest
import uvicorn
from playwright.sync_api import Page, expect

from app.api.application import create_app
from app.api.desk import DeskState
from app.api.services import Readiness
from tests.component.site import site
from tests.e2e.test_chat_page import (
    ask,
    browser,
    is_wider_than_the_window,
    open_page,
    pytestmark,
    script,
)

# Fixtures, and when to skip.
__all__ = ["browser", "open_page", "pytestmark", "script", "site"]


class Busy:
    """The server and a look at its desk."""

    def __init__(self, app) -> None:
        self.app = app

    def until(self, **counts: int) -> DeskState:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            state = self.app.state.desks.answers.state
            if all(getattr(state, name) == count for name, count in counts.items()):
                return state
            time.sleep(0.01)
        raise AssertionError(f"never {counts}: {state}")


@pytest.fixture
def readiness():
    """What the server says of itself: the last of these."""
    return [Readiness(ready=True, detail="ready")]


@pytest.fixture
def busy(site, script, readiness):
    services = replace(
        site.services,
        answer=script,
        answers_at_once=1,
        answers_waiting=8,
        readiness=lambda: readiness[-1],
    )
    return Busy(create_app(services))


@pytest.fixture
def address(busy, script):
    config = uvicorn.Config(
        busy.app,
        host="127.0.0.1",
        port=0,
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    script.let_go.set()
    server.should_exit = True
    thread.join()


def slow_question(site, address: str, name: str) -> threading.Thread:
    """Somebody else asks something that takes long."""
    thread = threading.Thread(
        target=lambda: httpx.post(
            f"{address}/api/ask", json={"question": "slow"}, headers=site.key(name), timeout=60
        )
    )
    thread.start()
    return thread


def state_of(page: Page):
    return page.get_by_role("article").locator(".state")


def test_the_place_is_shown_moves_up_and_gives_way_to_the_answer(
    site, open_page, address, busy, script
):
    others = [slow_question(site, address, "bob")]
    busy.until(being_made=1)
    others.append(slow_question(site, address, "root"))
    busy.until(waiting=1)
    page = open_page.open(viewport={"width": 320, "height": 640}, color_scheme="dark")

    ask(page, "How long?")

    expect(state_of(page)).to_have_text("Waiting, number 2 in line…")
    expect(page.get_by_role("status")).to_have_text("Waiting, number 2 in line…")
    assert page.get_by_role("status").evaluate("e => e.ariaLive || e.role") in {"polite", "status"}
    assert not is_wider_than_the_window(page)
    script.let_go.set()
    expect(page.locator(".meta")).to_be_visible()
    expect(page.locator(".state, [data-waiting]")).to_have_count(0)
    for other in others:
        other.join()
    assert open_page.complaints == []


def test_stopping_leaves_the_queue_and_reloading_keeps_the_place_in_it(
    site, open_page, address, busy, script
):
    other = slow_question(site, address, "bob")
    busy.until(being_made=1)
    page = open_page.open()
    ask(page, "How long?")
    expect(state_of(page)).to_have_text("You are next…")

    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".meta")).to_have_text("Stopped.")
    busy.until(waiting=0, cancelled=1)

    ask(page, "How long?")
    busy.until(waiting=1)
    page.reload()
    expect(state_of(page)).to_have_text("You are next…")
    busy.until(waiting=1, cancelled=1, being_made=1)
    script.let_go.set()
    other.join()
    expect(page.locator(".meta")).to_be_visible()
    state = busy.until(being_made=0)
    assert (state.started, state.finished) == (2, 2)


def test_a_reader_is_told_that_the_model_is_being_prepared(
    open_page, script, readiness, monkeypatch
):
    def loaded_first(question, _is_cancelled):
        script.let_go.wait(30)
        yield from script._answer(question, script.hits)

    monkeypatch.setattr(script, "_wait", loaded_first)
    page = open_page.open(viewport={"width": 320, "height": 640})
    preparing = "the model is being prepared for this machine, 40%; this is done once"
    readiness.append(Readiness(ready=False, detail=preparing))
    ask(page, "slow")
    expect(state_of(page)).to_have_text(f"T{preparing[1:]}…")
    assert not is_wider_than_the_window(page)
    readiness.append(Readiness(ready=False, detail=preparing.replace("40", "80")))
    expect(state_of(page)).to_contain_text("80%")
    readiness.append(Readiness(ready=True, detail="ready"))
    expect(state_of(page)).to_have_text("Searching…")
    script.let_go.set()
    expect(page.locator(".state")).to_have_count(0)
