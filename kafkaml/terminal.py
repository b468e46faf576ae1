"""Shows users' texts literally in a terminal: no text becomes a style or moves the cursor.

Names, labels, logs and messages reach a terminal only through ``SafeConsole``, which knows no markup; our own styles
come by ``styled``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.text import Text

__all__ = ["SafeConsole", "styled", "visible"]

# Control characters of both sets, marks that change the direction of text, and lone surrogates.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Return ``text`` with what a terminal would obey, or could not show, as ``\\x1b`` and the like."""
    return _UNSEEN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def styled(template: str, **values: object) -> Text:
    """Return ``template``, in rich's markup, with ``values`` inserted literally: ``styled("[dim]{a}[/]", a=...)``."""
    return Text.from_markup(
        template.format(**{name: escape(visible(str(value))) for name, value in values.items()}), emoji=False
    )


class SafeConsole(Console):
    """A console on which strings are plain text. Controls that got here nevertheless are made visible."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Escape ``text`` before it reaches rich, which silently drops some control characters."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or not _UNSEEN.search(segment.text):
                yield segment
            else:
                yield Segment(visible(segment.text), segment.style)
