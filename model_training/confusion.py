"""The confusion matrix, from labels and predicted classes as arrays. Called by the modes after evaluation.

Knows the forms in which labels arrive (integers, one-hot rows, 0/1 or -1/1) and says why when there is no matrix: a
regression has no classes, which is not an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_CLASSES", "ConfusionMatrix", "NoConfusionMatrix", "classes_of", "confusion_matrix"]

# Larger matrices are unreadable, and the JSON of the result grows with the square of the classes.
MAX_CLASSES = 256


class NoConfusionMatrix(Exception):
    """Raised for labels and predictions without a confusion matrix. The text gives the reason for the result's
    warnings.
    """


@dataclass(frozen=True)
class ConfusionMatrix:
    """``counts[i, j]``: samples of class ``labels[i]`` that were predicted as ``labels[j]``; (classes, classes).

    ``actual[n]`` is the class of sample n.
    """

    labels: tuple[str, ...]
    counts: NDArray[np.int64]
    actual: NDArray[np.int64]


def confusion_matrix(
    labels: NDArray[Any], predicted: NDArray[np.int64], *, classes: int, names: Sequence[str] = ()
) -> ConfusionMatrix:
    """Count ``predicted`` (n,) against ``labels``: (n,) or (n, 1) classes, or (n, classes) one-hot rows.

    ``classes`` is the number of classes that the model can predict; labels may show more. ``names`` are the names of
    the first classes, where they have any. Without samples the matrix is zeros. Raises NoConfusionMatrix for values
    that are not classes (regression, multi-label) and above MAX_CLASSES.
    """
    if len(labels) != len(predicted):
        raise NoConfusionMatrix(f"{len(labels)} labels and {len(predicted)} predictions cannot be compared")
    actual, signs = classes_of(labels, classes)
    size = max(classes, len(names), len(signs), int(actual.max(initial=-1)) + 1, int(predicted.max(initial=-1)) + 1)
    if size > MAX_CLASSES:
        raise NoConfusionMatrix(f"there are {size} classes and a confusion matrix is made for at most {MAX_CLASSES}")
    counts = np.bincount(actual * size + predicted, minlength=size * size).reshape(size, size)
    numbers = [str(index) for index in range(size)]
    return ConfusionMatrix(signs or (*names, *numbers[len(names) :]), counts.astype(np.int64), actual)


def classes_of(
    labels: NDArray[Any], classes: int, *, most: int = MAX_CLASSES
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return each sample's class (n,), and names where they differ from the numbers.

    Raises NoConfusionMatrix where ``labels`` are not classes of a model with ``classes`` of them, or not below
    ``most``.
    """
    if labels.ndim > 1 and labels.shape[1:] != (1,):
        return _one_hot_classes(labels), ()
    flat = labels.reshape(len(labels))
    if flat.dtype.kind not in "biuf":
        raise NoConfusionMatrix(f"labels of type {flat.dtype} are not numbers of classes")
    if flat.dtype.kind == "f" and not np.all(np.isfinite(flat) & (np.floor(flat) == flat)):
        raise NoConfusionMatrix("the labels are not whole numbers, so this is a regression and has no classes")
    if classes <= 2 and np.isin(flat, (-1, 1)).all() and (flat == -1).any():
        return (flat > 0).astype(np.int64), ("-1", "1")
    # Compare before the cast to int64, where a huge unsigned or float value would wrap around.
    if len(flat) and (flat.min() < 0 or flat.max() >= most or (classes <= 2 and flat.max() > 1)):
        raise NoConfusionMatrix(
            f"labels between {flat.min():g} and {flat.max():g} are not classes of a model with {classes} of them"
        )
    return flat.astype(np.int64), ()


def _one_hot_classes(labels: NDArray[Any]) -> NDArray[np.int64]:
    rows = labels.reshape(len(labels), -1)
    if labels.ndim != 2 or rows.dtype.kind not in "biuf" or not np.isin(rows, (0, 1)).all():
        raise NoConfusionMatrix(f"labels of shape {labels.shape[1:]} are not one-hot rows, so they have no classes")
    if not (np.count_nonzero(rows, axis=1) == 1).all():
        raise NoConfusionMatrix("some samples have several labels or none, so there is no single class to count")
    classes: NDArray[np.int64] = rows.argmax(axis=1).astype(np.int64)
    return classes
