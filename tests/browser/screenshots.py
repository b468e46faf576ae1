"""``make screenshots``: every page in both themes, wide and as on a phone, on a fresh platform that holds real work.

They go to ``build/screenshots``; the few shown in the README are written to ``docs/images`` as well.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.chromium import Scheme, Session, chromium, draw, signed_in
from tests.browser.conftest import populate
from tests.browser.pages import Demo, page_addresses
from tests.platform import Platform

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / "build" / "screenshots"
# File names in docs/images by route and tab.
_FOR_README = {
    "/": "pipeline",
    "/results/$id": "learning-curves",
    "/results/$id?tab=confusion": "confusion-matrix",
    "/inference/$id?tab=try": "try-it",
}
_PHONE = (390, 844)
_DESKTOP = (1440, 900)


def main() -> int:
    """Write all pictures; returns the exit status, which is 1 when a page complained in its console."""
    complaints: list[str] = []
    with tempfile.TemporaryDirectory(prefix="kml-shots-", dir="/tmp") as folder, Platform(Path(folder)) as platform:
        populate(platform)
        with chromium() as browser:
            for scheme in ("light", "dark"):
                for size in (_DESKTOP, _PHONE):
                    complaints += _pages(browser, platform, scheme, *size)
    for line in complaints:
        print(line, file=sys.stderr)
    print(f"{len(list(_FOLDER.glob('*.png')))} pictures in {_FOLDER.relative_to(_ROOT)}")
    return 1 if complaints else 0


def _pages(browser: Browser, platform: Platform, scheme: Scheme, width: int, height: int) -> list[str]:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with signed_in(browser, platform, scheme=scheme, width=width, height=height) as session:
        page = session.open("/")
        for route, addresses in page_addresses(Demo.on(platform.client)).items():
            for address in addresses:
                session.go(page, address)
                # Charts and canvases draw after their data arrived, and a screenshot can afford to wait for a quiet
                # frame.
                page.wait_for_timeout(600)
                name = re.sub(r"[^a-z0-9]+", "-", address.lower()).strip("-") or "home"
                page.screenshot(path=_FOLDER / f"{name}-{scheme}-{width}.png", full_page=True)
                shown = _FOR_README.get(route + address.partition("?")[1] + address.partition("?")[2])
                if shown and scheme == "light" and width == _DESKTOP[0]:
                    _for_readme(session, address, shown)
        return session.findings.lines


def _for_readme(session: Session, address: str, name: str) -> None:
    images = _ROOT / "docs" / "images"
    images.mkdir(parents=True, exist_ok=True)
    page = session.open(address)
    if name == "confusion-matrix":
        page.locator("[data-cell='1-1']").click()
        page.get_by_role("img", name=re.compile("image of")).first.wait_for()
    if name == "try-it":
        draw(page, [(0.3, 0.2), (0.72, 0.2), (0.45, 0.85)])
        page.get_by_role("button", name="Send through Kafka").click()
        page.get_by_label("Probability of each class").first.wait_for()
    page.wait_for_timeout(600)
    page.screenshot(path=images / f"{name}.png")
    page.close()


if __name__ == "__main__":
    sys.exit(main())
