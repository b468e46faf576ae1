"""Every page, in both themes and on a phone: nothing for axe-core, nothing in the console, no sideways scroll."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, StorageState

from tests.browser.chromium import Scheme, axe_violations, signed_in
from tests.browser.pages import declared_routes, page_addresses
from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("platform"), pytest.mark.timeout(420)]


def test_every_declared_route_is_looked_at(populated: Platform) -> None:
    assert set(page_addresses(populated.client)) == declared_routes()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 1440), ("light", 390)])
def test_pages_are_accessible_and_silent(
    browser: Browser, populated: Platform, cookies: StorageState, scheme: Scheme, width: int
) -> None:
    addresses = [each for group in page_addresses(populated.client).values() for each in group]
    violations: list[str] = []
    wide: list[str] = []
    with signed_in(browser, populated, scheme=scheme, width=width, storage_state=cookies) as session:
        page = session.open("/")
        for address in addresses:
            session.go(page, address)
            violations += axe_violations(page)
            if page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                wide.append(address)
        assert violations == []
        assert wide == []
        assert session.findings.lines == []
