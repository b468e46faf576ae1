"""Where the answer to a record goes. Pure; called by the loop's publisher once for each batch.

``OutputRouter`` is the plain case. ``CascadeRouter`` serves a tier of a distributed model: a sample that the model is
not sure of goes to the next tier as an intermediate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from kafkaml.answers import RECORD_OVERHEAD_BYTES, answer_bytes
from kafkaml.confidence import confidences, confidences_of_answers
from kafkaml.errors import KafkaMLError, RefusedError, SettingsError
from kafkaml.wire.distributed import Cascade, Scores
from model_inference.encoding import encode_outputs
from model_inference.predicting import Outputs

__all__ = ["CascadeRouter", "OutputRouter", "Routed", "Router"]

Array = npt.NDArray[Any]

_INTERMEDIATE = np.dtype("<f4")


class Routed(NamedTuple):
    """For each sample of a batch, in order: the topic that its answer goes to, and the value.

    Those in ``failures``, by index, have no answer; their topic and value mean nothing. ``confidences`` (n,) are NaN
    for answers that have none; None: no answer has one.
    """

    topics: Iterable[str]
    values: Sequence[bytes]
    failures: Mapping[int, KafkaMLError] = {}
    confidences: npt.NDArray[np.floating[Any]] | None = None


class Router(Protocol):
    """Decides for each sample of a batch."""

    @property
    def upper_topic(self) -> str:
        """The topic of the next tier's input; empty without a next tier."""
        ...

    def record_bytes(self, outputs: Outputs) -> Mapping[str, int]:
        """Return the most bytes that a record can take, by topic; raises SettingsError for outputs that do not fit."""
        ...

    def route(self, outputs: Sequence[Array], included: Sequence[bytes] = ()) -> Routed:
        """Return where each answer goes; ``outputs`` are the model's, arrays (batch, ...).

        ``included`` are the texts that answers carry from their records; empty where they carry nothing.
        """
        ...


class OutputRouter:
    """Every prediction goes to one topic. A tier without a limit hands nothing up.

    ``included_bytes``: the most that an answer carries of its record. ``classes``: see ``ServedModel``.
    """

    upper_topic = ""

    def __init__(self, topic: str, *, tier: bool = False, included_bytes: int = 0, classes: int | None = None) -> None:
        self._topic = topic
        self._included_bytes = included_bytes
        self._classes = classes
        self._written = slice(-1, None) if tier else slice(None)

    def record_bytes(self, outputs: Outputs) -> Mapping[str, int]:
        """Return the most bytes of an answer."""
        return {self._topic: answer_bytes(outputs[self._written]) + self._included_bytes}

    def route(self, outputs: Sequence[Array], included: Sequence[bytes] = ()) -> Routed:
        """Return where each answer goes."""
        return Routed(
            repeat(self._topic),
            encode_outputs(outputs[self._written], included),
            confidences=confidences_of_answers(outputs[-1], classes=self._classes),
        )


class CascadeRouter:
    """A prediction with a confidence of at least the limit is the answer; below it the intermediate goes up.

    A sample gives exactly one of the two (Teerapittayanon et al., "Distributed Deep Neural Networks over the Cloud, the
    Edge and End Devices", 2017, with the confidence in the place of their entropy). The intermediate is float32,
    little-endian, in C order and without any frame, as a RAW reader expects. A score that is not finite gets no answer.
    """

    def __init__(self, topic: str, cascade: Cascade) -> None:
        self._topic = topic
        self.upper_topic = cascade.upper_topic
        self._cascade = cascade
        self.follow(cascade)

    def follow(self, cascade: Cascade) -> None:
        """Decide by another limit or temperature from the next batch on."""
        if cascade.scores is Scores.VALUES:
            raise SettingsError(
                "the model predicts values, which have no confidence: expected probabilities or logits of classes",
                hint="serve the tier without limit and upper topic: it answers with its prediction",
            )
        self._cascade = cascade

    def record_bytes(self, outputs: Outputs) -> Mapping[str, int]:
        """Return the most bytes of an answer and of an intermediate, both with what Kafka and our headers add."""
        if len(outputs) != 2:
            raise SettingsError(
                f"the model has {len(outputs)} outputs: expected two, (to_upper, prediction), of a tier with a limit",
                hint="a model that hands nothing up is served without limit and upper topic",
            )
        (_, upper_shape), prediction = outputs
        intermediate = math.prod(upper_shape) * _INTERMEDIATE.itemsize + RECORD_OVERHEAD_BYTES
        return {self._topic: answer_bytes([prediction]), self.upper_topic: intermediate}

    def route(self, outputs: Sequence[Array], included: Sequence[bytes] = ()) -> Routed:
        """Return where each answer or intermediate goes."""
        assert not included, "an intermediate carries nothing, so nothing is asked of a tier that hands up"
        intermediate, prediction = outputs
        cascade = self._cascade
        confidence = confidences(prediction, scores=cascade.scores, temperature=cascade.temperature)
        # Confidences are compared in double precision, so that none is below a limit that it equals.
        below = confidence < cascade.limit
        failures = {index: _no_confidence(prediction[index]) for index in np.flatnonzero(np.isnan(confidence)).tolist()}
        if not below.any():
            return Routed(repeat(self._topic), encode_outputs([prediction]), failures, confidence)
        up = np.flatnonzero(below)
        topics, values = [self._topic] * len(below), [b""] * len(below)
        for index, value in zip(up.tolist(), _raw(intermediate[up]), strict=True):
            topics[index], values[index] = self.upper_topic, value
        stay = np.flatnonzero(~below)
        if len(stay):
            for index, value in zip(stay.tolist(), encode_outputs([prediction[stay]]), strict=True):
                values[index] = value
        return Routed(topics, values, failures, confidence)


def _raw(rows: Array) -> list[bytes]:
    """Return the bytes of each row; one copy for all."""
    content = np.ascontiguousarray(rows, _INTERMEDIATE).tobytes()
    size = len(content) // len(rows)
    return [content[start : start + size] for start in range(0, len(content), size)]


def _no_confidence(scores: Array) -> RefusedError:
    shown = ", ".join(f"{score:g}" for score in scores.reshape(-1)[:5].tolist())
    return RefusedError(
        f"the model predicts [{shown}{', ...' if scores.size > 5 else ''}], which says nothing of its confidence: "
        "expected finite scores",
        hint="look at the record: numbers that are not finite, or far from those of the training, make such scores",
    )
