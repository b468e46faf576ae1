"""Decides which files are pages of the site, at which address and in which order, and adapts the links between them."""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from scripts.documentation import api, commands, metrics, sdk
from scripts.documentation.markdown import replace_links

__all__ = ["GENERATED", "ROOT", "lay_down", "navigation", "pages", "resolved"]

ROOT = Path(__file__).resolve().parents[2]

# Pages that are written from the code.
GENERATED = ("reference/api.md", "reference/cli.md", "reference/sdk.md", "reference/metrics.md")
# Files outside docs/ that are pages too, with their path in the site.
_OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "CITATION.cff": "citation.cff",
    "CONTRIBUTING.md": "contributing.md",
    "LICENSE": "license.txt",
    "SECURITY.md": "security.md",
    "k8s/README.md": "kubernetes-files.md",
    "scripts/cluster/README.md": "cluster-on-one-machine.md",
}
# The mark before a block that nobody runs.
_NEEDS = re.compile(r"^( *)<!-- needs: ?([^>]*?) -->\n", re.M)
_TUTORIAL = (
    "installation.md",
    "tutorial.md",
    "incremental.md",
    "distributed-models.md",
    "distributed-cluster.md",
    "gpu.md",
)
_REFERENCE = (*GENERATED, "configuration.md", "wire.md", "figures.md", "glossary.md", "licences.md")
_EXPLANATION = ("journey.md", "exactly-once.md", "isolation.md", "security.md")
_PROJECT = ("contributing.md", "development.md", "cluster-on-one-machine.md", "changelog.md")


def pages() -> Mapping[str, str]:
    """Return the path in the site of each source file, by its path in the repository.

    Generated pages are not among them.
    """
    found = {
        str(path.relative_to(ROOT)): str(path.relative_to(ROOT / "docs"))
        for path in sorted((ROOT / "docs").rglob("*"))
        if path.is_file()
    }
    found |= {name: target for name, target in _OUTSIDE.items() if (ROOT / name).is_file()}
    for path in sorted((ROOT / "examples").rglob("README.md")):
        name = path.relative_to(ROOT)
        found[str(name)] = str(name.with_name("index.md"))
    return {name: _address(target) for name, target in found.items()}


def navigation() -> list[dict[str, object]]:
    """Return the site's table of contents. A page of docs/ that is not listed elsewhere is a how-to guide."""
    known = [page for page in pages().values() if page.endswith(".md")]
    decisions = _folder(known, "decisions/")
    seminar, examples = _folder(known, "seminar/"), _folder(known, "examples/")
    placed = {"index.md", *_TUTORIAL, *_REFERENCE, *_EXPLANATION, *_PROJECT, *decisions, *seminar, *examples}
    sections: list[tuple[str, list[str]]] = [
        ("Tutorial", [page for page in _TUTORIAL if page in known]),
        ("Seminar", seminar),
        ("Examples", examples),
        ("How-to guides", [page for page in known if page not in placed]),
        ("Reference", [page for page in _REFERENCE if page in known or page in GENERATED]),
        ("Explanation", [*(page for page in _EXPLANATION if page in known), *decisions]),
        ("Project", [page for page in _PROJECT if page in known]),
    ]
    return [{"Home": "index.md"}, *({title: found} for title, found in sections if found)]


def resolved(page: str, target: str) -> tuple[str, str] | None:
    """Return the path in the repository and the anchor that a link on ``page`` leads to; None for a link out of the
    repository.
    """
    address, _, anchor = target.partition("#")
    if "://" in address or address.startswith(("mailto:", "/")):
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), address)) if address else page
    return path, anchor


def lay_down(folder: Path) -> None:
    """Write all sources of the site below ``folder``/source, and the settings of Zensical next to them."""
    source = folder / "source"
    known = pages()
    for name, target in known.items():
        place = source / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".md"):
            place.write_text(_with_links_of_the_site(name, target, known), encoding="utf-8")
        else:
            shutil.copyfile(ROOT / name, place)
    shutil.copyfile(ROOT / "frontend/public/favicon.svg", source / "mark.svg")
    written = (api.page(ROOT / "frontend/openapi.json"), commands.page(), sdk.page(ROOT), metrics.page())
    for target, text in zip(GENERATED, written, strict=True):
        place = source / target
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    settings = (Path(__file__).parent / "zensical.toml").read_text(encoding="utf-8")
    (folder / "zensical.toml").write_text(
        settings.replace("nav = []", f"nav = {_toml(navigation())}"), encoding="utf-8"
    )


def _with_links_of_the_site(name: str, target: str, known: Mapping[str, str]) -> str:
    """Return the page with links as the site needs them. A file that the site does not have is linked in the
    repository.
    """

    def replaced(address: str) -> str | None:
        found = resolved(name, address)
        if found is None:
            return address
        path, anchor = found
        page = known.get(path) or known.get(posixpath.join(path, "README.md"))
        if path == "README.md":
            page = "index.md"
            anchor = ""
        if page is None:
            return path.removeprefix("docs/") if path.removeprefix("docs/") in GENERATED else None
        if page == target and anchor:
            return f"#{anchor}"
        return posixpath.relpath(page, posixpath.dirname(target) or ".") + (f"#{anchor}" if anchor else "")

    def unlinked(words: str, address: str) -> str:
        found = resolved(name, address)
        return words if found is None or found[0] in words else f"{words} (`{found[0]}`)"

    text = replace_links((ROOT / name).read_text(encoding="utf-8"), replaced, unlinked=unlinked)
    return _NEEDS.sub(r"\1*Not typed by the project's tests, as it needs \2.*\n\n", text)


def _address(target: str) -> str:
    return target.removesuffix("README.md") + "index.md" if target.endswith("README.md") else target


def _folder(known: list[str], start: str) -> list[str]:
    """Return the pages of a folder, its introduction first."""
    return sorted(
        (page for page in known if page.startswith(start)), key=lambda page: (page != f"{start}index.md", page)
    )


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{name}" = {_toml(element)}' for name, element in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(element) for element in value) + "]"
    return f'"{value}"'
