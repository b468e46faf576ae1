"""SubModel: one sub-model of a trained chain as it will serve: its files, and its answers to samples of the stream.

The process feeds it the outputs of the sub-models below. Samples passed in here are always those of the stream.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kafkaml.confidence import confidences
from kafkaml.errors import BrokenError
from kafkaml.shapes import shapes_of
from kafkaml.wire.distributed import Scores
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.shared_array import SharedArray
from model_training.answers import preparation_of, seconds_of
from model_training.exits import predicted_classes, scores_kind
from model_training.labels import LabelKind
from model_training.trained_model import ClassPredictions, ModelCalls, TrainedModel

__all__ = ["SubModel"]

_FLOAT32_BYTES = 4


class SubModel(TrainedModel):
    """Sub-model ``part`` of a chain, whose exits learnt with a loss of the kind ``loss``. ``describe`` comes first."""

    def __init__(self, process: ModelCalls, plan: TrainingPlan, *, deadline: float, part: int, loss: LabelKind) -> None:
        super().__init__(process, plan, deadline=deadline, part=part)
        self._loss = loss
        self.seconds_per_sample = 0.0

    def describe(self, sample: NDArray[np.generic]) -> None:
        """Build the sub-model with a few samples (n, ...) of the stream. The sub-models below it must be described
        first.
        """
        with SharedArray.allocate(sample.shape, sample.dtype) as features:
            features.array[...] = sample
            answer = self._call("describe_part", arrays={"features": features})
        self._input_shape = shapes_of([{"shape": [None, *answer.get("input", ())]}])["0"]
        self._output_shapes = list(shapes_of(answer.get("outputs")).values())
        self._preparation = preparation_of(answer)
        self.seconds_per_sample = seconds_of(answer.get("seconds_per_sample"))
        if not self._output_shapes:
            raise BrokenError("the model process tells no outputs of a sub-model: expected one or two")

    @property
    def label_kind(self) -> LabelKind:
        return self._loss

    @property
    def answers_once(self) -> bool:
        # A sub-model has one answer, because its other output goes up.
        return True

    @property
    def upper_bytes(self) -> int:
        """Bytes handed up per sample, as float32; 0 for the top."""
        if len(self._output_shapes) < 2:
            return 0
        return _FLOAT32_BYTES * math.prod(size or 1 for size in self._output_shapes[0])

    def scores(self, features: SharedArray) -> NDArray[np.float32]:
        """Return the prediction for each sample of ``features`` (n, ...), flattened: (n, width)."""
        if not self._output_shapes:
            raise BrokenError("the sub-model was not described: call describe first")
        return self.predictions(features)

    def predict_classes(self, features: SharedArray) -> ClassPredictions:
        scores = self.scores(features)
        kind = self.kind(scores)
        shown = Scores.LOGITS if kind is Scores.VALUES else kind
        probability = confidences(scores, scores=shown).astype(np.float32)
        return ClassPredictions(predicted_classes(scores, kind), probability, max(2, scores.shape[1]))

    def kind(self, scores: NDArray[np.float32]) -> Scores:
        """Return what ``scores`` are."""
        return scores_kind(scores, self._loss)
