"""Newest: a bounded number of the newest samples of one kind, held out or labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mlcode_executor.shared_array import SharedArray
from model_training.model_session import Samples

__all__ = ["Newest", "share", "shared"]

# The most samples that are kept. With this many, a share of 0.8 has a standard error of 0.009, so a gain of 0.05 is
# more than chance.
_MAX_SAMPLES = 2000
_MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Newest:
    """Features (n, *sample_shape) and labels (n, *label_shape), from old to new.

    Champion and challenger are compared on the held-out ones, which were never learnt.
    """

    features: NDArray[Any]
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.features)

    def newest(self) -> Self:
        """Return copies of the newest samples, up to the bound."""
        bytes_each = sum(array.nbytes for array in (self.features, self.labels)) // max(1, len(self))
        most = slice(-max(1, min(_MAX_SAMPLES, _MAX_BYTES // max(1, bytes_each))), None)
        return type(self)(self.features[most].copy(), self.labels[most].copy())

    @classmethod
    def joined(cls, older: Self | None, newer: Self) -> Self:
        """Return the newest samples of ``older``, if any, and ``newer``."""
        if older is None:
            return newer.newest()
        features = np.concatenate([older.features, newer.features])
        return cls(features, np.concatenate([older.labels, newer.labels])).newest()

    def arrays(self, kind: str) -> Mapping[str, NDArray[Any]]:
        """Return the arrays that ``from_arrays`` takes, with ``kind`` as the prefix of their names."""
        return {f"{kind}_features": self.features, f"{kind}_labels": self.labels}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], kind: str) -> Self | None:
        """Return the samples kept under ``kind``; None if there are none."""
        names = [f"{kind}_{side}" for side in ("features", "labels")]
        return cls(*(arrays[name] for name in names)) if names[0] in arrays else None


def share(
    features: NDArray[Any], labels: NDArray[Any], *, targets_are_features: bool, rows: NDArray[np.intp] | None = None
) -> Samples:
    """Return copies of ``features`` and ``labels``, or of some ``rows``, for a model process, which the
    caller closes.
    """
    return Samples(shared(features, rows), shared(labels, rows), targets_are_features=targets_are_features)


def shared(array: NDArray[Any], rows: NDArray[np.intp] | None = None) -> SharedArray:
    """Return a copy of ``array``, or of some ``rows``, for a model process, which the caller closes."""
    count = len(array) if rows is None else len(rows)
    copy = SharedArray.allocate((count, *array.shape[1:]), array.dtype, writable=False)
    if rows is None:
        copy.array[...] = array
    else:
        # ``numpy.take`` with mode "raise" would gather into another buffer first.
        np.take(array, rows, axis=0, out=copy.array, mode="clip")
    return copy
