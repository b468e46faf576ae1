"""Baselines that a model must beat, and what its answers look like on the test samples. Pure; called by ``finishing``.

Everything is computed from arrays, so one rule serves every framework.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kafkaml.wire.evaluation import (
    MAX_OUTPUTS,
    MAX_POINTS,
    MAX_RESIDUALS,
    Baseline,
    BaselineKind,
    Curves,
    Residuals,
    ThresholdPoint,
)
from kafkaml.wire.scores import Score
from model_training.confusion import MAX_CLASSES, classes_of

__all__ = ["class_baseline", "curves", "residuals", "value_baseline"]

_QUANTILES = (0, 0.05, 0.5, 0.95, 1)
# The thresholds that users can choose on a page. A score that equals one may be this much below it, because it was a
# float32.
_THRESHOLDS = np.linspace(0, 1, 101)
_SAME = 1e-7


def class_baseline(labels: NDArray[Any], *, classes: int, names: Sequence[str] = ()) -> Baseline | None:
    """Return the score of always answering the most frequent class of ``labels``; None without samples.

    Raises NoConfusionMatrix where the labels are not classes.
    """
    if not len(labels):
        return None
    actual, signs = classes_of(labels, classes, most=max(classes, MAX_CLASSES))
    counts = np.bincount(actual)
    most = int(counts.argmax())
    answer = _name(most, signs or names)
    accuracy = float(counts[most]) / len(actual)
    return Baseline(kind=BaselineKind.MAJORITY, answer=answer, scores={Score.ACCURACY: accuracy}, samples=len(actual))


def value_baseline(labels: NDArray[Any]) -> Baseline | None:
    """Return the errors of always answering the median, and the mean, of ``labels`` (n, ...); None without samples."""
    if not labels.size:
        return None
    targets = labels.reshape(len(labels), -1).astype(np.float64)
    median = np.median(targets, axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        scores = {
            Score.MEAN_ABSOLUTE_ERROR: float(np.mean(np.abs(targets - median))),
            Score.ROOT_MEAN_SQUARED_ERROR: float(np.sqrt(np.mean(np.square(targets - targets.mean(axis=0))))),
        }
    shown = ", ".join(f"{number:.6g}" for number in median[:MAX_OUTPUTS])
    answer = f"{shown}, ..." if len(median) > MAX_OUTPUTS else shown
    return Baseline(kind=BaselineKind.MEDIAN, answer=answer, scores=scores, samples=len(targets))


def curves(
    labels: NDArray[Any],
    predicted: NDArray[np.int64],
    probability: NDArray[np.float32],
    *,
    classes: int,
    names: Sequence[str] = (),
) -> Curves | None:
    """Return the ROC and precision-recall curves of two classes; None for other models, and where a class or a
    probability is missing.

    ``probability`` (n,) belongs to the class ``predicted`` (n,). The area under the ROC curve counts ties as half
    (Fawcett, "An introduction to ROC analysis", 2006). Raises NoConfusionMatrix where the labels are not classes.
    """
    if classes != 2 or not len(labels) or not np.isfinite(probability).all():
        return None
    actual, signs = classes_of(labels, classes)
    if actual.max() > 1:
        return None
    scores = np.where(predicted == 1, probability, 1 - probability).astype(np.float64).clip(0, 1)
    positives = int(actual.sum())
    negatives = len(actual) - positives
    if not positives or not negatives:
        return None
    order = np.argsort(-scores, kind="stable")
    scores, actual = scores[order], actual[order]
    # Take the last sample of each threshold, because equal scores turn positive together.
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True))
    hits = np.cumsum(actual)[last]
    alarms = last + 1 - hits
    recall = np.append(0.0, hits / positives)
    false_rate = np.append(0.0, alarms / negatives)
    # A curve keeps the last point not below each threshold that a page offers, so that the page shows what the test
    # counted. It also keeps some points between.
    offered = np.searchsorted(-scores[last], _SAME - _THRESHOLDS, side="right") - 1
    even = np.linspace(0, len(last) - 1, min(len(last), MAX_POINTS - len(_THRESHOLDS))).round().astype(int)
    kept = np.unique(np.append(even, offered[offered >= 0]))
    return Curves(
        positive=_name(1, signs or names),
        negative=_name(0, signs or names),
        positives=positives,
        negatives=negatives,
        roc_auc=float(np.trapezoid(recall, false_rate)),
        average_precision=float(np.sum(np.diff(recall) * hits / (hits + alarms))),
        points=[
            ThresholdPoint(
                threshold=float(scores[last[index]]),
                true_positives=int(hits[index]),
                false_positives=int(alarms[index]),
            )
            for index in kept
        ],
    )


def residuals(labels: NDArray[Any], predicted: NDArray[np.float32]) -> list[Residuals]:
    """Return pairs of ``labels`` (n, ...) and answers for each of the first numbers of ``predicted`` (n, width).

    Empty without samples, and where the labels hold another number of values than the model predicts.
    """
    if not labels.size or (len(labels), labels[0].size) != predicted.shape:
        return []
    targets = labels.reshape(predicted.shape).astype(np.float64)
    answers = predicted.astype(np.float64)
    kept = np.unique(np.linspace(0, len(targets) - 1, min(len(targets), MAX_RESIDUALS)).round().astype(int))
    with np.errstate(over="ignore", invalid="ignore"):
        errors = answers - targets
    found = []
    for number in range(min(answers.shape[1], MAX_OUTPUTS)):
        finite = errors[:, number][np.isfinite(errors[:, number])]
        quantiles = np.quantile(finite, _QUANTILES) if len(finite) else np.full(len(_QUANTILES), np.nan)
        found.append(
            Residuals(
                number=number,
                samples=len(targets),
                points=[(float(targets[index, number]), float(answers[index, number])) for index in kept],
                quantiles=[float(quantile) for quantile in quantiles],
            )
        )
    return found


def _name(number: int, names: Sequence[str]) -> str:
    return names[number] if number < len(names) else str(number)
