"""Turns a model's scores into predicted classes and confidences; the same for every framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mlcode_executor.frameworks.base import Array, Request, batches_of

__all__ = ["write_classes"]

# Tolerance for the sum of probabilities. In half precision they add up to one only approximately.
_TOLERANCE = 0.01


def write_classes(request: Request, predict: Callable[[Array], Array], *, logits: bool) -> dict[str, Any]:
    """Answer ``predict_classes``: fill the array ``out`` and, where it was passed, ``confidence``.

    ``predict`` gives the scores of one batch; ``logits``: a single score is a logit, with its threshold at 0.
    """
    features, out = request.array("features"), request.array("out")
    confidence = request.arrays.get("confidence")
    classes = 2
    for part in batches_of(len(features), int(request.params["batch_size"])):
        scores = predict(features[part])
        scores = scores.reshape(len(scores), -1).astype(np.float64)
        if scores.shape[1] == 1:
            out[part] = scores[:, 0] > (0.0 if logits else 0.5)
        else:
            classes = scores.shape[1]
            out[part] = scores.argmax(axis=1)
        if confidence is not None:
            confidence[part] = _confidence(scores, out[part], logits=logits)
    return {"classes": classes}


def _confidence(scores: Array, predicted: Array, *, logits: bool) -> Array:
    """Return the probability of each row's predicted class, (n,); NaN where the scores are not numbers."""
    with np.errstate(all="ignore"):
        if scores.shape[1] == 1:
            positive = 1 / (1 + np.exp(-scores[:, 0])) if logits else scores[:, 0]
            return np.clip(np.where(predicted > 0, positive, 1 - positive), 0, 1)
        if not _is_probabilities(scores, logits=logits):
            powers = np.exp(scores - scores.max(axis=1, keepdims=True))
            scores = powers / powers.sum(axis=1, keepdims=True)
        chosen: Array = np.take_along_axis(scores, predicted[:, None], axis=1)[:, 0]
        return chosen.clip(0, 1)


def _is_probabilities(scores: Array, *, logits: bool) -> bool:
    if not (scores >= 0).all() or not (scores <= 1 + _TOLERANCE).all():
        return False
    # A model may end in a softmax whatever its loss expects. One sigmoid per class may add up to anything.
    return not logits or bool((np.abs(scores.sum(axis=1) - 1) <= _TOLERANCE).all())
