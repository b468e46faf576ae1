"""The web server is paused and resumed, killed and restarted: pages stay, show how old they are, and recover."""

from __future__ import annotations

import re

import psutil
import pytest
from playwright.sync_api import expect

from tests.browser.chromium import Session, settle
from tests.browser.pages import Demo
from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]


def test_pages_survive_a_web_server_that_stands_still_and_is_killed(
    session: Session, populated: Platform, demo: Demo
) -> None:
    page = session.open(f"/inference/{demo.inferences[-1].id}")
    expect(page.get_by_role("button", name="live", exact=True)).to_be_visible()
    # A reload of the document would lose this mark.
    page.evaluate("() => { window.keptSince = 'the first load' }")
    web = psutil.Process(populated.pid_of("web"))
    frozen = [web, *web.children(recursive=True)]
    for process in frozen:
        process.suspend()
    reconnecting = page.get_by_role("button", name=re.compile(r"^reconnecting, as of \d\d:\d\d:\d\d$"))
    try:
        # The connection has not ended, but the page hears nothing, as behind a stalled proxy.
        expect(reconnecting).to_be_visible()
        expect(page.locator("main")).to_have_attribute("data-stale", "true")
        expect(page.get_by_role("heading", level=1)).to_contain_text(demo.inferences[-1].output_topic)
        rooms = page.get_by_role("navigation", name="Pages")
        # A page that was not visited before has no data to show yet.
        rooms.get_by_role("link", name="Configurations").click()
        page.wait_for_url(re.compile("/configurations"))
        expect(rooms).to_be_visible()
    finally:
        for process in frozen:
            process.resume()
    live = page.get_by_role("button", name="live", exact=True)
    listed = page.locator(f'main a[href="/configurations/{demo.configuration}"]').first
    expect(listed).to_be_visible()
    expect(live).to_be_visible()
    expect(page.locator("main")).not_to_have_attribute("data-stale", "true")
    for process in frozen:
        process.kill()
    expect(reconnecting).to_be_visible()
    expect(listed).to_be_visible()
    expect(live).to_be_visible()
    settle(page)
    assert page.evaluate("() => window.keptSince") == "the first load"
