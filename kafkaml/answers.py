"""What is known about a model's answers in advance: their largest size, and the names of classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = [
    "DEFAULT_MAX_ANSWER_BYTES",
    "KAFKA_DEFAULT_RECORD_BYTES",
    "RECORD_OVERHEAD_BYTES",
    "answer_bytes",
    "class_names",
    "included_in",
]

# Kafka's own default of max.message.bytes.
KAFKA_DEFAULT_RECORD_BYTES = 1_048_588
# The largest record that the embedded broker takes.
DEFAULT_MAX_ANSWER_BYTES = 16 << 20
# Allowance for what Kafka adds to key, value and headers, and for our own headers.
RECORD_OVERHEAD_BYTES = 512
_BRACKETS_BYTES = 64
# The most characters of one number with its comma, by kind and size: -1.1754944e-38, -2.2250738585072014e-308, ...
_CHARACTERS = {"b1": 6, "i1": 5, "i2": 7, "i4": 12, "i8": 21, "u1": 4, "u2": 6, "u4": 11, "u8": 21, "f4": 17, "f8": 25}
_OTHER_CHARACTERS = 25


def answer_bytes(outputs: Sequence[tuple[np.dtype[np.generic], Sequence[int]]]) -> int:
    """Return the most bytes that the record of one answer can take; ``outputs`` are type and shape for one sample.

    With several outputs the last one is written twice (``values`` and ``outputs``).
    """
    sizes = [
        _CHARACTERS.get(f"{dtype.kind}{dtype.itemsize}", _OTHER_CHARACTERS) * math.prod(shape)
        # Nested lists have fewer brackets than numbers, except for axes of size one.
        + 2 * math.prod(shape[:-1])
        for dtype, shape in outputs
    ]
    twice = sizes[-1] if len(sizes) > 1 else 0
    return sum(sizes) + twice + _BRACKETS_BYTES + RECORD_OVERHEAD_BYTES


def class_names(visualization: Mapping[str, Any] | None, labels: Sequence[str] | None) -> list[str] | None:
    """Return the names of the classes in the order of the outputs; None without any.

    They come from the inference's view, otherwise from the ``labels`` of the training that it serves.
    """
    if visualization and visualization.get("type") == "classification" and visualization.get("labels"):
        names = {entry["id"]: entry["label"] for entry in visualization["labels"]}
        return [names.get(index, str(index)) for index in range(min(max(names), 9_999) + 1)]
    return list(labels) if labels else None


def included_in(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the fields that an answer carries from its record, by name; None where it carries nothing."""
    include = answer.get("include")
    return include if isinstance(include, dict) else None
