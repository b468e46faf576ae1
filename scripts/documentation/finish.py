"""Runs after Zensical: makes its pages fit the platform's policy, and checks that everything that they load exists
here.

The policy allows scripts from our own files only, so scripts inside pages become files. A page that would load
something from elsewhere ends the build. So does a link to a page or anchor that does not exist.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

_INLINE = re.compile(r"<script>(.*?)</script>", re.S)


class _Page(HTMLParser):
    """The files that a page loads, the links on it, and the anchors in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag in ("script", "img", "iframe", "source", "video", "audio") and found.get("src"):
            self.loads.append(found["src"])
        if tag == "link" and found.get("rel") not in ("canonical", "prev", "next", "alternate"):
            self.loads.append(found.get("href", ""))
        if tag == "a" and "href" in found:
            self.leads.append(found["href"])


def main(site: Path) -> None:
    """Finish the site in place; SystemExit names what is wrong."""
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        changed = _INLINE.sub(lambda found, file=file: _as_file(found[1], file, site), text)
        file.write_text(changed, encoding="utf-8")
    wrong = list(_wrong(site))
    if wrong:
        sys.exit("\n".join(wrong))


def _as_file(script: str, page: Path, site: Path) -> str:
    name = f"assets/javascripts/inline.{hashlib.sha256(script.encode()).hexdigest()[:8]}.min.js"
    (site / name).write_text(script, encoding="utf-8")
    # The page for a missing address is sent at any address, so it needs an absolute path.
    place = (
        f"/docs/{name}"
        if page.name == "404.html"
        else posixpath.relpath(name, page.parent.relative_to(site).as_posix())
    )
    return f'<script src="{place}"></script>'


def _wrong(site: Path) -> Iterator[str]:
    pages = {file: _Page(file.read_text(encoding="utf-8")) for file in sorted(site.rglob("*.html"))}
    for file, page in pages.items():
        name = file.relative_to(site)
        for address in page.loads:
            if "://" in address or address.startswith("//"):
                yield f"{name} loads {address}: expected nothing from elsewhere"
        for address in page.leads:
            path, anchor = urldefrag(unquote(address))
            if "://" in path or path.startswith(("/", "mailto:")) or file.name == "404.html":
                continue
            target = (file.parent / path).resolve() if path else file
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{name} leads to {address}, which is not there"
            elif anchor and target in pages and anchor not in pages[target].ids:
                yield f"{name} leads to {address}: that page has no such anchor"


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
