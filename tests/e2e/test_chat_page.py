"""The chat page in a real browser against a real server; only answering is a plain function."""

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.api.application import create_app
from app.api.services import Suggestions
from app.suggesting.suggester import Suggestion
from generation.types import (
    Assayed,
    Drafted,
    Finished,
    Message,
    PassagePart,
    Retrieved,
    Verdict,
)
from retrieval.types import Hit
from tests.component.site import (
    PASSWORD,
    Site,
    answer_of,
    hit_of,
    numbered,
    put_documents,
    sentence_from,
    site,
)

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
HOSTILE = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'
LONG_NAME = "a-very-long-file-name-without-any-place-to-break-it-" * 4 + ".pdf"

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"needs a browser: there is none at {CHROMIUM}; install chromium"
)

__all__ = ["site"]  # a fixture
# The words that stood in a prompt, as an answer names them.
READ = (PassagePart(7, 10, 91), PassagePart(9, 0, 30))


class Script:
    """Answers by the question, with some of everything a page must show."""

    def __init__(self, site: Site) -> None:
        open_ = site.services.store.collection("open")
        policy = (
            "The probation period lasts six months.\n  It may be extended\n  once, by three months."
        )
        self.hits = [
            numbered(hit_of(open_, policy, name="Staff handbook.pdf"), 101),
            numbered(
                hit_of(open_, "Holiday is thirty days a year.", name="Holiday rules.docx"), 102
            ),
        ]
        put_documents(site.services.store, self.hits)
        self.histories: list[list[Message]] = []
        self.asked: list[str] = []
        self.begun, self.let_go = threading.Event(), threading.Event()
        self.was_cancelled = threading.Event()

    def __call__(self, question, /, *, history, is_cancelled, **_) -> Iterator[Any]:
        self.histories.append(list(history))
        self.asked.append(question)
        if "turnover" in question:
            return self._abstain(question)
        if "hostile" in question:
            return self._answer_with_hostile_words(question)
        if "slow" in question:
            return self._wait(question, is_cancelled)
        if "fail" in question:
            return self._fail()
        return self._answer(question, self.hits)

    def _answer(self, question: str, hits: list[Hit], words: str = "") -> Iterator[Any]:
        first, second = hits
        yield Retrieved((first, second))
        sentences = [sentence_from(first)]
        yield Assayed(sentences[0])
        for text, verdict in [
            (words or "So you are on probation for half a year.", Verdict.SUPPORTED),
            ("It can be extended twice.", Verdict.CONTRADICTED),
            ("Holiday grows with age.", Verdict.UNSUPPORTED),
            ("You have thirty days of holiday, from the first month.", Verdict.PARTLY),
        ]:
            for piece in re.findall(r"\S+\s*", text):
                yield Drafted(piece)
                time.sleep(0.01)
            yield Drafted(" ")
            hit = second if "oliday" in text else first
            sentences.append(sentence_from(hit, verdict, text))
            yield Assayed(sentences[-1])
        yield Finished(replace(answer_of(question, sentences), evidence=READ))

    def _answer_with_hostile_words(self, question: str) -> Iterator[Any]:
        first, second = self.hits
        hits = [
            replace(hit, document=replace(hit.document, name=name))
            for hit, name in [(first, HOSTILE), (second, LONG_NAME)]
        ]
        return self._answer(question, hits, words=HOSTILE)

    def _abstain(self, question: str) -> Iterator[Any]:
        yield Retrieved(tuple(self.hits))
        yield Drafted("The turnover was ")
        yield Assayed(sentence_from(self.hits[0], Verdict.UNSUPPORTED, "The turnover was nine."))
        yield Finished(answer_of(question, [], nearest=self.hits))

    def _wait(self, question: str, is_cancelled: Any) -> Iterator[Any]:
        yield Retrieved(tuple(self.hits))
        yield Assayed(sentence_from(self.hits[0]))
        yield Drafted("Not yet check")
        self.begun.set()
        while not self.let_go.wait(0.01):
            if is_cancelled():
                self.was_cancelled.set()
                return
        yield Finished(answer_of(question, [sentence_from(self.hits[0])]))

    def _fail(self) -> Iterator[Any]:
        yield Retrieved(())
        raise RuntimeError("not for the reader")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        flags = (
            "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
            "--disable-sync --no-first-run --disable-quic "
            "--host-resolver-rules=MAP assay.example.org 127.0.0.1"
        )
        arguments = [f"--{flag}" for flag in re.split(r"\s*--", flags) if flag]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def script(site):
    script = Script(site)
    yield script
    script.let_go.set()


@pytest.fixture
def address(site, script):
    with served(site, script) as address:
        yield address


@contextmanager
def served(site: Site, script: Script) -> Iterator[str]:
    """The address of a server of the site, which answers as the script says."""
    services = replace(
        site.services,
        answer=script,
        suggestions=lambda _: Suggestions(
            (
                Suggestion("How long is the probation period?", "<b>hand\u202ebook.md", 1),
                Suggestion("How much holiday is there?"),
            ),
            "What was the turnover last year?",
        ),
        answers_at_once=1,
        answers_waiting=0,
        grace_seconds=0.3,
    )
    config = uvicorn.Config(
        create_app(services), host="127.0.0.1", port=0, ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        script.let_go.set()
        server.should_exit = True
        thread.join()


@pytest.fixture
def open_page(browser: Browser, address: str):
    """Opens a browser window of its own, logged in; in the end nothing was wrong in any."""
    contexts, complaints, hosts = [], [], set()

    def open_page(*, name: str | None = "ada", **options: Any) -> Page:
        context = browser.new_context(base_url=address, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
        if name is not None:
            page.goto("/login")
            page.get_by_label("Name").fill(name)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url("**/")
        return page

    yield SimpleNamespace(open=open_page, complaints=complaints, hosts=hosts)
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page, address):
    """A page that must not complain: no console message, no CSP violation, no other host."""
    yield open_page.open()
    assert open_page.complaints == []
    assert open_page.hosts == {address.removeprefix("http://")}


def ask(page: Page, question: str) -> None:
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")


def is_wider_than_the_window(page: Page) -> bool:
    return page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )


def test_every_sentence_shows_its_verdict_and_opens_the_words_it_comes_from(page):
    page.get_by_role("button", name="How long is the probation period?").click()

    turn = page.get_by_role("article", name="How long is the probation period?")
    expect(turn.locator(".meta")).to_have_text(
        "2 of 5 sentences supported · 0.5 s · 7 tokens written · toy"
    )
    expect(turn.locator(".sentence .verdict")).to_have_text(
        ["Supported", "Supported", "Contradicted", "Unsupported", "Partly supported"]
    )
    expect(turn.locator(".sentence .text").nth(1)).to_have_text(
        "So you are on probation for half a year."
    )
    expect(turn.locator(".state, .draft")).to_have_count(0)
    expect(page.get_by_role("status")).to_have_text("Answer ready. 2 of 5 sentences supported.")

    source = turn.get_by_role("button", name="Source: Staff handbook.pdf p. 3").first
    panel = page.get_by_role("region", name="Staff handbook.pdf, page 3")
    expect(panel).to_be_hidden()
    source.click()
    expect(source).to_have_attribute("aria-expanded", "true")
    expect(panel).to_be_focused()
    expect(panel.locator("[data-where]")).to_have_text("1 of 4")
    expect(panel.locator("mark")).to_have_text(
        [
            "The probation period lasts six months.",
            re.compile("It may be extended"),
            re.compile("once, by three months."),
        ]
    )
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(source).to_be_focused()


def test_a_follow_up_sends_what_was_said(page, script):
    ask(page, "How long?")
    expect(page.locator(".meta")).to_have_count(1)
    ask(page, "And then?")
    expect(page.locator(".meta")).to_have_count(2)

    assert script.histories[0] == []
    first, second = script.histories[1]
    assert first == Message("user", "How long?", READ)
    assert second.role == "assistant"
    assert second.content.endswith("three months. So you are on probation for half a year.")


def test_an_abstention_says_so_and_shows_what_came_nearest(page):
    page.get_by_role("button", name=re.compile("^What was the turnover last year?")).click()

    turn = page.get_by_role("article")
    expect(turn.get_by_role("heading", level=3)).to_have_text("Your documents do not answer this")
    expect(turn.get_by_role("listitem")).to_have_count(2)
    expect(turn.get_by_role("listitem").first).to_contain_text("Staff handbook.pdf")
    expect(turn.get_by_role("listitem").first).to_contain_text("lasts six months. It may be ext")
    expect(turn.locator(".sentence, .verdict, .draft")).to_have_count(0)
    expect(turn.locator(".meta")).to_have_text("0.5 s · 7 tokens written · toy")


def test_words_from_outside_stay_words(page):
    ask(page, f"hostile {HOSTILE}")

    turn = page.get_by_role("article")
    expect(turn.locator(".meta")).to_be_visible()
    expect(turn.get_by_role("heading", level=2)).to_have_text(f"hostile {HOSTILE}")
    expect(turn.locator(".sentence .text").nth(1)).to_have_text(HOSTILE)
    turn.get_by_role("button", name=re.compile("Source: <img")).first.click()
    expect(page.get_by_role("region", name=f"{HOSTILE}, page 3")).to_be_visible()
    assert page.evaluate("window.harmed") is None
    assert page.locator("main img, main script").count() == 0


def test_the_draft_is_muted_until_it_is_checked_and_stop_stops_the_server(page, script):
    ask(page, "slow")

    turn = page.get_by_role("article")
    expect(turn.locator(".draft")).to_have_text("Not yet check")
    expect(turn.locator(".state")).to_have_text("Writing…")
    expect(turn.locator(".sentence")).to_have_count(1)
    page.get_by_role("button", name="Stop").click()

    assert script.was_cancelled.wait(10)
    expect(turn.locator(".meta")).to_have_text("Stopped. What stands above was checked.")
    expect(turn.locator(".draft, .state")).to_have_count(0)
    expect(page.get_by_role("button", name="Ask")).to_be_visible()
    expect(page.get_by_label("Your question")).to_be_focused()


def test_closing_the_page_stops_the_server_too(open_page, script):
    page = open_page.open()
    ask(page, "slow")
    assert script.begun.wait(10)

    page.close()

    assert script.was_cancelled.wait(10)


def test_all_of_it_works_with_the_keyboard_alone(page):
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.type("First line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second line")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=2)).to_have_text("First line\nsecond line")
    expect(page.locator(".meta")).to_be_visible()
    expect(page.get_by_label("Your question")).to_be_focused()
    expect(page.get_by_label("Your question")).to_have_value("")
    for name in ["Add as test case", "Bad answer", "Good answer", "Regenerate", "Copy the answer"]:
        page.keyboard.press("Shift+Tab")
        expect(page.get_by_role("button", name=name)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_text("How it was written")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.locator(".cite").last).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    panel = page.locator("#evidence")
    expect(panel).to_be_focused()
    expect(panel.locator("[data-where]")).to_have_text("4 of 4")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(panel.get_by_role("button", name="Previous source")).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel.locator("[data-where]")).to_have_text("3 of 4")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.locator(".cite").nth(2)).to_be_focused()


def test_a_phone_scrolls_in_one_direction_only(open_page):
    page = open_page.open(viewport={"width": 320, "height": 640}, has_touch=True)
    assert not is_wider_than_the_window(page)
    ask(page, "hostile " + "w" * 200)
    expect(page.locator(".meta")).to_be_visible()
    page.locator(".cite").last.click()
    expect(page.locator("#evidence")).to_be_visible()
    assert not is_wider_than_the_window(page)
    page.get_by_role("button", name="Close the source").click()

    assert not is_wider_than_the_window(page)
    box = page.get_by_label("Your question").bounding_box()
    assert box["y"] + box["height"] <= 640


def test_dark_is_dark_and_light_is_light(open_page):
    for scheme, is_dark in [("dark", True), ("light", False)]:
        page = open_page.open(color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (max(int(part) for part in re.findall(r"\d+", colour)) < 64) == is_dark


def test_an_error_of_the_server_is_told_and_the_question_can_be_asked_again(page, script):
    ask(page, "fail")
    notice = page.locator(".notice")
    expect(notice).to_contain_text("Something went wrong on the server; its log has the reason")
    expect(page.get_by_text("not for the reader")).to_have_count(0)

    page.get_by_role("button", name="Ask again").click()

    expect(page.get_by_role("article")).to_have_count(1)
    expect(notice).to_be_visible()
    assert script.asked == ["fail", "fail"]


def test_a_lost_connection_is_told_and_mended(open_page):
    page = open_page.open()
    page.context.set_offline(True)
    ask(page, "How long?")
    expect(page.locator(".notice")).to_contain_text("The connection to the server was lost.")
    page.context.set_offline(False)

    page.get_by_role("button", name="Ask again").click()

    expect(page.locator(".meta")).to_be_visible()
    expect(page.locator(".notice")).to_have_count(0)


def test_a_busy_server_says_so(open_page, script):
    ask(open_page.open(), "slow")
    assert script.begun.wait(10)

    page = open_page.open(name="bob")
    ask(page, "How long?")

    expect(page.locator(".notice")).to_contain_text("The server is busy")
    script.let_go.set()
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()


def test_an_ended_session_leads_back_to_the_door(open_page):
    page = open_page.open()
    page.context.clear_cookies()
    ask(page, "How long?")

    expect(page.locator(".notice")).to_contain_text("Your session has ended.")
    page.locator(".notice").get_by_role("link", name="Log in").click()
    expect(page.get_by_label("Password")).to_be_visible()


def test_logging_in_fails_and_works_and_ends_without_tls_as_well(open_page, address):
    # Under another name than localhost and without TLS browsers send no Sec-Fetch-Site.
    port = address.rsplit(":", 1)[1]
    page = open_page.open(name=None)
    page.goto(f"http://assay.example.org:{port}/")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("wrong horse")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("the name or the password is wrong")
    expect(page.get_by_label("Name")).to_have_value("ada")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Account of ada")).to_be_visible()
    page.wait_for_load_state()
    ask(page, "How long?")
    expect(page.locator(".meta")).to_be_visible()

    page.get_by_role("button", name="Log out").click()

    expect(page).to_have_url(f"http://assay.example.org:{port}/login")
