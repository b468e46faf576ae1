"""Predictions: samples sent through Kafka to an inference, and its answers in their order.

Behind ``client.inferences.predict`` and ``predict_batch``, which open the exchange with Kafka.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from kafkaml.answers import included_in
from kafkaml.codecs.samples import SampleEncoder
from kafkaml.confidence import are_distributions
from kafkaml.dead_letters import dead_letter_topic, reason_of
from kafkaml.errors import ApiError, BrokenError, DeadLettered, DeadlineExceeded, SampleError
from kafkaml.exchange import Answer, Exchange, answers_to
from kafkaml.records import TIER_HEADER, Position
from kafkaml.sdk.types import Inference

__all__ = ["AnswersMissing", "Prediction", "Samples", "encode_samples", "exchange_samples"]

Array = npt.NDArray[Any]
# An array has its samples along the first axis.
Samples = Sequence[object] | Array


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A model's answer to one sample.

    ``values`` is the model's output for that sample, (*output_shape) with at least one axis; numbers that were not
    finite are NaN. Of several outputs ``values`` is the last one, and ``outputs`` has all. ``class_index``, ``label``
    and ``probability`` (0 to 1) describe the likeliest class. They are None where the output is not a choice between
    classes; ``probability`` is also None where the scores are not probabilities. ``version`` of ``result`` is the model
    that answered. ``seconds`` is the time from sending to the answer. ``source`` and ``place`` are the places of the
    sample's record and of the answer: ``topic[partition]@offset``. ``tier`` is the sub-model of a distributed model
    that answered, empty for others. ``include`` has the values of the record that the answer carries, by name; see
    ``include`` of the inference.
    """

    values: Array = field(repr=False)
    outputs: tuple[Array, ...] = field(repr=False)
    class_index: int | None
    label: str | None
    probability: float | None
    version: str
    result: int | None
    seconds: float
    source: str
    place: str
    tier: str = ""
    include: Mapping[str, Any] = field(default_factory=dict)


class AnswersMissing(DeadlineExceeded):
    """Not all answers came in time. ``answers`` is in the order of the samples, with None for each missing answer.

    The records stay in the input topic, and will be answered when the inference gets to them.
    """

    def __init__(self, message: str, *, answers: Sequence[Prediction | DeadLettered | None], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.answers = tuple(answers)

    @classmethod
    def of(
        cls,
        identifier: int,
        answers: Sequence[Prediction | DeadLettered | None],
        *,
        timeout_seconds: float,
        ask: Callable[[int], Inference],
    ) -> AnswersMissing:
        """Return the error for an inference; ``ask`` fetches its present state."""
        missing = sum(answer is None for answer in answers)
        try:
            hint = _why_missing(ask(identifier))
        except ApiError as error:
            # Answers that came in time must not be lost because the platform is gone.
            hint = f"why, is not known: {error.message}"
        return cls(
            f"{missing} of {len(answers)} answers did not come from inference {identifier} within "
            f"{timeout_seconds:g} s",
            answers=answers,
            hint=hint,
        )


def _why_missing(now: Inference) -> str:
    """Explain why an inference did not answer, and what to do."""
    waiting = now.stats.lag or 0
    if now.state.ended:
        cause = f" ({now.failure.cause})" if now.failure else ""
        return f"it is {now.state} now{cause}; start it again: kafka-ml inferences restart {now.id}"
    if not now.ready_replicas:
        return f"none of its replicas is ready; what they do: kafka-ml inferences logs {now.id}"
    if waiting:
        return f"{waiting:,} records wait: give more time, or replicas (kafka-ml inferences scale {now.id} REPLICAS)"
    return f"what its replicas do: kafka-ml inferences logs {now.id}"


def encode_samples(inference: Inference, samples: Samples, *, shape: Sequence[int] | None) -> list[bytes]:
    """Return the value of each sample's record; SampleError names the first sample that does not fit."""
    encoder = SampleEncoder(inference.input_format, inference.input_config)
    values = []
    for index, sample in enumerate(samples):
        try:
            values.append(encoder.encode(sample, shape=shape).value)
        except SampleError as error:
            raise SampleError(f"sample {index}: {error.message}", code=error.code, hint=error.hint) from error
    return values


def exchange_samples(
    values: Sequence[bytes],
    exchange: Exchange,
    inference: Inference,
    labels: Sequence[str] | None,
    *,
    timeout_seconds: float,
    tiers: Sequence[Inference] = (),
) -> list[Prediction | DeadLettered | None]:
    """Send ``values`` and return the outcome of each, in order; None if there was no answer in time.

    ``tiers`` are the inferences above, one of which may answer a sample that this inference hands up.
    """
    handed_up_in = {tier.input_topic for tier in tiers}
    began = time.monotonic()
    positions = exchange.send(values)
    left = timeout_seconds - (time.monotonic() - began)
    return [
        None if answer is None else _read(answer, place, (inference, *tiers), labels, answer.arrived_at - began)
        for place, answer in zip(
            positions,
            answers_to(positions, exchange, timeout_seconds=left, handed_up_in=handed_up_in),
            strict=True,
        )
    ]


def _read(
    answer: Answer, place: Position, tiers: Sequence[Inference], labels: Sequence[str] | None, seconds: float
) -> Prediction | DeadLettered:
    record, source = answer.record, f"{place.topic}[{place.partition}]@{place.offset}"
    inference = tiers[len(answer.way)]
    if record.topic == dead_letter_topic(inference.output_topic):
        reason = reason_of(record)
        return DeadLettered(
            f"{source} could not be answered: {reason.message}",
            stage=reason.stage,
            error=reason.error,
            hint=f"kafka-ml inferences dead-letters {inference.id} shows it, and sends it back",
        )
    try:
        body = orjson.loads(record.value or b"")
        values = _array(body["values"])
        outputs = tuple(map(_array, body["outputs"])) if "outputs" in body else (values,)
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise BrokenError(
            f"{record.place} is not an answer of Kafka-ML, though it names {source}: {error!r}"
        ) from error
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    result = headers.get("kml-result", "")
    index, probability = _likeliest(values, labels)
    return Prediction(
        values=values,
        outputs=outputs,
        class_index=index,
        label=None if index is None else labels[index] if labels and index < len(labels) else str(index),
        probability=probability,
        version=headers.get("kml-version", ""),
        tier=headers.get(TIER_HEADER, ""),
        result=int(result) if result.isdecimal() else None,
        seconds=seconds,
        source=source,
        place=record.place,
        include=included_in(body) or {},
    )


def _array(values: object) -> Array:
    """Return numbers, with NaN for null; texts and lists of unequal length stay objects."""
    try:
        array = np.asarray(values)
        return array.astype(np.float64) if array.dtype.kind == "O" else array
    except (ValueError, TypeError, OverflowError):
        return np.array(values, dtype=object)


def _likeliest(values: Array, labels: Sequence[str] | None) -> tuple[int | None, float | None]:
    """Return the likeliest class and its probability, by the same rule as the web UI."""
    if values.ndim != 1 or len(values) < 2 or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        return None, None
    probabilities = bool(are_distributions(values[np.newaxis])[0])
    if not probabilities and (labels is None or len(labels) != len(values)):
        return None, None
    index = int(values.argmax())
    return index, float(values[index]) if probabilities else None
