"""Prediction: an output record as the live view needs it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from kafkaml.answers import included_in
from kafkaml.records import SOURCE_HEADER, TIER_HEADER, Record

__all__ = ["MAX_OUTPUTS", "Prediction", "prediction_of", "source_of"]

# Models with more outputs are shown by their first ones.
MAX_OUTPUTS = 1000
# Of larger records (pictures as answers) only the beginning is read, which holds more numbers than are shown.
_MAX_BYTES = 64 << 10
_MAX_SOURCE_BYTES = 300
_MAX_TIER_BYTES = 100
_BEGINNING = b'{"values":['
_NUMBER = re.compile(rb"-?\d[\d.eE+-]*|null|true|false")


@dataclass(frozen=True, slots=True)
class Prediction:
    """``values`` are the outputs (None: unreadable), ``at`` is in seconds since 1970, ``source`` the input's place.

    ``truncated``: the answer has more outputs than ``values``. ``tier`` is the sub-model of a distributed model that
    answered, empty for others. ``include`` is what the answer carries of its record, None: nothing.
    """

    at: float
    values: list[float | None] | None
    place: str = ""
    source: str = ""
    truncated: bool = False
    tier: str = ""
    include: dict[str, Any] | None = None


def prediction_of(record: Record, at: float) -> Prediction:
    """Return what an output record says."""
    values, include = _read(record.value)
    truncated = values is not None and len(values) > MAX_OUTPUTS
    return Prediction(
        at,
        values[:MAX_OUTPUTS] if values else values,
        place=record.place,
        source=source_of(record),
        truncated=truncated,
        tier=_last_header(record, TIER_HEADER, _MAX_TIER_BYTES),
        include=include,
    )


def source_of(record: Record) -> str:
    """Return ``topic/partition/offset`` of the input record, empty where the record does not say."""
    return _last_header(record, SOURCE_HEADER, _MAX_SOURCE_BYTES)


def _last_header(record: Record, wanted: str, most: int) -> str:
    # In a chain of inferences each adds a header; the last header is the newest.
    found = next((value for name, value in reversed(record.headers) if name == wanted and value), b"")
    return found[:most].decode(errors="replace")


def _read(value: bytes | None) -> tuple[list[float | None] | None, dict[str, Any] | None]:
    """Return the outputs, and what else the answer carries."""
    if value is None:
        return None, None
    if len(value) > _MAX_BYTES:
        return _first_values(value[:_MAX_BYTES]), None
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None, None
    listed = document.get("values") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        return None, None
    flat: list[float | None] = []
    _flatten(listed, flat)
    return flat or None, included_in(document)


def _first_values(beginning: bytes) -> list[float | None] | None:
    """Return the numbers at the beginning of an answer that is too large to be read whole."""
    if not beginning.startswith(_BEGINNING):
        return None
    text, more, _ = beginning[len(_BEGINNING) :].partition(b'],"outputs":')
    words = _NUMBER.findall(text)
    # The last number may be cut off in the middle.
    kept = words if more else words[:-1]
    return [None if word == b"null" else float(orjson.loads(word)) for word in kept[: MAX_OUTPUTS + 1]] or None


def _flatten(values: list[object], into: list[float | None]) -> None:
    """Nested outputs (sequences, pictures) in row-major order, to one above the bound. JSON nests only so deep."""
    for value in values:
        if len(into) > MAX_OUTPUTS:
            return
        if isinstance(value, list):
            _flatten(value, into)
        else:
            # Integers of any size and booleans count as numbers; texts do not.
            into.append(float(value) if isinstance(value, (int, float)) else None)
