"""Scores of a trained model on samples that it did not learn: one rule for all frameworks. Pure.

Called by ``finishing`` with what the model answered; the frameworks' own metrics are reported next to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kafkaml.wire.scores import Score
from model_training.confusion import MAX_CLASSES, classes_of

__all__ = ["class_scores", "value_scores"]


def class_scores(labels: NDArray[Any], predicted: NDArray[np.int64], *, classes: int) -> Mapping[Score, float]:
    """Return the share of samples whose class, in any form that ``classes_of`` reads, is the one ``predicted`` (n,).

    ``classes`` is how many the model can predict. None without samples. Raises NoConfusionMatrix where the labels are
    not classes.
    """
    if not len(labels):
        return {}
    actual, _ = classes_of(labels, classes, most=max(classes, MAX_CLASSES))
    return {Score.ACCURACY: float(np.mean(actual == predicted))}


def value_scores(labels: NDArray[Any], predicted: NDArray[np.float32]) -> Mapping[Score, float]:
    """Return the errors of ``predicted`` (n, width), the mean over all numbers of ``labels`` (n, ...), in their unit.

    Empty without samples, and where the labels hold another number of values than the model predicts.
    """
    if not labels.size or (len(labels), labels[0].size) != predicted.shape:
        return {}
    targets = labels.reshape(predicted.shape)
    error = predicted.astype(np.float64) - targets.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        return {
            Score.MEAN_ABSOLUTE_ERROR: float(np.mean(np.abs(error))),
            Score.ROOT_MEAN_SQUARED_ERROR: float(np.sqrt(np.mean(np.square(error)))),
        }
