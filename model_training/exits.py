"""Facts about an exit after training: what it answers, its temperature, and how sure and right it was.

Pure. The limit, the confidence from which an exit's answer is taken, is chosen from these numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kafkaml.confidence import confidences
from kafkaml.exit_samples import TierSamples
from kafkaml.wire.distributed import Scores
from model_training.labels import LabelKind

__all__ = [
    "answered",
    "predicted_classes",
    "scores_kind",
    "temperature",
]

# Tolerance for probabilities in half precision, which may slightly exceed one.
_TOLERANCE = 0.01
# Keras' epsilon, which replaces a probability of zero.
_EPSILON = 1e-7
_COLDEST, _HOTTEST = 0.1, 10.0
_STEPS = 60
_WITH_CLASSES = (LabelKind.CLASSES, LabelKind.BINARY, LabelKind.ONE_HOT, LabelKind.SIGNS)


def scores_kind(scores: NDArray[Any], loss: LabelKind) -> Scores:
    """Return what ``scores`` (n, width) are, judged by their values; ``loss`` says whether there are classes at all."""
    if loss not in _WITH_CLASSES:
        return Scores.VALUES
    inside = np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1 + _TOLERANCE).all()
    return Scores.PROBABILITIES if inside else Scores.LOGITS


def predicted_classes(scores: NDArray[Any], kind: Scores) -> NDArray[np.int64]:
    """Return the class of each row of ``scores`` (n, width); with one unit, 1 where that side is likelier."""
    if scores.shape[1] == 1:
        return (scores[:, 0] > (0.0 if kind is Scores.LOGITS else 0.5)).astype(np.int64)
    classes: NDArray[np.int64] = scores.argmax(axis=1).astype(np.int64)
    return classes


def temperature(scores: NDArray[Any], classes: NDArray[np.int64], kind: Scores) -> float:
    """Return the temperature (Guo et al., 2017) that makes ``classes`` (n,) likeliest under ``scores`` (n, width).

    The temperature is from 0.1 to 10, or 1 where there is nothing to estimate it from.
    """
    if kind is Scores.VALUES or not len(scores):
        return 1.0
    logits = _logits(scores.astype(np.float64), kind)
    known = np.isfinite(logits).all(axis=1) & (classes >= 0) & (classes < logits.shape[1])
    logits, classes = logits[known], classes[known]
    if not len(logits):
        return 1.0

    def unlikelihood(coldness: float) -> float:
        scaled = logits * coldness
        scaled -= scaled.max(axis=1, keepdims=True)
        chosen = np.take_along_axis(scaled, classes[:, None], axis=1)[:, 0]
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - chosen))

    # The loss is convex in the inverse temperature, so a golden-section search finds the minimum.
    ratio = (5**0.5 - 1) / 2
    low, high = 1 / _HOTTEST, 1 / _COLDEST
    for _ in range(_STEPS):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if unlikelihood(left) <= unlikelihood(right):
            high = right
        else:
            low = left
    return round(2 / (low + high), 6)


def answered(
    model: str, scores: NDArray[Any], classes: NDArray[np.int64], kind: Scores, *, temperature: float
) -> TierSamples:
    """Return how sure the exit of ``model`` was of ``scores`` (n, width), and whether these are ``classes`` (n,)."""
    sure = confidences(scores, scores=kind, temperature=temperature)
    return TierSamples(model, sure, predicted_classes(scores, kind) == classes)


def _logits(scores: NDArray[np.float64], kind: Scores) -> NDArray[np.float64]:
    """Return (n, classes) numbers whose softmax are the probabilities; (n, 2) for one unit."""
    if scores.shape[1] == 1:
        unit = scores
        if kind is Scores.PROBABILITIES:
            bounded = scores.clip(_EPSILON, 1 - _EPSILON)
            unit = np.log(bounded) - np.log1p(-bounded)
        return np.concatenate([np.zeros_like(unit), unit], axis=1)
    return np.log(np.maximum(scores, _EPSILON)) if kind is Scores.PROBABILITIES else scores
