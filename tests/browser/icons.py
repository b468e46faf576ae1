"""``python -m tests.browser.icons``: draws the icons that are not SVG from the mark. Needed after the mark was changed.

``favicon.ico`` is for browsers without SVG icons. The others fill their square, because systems cut them to a shape of
their own. Everything that matters lies within 80 % of it (W3C, Web Application Manifest, maskable icons, "safe zone").
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.browser.chromium import chromium

_PUBLIC = Path(__file__).resolve().parents[2] / "frontend" / "public"
_GROUND = "#3b4fc4"
_SAFE = 0.86


def main() -> None:
    """Write all icons into ``frontend/public``."""
    mark = (_PUBLIC / "favicon.svg").read_text()
    with chromium() as browser:
        page = browser.new_page()
        _drawn(page, mark, 48).save(_PUBLIC / "favicon.ico", sizes=[(16, 16), (32, 32), (48, 48)])
        for name, size in (("apple-touch-icon", 180), ("icon-192", 192), ("icon-512", 512)):
            picture = _drawn(page, mark, size, share=_SAFE, ground=_GROUND)
            picture.convert("RGB").save(_PUBLIC / f"{name}.png", optimize=True)


def _drawn(page: Page, svg: str, size: int, *, share: float = 1, ground: str = "none") -> Image.Image:
    """Return the mark in the middle of a square of ``size`` pixels; it takes up ``share`` of the width."""
    page.set_viewport_size({"width": size, "height": size})
    page.set_content(
        f"<style>body {{ margin: 0; height: 100vh; display: grid; place-items: center; background: {ground} }}"
        f"svg {{ display: block; width: {share * 100}%; height: {share * 100}% }}</style>{svg}"
    )
    return Image.open(io.BytesIO(page.screenshot(omit_background=True)))


if __name__ == "__main__":
    main()
