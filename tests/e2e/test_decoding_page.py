"""Decoding on the chat page, in a real browser: its controls, what made an answer, and again."""

import json
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Page, expect

from app.api.application import create_app
from generation.decoding import Decoding
from generation.errors import BadDecoding
from generation.types import Draft, EngineInfo, Finished, Message, Retrieved, Token, Usage
from tests.component.site import (
    PASSWORD,
    Site,
    answer_of,
    hit_of,
    put_documents,
    sentence_from,
    site,
)
from tests.e2e.axe import barriers
from tests.e2e.test_chat_page import CHROMIUM, HOSTILE, ask, browser, is_wider_than_the_window

KINDS = [
    ({"width": 1280, "height": 900}, "light"),
    ({"width": 1280, "height": 900}, "dark"),
    ({"width": 390, "height": 800}, "light"),
    ({"width": 390, "height": 800}, "dark"),
]
ENGINE = EngineInfo("toy", "openvino", "int8", "cpu", "9f" * 32)

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"needs a browser: there is none at {CHROMIUM}; install chromium"
)
__all__ = ["browser", "site"]  # fixtures


class Writer:
    """Says what it was asked to do and how; a question with "changes" never has one answer."""

    def __init__(self, site: Site) -> None:
        collection = site.services.store.collection("open")
        self.hit = hit_of(collection, "The probation period lasts six months.")
        put_documents(site.services.store, [self.hit])
        self.asked: list[SimpleNamespace] = []

    def __call__(self, question, /, *, history, decoding, **_) -> Iterator[Any]:
        self.asked.append(
            SimpleNamespace(question=question, history=list(history), decoding=decoding)
        )
        yield Retrieved((self.hit,))
        if decoding.max_tokens > 1500:
            raise BadDecoding("max_tokens is 5000 and the window of toy is 2048 tokens")
        if decoding.temperature > 0 and decoding.seed is None:
            decoding = replace(decoding, seed=20_26)
        said = [sentence_from(self.hit)]
        if "changes" in question:
            said.append(sentence_from(self.hit, text=f"It was asked {len(self.asked)} times."))
        answer = answer_of(question, said, decoding=decoding)
        if "changes" in question:
            answer = replace(answer, change_number=len(self.asked))
        yield Finished(
            replace(
                answer,
                engine=ENGINE,
                usage=Usage(40, 7, cached_tokens=12),
                finish_reason="stop",
                tokens=self._tokens() if decoding.logprobs else (),
                drafts=self._drafts() if decoding.num_beams > 1 else (),
            )
        )

    def _tokens(self) -> tuple[Token, ...]:
        return (
            Token("<b>Six</b>", -0.01), Token(" months", -0.5), Token(",", -1.5), Token("\n", -3.0)
        )  # fmt: skip

    def _drafts(self) -> tuple[Draft, ...]:
        return (Draft("Six months.", -1.234), Draft(HOSTILE, -5.5))


@pytest.fixture
def writer(site):
    return Writer(site)


@pytest.fixture
def default():
    """The server's own decoding; a test may parametrise it."""
    return Decoding()


@pytest.fixture
def address(site, writer, default):
    services = replace(site.services, answer=writer, default_decoding=default)
    config = uvicorn.Config(
        create_app(services), host="127.0.0.1", port=0, ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def open_page(browser, address):
    """A window of its own, logged in. In the end nothing complained: a policy least of all."""
    contexts, complaints = [], []

    def open_page(**options: Any) -> Page:
        context = browser.new_context(base_url=address, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto("/login")
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/")
        return page

    yield open_page
    for context in contexts:
        context.close()
    # The browser says of a request that was refused that it was.
    assert [text for text in complaints if "status of 422" not in text] == []


@pytest.fixture
def page(open_page):
    return open_page()


def open_decoding(page: Page) -> Any:
    page.get_by_role("button", name="Decoding").click()
    return page.get_by_role("dialog", name="Decoding")


def set_range(dialog: Any, label: str, value: float) -> None:
    dialog.get_by_label(label, exact=True).evaluate(
        "(input, value) => { input.value = value;"
        " input.dispatchEvent(new Event('input', {bubbles: true})); }",
        str(value),
    )


def shown_controls(dialog: Any) -> list[str]:
    return [
        re.sub(r"\s+", " ", text).strip()
        for text in dialog.locator(".control:not([hidden]) label").all_inner_texts()
    ]


def test_an_untouched_page_asks_with_the_servers_own_settings(page, writer):
    expect(page.locator("#decoding-summary")).to_be_hidden()
    with page.expect_request("**/api/conversations") as request:
        ask(page, "How long?")
    expect(page.locator(".meta")).to_be_visible()

    assert "decoding" not in json.loads(request.value.post_data)
    assert writer.asked[0].decoding == Decoding()


def test_each_method_shows_what_has_a_meaning_for_it(page):
    dialog = open_decoding(page)
    expect(dialog.get_by_label("Greedy")).to_be_focused()
    expect(dialog.get_by_label("Greedy")).to_be_checked()
    always = [
        "Longest draft", "Repetition penalty", "Presence penalty", "Frequency penalty", "Stop at",
    ]  # fmt: skip
    assert shown_controls(dialog) == [*always, "Show probabilities"]
    page.keyboard.press("ArrowDown")
    expect(dialog.get_by_label("Sampling")).to_be_checked()
    assert shown_controls(dialog) == [
        "Temperature", "Top-p", "Top-k", "Min-p", "Seed", *always, "Show probabilities",
    ]  # fmt: skip
    page.keyboard.press("ArrowDown")
    assert shown_controls(dialog) == ["Beams", "Length penalty", *always]
    for control in dialog.locator(".control:visible input, .control:visible textarea").all():
        described = control.evaluate(
            "input => document.getElementById(input.getAttribute('aria-describedby')"
            ".split(' ')[0]).textContent.trim()"
        )
        assert len(described) > 20


def test_what_is_set_is_sent_summed_up_and_kept_until_it_is_reset(page, writer):
    dialog = open_decoding(page)
    dialog.get_by_label("Sampling").check()
    set_range(dialog, "Temperature", 0.9)
    set_range(dialog, "Top-p", 0.8)
    dialog.get_by_label("Top-k").fill("40")
    dialog.get_by_label("Seed").fill("7")
    dialog.get_by_label("Longest draft").fill("64")
    dialog.get_by_label("Stop at").fill("\\n\nThe end")
    dialog.get_by_label("Show probabilities").check()
    dialog.get_by_label("Seed").press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Decoding")).to_be_focused()
    summary = page.locator("#decoding-summary")
    expect(summary).to_have_text(
        "Sampling, temperature 0.9, top-p 0.8, top-k 40, seed 7, up to 64 tokens, "
        "stop at “\\n”, “The end”, with probabilities"
    )

    page.reload()
    expect(summary).to_contain_text("Sampling, temperature 0.9")
    ask(page, "How long?")
    expect(page.locator(".meta")).to_be_visible()
    assert writer.asked[0].decoding == Decoding(
        max_tokens=64, temperature=0.9, top_p=0.8, top_k=40, seed=7, stop=("\n", "The end"),
        logprobs=True,
    )  # fmt: skip

    dialog = open_decoding(page)
    expect(dialog.get_by_label("Stop at")).to_have_value("\\n\nThe end")
    dialog.get_by_role("button", name="Reset").click()
    expect(dialog.get_by_label("Greedy")).to_be_checked()
    expect(dialog.get_by_label("Longest draft")).to_have_value("128")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(summary).to_be_hidden()
    page.reload()
    expect(page.locator("#decoding-summary")).to_be_hidden()


@pytest.mark.parametrize("default", [Decoding(temperature=0.333, max_tokens=200, seed=5)])
def test_the_servers_own_settings_are_where_it_begins_and_are_not_rounded(page, writer, default):
    dialog = open_decoding(page)
    expect(dialog.get_by_label("Sampling")).to_be_checked()
    expect(dialog.locator("output[for='decoding-temperature']")).to_have_text("0.333")
    dialog.get_by_label("Top-k").fill("3")
    dialog.get_by_role("button", name="Done").click()
    ask(page, "How long?")
    expect(page.locator(".meta")).to_be_visible()

    assert writer.asked[0].decoding == replace(default, top_k=3)
    dialog = open_decoding(page)
    dialog.get_by_label("Greedy").check()
    dialog.get_by_role("button", name="Done").click()
    expect(page.locator("#decoding-summary")).to_have_text("Greedy")
    ask(page, "Again?")
    expect(page.locator(".meta")).to_have_count(2)
    assert writer.asked[1].decoding == Decoding(max_tokens=200, seed=5)


@pytest.mark.parametrize(
    "kept",
    [
        "nonsense",
        "null",
        "[]",
        '{"method": "guessing"}',
        '{"values": {"top_p": 9, "stop": [1], "logprobs": "yes", "max_tokens": "x"}}',
    ],
)
def test_what_is_kept_wrongly_is_passed_over(page, kept):
    page.evaluate("kept => sessionStorage.setItem('assay-decoding', kept)", kept)
    page.reload()

    expect(page.locator("#decoding-summary")).to_be_hidden()
    dialog = open_decoding(page)
    expect(dialog.get_by_label("Greedy")).to_be_checked()


def test_a_value_out_of_range_is_told_at_its_control_and_not_taken(page, writer):
    dialog = open_decoding(page)
    longest = dialog.get_by_label("Longest draft")
    longest.fill("0")
    expect(longest).to_have_attribute("aria-invalid", "true")
    expect(dialog.locator("#decoding-max_tokens-refusal")).to_be_visible()
    dialog.get_by_label("Stop at").fill("a\nb\nc\nd\ne")
    expect(dialog.locator("#decoding-stop-refusal")).to_contain_text("Up to 4 texts")
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")

    expect(dialog).to_be_hidden()
    dialog = open_decoding(page)
    expect(longest).to_have_value("128")
    expect(dialog.locator("[aria-invalid]")).to_have_count(0)
    expect(dialog.locator(".refusal:visible")).to_have_count(0)


def test_what_the_server_refuses_is_told_at_the_control(page, writer):
    dialog = open_decoding(page)
    dialog.get_by_label("Longest draft").fill("5000")
    dialog.get_by_role("button", name="Done").click()
    ask(page, "How long?")
    notice = page.locator(".notice")
    expect(notice).to_contain_text("the window of toy is 2048 tokens")

    notice.get_by_role("button", name="Change decoding").click()
    longest = dialog.get_by_label("Longest draft")
    expect(longest).to_be_focused()
    expect(longest).to_have_attribute("aria-invalid", "true")
    expect(dialog.locator("#decoding-max_tokens-refusal")).to_contain_text("2048 tokens")
    longest.fill("500")
    expect(dialog.locator("#decoding-max_tokens-refusal")).to_be_hidden()
    longest.press("Enter")
    notice.get_by_role("button", name="Ask again").click()
    expect(page.locator(".meta")).to_be_visible()
    assert writer.asked[-1].decoding.max_tokens == 500


def test_under_an_answer_stands_how_it_was_written_and_again_is_identical(page, writer):
    dialog = open_decoding(page)
    dialog.get_by_label("Sampling").check()
    dialog.get_by_role("button", name="Done").click()
    ask(page, "First?")
    expect(page.locator(".meta")).to_have_count(1)
    ask(page, "Second?")
    expect(page.locator(".meta")).to_have_count(2)
    written = page.locator(".written").nth(1)
    expect(written.locator(".facts")).to_be_hidden()
    written.get_by_text("How it was written").click()
    facts = dict(
        zip(
            written.locator("dt").all_inner_texts(),
            written.locator("dd").all_inner_texts(),
            strict=True,
        )
    )
    assert facts == {
        "Model": "toy",
        "Run by": "OpenVINO (int8, cpu)",
        "Tokens": "40 tokens read (12 of them cached), 7 written",
        "Time": "0.50 s, 0.01 s of it searching, 0.20 s to the first token",
        "Decoding": "Sampling, temperature 0.7, up to 128 tokens",
        "Seed": "2026",
        "Ended": "by itself",
        "Weights": "SHA-256 9f9f9f9f9f9f…",
    }

    dialog = open_decoding(page)  # what is set now does not count
    dialog.get_by_label("Beam search").check()
    dialog.get_by_role("button", name="Done").click()
    written.get_by_role("button", name="Ask again with the same settings").click()
    expect(page.locator(".same")).to_have_text("Identical to the earlier answer.")
    expect(page.get_by_role("status")).to_contain_text("Identical to the earlier answer.")
    second, third = writer.asked[1:]
    assert third.question == "Second?"
    assert third.history == second.history
    assert third.history[0] == Message("user", "First?")
    assert third.decoding == replace(second.decoding, seed=2026)

    ask(page, "Third?")
    expect(page.locator(".meta")).to_have_count(3)
    assert [turn.content for turn in writer.asked[3].history if turn.role == "user"] == [
        "First?", "Second?",
    ]  # fmt: skip


def test_an_answer_that_came_out_otherwise_says_so_and_what_has_changed(page):
    ask(page, "It changes")
    page.get_by_text("How it was written").click()
    page.get_by_role("button", name="Ask again with the same settings").click()

    expect(page.locator(".same")).to_have_text(
        "Not identical to the earlier answer: the documents have changed."
    )


def test_a_beam_search_shows_all_its_texts_as_text(page):
    dialog = open_decoding(page)
    dialog.get_by_label("Beam search").check()
    set_range(dialog, "Beams", 2)
    dialog.get_by_role("button", name="Done").click()
    expect(page.locator("#decoding-summary")).to_have_text("Beam search, 2 beams")
    ask(page, "How long?")
    page.get_by_text("How it was written").click()
    page.get_by_text("2 texts that the search ended with, best first").click()

    expect(page.locator(".drafts li")).to_have_text(
        [
            re.compile(r"Six months\.\s*log-probability −1\.23, taken"),
            re.compile(re.escape(HOSTILE) + r"\s*log-probability −5\.5"),
        ]
    )
    assert page.evaluate("window.harmed") is None


def test_probabilities_are_seen_and_read(page):
    dialog = open_decoding(page)
    dialog.get_by_label("Show probabilities").check()
    dialog.get_by_role("button", name="Done").click()
    ask(page, "How long?")
    page.get_by_text("How it was written").click()
    page.get_by_text("How probable each token of the draft was").click()

    spans = page.locator(".tokens span")
    expect(spans).to_have_text(["<b>Six</b>", " months", ",", "\n"])
    assert [span.get_attribute("data-doubt") for span in spans.all()] == ["0", "1", "2", "3"]
    styles = [
        span.evaluate("span => getComputedStyle(span).textDecorationLine") for span in spans.all()
    ]
    assert styles == ["none", "underline", "underline", "underline"]
    expect(page.locator(".doubts li").first).to_have_text("90 % or more: 1 token")
    page.get_by_text("As a table").click()
    rows = page.get_by_role("table", name="The tokens of the draft in order").get_by_role("row")
    expect(rows).to_have_text(
        [
            "TokenProbabilityLog-probability",
            "<b>Six</b>99.0 %−0.01",
            "␣months60.7 %−0.5",
            ",22.3 %−1.5",
            "⏎5.0 %−3",
        ]
    )


@pytest.mark.parametrize(("viewport", "scheme"), KINDS)
def test_everything_fits_and_is_accessible(open_page, viewport, scheme):
    page = open_page(viewport=viewport, color_scheme=scheme)
    shots = os.environ.get("SHOTS")
    for method, shown in [("Sampling", True), ("Beam search", False)]:
        dialog = open_decoding(page)
        dialog.get_by_label(method).check()
        if shown:
            dialog.get_by_label("Show probabilities").check()
        check(page, shots, f"dialog-{method}-{viewport['width']}-{scheme}")
        dialog.get_by_role("button", name="Done").click()
        expect(page.locator("#decoding-summary")).to_be_visible()
        ask(page, f"How long, with {method}?")
        turn = page.get_by_role("article", name=f"How long, with {method}?").first
        expect(turn.locator(".feedback")).to_be_visible()
        written = turn.locator(".written")
        for summary in ["How it was written", "How probable", "As a table", "texts that"]:
            if (found := written.get_by_text(summary)).count():
                found.click()
        written.get_by_role("button", name="Ask again with the same settings").click()
        expect(page.locator(".same").last).to_be_visible()
        check(page, shots, f"answers-{method}-{viewport['width']}-{scheme}")


def check(page: Page, shots: str | None, name: str) -> None:
    assert not is_wider_than_the_window(page)
    if shots:
        page.screenshot(path=Path(shots) / f"{name}.png", full_page="dialog" not in name)
    assert barriers(page) == []
