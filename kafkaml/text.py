"""Text that every store and every encoder takes: what user code raises or prints may hold anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["counted", "storable"]

# No database takes a NUL in a text, and lone surrogates have no UTF-8 encoding.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def counted(number: int, noun: str) -> str:
    """Return e.g. '1 model' or '2,000 models'; the noun's plural ends with s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def storable(value: Any) -> Any:
    """Return ``value`` (text, or mappings and lists that hold some) with U+FFFD for characters that cannot
    be encoded.
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value) if not value.isascii() or "\0" in value else value
    if isinstance(value, Mapping):
        return {storable(name): storable(element) for name, element in value.items()}
    return [storable(element) for element in value] if isinstance(value, (list, tuple)) else value
