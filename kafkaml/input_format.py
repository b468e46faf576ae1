"""The names of the formats that streams may have. What they mean is registered by ``kafkaml.codecs``.

A separate module that imports nothing, because many programs read announcements and few decode records.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["InputFormat", "add_format_name", "format_name", "format_names"]


class InputFormat(StrEnum):
    """The formats of this product by their names on the wire."""

    RAW = "RAW"
    AVRO = "AVRO"
    JSON = "JSON"
    TELEGRAF_STR_JSON = "TELEGRAF_STR_JSON"
    # Records of any format, taken by the contract of a data set.
    COLUMNS = "COLUMNS"


_names: dict[str, None] = dict.fromkeys(map(str, InputFormat))


def add_format_name(name: str) -> None:
    """Allow streams to have the format ``name``; called where its codec is registered."""
    _names[name] = None


def format_names() -> tuple[str, ...]:
    """Return the names of all formats."""
    return tuple(_names)


def format_name(name: str) -> str:
    """Return ``name`` when it is the name of a format; raises ValueError, which names the known ones."""
    if name not in _names:
        raise ValueError(f"{name!r} is not a format of streams: expected one of {', '.join(_names)}")
    return str(name)
