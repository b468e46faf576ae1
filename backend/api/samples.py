"""Samples as pages show them: one array each, small enough to draw. Used wherever decoded data is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from rest_framework import serializers

__all__ = ["MAX_VALUES", "SampleSerializer", "sample_document"]

# A picture of 256 x 256 in colour has three times as many: it is shown as its beginning, and says so.
MAX_VALUES = 65_536


class SampleSerializer(serializers.Serializer[Any]):
    """An array: ``values`` in row-major order; ``truncated`` when only the first ``MAX_VALUES`` are here."""

    shape = serializers.ListField(child=serializers.IntegerField())
    dtype = serializers.CharField()
    values = serializers.ListField(child=serializers.FloatField(allow_null=True))
    truncated = serializers.BooleanField()


def sample_document(array: npt.NDArray[Any]) -> dict[str, Any]:
    """Return ``array`` (any shape; numbers or booleans) as SampleSerializer describes it; not finite becomes None."""
    flat = array.reshape(-1)[:MAX_VALUES]
    numbers = flat.astype(np.float64)
    values: list[float | None] = numbers.tolist()
    if not np.isfinite(numbers).all():
        values = [value if np.isfinite(value) else None for value in numbers.tolist()]
    return {
        "shape": list(array.shape),
        "dtype": array.dtype.name,
        "values": values,
        "truncated": array.size > MAX_VALUES,
    }
