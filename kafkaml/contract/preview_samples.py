"""Arrays for display on a page; large ones are thinned out. Pure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson

from kafkaml.contract.columns import Array
from kafkaml.wire.preview import SampleInput, ShownPart

__all__ = ["plain_numbers", "shown_input"]


def plain_numbers(values: Array) -> list[float]:
    """Return numbers in row-major order, with the fewest digits for their type: 0.1 of float32, not 0.10000000149."""
    flat = np.ascontiguousarray(values).reshape(-1)
    read: list[Any] = orjson.loads(orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY))
    return read


def shown_input(name: str, values: Array, *, window_axes: int, most: int) -> SampleInput:
    """Return ``values``, one sample of an input, cut to at most ``most`` numbers.

    Pictures (uint8), whose rows and columns come after ``window_axes``, keep every n-th row and column.
    """
    shown = ShownPart.WHOLE
    if values.size > most and values.dtype == np.uint8:
        step = math.ceil(math.sqrt(values.size / most))
        values = values[(slice(None),) * window_axes + (slice(None, None, step),) * 2]
        shown = ShownPart.THINNED
    if values.size > most:
        shape = list(values.shape)
        while math.prod(shape) > most:
            longest = shape.index(max(shape))
            shape[longest] = max(1, min(shape[longest] - 1, shape[longest] * most // math.prod(shape)))
        values = values[tuple(slice(size) for size in shape)]
        shown = ShownPart.FIRST
    return SampleInput(name=name, shape=values.shape, values=tuple(plain_numbers(values)), shown=shown)
