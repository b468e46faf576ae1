"""Advice under errors of user code: most of it what to write today instead of an idiom of an older framework.

What fits which error is a table of texts, ``hints.txt``.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["hint_for", "syntax_hint"]

# What the message matches, what the line of the code matches, what to do.
_Hint = tuple[re.Pattern[str], re.Pattern[str], str]


def _read_table(text: str) -> dict[str, list[_Hint]]:
    """Return the hints of each section, in order; ``hints.txt`` says how they are written."""
    sections: dict[str, list[_Hint]] = {}
    message = line = section = ""
    for row in text.splitlines():
        if row.startswith("== "):
            section = row.removeprefix("== ")
            sections[section] = []
        elif row.strip().startswith("@ "):
            line = row.strip().removeprefix("@ ")
        elif row.startswith("  "):
            sections[section].append((re.compile(message, re.DOTALL), re.compile(line), row.strip()))
            message = line = ""
        elif row and not row.startswith("#"):
            message = row
    return sections


_TABLE = _read_table(Path(__file__).with_name("hints.txt").read_text(encoding="utf-8"))


def hint_for(message: str, line: str = "") -> str:
    """Return the one thing to do about an error ``Type: message`` of a ``line``; empty when there is no advice."""
    return _first("errors", message, line)


def syntax_hint(message: str, line: str) -> str:
    """Return what to do about a ``line`` that is no Python, for which it says ``message``; empty without advice."""
    return _first("syntax", message, line)


def _first(section: str, message: str, line: str) -> str:
    fitting = (hint for what, where, hint in _TABLE[section] if what.search(message) and where.search(line))
    return next(fitting, "")
