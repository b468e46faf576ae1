"""Reads parts of Markdown: fenced blocks with their marks, anchors of headings, and links."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["Block", "Mark", "anchors", "blocks", "links", "prose", "replace_links"]

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[^\n`]*)\n(?P<text>.*?)^ *(?P=fence) *$", re.M | re.S)
_MARK = re.compile(r"<!-- (?P<kind>run|file|needs|tested by|output)(?:: ?(?P<what>[^>]*?))? -->\s*\Z")
_LINK = re.compile(
    r"(?P<image>!?)\[(?P<text>(?:\[[^\]]*\]|[^\[\]])*)\]\((?P<target>[^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)"
)


@dataclass(frozen=True)
class Mark:
    """A comment before a block that says what the tests do with the block.

    ``run``: tests/docs runs the block, in the order of the page; with ``run: SESSION`` on a platform of its own.
    ``file: NAME``: the block is a file that later blocks use. ``tested by: FILE``: that test does the same. ``needs:
    WHAT``: nobody runs the block here, because this machine lacks WHAT. ``output``: there is nothing to run.
    """

    kind: str
    what: str = ""


@dataclass(frozen=True)
class Block:
    """A fenced block: its ``line`` (from 1), the ``language`` after the fence, and its content."""

    line: int
    language: str
    text: str
    mark: Mark | None


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page in order."""
    for found in _FENCE.finditer(text):
        indent = len(found["indent"])
        body = "".join(
            line[min(indent, len(line) - len(line.lstrip(" "))) :] for line in found["text"].splitlines(True)
        )
        mark = _MARK.search(text, 0, found.start())
        yield Block(
            text.count("\n", 0, found.start()) + 1,
            found["language"].strip(),
            body,
            None if mark is None else Mark(mark["kind"], (mark["what"] or "").strip()),
        )


def prose(text: str) -> str:
    """Return a page with its fenced blocks and code spans blanked, so that only the text with links and headings is
    left.
    """
    blank = _FENCE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    return re.sub(r"(`+)(?!`)(?:(?!\1).)*?\1", lambda found: " " * len(found[0]), blank)


def links(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and target of each link and picture."""
    plain = prose(text)
    for found in _LINK.finditer(text):
        # A link in a block or a code span does not count. Its closing bracket has been blanked.
        if plain[found.end() - 1] == ")":
            yield text.count("\n", 0, found.start()) + 1, found["target"]


def replace_links(
    text: str,
    replaced: Callable[[str], str | None],
    *,
    unlinked: Callable[[str, str], str] = lambda words, _target: words,
) -> str:
    """Return the page with each link's target replaced by ``replaced``. Where that returns None, ``unlinked`` makes the
    text from the words and the old target.
    """
    plain = prose(text)

    def of(found: re.Match[str]) -> str:
        if plain[found.end() - 1] != ")":
            return found[0]
        target = replaced(found["target"])
        # A picture inside a link is part of the link's text, so its target is replaced too.
        words = replace_links(found["text"], replaced, unlinked=unlinked)
        return unlinked(words, found["target"]) if target is None else f"{found['image']}[{words}]({target})"

    return _LINK.sub(of, text)


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    found: set[str] = set()
    for line, blank in zip(text.splitlines(), prose(text).splitlines(), strict=True):
        if blank.startswith("#"):
            found.add(_slug(line.lstrip("#")))
    return found


def _slug(heading: str) -> str:
    words = _LINK.sub(lambda found: found["text"], heading)
    letters = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", letters).strip().lower())
