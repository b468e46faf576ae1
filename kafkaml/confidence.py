"""How sure a model is of its prediction. Pure. Tiers decide by it, training draws curves with it, and serving keeps its
average per minute.

The confidence is the largest probability after temperature scaling (Guo et al., "On Calibration of Modern Neural
Networks", 2017), in double precision; for a single sigmoid unit, the probability of the likelier side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.wire.distributed import Scores

__all__ = ["are_distributions", "confidences", "confidences_of_answers"]

# Tolerance, because probabilities in half precision add up to one only approximately.
_SUM_TOLERANCE = 0.01
_TOLERANCE = 1e-6
# With fewer classes than this, NumPy reduces an array faster with one row per class than with one row per sample.
_FEW_CLASSES = 64


def confidences(predictions: npt.NDArray[Any], *, scores: Scores, temperature: float = 1.0) -> npt.NDArray[np.float64]:
    """Return the confidence of each of ``predictions`` (samples, classes), or (samples, 1) and (samples,): one unit.

    NaN where a score is not finite. At temperature 1 the confidence of probabilities is exactly the model's number,
    widened: float32 0.9 is 0.89999998. Raises ValueError for regression values, which have no confidence.
    """
    if scores is Scores.VALUES:
        raise ValueError("values have no confidence: expected probabilities or logits")
    # With one row per class, a reduction over few classes takes half the time.
    classes = predictions.reshape(len(predictions), -1).T.astype(np.float64, order="C")
    finite = np.isfinite(classes).all(axis=0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if len(classes) == 1:
            found = _of_unit(classes[0], scores, temperature)
        else:
            found = _of_classes(classes, scores, temperature)
    found[~finite] = np.nan
    return found


def are_distributions(answers: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Whether each of ``answers`` (samples, numbers) is a choice between classes: two or more numbers from 0 to 1 that
    add up to one.
    """
    if not _may_choose(answers):
        return np.zeros(len(answers), bool)
    by_class = _by_class(answers)
    with np.errstate(invalid="ignore", over="ignore"):
        sums = by_class.sum(axis=0)
        # Comparisons with NaN are false, so an answer that holds one is not a distribution.
        within = (by_class.min(axis=0) >= -_TOLERANCE) & (by_class.max(axis=0) <= 1 + _TOLERANCE)
        result: npt.NDArray[np.bool_] = within & (np.abs(sums - 1) < _SUM_TOLERANCE)
    return result


def confidences_of_answers(answers: npt.NDArray[Any], *, classes: int | None) -> npt.NDArray[np.floating[Any]] | None:
    """Return how sure a model is of each of ``answers`` (samples, ...); NaN for answers without a confidence.

    ``classes`` is the number of classes that the model was trained on, 0 for regression, None when unknown. When it is
    known, numbers that are not probabilities are logits, whose softmax is taken. Returns None where no answer can have
    a confidence.
    """
    if classes == 0 or not _may_choose(answers):
        return None
    by_class = _by_class(answers)
    highest: npt.NDArray[Any] = np.maximum.reduce(by_class)
    # This runs for each served batch, so the usual case is recognised by four numbers whose sum cannot overflow.
    if by_class.min() >= -_TOLERANCE and highest.max() <= 1 + _TOLERANCE:
        sums = np.add.reduce(by_class)
        if sums.min() > 1 - _SUM_TOLERANCE and sums.max() < 1 + _SUM_TOLERANCE:
            return highest
    proper = are_distributions(answers)
    found = np.where(proper, highest, np.nan).astype(np.float64)
    if classes == answers.shape[1]:
        found[~proper] = confidences(answers[~proper], scores=Scores.LOGITS)
    return found


def _may_choose(answers: npt.NDArray[Any]) -> bool:
    return answers.ndim == 2 and answers.shape[1] > 1 and len(answers) > 0 and answers.dtype.kind in "iuf"


def _by_class(answers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if answers.dtype.itemsize < 4:
        # Do not sum a thousand numbers in half precision or in a byte.
        answers = answers.astype(np.float32)
    return np.ascontiguousarray(answers.T) if answers.shape[1] < _FEW_CLASSES else answers.T


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
