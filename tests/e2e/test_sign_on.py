"""Logging in at a provider in a real browser: there, back, out, and what it looks like."""

import socket
import threading
import time
from dataclasses import replace

import pytest
import uvicorn
from playwright.sync_api import expect

from app.api.application import create_app
from tests.component.site import site
from tests.component.test_sign_on import Door, provider
from tests.e2e.test_chat_page import browser, is_wider_than_the_window, pytestmark

__all__ = ["browser", "provider", "pytestmark", "site"]


@pytest.fixture
def address(site, provider):
    """A server whose people log in at the provider, which sends them back to it."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    door = Door(site, provider, redirect_uri=f"{address}/login/callback")
    app = create_app(replace(site.services, sign_on=door.sign_on))
    server = uvicorn.Server(uvicorn.Config(app, ws="none", lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield address
    server.should_exit = True
    thread.join()
    listening.close()


def test_one_logs_in_at_the_provider_and_out_here(browser, address, provider):
    complaints = []
    context = browser.new_context(base_url=address, viewport={"width": 390, "height": 844})
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    try:
        page.goto("/login")
        assert not is_wider_than_the_window(page)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Log in with Example")).to_be_focused()
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Cancel").click()
        expect(page.get_by_role("alert")).to_contain_text("was cancelled")
        complaints.clear()  # the browser notes the status, 401
        page.get_by_role("link", name="Log in with Example").click()
        page.get_by_role("link", name="Log in").click()
        page.wait_for_url(f"{address}/")
        expect(page.get_by_role("link", name="Account of maria")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{address}/login")
        assert complaints == []
    finally:
        context.close()
