"""Every page, in both themes and on a phone: nothing for axe-core, nothing in the console, no sideways scroll."""

from __future__ import annotations

import pytest
from playwright.sync_api import Error, Page

from tests.browser.chromium import Scheme, Session, axe_violations, settle
from tests.browser.pages import Demo, declared_routes, page_addresses
from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

_PHONE_WIDTH = 390
_LAPTOP_WIDTH = 1280
_CUT_WORDS = """() => [...document.querySelectorAll('nav[aria-label="Pages, bottom bar"] span')]
    .filter((element) => element.scrollWidth > element.clientWidth + 1).map((element) => element.textContent)"""
_SCHEME = "document.documentElement.dataset.mantineColorScheme"
# Finds lists cut at the side, names and headings with broken words, neighbouring buttons of different heights, and a
# heading that the line below it repeats.
_UNTIDY = """() => {
  const found = []
  const say = (what, where) => found.push(`${what}: ${where.textContent.trim().slice(0, 60)}`)
  const all = (selector) => [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility())
  const linesOf = (element) => {
    const range = document.createRange()
    range.selectNodeContents(element)
    return new Set([...range.getClientRects()].map((rect) => Math.round(rect.top))).size
  }
  for (const frame of all('main .mantine-datatable .mantine-ScrollArea-viewport')) {
    const cut = frame.scrollWidth - frame.clientWidth
    if (cut > 1) say(`cut at the side by ${cut} px`, frame)
  }
  for (const table of all('main .mantine-ScrollArea-viewport table')) {
    const frame = table.closest('.mantine-ScrollArea-viewport')
    const scrolls = frame.scrollWidth > frame.clientWidth || frame.scrollHeight > frame.clientHeight
    const room = frame.getBoundingClientRect().right - table.getBoundingClientRect().right
    const narrow = table.style.width || table.style.maxWidth
    if (!scrolls && room > 2 && !narrow) say(`ends ${room} px before its frame`, table)
  }
  for (const text of all('main th button > span, main td a:not(.mantine-Button-root)')) {
    const words = text.textContent.trim().split(/[\\s-]+/).length
    if (linesOf(text) > words && text.getBoundingClientRect().width < 110) say('broken word', text)
  }
  for (const group of all('main .mantine-Group-root')) {
    const bordered = '.mantine-Button-root:is([data-variant=default], [data-variant=filled])'
    const buttons = [...group.children].filter((child) => child.matches(bordered) && child.checkVisibility())
    const heights = new Set(buttons.map((button) => Math.round(button.getBoundingClientRect().height)))
    if (heights.size > 1) say(`buttons of ${[...heights]} px`, group)
  }
  for (const button of all('main form .mantine-Group-root button[type=submit]')) {
    const field = button.closest('.mantine-Group-root').querySelector('.mantine-Input-input')
    if (!field) continue
    const [one, other] = [button, field].map((element) => element.getBoundingClientRect())
    const besides = one.top < other.bottom && other.top < one.bottom
    if (besides && Math.abs(one.bottom - other.bottom) > 1) say('higher or lower than its field', button)
  }
  const [title] = all('main h1')
  const below = title?.closest('.mantine-Stack-root')?.querySelector('.mantine-Text-root')
  if (below && title.textContent.trim() === below.textContent.trim()) say('said twice', title)
  return found
}"""


def test_every_declared_route_is_looked_at(demo: Demo) -> None:
    assert set(page_addresses(demo)) == declared_routes()


def test_pages_are_accessible_and_silent_in_both_themes_and_on_phones(
    session: Session, demo: Demo, populated: Platform
) -> None:
    # No list is cut at the side because of a long name without a blank.
    populated.client.configurations.update(demo.configuration, name="both_frameworks_learn_the_same_handwritten_digits")
    addresses = [known_address for group in page_addresses(demo).values() for known_address in group]
    violations: list[str] = []
    wide: list[str] = []
    cut: list[str] = []
    untidy: list[str] = []
    page = session.context.new_page()
    session.findings.watch(page)
    page.emulate_media(color_scheme="dark")
    session.go(page, "/")
    _shows(page, "dark")
    for address in addresses:
        page.emulate_media(color_scheme="light")
        session.follow(page, address)
        assert page.evaluate(_SCHEME) == "light"
        # The buttons of a form cover the lower edge of the window until the form is scrolled to its end.
        page.evaluate("() => window.scrollTo(0, document.documentElement.scrollHeight)")
        violations += [f"light: {violation}" for violation in axe_violations(page)]
        untidy += [f"{address}: {fault}" for fault in page.evaluate(_UNTIDY)]
        # The open page follows a change of the system's colour scheme, as at dusk.
        page.emulate_media(color_scheme="dark")
        _shows(page, "dark")
        violations += [f"dark: {violation}" for violation in axe_violations(page, colours_only=True)]
        page.set_viewport_size({"width": _PHONE_WIDTH, "height": 844})
        settle(page)
        if not _fits(page):
            wide.append(address)
        cut += [f"{address}: {word}" for word in page.evaluate(_CUT_WORDS)]
        untidy += [f"phone, {address}: {fault}" for fault in page.evaluate(_UNTIDY)]
        page.set_viewport_size({"width": _LAPTOP_WIDTH, "height": 900})
        settle(page)
        untidy += [f"laptop, {address}: {fault}" for fault in page.evaluate(_UNTIDY)]
        page.set_viewport_size({"width": 1440, "height": 900})
    assert not violations, "\n".join(violations)
    assert (wide, cut) == ([], [])
    assert not untidy, "\n".join(untidy)


def _fits(page: Page) -> bool:
    """Whether the page does not scroll sideways, once charts and tables have taken the new width."""
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
