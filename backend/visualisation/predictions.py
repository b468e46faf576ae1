"""Prediction: an output record as the live view needs it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from kafkaml.records import SOURCE_HEADER, Record

__all__ = ["MAX_OUTPUTS", "Prediction", "prediction_of", "source_of"]

# Models with more outputs are shown by their first ones.
MAX_OUTPUTS = 1000
# Output records are small; what is larger was not written by an inference of ours.
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Prediction:
    """``values`` are the outputs (None: unreadable), ``at`` is in seconds since 1970, ``source`` the input's place."""

    at: float
    values: list[float | None] | None
    place: str = ""
    source: str = ""


def prediction_of(record: Record, at: float) -> Prediction:
    """Return what an output record says."""
    return Prediction(at, _values(record.value), record.place, source_of(record))


def source_of(record: Record) -> str:
    """Return ``topic/partition/offset`` of the input record, empty where the record does not say."""
    # In a chain of inferences the last one is the newest.
    found = next((value for name, value in reversed(record.headers) if name == SOURCE_HEADER and value), b"")
    return found[:300].decode(errors="replace")


def _values(value: bytes | None) -> list[float | None] | None:
    if value is None or len(value) > _MAX_BYTES:
        return None
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    listed = document.get("values") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        return None
    flat: list[float | None] = []
    _flatten(listed, flat)
    return flat or None


def _flatten(values: list[object], into: list[float | None]) -> None:
    """Nested outputs (sequences, pictures) in row-major order, up to the bound. JSON nests only so deep."""
    for each in values:
        if len(into) >= MAX_OUTPUTS:
            return
        if isinstance(each, list):
            _flatten(each, into)
        else:
            # A whole number of any size, a truth value; a text is no number.
            into.append(float(each) if isinstance(each, (int, float)) else None)
