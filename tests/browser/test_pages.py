"""Every page, in both themes and on a phone: nothing for axe-core, nothing in the console, no sideways scroll."""

from __future__ import annotations

import pytest
from playwright.sync_api import Error, Page

from tests.browser.chromium import Scheme, Session, axe_violations, settle
from tests.browser.pages import Demo, declared_routes, page_addresses

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

_PHONE_WIDTH = 390
_CUT_WORDS = """() => [...document.querySelectorAll('nav[aria-label="Pages, bottom bar"] span')]
    .filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.textContent)"""
_SCHEME = "document.documentElement.dataset.mantineColorScheme"


def test_every_declared_route_is_looked_at(demo: Demo) -> None:
    assert set(page_addresses(demo)) == declared_routes()


def test_pages_are_accessible_and_silent_in_both_themes_and_on_phones(session: Session, demo: Demo) -> None:
    addresses = [each for group in page_addresses(demo).values() for each in group]
    violations: list[str] = []
    wide: list[str] = []
    cut: list[str] = []
    page = session.context.new_page()
    session.findings.watch(page)
    page.emulate_media(color_scheme="dark")
    session.go(page, "/")
    _shows(page, "dark")
    for address in addresses:
        page.emulate_media(color_scheme="light")
        session.follow(page, address)
        assert page.evaluate(_SCHEME) == "light"
        # Until a form is scrolled to its end, its buttons lie over what is at the lower edge of the window.
        page.evaluate("() => window.scrollTo(0, document.documentElement.scrollHeight)")
        violations += [f"light: {each}" for each in axe_violations(page)]
        # The system's scheme changes while the page is open, as at dusk: it follows automatically.
        page.emulate_media(color_scheme="dark")
        _shows(page, "dark")
        violations += [f"dark: {each}" for each in axe_violations(page, colours_only=True)]
        page.set_viewport_size({"width": _PHONE_WIDTH, "height": 844})
        settle(page)
        if not _fits(page):
            wide.append(address)
        cut += [f"{address}: {each}" for each in page.evaluate(_CUT_WORDS)]
        page.set_viewport_size({"width": 1440, "height": 900})
    assert not violations, "\n".join(violations)
    assert (wide, cut) == ([], [])


def _fits(page: Page) -> bool:
    """Whether there is no sideways scroll, once charts and tables have taken the new width."""
    try:
        page.wait_for_function(
            "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth", timeout=20_000
        )
    except Error:
        return False
    return True


def _shows(page: Page, scheme: Scheme) -> None:
    page.wait_for_function(f"scheme => {_SCHEME} === scheme", arg=scheme)
    settle(page)
