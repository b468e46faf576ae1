"""Every page, in both themes and on a phone: nothing for axe-core, nothing in the console, no sideways scroll."""

from __future__ import annotations

import pytest

from tests.browser.chromium import Scheme, Session, axe_violations, settle
from tests.browser.pages import declared_routes, page_addresses
from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

_SCHEMES: tuple[Scheme, ...] = ("light", "dark")
_PHONE_WIDTH = 390


def test_every_declared_route_is_looked_at(populated: Platform) -> None:
    assert set(page_addresses(populated.client)) == declared_routes()


def test_pages_are_accessible_and_silent_in_both_themes_and_on_phones(session: Session, populated: Platform) -> None:
    addresses = [each for group in page_addresses(populated.client).values() for each in group]
    violations: list[str] = []
    wide: list[str] = []
    page = session.open("/")
    for address in addresses:
        for scheme in _SCHEMES:
            page.emulate_media(color_scheme=scheme)
            session.go(page, address)
            assert page.evaluate("() => document.documentElement.dataset.mantineColorScheme") == scheme
            violations += [f"{scheme}: {each}" for each in axe_violations(page)]
        page.set_viewport_size({"width": _PHONE_WIDTH, "height": 844})
        settle(page)
        if page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(address)
        page.set_viewport_size({"width": 1440, "height": 900})
    assert not violations, "\n".join(violations)
    assert wide == []
