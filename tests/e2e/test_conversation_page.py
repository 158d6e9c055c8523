"""Conversations and sources in a real browser: kept, taken up again, shown in their place."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Page, expect

from app.api.application import create_app
from generation.citations import citation
from generation.types import Assayed, AssayedSentence, Finished, Origin, Retrieved, Verdict
from retrieval.types import Hit
from tests.component.published import SAMPLES, publish_file
from tests.component.site import answer_of, site
from tests.e2e.axe import barriers
from tests.e2e.test_chat_page import (
    HOSTILE,
    LONG_NAME,
    ask,
    browser,
    is_wider_than_the_window,
    open_page,
    pytestmark,
    script,
)

# Fixtures, and when to skip.
__all__ = ["browser", "open_page", "pytestmark", "script", "site"]

RTL = "\u202eevil\u202c"


class Line:
    """What stands between browser and server, and can be cut."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        for connection in self._open:
            with suppress(OSError):  # what has closed meanwhile is cut
                connection.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                return
            self._open += [near, far]
            for one, other in [(near, far), (far, near)]:
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass
        finally:
            one.close()
            other.close()


class Server:
    """A server over the site; several may be started after each other."""

    def __init__(self, services: Any) -> None:
        config = uvicorn.Config(
            create_app(services), host="127.0.0.1", port=0, ws="none", lifespan="off",
            log_config=None, timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()


class Citing:
    """Cites words of real files where a question asks for one; else it does as the script does."""

    def __init__(self, site: Any, script: Any) -> None:
        self.script = script
        store = site.services.store
        open_ = store.collection("open")
        self.hits: list[Hit] = []
        for name, data in [
            ("service-contract.pdf", (SAMPLES / "service-contract.pdf").read_bytes()),
            (
                "notes.txt",
                "Tea 🫖 is at four. Café e\u0301te\u0301 👩\u200d🔬 closes at five.".encode(),
            ),
            (f"{RTL}{LONG_NAME}.txt", f"{HOSTILE} {'w' * 10_000} {RTL} end".encode()),
        ]:
            self.hits += publish_file(store, open_, name, data)

    def __call__(self, question: str, /, **options: Any) -> Iterator[Any]:
        if "source" not in question:
            return self.script(question, **options)
        return self._answer(question)

    def _answer(self, question: str) -> Iterator[Any]:
        yield Retrieved(tuple(self.hits))
        said = []
        for words in ["90 days’ written notice", "four. Café e\u0301te\u0301 👩\u200d🔬", HOSTILE]:
            hit = next(hit for hit in self.hits if words in hit.passage.text)
            start = hit.passage.text.index(words)
            source = citation(hit, start, start + len(words))
            said.append(AssayedSentence(words, Origin.QUOTED, Verdict.SUPPORTED, 1.0, (source,)))
            yield Assayed(said[-1])
        text = f"| a | b |\n|---|---|\n| **{'w' * 300}** | `{HOSTILE}` |"
        said.append(AssayedSentence(text, Origin.GENERATED, Verdict.UNSUPPORTED, 0.1))
        yield Assayed(said[-1])
        yield Finished(answer_of(question, said))


@pytest.fixture
def served(site, script):
    services = replace(site.services, answer=Citing(site, script), grace_seconds=30)
    servers = [Server(services)]
    line = Line(servers[0].port)

    def restart() -> None:
        """A new server takes the place of one that is gone, as `assay serve` begins."""
        services.conversations.interrupt_unfinished()
        servers.append(Server(services))
        line.port = servers[-1].port

    yield SimpleNamespace(line=line, restart=restart, services=services)
    script.let_go.set()
    line.close()
    line.cut()
    for server in servers:
        server.stop()


@pytest.fixture
def address(served):
    return served.line.address


def turn_of(page: Page, question: str) -> Any:
    return page.get_by_role("article", name=question)


def test_a_conversation_is_found_again_renamed_and_deleted(open_page):
    page = open_page.open()
    ask(page, "How long is the probation period?")
    expect(page.locator(".meta")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/conversations/1$"))
    expect(page).to_have_title("How long is the probation period? · Assay")
    listed = page.get_by_role("navigation", name="Conversations").get_by_role("listitem")
    page.get_by_role("link", name="New conversation").click()
    expect(page.get_by_role("heading", name="Ask your documents")).to_be_visible()
    expect(listed).to_have_count(1)
    ask(page, f"Is {HOSTILE} open?")
    expect(page.locator(".meta")).to_be_visible()
    expect(listed).to_have_count(2)

    page.get_by_label("Search conversations").fill("PROBATION how")
    expect(listed).to_have_count(1)
    listed.get_by_role("link").click()
    expect(turn_of(page, "How long is the probation period?").locator(".meta")).to_be_visible()
    expect(page.locator(".sentence .verdict").first).to_have_text("Supported")

    mine = listed.filter(has=page.locator("[aria-current]"))
    mine.get_by_role("button", name="Options").click()
    dialog = page.get_by_role("dialog", name="Conversation")
    dialog.get_by_label("Title").fill("Tower")
    page.keyboard.press("Enter")
    expect(page).to_have_title("Tower · Assay")
    expect(mine.get_by_role("link", name="Tower")).to_be_visible()

    mine.get_by_role("button", name="Options").click()
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Markdown").click()
    assert "## How long is the probation period?" in Path(download.value.path()).read_text("utf-8")
    dialog.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete it for good").click()
    expect(page).to_have_url(re.compile(r"/$"))
    expect(listed).to_have_count(1)
    assert page.evaluate("window.harmed") is None
    assert open_page.complaints == []


def test_an_edited_question_is_another_version_and_the_first_stays(open_page, script):
    page = open_page.open()
    ask(page, "First?")
    expect(page.locator(".meta")).to_have_count(1)
    ask(page, "Second?")
    expect(page.locator(".meta")).to_have_count(2)
    page.get_by_role("button", name="Edit the question").first.click()
    box = page.get_by_role("textbox", name="Edit the question")
    expect(box).to_be_focused()
    box.fill("Instead?")
    page.keyboard.press("Enter")

    expect(page.get_by_role("article")).to_have_count(1)
    expect(turn_of(page, "Instead?").locator(".versions")).to_have_text("2 of 2")
    assert script.histories[-1] == []
    page.get_by_role("button", name="Earlier version").click()
    expect(page.get_by_role("article")).to_have_count(2)
    expect(page.get_by_role("heading", level=2)).to_have_text(["First?", "Second?"])
    page.reload()
    expect(page.get_by_role("heading", level=2)).to_have_text(["Instead?"])
    assert open_page.complaints == []


def test_a_lost_connection_loses_nothing_of_the_answer(open_page, script, served):
    page = open_page.open()
    ask(page, "slow")
    assert script.begun.wait(10)
    expect(page.locator(".sentence")).to_have_count(1)

    served.line.cut()
    expect(page.locator(".sentence")).to_have_count(1)
    script.let_go.set()

    expect(page.locator(".meta")).to_have_text(re.compile("1 of 1 sentence supported"))
    expect(page.locator(".sentence")).to_have_count(1)
    assert not script.was_cancelled.is_set()
    assert script.asked == ["slow"]


def test_a_restarted_server_says_what_was_checked_before(open_page, script, served):
    page = open_page.open()
    ask(page, "slow")
    assert script.begun.wait(10)
    expect(page.locator(".sentence")).to_have_count(1)

    served.restart()
    served.line.cut()

    turn = turn_of(page, "slow")
    expect(turn.locator(".meta")).to_have_text("It was interrupted. What stands above was checked.")
    expect(turn.locator(".sentence")).to_have_count(1)
    expect(turn.locator(".draft, .state")).to_have_count(0)
    script.let_go.set()
    turn.get_by_role("button", name="Regenerate").click()
    expect(turn.locator(".versions")).to_have_text("2 of 2")


def test_a_source_opens_at_its_page_with_the_quoted_words_marked(open_page):
    page = open_page.open()
    ask(page, "Which source says so?")
    expect(page.locator(".meta")).to_be_visible()
    page.locator(".cite").first.click()

    panel = page.get_by_role("region", name="service-contract.pdf, page 2")
    picture = panel.get_by_role("img", name="Page 2 of service-contract.pdf")
    expect(picture).to_be_visible()
    expect(panel.locator(".paper rect")).to_have_count(1)
    expect(picture).to_have_js_property("complete", value=True)
    assert picture.evaluate("image => image.naturalWidth") > 1000
    # The mark is inside the picture, and can be seen without scrolling.
    mark, paper = panel.locator(".paper rect").bounding_box(), picture.bounding_box()
    assert paper["x"] < mark["x"] < mark["x"] + mark["width"] < paper["x"] + paper["width"]
    assert 0 < mark["y"] < page.viewport_size["height"]
    before = paper["width"]
    panel.get_by_role("button", name="Larger").click()
    assert picture.bounding_box()["width"] > 1.4 * before
    with page.expect_download() as download:
        panel.get_by_role("link", name="Original").click()
    original = (SAMPLES / "service-contract.pdf").read_bytes()
    assert Path(download.value.path()).read_bytes() == original

    panel.get_by_role("button", name="Next source").click()
    text = page.get_by_role("region", name="notes.txt")
    # Emoji and letters of several code points are marked to the letter.
    expect(text.locator("mark")).to_have_text("four. Café e\u0301te\u0301 👩\u200d🔬")
    expect(text.locator(".around")).to_contain_text("Tea 🫖 is at four.")
    text.get_by_role("button", name="Next source").click()
    expect(page.locator("#evidence mark")).to_have_text(HOSTILE)
    assert page.evaluate("window.harmed") is None
    assert open_page.complaints == []


KINDS = [({"width": 1280, "height": 800}, "light"), ({"width": 390, "height": 800}, "dark")]


@pytest.mark.parametrize(("viewport", "scheme"), KINDS)
def test_whatever_stands_in_it_the_page_fits_and_is_accessible(open_page, viewport, scheme):
    page = open_page.open(viewport=viewport, color_scheme=scheme)
    check(page)
    ask(page, "Which source says so? " + "w" * 300)
    expect(page.locator(".meta")).to_be_visible()
    check(page)
    for place in range(3):
        page.locator(".cite").nth(place).click()
        expect(page.locator("#evidence mark, .paper rect").first).to_be_attached()
        check(page)
        page.get_by_role("button", name="Close the source").click()
    ask(page, "turnover")
    expect(page.locator(".abstention")).to_be_visible()
    ask(page, "fail")
    expect(page.locator(".notice")).to_be_visible()
    check(page)
    if page.get_by_role("button", name="Conversations").is_visible():
        page.get_by_role("button", name="Conversations").click()
    page.get_by_role("button", name="Options").first.click(force=True)
    expect(page.get_by_role("dialog", name="Conversation")).to_be_visible()
    check(page)


def check(page: Page) -> None:
    assert not is_wider_than_the_window(page)
    assert barriers(page) == []
