"""Samples behind the cells of a confusion matrix: chosen and written by a training, read by the backend.

The file is an NPZ without pickle. Its content is not trusted: sizes are checked before memory is allocated.
"""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kafkaml.errors import RefusedError
from kafkaml.named_inputs import flattened

__all__ = ["CONFUSION_SAMPLES", "MAX_PER_CELL", "ConfusionSamples", "choose_samples"]

# Name of the artifact that holds these samples.
CONFUSION_SAMPLES = "confusion_samples.npz"
MAX_PER_CELL = 12
# Limit for all features together, before compression.
MAX_BYTES = 8 << 20
# 256 classes have 65,536 cells, so with tiny samples the limit of bytes alone would not bound their number.
MAX_SAMPLES = 20_000
# Size of the largest file that is read. It allows as much for the other arrays as for the features.
_MAX_READ_BYTES = 2 * MAX_BYTES
_MAX_HEADER_BYTES = 4096
_MEMBERS = ("features", "actual", "predicted", "probability", "per_cell")


@dataclass(frozen=True)
class ConfusionSamples:
    """``features`` (n, *sample_shape) as they were decoded, ``actual`` and ``predicted`` classes (n,) and the
    ``probability`` (n,) of the predicted class; at most ``per_cell`` of each cell, the most instructive first.

    Several inputs are concatenated, (n, numbers).
    """

    features: NDArray[Any]
    actual: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probability: NDArray[np.float32]
    per_cell: int

    def cell(self, actual: int, predicted: int) -> ConfusionSamples:
        """Return the samples of one cell, in their order."""
        rows = np.flatnonzero((self.actual == actual) & (self.predicted == predicted))
        return ConfusionSamples(
            self.features[rows], self.actual[rows], self.predicted[rows], self.probability[rows], self.per_cell
        )

    def write(self, path: Path) -> None:
        """Write the samples to a file that ``read`` reads."""
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                features=np.ascontiguousarray(self.features),
                actual=self.actual.astype(np.int64),
                predicted=self.predicted.astype(np.int64),
                probability=self.probability.astype(np.float32),
                per_cell=np.int64(self.per_cell),
            )

    @classmethod
    def read(cls, path: Path) -> ConfusionSamples:
        """Read a file of ``write``; RefusedError for anything else, FileNotFoundError where there is none."""
        try:
            with zipfile.ZipFile(path) as archive:
                sizes = [archive.getinfo(f"{name}.npy").file_size for name in _MEMBERS]
                if sum(sizes) > _MAX_READ_BYTES:
                    raise RefusedError(f"it unpacks to {sum(sizes)} bytes: expected at most {_MAX_READ_BYTES}")
                features, actual, predicted, probability, per_cell = (
                    _array(archive.read(f"{name}.npy")) for name in _MEMBERS
                )
            if features.ndim < 1 or any(
                array.shape != (len(features),) or array.dtype.kind not in "iuf"
                for array in (actual, predicted, probability)
            ):
                raise RefusedError("its arrays do not belong together")
            return cls(
                features,
                actual.astype(np.int64),
                predicted.astype(np.int64),
                probability.astype(np.float32),
                int(per_cell),
            )
        except FileNotFoundError:
            raise
        except RefusedError as error:
            raise RefusedError(f"the file of samples is damaged: {error.message}") from error
        except Exception as error:
            # Archives and headers fail in many ways: zlib, zipfile, struct, tokenize, ValueError, KeyError.
            raise RefusedError(f"the file of samples is damaged: {type(error).__name__}") from error


def choose_samples(
    features: NDArray[Any],
    *,
    actual: NDArray[np.int64],
    predicted: NDArray[np.int64],
    probability: NDArray[np.float32],
) -> ConfusionSamples:
    """Choose up to ``MAX_PER_CELL`` samples of each cell, fewer of all where they would exceed ``MAX_BYTES``.

    Among mistakes, those come first of which the model was most sure. Among correct predictions, those come first of
    which it was least sure.
    """
    size = int(max(actual.max(initial=0), predicted.max(initial=0))) + 1
    cells = actual * size + predicted
    sure = np.nan_to_num(probability.astype(np.float64), nan=0.5)
    # Sort by cell, then by how instructive a sample is. The sort is stable, so that a repeated run keeps the same
    # samples.
    order = np.lexsort((np.where(actual == predicted, sure, -sure), cells))
    ordered = cells[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(order) else np.zeros(0, np.int64)
    rank = np.arange(len(order)) - np.repeat(begins, np.diff(np.r_[begins, len(order)]))
    budget = min(MAX_SAMPLES, MAX_BYTES // max(1, features.dtype.itemsize * math.prod(features.shape[1:])))
    per_cell = next((count for count in range(MAX_PER_CELL, 0, -1) if np.count_nonzero(rank < count) <= budget), 0)
    if per_cell:
        rows = order[rank < per_cell]
    else:
        # If there is no room for one sample per cell, mistakes come first, because users look for those.
        first = order[rank == 0]
        mistakes = actual[first] != predicted[first]
        rows = np.r_[first[mistakes], first[~mistakes]][:budget]
    # Copy only these rows, because the features are in a file that may be larger than memory.
    return ConfusionSamples(
        np.array(flattened(features[rows])), actual[rows], predicted[rows], probability[rows], per_cell
    )


def _array(content: bytes) -> NDArray[Any]:
    """Read an NPY after checking that all its data are there, so that nothing is allocated for a false header."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise RefusedError(f"an array is of version {version}: expected (1, 0)")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file, max_header_size=_MAX_HEADER_BYTES)
    data = content[file.tell() :]
    if fortran or dtype.kind not in "biuf" or dtype.itemsize * math.prod(shape) != len(data):
        raise RefusedError("an array is not what its header says")
    return np.frombuffer(data, dtype).reshape(shape)
