"""How sure an exit is of its prediction. Pure; a tier decides by it, and training draws its curves with it.

The confidence is the largest probability after temperature scaling (Guo et al., "On Calibration of Modern Neural
Networks", 2017), in double precision; of a single sigmoid unit it is that of the likelier side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.wire.distributed import Scores

__all__ = ["confidences"]


def confidences(predictions: npt.NDArray[Any], *, scores: Scores, temperature: float = 1.0) -> npt.NDArray[np.float64]:
    """Return the confidence of each of ``predictions`` (samples, classes), or (samples, 1) and (samples,): one unit.

    NaN where a score is not finite. At temperature 1 the confidence of probabilities is the very number that the model
    answers, widened: float32 0.9 is 0.89999998. ValueError for values, which have none.
    """
    if scores is Scores.VALUES:
        raise ValueError("values have no confidence: expected probabilities or logits")
    # A row for each class: few classes of many samples are then reduced twice as fast.
    classes = predictions.reshape(len(predictions), -1).T.astype(np.float64, order="C")
    finite = np.isfinite(classes).all(axis=0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if len(classes) == 1:
            found = _of_unit(classes[0], scores, temperature)
        else:
            found = _of_classes(classes, scores, temperature)
    found[~finite] = np.nan
    return found


def _of_unit(unit: npt.NDArray[np.float64], scores: Scores, temperature: float) -> npt.NDArray[np.float64]:
    if scores is Scores.PROBABILITIES:
        if temperature == 1:
            return np.maximum(unit, 1 - unit)
        unit = np.log(unit) - np.log1p(-unit)
    result: npt.NDArray[np.float64] = 1 / (1 + np.exp(-np.abs(unit) / temperature))
    return result


def _of_classes(classes: npt.NDArray[np.float64], scores: Scores, temperature: float) -> npt.NDArray[np.float64]:
    if scores is Scores.PROBABILITIES:
        if temperature == 1:
            return np.asarray(classes.max(axis=0))
        classes = np.log(np.maximum(classes, 0))
    scaled = (classes - classes.max(axis=0)) / temperature
    result: npt.NDArray[np.float64] = 1 / np.exp(scaled).sum(axis=0)
    return result
