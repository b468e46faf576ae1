"""Samples for display on pages: one array each, small enough to draw. Used wherever decoded data is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kafkaml.named_inputs import flattened

__all__ = ["MAX_VALUES", "SampleSerializer", "sample_document"]

# The most numbers of a sample on a page. A colour picture of 256 x 256 has three times as many and is marked as
# truncated.
MAX_VALUES = 65_536


# Pages hold numbers as float64, which rounds whole numbers beyond this.
_MAX_EXACT = 1 << 53


@extend_schema_field({"oneOf": [{"type": "number"}, {"type": "string"}], "nullable": True})
class _NumberField(serializers.Field[Any, Any, Any, Any]):
    """A number, or its digits as text where JSON's readers would round it; null for what is not finite."""


class SampleSerializer(serializers.Serializer[Any]):
    """An array: ``values`` in row-major order; ``truncated`` when only the first ``MAX_VALUES`` are here.

    Whole numbers beyond 2^53 are texts of their digits, as many readers of JSON would round them.
    """

    shape = serializers.ListField(child=serializers.IntegerField())
    dtype = serializers.CharField()
    values = serializers.ListField(child=_NumberField())
    truncated = serializers.BooleanField()


def sample_document(array: npt.NDArray[Any]) -> dict[str, Any]:
    """Return ``array`` (any shape; numbers or booleans) as SampleSerializer describes it; not finite becomes None.

    Of a sample with several inputs the inputs are concatenated.
    """
    if array.dtype.names:
        array = flattened(np.asarray(array).reshape(-1))[0]
    flat = array.reshape(-1)[:MAX_VALUES]
    numbers = flat.astype(np.float64)
    values: list[float | str | None] = numbers.tolist()
    if not np.isfinite(numbers).all():
        values = [value if np.isfinite(value) else None for value in numbers.tolist()]
    elif flat.dtype.kind in "iu" and flat.size and np.abs(numbers).max() >= _MAX_EXACT:
        values = [number if abs(number) <= _MAX_EXACT else str(number) for number in flat.tolist()]
    return {
        "shape": list(array.shape),
        "dtype": array.dtype.name,
        "values": values,
        "truncated": array.size > MAX_VALUES,
    }
