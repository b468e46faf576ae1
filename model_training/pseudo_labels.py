"""Pseudo-labels: unlabelled samples that the model is sure of, labelled with the class that it predicts.

Called by the modes in semi-supervised training (Lee, "Pseudo-Label", 2013). Validation and tests never see one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kafkaml.label_doubts import no_classes_reason
from kafkaml.logs import get_logger
from kafkaml.shapes import DataMismatch, shape_text
from kafkaml.wire.semi_supervised import PseudoLabels, SemiSupervised
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.shared_array import SharedArray
from model_training.labels import LabelFacts, LabelKind
from model_training.model_session import ModelSession
from model_training.steps import Warnings

__all__ = ["Chosen", "PseudoLabeller", "labels_of", "none_chosen", "unused_unlabelled"]

logger = get_logger(__name__)

# Warn when one class has more than this share. Data are rarely like that, and the next round would reinforce it.
_MOST_OF_ONE_CLASS = 0.9
# Fewer samples than this say nothing about a share.
_ENOUGH = 20
# Counts per class are reported up to this many classes.
_MAX_COUNTED = 256
_ROWS, _CLASSES = "pseudo_rows", "pseudo_classes"
_HINT = "deploy the model without semi-supervised, or give it a loss over classes, for example a crossentropy"


@dataclass(frozen=True)
class Chosen:
    """Unlabelled samples that count as labelled: ``rows`` (n,), ascending, and their ``classes`` (n,)."""

    rows: NDArray[np.int64]
    classes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def none(cls) -> Self:
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that ``from_arrays`` takes."""
        return {_ROWS: self.rows, _CLASSES: self.classes}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(arrays[_ROWS], arrays[_CLASSES])


class PseudoLabeller:
    """Chooses with the model of ``session``, round by round; ``surest`` is the highest probability seen.

    Warns once when nearly all samples get the same class.
    """

    def __init__(self, terms: SemiSupervised, session: ModelSession, warnings: Warnings) -> None:
        self._terms = terms
        self._session = session
        self._warnings = warnings
        self._warned = False
        self.surest = 0.0

    def check(self, labels: NDArray[Any]) -> None:
        """Raise DataMismatch for a model that does not predict a single class, and for ``labels`` (n, ...) that are not
        classes.
        """
        if reason := self._why_not(labels):
            raise DataMismatch(f"unlabelled samples cannot be learnt: {reason}", hint=_HINT)

    def _why_not(self, labels: NDArray[Any]) -> str:
        loss, outputs, shape = self._session.loss, self._session.output_shapes, labels.shape[1:]
        if reason := no_classes_reason(loss.kind):
            return reason
        if len(outputs) > 1:
            return f"the model has {len(outputs)} outputs, and no single class"
        if outputs and len(outputs[0]) > 1:
            return f"the model answers with {shape_text(outputs[0])}, not with one probability for each class"
        if shape not in ((), (1,)):
            if len(shape) > 1 or loss.kind is LabelKind.BINARY:
                return f"a label has the shape {shape_text(shape)}, for several classes at once"
            return ""
        facts = LabelFacts.of([labels], loss.ignored)
        if facts.known and not facts.whole and loss.kind is not LabelKind.BINARY:
            return "the labels are not whole numbers, so this is a regression and has no classes"
        if facts.known and facts.smallest < 0:
            return f"the labels go down to {facts.smallest:g}: classes are numbered from 0"
        return ""

    def choose(self, features: SharedArray, before: Chosen, *, number: int) -> tuple[Chosen, int, PseudoLabels]:
        """Return the samples among ``features`` that the model is sure of, the number of classes, and the report of the
        round.

        ``before`` is what the previous round chose.
        """
        predicted = self._session.predict_classes(features)
        classes, probability = predicted.classes, predicted.probability
        # Compare in the probabilities' own precision, because 0.9 as float32 is below 0.9. NaN is never chosen.
        sure = probability >= probability.dtype.type(self._terms.confidence)
        rows = np.flatnonzero(sure)
        chosen = Chosen(rows, classes[rows])
        known = np.full(len(classes), -1)
        known[before.rows] = before.classes
        report = PseudoLabels(
            round=number,
            unlabelled=len(classes),
            chosen=len(chosen),
            added=int(np.count_nonzero(known[rows] != chosen.classes)),
            agreement=float((classes[before.rows] == before.classes).mean()) if len(before) else None,
            classes=_counts(chosen.classes, predicted.count) if predicted.count <= _MAX_COUNTED else [],
        )
        logger.info("unlabelled samples are chosen", **report.to_json())
        self.surest = max(self.surest, float(np.nanmax(probability, initial=0)))
        self._warn(report, chosen)
        return chosen, predicted.count, report

    def _warn(self, report: PseudoLabels, chosen: Chosen) -> None:
        if self._warned or len(chosen) < _ENOUGH:
            return
        largest = int(np.bincount(chosen.classes).argmax())
        share = float((chosen.classes == largest).mean())
        if share > _MOST_OF_ONE_CLASS:
            self._warned = True
            self._warnings.add(
                f"in round {report.round} {share:.0%} of {len(chosen)} unlabelled samples were taken for class "
                f"{largest}: where the data are not like that, the model confirms a mistake of its own; raise the "
                "confidence, or send more labels of the other classes"
            )


def none_chosen(unlabelled: int, terms: SemiSupervised, surest: float) -> str:
    """Return a warning that none of ``count`` samples was ever learnt; ``surest`` is the highest probability seen."""
    return (
        f"none of {unlabelled} unlabelled samples was predicted with the confidence {terms.confidence:g}, the surest "
        f"with {_rounded_down(surest)}: they taught nothing; a lower confidence, or more labels, would let some be "
        "learnt"
    )


def unused_unlabelled(plan: TrainingPlan) -> list[str]:
    """Return a warning about a stream's unlabelled data that the training does not learn."""
    topics = ", ".join(dict.fromkeys(stream_range.topic for stream_range in plan.stream.unsupervised_ranges))
    if not topics or plan.semi_supervised is not None:
        return []
    return [f"the unlabelled data in {topics} was not used: the deployment is not semi-supervised"]


def labels_of(classes: NDArray[np.int64], *, like: NDArray[Any], count: int) -> NDArray[Any]:
    """Return ``classes`` (n,) of ``count`` as labels in the form of ``like`` (any, *label_shape): numbers or rows.

    The type is that of ``like``, or a wider one that holds all classes.
    """
    dtype = like.dtype if like.dtype.kind == "b" else np.result_type(like.dtype, np.min_scalar_type(count - 1))
    if like.ndim == 1 or like.shape[1:] == (1,):
        return classes.astype(dtype).reshape(len(classes), *like.shape[1:])
    rows = np.zeros((len(classes), *like.shape[1:]), dtype)
    rows[np.arange(len(classes)), classes] = 1
    return rows


def _counts(classes: NDArray[np.int64], count: int) -> list[int]:
    counts: list[int] = np.bincount(classes, minlength=count).tolist()
    return counts


def _rounded_down(probability: float) -> str:
    """Return the probability as text, rounded down so that it never shows a confidence it did not reach."""
    return f"{math.floor(probability * 1000) / 1000:g}"
