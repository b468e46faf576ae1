"""Recognises bytes that are not a record of the announced format: a line of CSV, a framed record, text.

Called only for records that failed, to explain a mistake; decides nothing.
"""

from __future__ import annotations

import re

__all__ = ["CSV_HINT", "csv_line", "shown", "text_of"]

CSV_HINT = (
    "lines of CSV are not a format of topics in this version: send the file with 'kafka-ml send FILE.csv', or write "
    "each line as a JSON array of numbers"
)

_MAX_LOOKED_AT = 4096
_NUMBER = re.compile(r'\s*"?[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?"?\s*')


def text_of(value: bytes) -> str | None:
    """Return the beginning of ``value`` as text, or None where it is not readable text."""
    try:
        text = value[:_MAX_LOOKED_AT].decode()
    except UnicodeDecodeError as error:
        # An error in the last four bytes may come from the cut, which can split a character.
        if error.start < _MAX_LOOKED_AT - 4:
            return None
        text = value[: error.start].decode()
    return text if text and all(character.isprintable() or character in "\t\r\n" for character in text) else None


def csv_line(value: bytes) -> str | None:
    """Return the text of ``value`` where it looks like a line of a CSV file: half of its parts or more are numbers."""
    text = text_of(value)
    if text is None or text.lstrip()[:1] in ("", "{", "["):
        return None
    for separator in (";", "\t", ","):
        parts = text.strip().split(separator)
        if len(parts) > 1 and 2 * sum(_NUMBER.fullmatch(part) is not None for part in parts) >= len(parts):
            return text
    return None


def shown(value: object, limit: int = 60) -> str:
    """Return the beginning of a text or bytes as quoted in messages."""
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."
