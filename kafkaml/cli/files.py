"""Reads samples and labels from CSV, NPZ and NPY files, for ``kafka-ml send``. Never unpickles anything."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kafkaml.errors import RefusedError

__all__ = ["Samples", "load_samples"]

# Names under which data sets usually keep their arrays, tried in this order.
_FEATURE_NAMES = ("features", "x", "data", "images", "x_train", "train_x", "arr_0")
_LABEL_NAMES = ("label", "labels", "y", "target", "targets", "class", "y_train", "train_y", "arr_1")


@dataclass(frozen=True)
class Samples:
    """``features``: (count, *sample_shape); ``labels``: (count, *label_shape), or None for samples without labels."""

    features: npt.NDArray[np.generic]
    labels: npt.NDArray[np.generic] | None


def load_samples(
    path: Path,
    *,
    features: str = "",
    labels: str = "",
    with_labels: bool = True,
    skip: int = 0,
    limit: int | None = None,
) -> Samples:
    """Read a file by its suffix. ``features`` and ``labels`` name arrays (NPZ), columns (CSV) or a second file (NPY).

    Raises RefusedError that lists what the file offers when a name is missing or the lengths differ.
    """
    readers = {".npz": _from_npz, ".npy": _from_npy, ".csv": _from_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise RefusedError(f"{path}: expected a file that ends with .csv, .npz or .npy")
    try:
        x, y = reader(path, features, labels)
    except FileNotFoundError as error:
        raise RefusedError(f"there is no file {error.filename}") from error
    except (OSError, ValueError) as error:
        raise RefusedError(f"{path} cannot be read: {error}") from error
    y = y if with_labels else None
    if y is not None and len(x) != len(y):
        raise RefusedError(f"{path}: {len(x)} samples but {len(y)} labels: expected as many of both")
    end = None if limit is None else skip + limit
    samples = Samples(x[skip:end], None if y is None else y[skip:end])
    if len(samples.features) == 0:
        raise RefusedError(f"{path} holds no samples after --skip {skip}: it has {len(x)}")
    for what, array in (("features", samples.features), ("labels", samples.labels)):
        if array is not None and array.dtype.hasobject:
            raise RefusedError(f"{path}: the {what} are Python objects: expected an array of numbers")
    return samples


Arrays = tuple[npt.NDArray[np.generic], npt.NDArray[np.generic] | None]


def _from_npz(path: Path, features: str, labels: str) -> Arrays:
    with np.load(path, allow_pickle=False) as archive:
        names = {name.lower(): name for name in archive.files}
        chosen = _choose(path, features, _FEATURE_NAMES, names, required=True)
        labelled = _choose(path, labels, _LABEL_NAMES, names, required=False)
        return archive[chosen], None if not labelled or labelled == chosen else archive[labelled]


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


def _from_npy(path: Path, features: str, labels: str) -> Arrays:
    if features:
        raise RefusedError("an .npy file holds one array, which has no name: leave --features out")
    # Mapped, so that a file larger than memory can be sent.
    x = np.load(path, mmap_mode="r", allow_pickle=False)
    if x.ndim == 0:
        raise RefusedError(f"{path} holds a single number: expected an array whose first axis counts samples")
    return x, np.load(Path(labels), mmap_mode="r", allow_pickle=False) if labels else None


def _from_csv(path: Path, features: str, labels: str) -> Arrays:
    with path.open(newline="", encoding="utf-8") as file:
        head = file.read(64 << 10)
        dialect = csv.Sniffer().sniff(head, delimiters=",;\t ") if head.strip() else csv.get_dialect("excel")
        first = next(csv.reader(head.splitlines(), dialect), [])
    has_header = not all(_is_number(cell) for cell in first)
    columns = [cell.strip() for cell in first] if has_header else [str(index) for index in range(len(first))]
    label = _label_column(path, labels, columns, has_header=has_header)
    wanted = [name.strip() for name in features.split(",")] if features else [each for each in columns if each != label]
    unknown = [name for name in wanted if name not in columns]
    if unknown:
        raise RefusedError(f"{path} has no column {', '.join(unknown)}: it has {', '.join(columns)}")
    table = np.loadtxt(
        path, delimiter=dialect.delimiter, skiprows=int(has_header), ndmin=2, dtype=np.float64, quotechar='"'
    )
    x = table[:, [columns.index(name) for name in wanted]]
    y = table[:, columns.index(label)] if label else None
    return _narrowed(x, np.float32), None if y is None else _narrowed(y, np.float32)


def _label_column(path: Path, given: str, columns: list[str], *, has_header: bool) -> str:
    if given:
        if given not in columns:
            raise RefusedError(f"{path} has no column {given!r} for the labels: it has {', '.join(columns)}")
        return given
    if not has_header:
        return ""
    return next((each for each in columns if each.lower() in _LABEL_NAMES), "")


def _narrowed(values: npt.NDArray[np.float64], otherwise: type[np.generic]) -> npt.NDArray[np.generic]:
    """Whole numbers become int64 (class numbers stay exact), others ``otherwise``, as models expect them."""
    whole = values.astype(np.int64)
    return whole if bool(np.all(whole == values)) and values.ndim == 1 else values.astype(otherwise)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
