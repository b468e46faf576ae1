"""Samples out of NumPy's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kafka_ml_cli.files.options import LABEL_NAMES, FileOptions
from kafka_ml_cli.files.samples import Part, Samples
from kafkaml.errors import RefusedError

__all__ = ["npy_samples", "npz_samples"]

# Names under which data sets usually keep their features, tried in this order.
_FEATURE_NAMES = ("features", "x", "data", "images", "x_train", "train_x", "arr_0")
_PART_SAMPLES = 2000


def npz_samples(path: Path, options: FileOptions) -> Samples:
    """Read the named arrays of an archive, or the arrays with the usual names."""
    with np.load(path, allow_pickle=False) as archive:
        names = {name.lower(): name for name in archive.files}
        chosen = _choose(path, options.features, _FEATURE_NAMES, names, required=True)
        labelled = _choose(path, options.labels, LABEL_NAMES, names, required=False) if options.with_labels else ""
        y = archive[labelled] if labelled and labelled != chosen else None
        return _samples(path, options, archive[chosen], y, chosen, labelled or None)


def npy_samples(path: Path, options: FileOptions) -> Samples:
    """Read one array; labels are a second file."""
    if options.features:
        raise RefusedError("an .npy file holds one array, which has no name: leave --features out")
    # Map the file, so that one larger than memory can be sent.
    x = np.load(path, mmap_mode="r", allow_pickle=False)
    y = None
    if options.labels and options.with_labels:
        y = np.load(Path(options.labels), mmap_mode="r", allow_pickle=False)
    return _samples(path, options, x, y, path.name, options.labels or None)


def _choose(path: Path, given: str, usual: tuple[str, ...], names: dict[str, str], *, required: bool) -> str:
    for name in [given.lower()] if given else usual:
        if name in names:
            return names[name]
    if given or required:
        what = f"no array {given!r}" if given else "no array of a usual name"
        raise RefusedError(
            f"{path} has {what}: it has {', '.join(names.values()) or 'none'}", hint="name it: --features and --labels"
        )
    return ""


def _samples(
    path: Path,
    options: FileOptions,
    x: npt.NDArray[Any],
    y: npt.NDArray[Any] | None,
    feature: str,
    label: str | None,
) -> Samples:
    for what, array in (("features", x), ("labels", y)):
        if array is None:
            continue
        if array.dtype.hasobject:
            raise RefusedError(f"{path}: the {what} are Python objects: expected an array of numbers")
        if array.ndim == 0:
            raise RefusedError(f"{path} holds a single number: expected an array whose first axis counts samples")
    if y is not None and len(x) != len(y):
        raise RefusedError(f"{path}: {len(x)} samples but {len(y)} labels: expected as many of both")
    if y is None and options.label_required:
        raise RefusedError(
            f"{path}: where are the labels?",
            hint="name them: --labels (an archive's array, or a second .npy file); data without labels: --no-labels",
        )
    end = None if options.limit is None else options.skip + options.limit
    x, y = x[options.skip : end], None if y is None else y[options.skip : end]

    def parts() -> Iterator[Part]:
        for start in range(0, len(x), _PART_SAMPLES):
            part = slice(start, start + _PART_SAMPLES)
            yield x[part], None if y is None else y[part]

    return Samples(
        count=len(x),
        features=[feature],
        feature_type=x.dtype.name,
        label=None if y is None else label,
        label_type=None if y is None else ("string" if y.dtype.kind in "SU" else y.dtype.name),
        classes=_classes(y),
        described=f"arrays of {x.shape[1:] or 'numbers'}",
        parts=parts,
    )


def _classes(y: npt.NDArray[Any] | None) -> dict[str, int] | None:
    if y is None or y.ndim != 1 or y.dtype.kind not in "iubSU":
        return None
    values, counts = np.unique(y, return_counts=True)
    if not 1 < len(values) <= 50:
        return None
    return {str(value): int(count) for value, count in zip(values.tolist(), counts.tolist(), strict=True)}
