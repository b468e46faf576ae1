"""Starts: where a consumer group without committed offsets begins to read. Pure; for backend and Kafka's client."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from kafkaml.errors import RefusedError

__all__ = ["MAX_START", "Start", "StartPlace", "parsed_start"]

MAX_START = 40
_MAX_OFFSET = (1 << 63) - 1


class StartPlace(StrEnum):
    """``NOW``: after all existing records."""

    BEGINNING = "beginning"
    NOW = "now"


# A number is an offset of every partition; a time stands for the first record of that time or later.
Start = StartPlace | int | datetime


def parsed_start(text: str) -> Start:
    """Return what ``beginning``, ``now``, an offset or a time (ISO 8601; no zone: UTC) means; raises RefusedError for
    anything else.
    """
    try:
        return StartPlace(text)
    except ValueError:
        pass
    if text.isascii() and text.isdigit() and int(text) <= _MAX_OFFSET:
        return int(text)
    try:
        time = datetime.fromisoformat(text) if len(text) <= MAX_START and not text.isdigit() else None
    except ValueError:
        time = None
    if time is None:
        raise RefusedError(
            f"start is {text[:60]!r}: expected beginning, now, an offset or a time",
            hint="for example 1200, or 2026-01-31T12:30:00Z",
        )
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
