"""Chromium as the tests and the screenshots drive it: the system's own, by Playwright, cut off from other hosts."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Response,
    StorageState,
    expect,
    sync_playwright,
)
from playwright.sync_api import TimeoutError as WaitedTooLong

from tests.platform import AnyPlatform

__all__ = ["Findings", "Scheme", "Session", "axe_violations", "chromium", "draw", "settle", "signed_in"]

_AXE = Path(__file__).resolve().parents[2] / "frontend/node_modules/axe-core/axe.min.js"
# All rules of axe except the experimental ones.
_RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# The rules whose outcome can differ between two colour schemes of a page.
_COLOUR_RULES = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
# How long a page may take to show or allow anything, because a busy machine is many times slower than a user would
# bear.
_PATIENCE_MS = 90_000
# Elements that a page shows while it waits for data.
_BUSY = ", ".join(
    f"main {selector}" for selector in ("[aria-busy=true]", ".mantine-Loader-root", ".mantine-Skeleton-root")
)
Scheme = Literal["light", "dark"]

# The default of five seconds is too short for a busy machine even to check a model.
expect.set_options(timeout=_PATIENCE_MS)


def _executable() -> str:
    shell, whole = "chromium-headless-shell", ("chromium", "chromium-browser", "google-chrome")
    for name in (os.environ.get("KML_CHROMIUM"), shell, *whole):
        if name and (path := shutil.which(name)):
            return path
    raise FileNotFoundError("no Chromium: scripts/install-chromium installs it")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_executable(),
            # Chromium's own sandbox and /dev/shm are off, because a container has neither a user namespace nor a large
            # /dev/shm.
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Findings:
    """The complaints of pages: console errors, exceptions, answers of 400 and above except ``expected`` ones."""

    lines: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.lines.append(f"{page.url}: {error}"))
        page.on("response", self._response)

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.lines.append(f"{response.status} {response.request.method} {response.url} on {response.frame.url}")

    def _console(self, message: ConsoleMessage) -> None:
        # The browser's messages about failed answers are left out, because those answers are counted above.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.lines.append(f"{message.type} at {message.page.url if message.page else ''}: {message.text}")


@dataclass
class Session:
    """The pages of one user in one browser."""

    context: BrowserContext
    url: str
    findings: Findings

    def open(self, path: str) -> Page:
        """Open an address in a new page and wait until its first heading is there."""
        page = self.context.new_page()
        self.findings.watch(page)
        self.go(page, path)
        return page

    def go(self, page: Page, path: str) -> None:
        page.goto(self.url + path)
        page.locator("main h1").first.wait_for()
        settle(page)

    def follow(self, page: Page, path: str) -> None:
        """Go to an address as a link of the page that is open leads there: the web UI is not reloaded."""
        # TanStack Router's object for its own tools navigates without a reload. The call returns when the new page has
        # taken over.
        page.evaluate("path => window.__TSR_ROUTER__.navigate({ href: path })", path)
        page.locator("main h1").first.wait_for()
        settle(page)
        assert page.url.partition("?")[0] == self.url + path.partition("?")[0]


def settle(page: Page) -> None:
    """Wait until the page is drawn: no skeleton, no loader. Live streams never end, so silence would never come."""
    try:
        page.wait_for_function(f"() => !document.querySelector('{_BUSY}')")
    except WaitedTooLong as error:
        busy = page.locator(_BUSY).first.evaluate(
            "element => element.closest('section, main > *')?.outerHTML ?? element.outerHTML"
        )
        raise AssertionError(f"{page.url} is still loading: {busy[:2000]}") from error
    # Transitions begin and end with a frame, and on a busy machine frames are rare. These contexts ask for less motion,
    # so each transition has an end.
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.wait_for_function("() => document.getAnimations().every((animation) => animation.playState !== 'running')")


def draw(page: Page, points: Sequence[tuple[float, float]]) -> None:
    """Draw one line through ``points`` (shares of width and height) on the page's drawing board."""
    board = page.get_by_role("application", name=re.compile("Drawing area"))
    # hover waits until the board no longer moves.
    board.hover()
    box = board.bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def axe_violations(page: Page, *, colours_only: bool = False) -> list[str]:
    """Return the violations that axe-core finds on the page as it is, one line each.

    ``colours_only`` checks only what another colour scheme can change, on a page that was checked as a whole before.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})",
        _COLOUR_RULES if colours_only else _RULES,
    )
    return [
        f"{page.url}: {violation['id']}: {violation['help']}: "
        f"{' | '.join(node['html'][:200] for node in violation['nodes'][:4])}"
        for violation in found["violations"]
    ]


@contextmanager
def signed_in(
    browser: Browser,
    platform: AnyPlatform,
    *,
    scheme: Scheme = "light",
    width: int = 1440,
    height: int = 900,
    storage_state: StorageState | None = None,
) -> Iterator[Session]:
    """A session of the platform's owner, by a one-time link or by the cookies of an earlier session."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        reduced_motion="reduce",
        storage_state=storage_state,
        accept_downloads=True,
    )
    context.set_default_timeout(_PATIENCE_MS)
    try:
        session = Session(context, platform.status.url, Findings())
        if storage_state is None:
            printed = platform.cli("login").stdout
            link = re.search(r"/login/\S+", printed)
            assert link is not None, printed
            page = context.new_page()
            page.goto(session.url + link.group())
            page.locator("main h1").first.wait_for()
            page.close()
        yield session
    finally:
        context.close()
