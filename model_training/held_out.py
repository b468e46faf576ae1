"""HeldOut: the newest samples that validated and were never learnt. Champion and challenger are compared on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mlcode_executor.shared_array import SharedArray
from model_training.model_session import Samples

__all__ = ["HeldOut", "share"]

# Of a share of 0.8 the standard error is 0.009 then: a gain of 0.05 is told from chance.
_MAX_SAMPLES = 2000
_MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class HeldOut:
    """Features (n, *sample_shape) and labels (n, *label_shape), from old to new."""

    features: NDArray[Any]
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.features)

    def newest(self) -> HeldOut:
        """Return copies of the newest, as many as are kept."""
        bytes_each = sum(each.nbytes for each in (self.features, self.labels)) // max(1, len(self))
        most = slice(-max(1, min(_MAX_SAMPLES, _MAX_BYTES // max(1, bytes_each))), None)
        return HeldOut(self.features[most].copy(), self.labels[most].copy())

    def with_newer(self, newer: HeldOut) -> HeldOut:
        """Return the newest of these and of those, as many as are kept."""
        features = np.concatenate([self.features, newer.features])
        return HeldOut(features, np.concatenate([self.labels, newer.labels])).newest()

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return what ``from_arrays`` takes."""
        return {"features": self.features, "labels": self.labels}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(arrays["features"], arrays["labels"])


def share(
    features: NDArray[Any], labels: NDArray[Any], *, targets_are_features: bool, rows: NDArray[np.intp] | None = None
) -> Samples:
    """Return copies of ``features`` and ``labels``, or of some ``rows``, for a model process, to be closed."""
    shared = [_shared(each, rows) for each in (features, labels)]
    return Samples(shared[0], shared[1], targets_are_features=targets_are_features)


def _shared(array: NDArray[Any], rows: NDArray[np.intp] | None) -> SharedArray:
    count = len(array) if rows is None else len(rows)
    shared = SharedArray.allocate((count, *array.shape[1:]), array.dtype, writable=False)
    if rows is None:
        shared.array[...] = array
    else:
        # Not "raise", which would gather into another buffer first.
        np.take(array, rows, axis=0, out=shared.array, mode="clip")
    return shared
