"""The pages of evaluation, and what readers send from the chat, in a real browser."""

from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from evals.types import Case, Expectation, Relevant
from generation.types import Message
from tests.component.site import SCRIPT, Site, answer_of, hit_of, sentence_from, site
from tests.component.test_evaluation_pages import BACKWARDS, LONG_WORD, evaluated, publish
from tests.e2e.test_chat_page import (
    CHROMIUM,
    address,
    ask,
    browser,
    is_wider_than_the_window,
    open_page,
    script,
)

__all__ = ["address", "browser", "open_page", "script", "site"]  # fixtures

HOSTILE_SUITE = f"{SCRIPT} {BACKWARDS} {'s' * 150}"
PATHS = [
    "/evals",
    "/evals/suites/leases",
    "/evals/runs/2",
    "/evals/runs/2?only=flipped",
    "/evals/runs/2/cases/0",
    "/evals/runs/2/cases/6",
    "/evals/runs/2/cases/7",
    "/evals/runs/2/cases/11",
    "/evals/review",
]

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"needs a browser: there is none at {CHROMIUM}; install chromium"
)


@pytest.fixture
def evaluated_site(site):
    fill(site)
    return site


def fill(site: Site) -> None:
    """Two runs, hostile words wherever words can be, and something of everything else."""
    services = site.services
    passages = publish(site)
    evaluated(site, passages, note=f"before the upgrade {SCRIPT} {LONG_WORD[:400]}")
    evaluated(site, passages, worse=True)
    services.evals.put_suite(HOSTILE_SUITE, [Case("a", "A?")])
    services.schedules.add("every night", suite="leases", cron="0 2 * * *", timezone="UTC")
    hit = hit_of(services.store.collection("open"), "Tea is at four.")
    services.evals.count_answer(answer_of("When?", [sentence_from(hit)]), verifier="v1")
    services.thumbs.count("down")
    proposed = Case(
        "new",
        f"What is {SCRIPT} {LONG_WORD}?",
        history=(Message("user", BACKWARDS),),
        references=(LONG_WORD,),
        relevant=(Relevant("lease.txt", SCRIPT),),
        expectation=Expectation.ANSWER,
        tags=(SCRIPT,),
        note=LONG_WORD,
    )
    services.evals.propose("leases", [(proposed, None), (replace(proposed, key="b"), None)])


@pytest.fixture
def visit(open_page, evaluated_site, address):
    """Opens a page as the administrator; in the end no browser had anything to say."""

    def visit(path: str, **options: object) -> Page:
        page = open_page.open(name="root", **options)
        page.goto(path)
        return page

    yield visit
    assert open_page.complaints == []
    assert open_page.hosts == {address.removeprefix("http://")}


def test_no_page_complains_or_scrolls_sideways_on_a_phone_and_on_a_desk(visit):
    for width in (390, 1280):
        page = visit(PATHS[0], viewport={"width": width, "height": 800})
        for path in PATHS:
            page.goto(path)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            assert not is_wider_than_the_window(page), (path, width)
        assert page.evaluate("window.harmed") is None


def test_from_the_overview_to_the_case_with_the_keyboard(visit):
    page = visit("/evals")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="leases", exact=True).first.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("leases")
    page.get_by_role("region", name="Runs").get_by_role("link", name="2", exact=True).press("Enter")
    page.get_by_role("link", name="Went the other way").press("Enter")
    page.get_by_role("link", name="Question 7 about the lease?").press("Enter")
    expect(page.get_by_role("heading", name="Since it last went well")).to_be_visible()


def test_every_chart_says_in_words_what_it_shows_and_has_its_numbers(visit):
    for path in ["/evals", "/evals/suites/leases", "/evals/runs/2"]:
        page = visit(path)
        charts = page.locator("figure.chart-box")
        assert charts.count() > 0
        for chart in charts.all():
            assert len(chart.get_by_role("img").get_attribute("aria-label")) > 20
            table = chart.get_by_role("table")
            expect(table).to_be_hidden()
            chart.locator("summary").click()
            expect(table).to_be_visible()


def test_a_note_is_saved_and_shown_in_the_trend(visit):
    page = visit("/evals/runs/2")
    page.get_by_label("Note for the trend").fill("after the upgrade")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Note for the trend")).to_have_value("after the upgrade")
    page.goto("/evals/suites/leases")
    expect(page.locator(".notes")).to_contain_text("after the upgrade")


def test_the_report_is_downloaded_and_opens_without_a_server(visit, tmp_path):
    page = visit("/evals/runs/2")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the report").click()
    file = tmp_path / "report.html"
    download.value.save_as(file)
    page.goto("about:blank")
    alone = page.context.browser.new_page(viewport={"width": 390, "height": 800})
    complaints: list[str] = []
    alone.on("console", lambda message: complaints.append(message.text))
    alone.goto(file.as_uri())
    expect(alone.get_by_role("heading", level=1)).to_contain_text("Run 2 of leases")
    assert not is_wider_than_the_window(alone)
    assert complaints == []
    alone.close()


def test_proposals_are_settled_with_the_keyboard(visit, evaluated_site):
    page = visit("/evals/review")
    expect(page.get_by_label("Question").first).to_be_focused()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("What is the rent?")
    page.get_by_role("button", name="Accept").first.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Accepted: it is in the suite now.")
    page.get_by_role("button", name="Drop").first.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Dropped.")
    expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()
    evals = evaluated_site.services.evals
    assert evals.cases(evals.suite("leases"))[-1].question == "What is the rent?"


def test_others_are_told_that_this_is_not_for_them(open_page, evaluated_site):
    page = open_page.open()
    expect(page.get_by_role("link", name="Evals")).to_have_count(0)
    page.goto("/evals/runs/2")
    expect(page.get_by_role("heading", level=1)).to_have_text("Forbidden")
    expect(page.get_by_text("Evaluation is for administrators")).to_be_visible()


# In the chat


def test_a_bad_answer_becomes_a_test_case(open_page, site):
    page = open_page.open()
    ask(page, "How long is the probation period?")
    expect(page.locator(".meta")).to_have_count(1)
    ask(page, "And then?")
    expect(page.get_by_role("button", name="Bad answer")).to_have_count(2)
    page.get_by_role("button", name="Bad answer").last.click()
    why = page.get_by_role("form", name="What was wrong?")
    expect(why.get_by_label("Reason")).to_be_focused()
    why.get_by_label("Reason").select_option("It is wrong")
    why.get_by_label("Remark").fill("See page 3.")
    why.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_role("status")).to_have_text("Thank you.")
    kept = site.services.conversations.answer(None, 2)
    assert (kept.thumb, kept.reason, kept.comment) == ("down", "wrong", "See page 3.")

    page.get_by_role("button", name="Add as test case").last.click()
    form = page.get_by_role("form", name="Add as test case")
    expect(form.get_by_label("answered", exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("Twelve months.")
    expect(form.get_by_label("What was wrong")).to_have_value("wrong")
    form.get_by_role("button", name="Add").press("Enter")

    expect(page.get_by_role("status")).to_have_text("Added to the test cases. Thank you.")
    evals = site.services.evals
    [case] = evals.cases(evals.suite("chat"))
    assert (case.question, case.references) == ("And then?", ("Twelve months.",))
    assert case.history == (
        Message("user", "How long is the probation period?"),
        Message("assistant", "…"),
    )
    assert case.tags == ("thumbs down", "wrong")
    assert case.note == "added by ada: See page 3."
    assert site.services.thumbs.counts(days=1) == (0, 1)
    assert open_page.complaints == []


def test_what_should_have_been_declined_is_one_choice_away(open_page, site):
    page = open_page.open()
    ask(page, "How long?")
    page.get_by_role("button", name="Add as test case").click()
    form = page.get_by_role("form", name="Add as test case")
    form.get_by_label("said that the documents do not say").check()
    expect(form.get_by_label("The right answer")).to_be_hidden()
    form.get_by_role("button", name="Add").click()
    expect(page.get_by_role("status")).to_have_text("Added to the test cases. Thank you.")
    evals = site.services.evals
    assert evals.cases(evals.suite("chat"))[0].expectation is Expectation.ABSTAIN


def test_a_thumb_up_is_only_counted_and_a_form_can_be_left(open_page, site):
    page = open_page.open(viewport={"width": 320, "height": 640})
    ask(page, "How long?")
    page.get_by_role("button", name="Good answer").click()
    expect(page.get_by_role("status")).to_have_text("Thank you.")
    expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    opener = page.get_by_role("button", name="Add as test case")
    opener.click()
    expect(page.get_by_role("form")).to_be_visible()
    assert not is_wider_than_the_window(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("form", name="Add as test case")).to_have_count(0)
    expect(opener).to_be_focused()
    assert site.services.thumbs.counts(days=1) == (1, 0)
    assert site.services.evals.suites() == []


def test_what_cannot_be_sent_is_told(open_page):
    page = open_page.open()
    ask(page, "How long?")
    page.get_by_role("button", name="Add as test case").click()
    page.context.set_offline(True)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("The connection to the server was lost.")
    page.context.set_offline(False)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Added to the test cases. Thank you.")
