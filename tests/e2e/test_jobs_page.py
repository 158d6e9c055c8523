"""What somebody who brings files in sees of the work in a browser, whatever the server does."""

import pytest
from playwright.sync_api import expect

from ingestion.jobs.types import Command, NewItem, Source, SourceKind
from tests.component.site import PASSWORD, site
from tests.e2e.test_chat_page import Script, browser, pytestmark, served

# Fixtures, and when to skip.
__all__ = ["browser", "pytestmark", "site"]
PATIENCE = 20_000
LOST = "no connection to the server; trying again"


@pytest.fixture
def shelf(browser, site):
    """The page of a collection, as an administrator sees it, and a job for it that is paused."""
    services = site.services
    collection = services.store.ensure_collection("shelf")
    items = [NewItem("upload:/a.txt", "a.txt", 9, "/nowhere/a.txt")]
    job = services.jobs.create(collection, Source(SourceKind.UPLOAD), items).job
    services.jobs.command(job.id, Command.PAUSE)
    with served(site, Script(site)) as address:
        context = browser.new_context(base_url=address)
        page = context.new_page()
        page.goto("/login")
        page.get_by_label("Name").fill("root")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/")
        page.path = f"/library/{collection.id}"
        yield page
        context.close()


def test_a_lost_connection_is_told_and_the_state_comes_back(shelf):
    shelf.route("**/events", lambda route: route.abort())
    shelf.goto(shelf.path)
    card = shelf.get_by_role("region", name="Job")
    expect(card.get_by_role("status")).to_have_text(LOST, timeout=PATIENCE)
    shelf.unroute("**/events")
    expect(card.get_by_role("status")).to_have_text("paused", timeout=PATIENCE)


def test_a_command_that_reaches_nobody_is_told(shelf):
    shelf.goto(shelf.path)
    card = shelf.get_by_role("region", name="Job")
    shelf.route("**/resume", lambda route: route.abort())
    card.get_by_role("button", name="Go on").click()
    expect(shelf.get_by_text("The connection to the server was lost.")).to_be_visible()
    shelf.unroute("**/resume")
    card.get_by_role("button", name="Go on").click()
    expect(card.get_by_role("status")).to_have_text("waits for its turn", timeout=PATIENCE)
