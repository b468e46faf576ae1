"""The site that ``make docs`` built, in a browser, as the platform serves it: all of it is local, search works."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.core.wsgi import get_wsgi_application
from playwright.sync_api import Page, Request, expect

from tests.browser.chromium import chromium

pytestmark = [pytest.mark.docs, pytest.mark.timeout(600)]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
        """Log no request."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The backend with its policy headers, but without a database, which these pages do not need."""
    with make_server("localhost", 0, get_wsgi_application(), handler_class=_Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Page]:
    """A page. The test fails when it complains or requests anything from another host."""
    wrong: list[str] = []

    def asked(request: Request) -> None:
        if not request.url.startswith((f"{address}/docs", "data:", "blob:")):
            wrong.append(request.url)

    with chromium() as browser:
        page = browser.new_page()
        page.on("request", asked)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        yield page
    assert wrong == []


@pytest.mark.parametrize(
    "path", ["", "tutorial/", "examples/", "seminar/part-3/", "reference/api/", "reference/sdk/", "licences/"]
)
def test_pages_ask_nobody_else(page: Page, address: str, path: str) -> None:
    page.goto(f"{address}/docs/{path}")
    expect(page.locator("h1").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    # The logo has loaded, because a broken picture has no natural width.
    assert page.locator("header .md-logo img").evaluate("mark => mark.naturalWidth") > 0


def test_search_finds(page: Page, address: str) -> None:
    page.goto(f"{address}/docs/")
    page.keyboard.press("Control+k")
    page.keyboard.type("dead letters")
    expect(page.get_by_text("On the wire").last).to_be_visible()


def test_both_themes(page: Page, address: str) -> None:
    backgrounds = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{address}/docs/wire/")
        expect(page.locator("h1").first).to_be_visible()
        backgrounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert backgrounds[0] != backgrounds[1]
