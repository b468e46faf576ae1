"""Every page, in both themes and on a phone: nothing for axe-core, nothing in the console, no sideways scroll."""

from __future__ import annotations

import pytest

from tests.browser.chromium import Scheme, Session, axe_violations, settle
from tests.browser.pages import declared_routes, page_addresses
from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("platform"), pytest.mark.timeout(420)]

_DESKTOP = 1440
_LOOKS: tuple[tuple[Scheme, int], ...] = (("light", _DESKTOP), ("dark", _DESKTOP), ("light", 390))


def test_every_declared_route_is_looked_at(populated: Platform) -> None:
    assert set(page_addresses(populated.client)) == declared_routes()


def test_pages_are_accessible_and_silent_in_both_themes_and_on_phones(session: Session, populated: Platform) -> None:
    addresses = [each for group in page_addresses(populated.client).values() for each in group]
    violations: list[str] = []
    wide: list[str] = []
    page = session.open("/")
    for address in addresses:
        # Live pages follow the theme and the width without loading again, as they do for people.
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": _DESKTOP, "height": 900})
        session.go(page, address)
        for scheme, width in _LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            settle(page)
            assert page.evaluate("() => document.documentElement.dataset.mantineColorScheme") == scheme
            # What axe asks does not change with the width.
            if width == _DESKTOP:
                violations += [f"{scheme}: {each}" for each in axe_violations(page)]
            if page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                wide.append(f"{address} in {width}")
    assert violations == []
    assert wide == []
