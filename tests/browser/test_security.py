"""The protection of a user's browser: cookies, policy headers, the token of writes, the sign-in gate."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import Session, signed_in
from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


def test_pages_come_with_a_strict_policy(populated: Platform) -> None:
    answer = httpx.get(populated.status.url + "/models")
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script>" not in answer.text


def test_scripts_cannot_read_the_cookies(session: Session) -> None:
    page = session.open("/models")
    cookies = session.context.cookies()
    assert len(cookies) >= 1
    assert all(cookie["httpOnly"] and cookie["sameSite"] in ("Lax", "Strict") for cookie in cookies)
    assert page.evaluate("() => document.cookie") == ""


def test_a_write_without_the_token_is_refused(session: Session, populated: Platform) -> None:
    session.findings.expected = {403}
    page = session.open("/models")
    before = len(populated.client.models.list())
    status = page.evaluate(
        """() => fetch('/api/models/', {method: 'POST', headers: {'Content-Type': 'application/json'},
             body: JSON.stringify({name: 'forged', framework: 'pytorch', code: 'x'})}).then((r) => r.status)"""
    )
    assert status == 403
    assert len(populated.client.models.list()) == before


def test_inline_scripts_do_not_run(session: Session) -> None:
    page = session.open("/models")
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate(
            """() => { const s = document.createElement('script'); s.textContent = 'window.ran = true';
                       document.body.append(s) }"""
        )
    assert page.evaluate("() => window.ran") is None
    assert any("Content Security Policy" in line for line in session.findings.lines)
    session.findings.lines.clear()


def test_signing_out_leads_to_the_sign_in_form_and_back(browser: Browser, populated: Platform) -> None:
    populated.client.users.create(username="vera", password="a long enough secret", role="viewer")
    with signed_in(browser, populated) as session:
        session.findings.expected = {401}
        page = session.open("/configurations")
        page.get_by_role("button", name="Account of").click()
        page.get_by_role("menuitem", name="Sign out").click()
        page.get_by_role("textbox", name="Name", exact=True).wait_for()
        # After signing in, the user arrives at the address that was requested before.
        page.goto(session.url + "/streams")
        page.get_by_role("textbox", name="Name", exact=True).fill("vera")
        page.locator("input[type=password]").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("name or password is wrong")
        page.locator("input[type=password]").fill("a long enough secret")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Streams", level=1).wait_for()
        # A viewer sees no button that writes.
        session.go(page, "/models")
        expect(page.get_by_role("link", name="New model")).to_have_count(0)
