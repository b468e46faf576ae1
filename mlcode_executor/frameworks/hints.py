"""Advice below errors of user code, mostly what to write today instead of an idiom of an older framework.

The table ``hints.txt`` maps errors to advice.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["hint_for", "syntax_hint"]

# Pattern for the message, pattern for the line of code, advice.
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
    """Return the advice about a ``line`` that is not Python, for which Python reports ``message``; empty without
    advice.
    """
    return _first("syntax", message, line)


def _first(section: str, message: str, line: str) -> str:
    fitting = (hint for what, where, hint in _TABLE[section] if what.search(message) and where.search(line))
    return next(fitting, "")
