"""Checks whether a model could answer the newest record of a topic. Called before it is put into service, and on
request.

The record is read as a replica reads it (``kafkaml.intake``), and its shape is compared with what the model takes, as
before a training. Nothing is written, and no model runs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import orjson

from backend.api.errors import InvalidField
from backend.deployments.models import ResultVersion, TrainingResult
from backend.inferences.inputs import input_values, version_to_serve
from backend.ml_models.signatures import signature_of
from backend.records.browsing import open_browser
from backend.records.decoding import Decoder, record_document
from kafkaml.artifacts import ONNX_FILE
from kafkaml.codecs import StreamCodec, codec_for
from kafkaml.codecs.columns import contract_of
from kafkaml.codecs.field_names import path_text
from kafkaml.dead_letters import Stage
from kafkaml.errors import DecodeError, KafkaMLError, StreamUnavailable
from kafkaml.input_format import InputFormat
from kafkaml.intake import Intake
from kafkaml.named_inputs import are_numbers, input_shapes
from kafkaml.records import ListBatch, Record
from kafkaml.shapes import DataMismatch, ModelSignature, check_inputs, fit_feature_shape
from kafkaml.wire.contract import Contract

__all__ = ["Verdict", "newest_record"]

_KAFKA_SECONDS = 8.0
_MAX_BYTES = 1 << 20
# At most this many names of fields are in an error message.
_SHOWN = 8


class Verdict(StrEnum):
    """Whether a model can answer the newest record of a topic.

    * ``readable``: It can be read.
    * ``waits``: It can be read, but its key needs more records to fill a window.
    * ``unreadable``: It would become a dead letter.
    * ``empty``: The topic has no record.
    * ``no_topic``: The topic does not exist.
    """

    READABLE = "readable"
    WAITS = "waits"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    NO_TOPIC = "no_topic"


def newest_record(
    result: TrainingResult, *, version: int | None = None, input_topic: str, **values: Any
) -> dict[str, Any]:
    """Return what ``InputCheckSerializer`` describes; ``values`` are the fields of an inference that are given.

    Raises InvalidField as making the inference would, BrokerError without Kafka.
    """
    _, served = version_to_serve(result, version)
    read = input_values(result, served, values, {})
    config = {**read["input_config"], "include": read.get("include") or ()}
    try:
        codec = codec_for(read["input_format"], config)
    except DecodeError as error:
        raise InvalidField("input_config", error.message, hint=error.hint) from error
    document: dict[str, Any] = {
        "topic": input_topic,
        "input_format": read["input_format"],
        "input_config": read["input_config"],
        "record": None,
        "reason": None,
    }
    try:
        page = open_browser().page(input_topic, limit=1, max_bytes=_MAX_BYTES, timeout_seconds=_KAFKA_SECONDS)
    except StreamUnavailable:
        return document | {"verdict": Verdict.NO_TOPIC}
    if not page.records:
        return document | {"verdict": Verdict.EMPTY}
    record = page.records[0]
    judged = _judged(record, codec, served)
    if judged["verdict"] == Verdict.UNREADABLE and read["input_format"] == InputFormat.COLUMNS:
        contract, _ = contract_of(read["input_config"])
        judged["reason"] = _of_another_kind(record, contract) or judged["reason"]
    return document | judged | {"record": _shown(record, read, codec)}


def _of_another_kind(record: Record, contract: Contract) -> dict[str, str] | None:
    """Return the reason for a JSON object without any field of the contract; None for other records.

    The reason lists all fields, which says more than the codec's error about one missing field.
    """
    if contract.format != InputFormat.JSON:
        return None
    try:
        value = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return None
    read = [field.path for field in contract.fields]
    if not isinstance(value, dict) or not read or any(path[0] in value for path in read):
        return None
    expected = ", ".join(path_text(path) for path in read[:_SHOWN])
    has = ", ".join(list(value)[:_SHOWN]) or "none"
    error = DecodeError(
        f"the record has none of the fields that the model reads ({expected}); its fields are: {has}",
        hint="choose the topic of such records, or serve a model that was trained on these",
    )
    return _reason(Stage.DECODE, error)


def _judged(record: Record, codec: StreamCodec, served: ResultVersion) -> dict[str, Any]:
    # Roll back, so that the codec's state of keys is not kept.
    batch = Intake(codec.features, time.monotonic).batch(ListBatch([record]), drained=True)
    if batch.refused:
        (refused,) = batch.refused
        return {"verdict": Verdict.UNREADABLE, "reason": _reason(refused.stage, refused.error)}
    if batch.samples is None:
        return {"verdict": Verdict.WAITS}
    try:
        _check_shape(batch.samples.dtype, batch.samples.shape[1:], served)
    except DataMismatch as error:
        return {"verdict": Verdict.UNREADABLE, "reason": _reason(Stage.PREDICT, error)}
    return {"verdict": Verdict.READABLE}


def _check_shape(dtype: Any, shape: tuple[int, ...], served: ResultVersion) -> None:
    """Raise DataMismatch for samples that the model is certain to refuse; what cannot be known passes."""
    if not are_numbers(dtype):
        raise DataMismatch("the record is a text: models take numbers", hint="serve it with the format of its training")
    signature = _signature(served)
    if several := input_shapes(dtype):
        check_inputs(several, signature)
    else:
        fit_feature_shape(shape, signature)


def _signature(served: ResultVersion) -> ModelSignature:
    """Return what a version takes: as its code declares, otherwise the shape of its converted model."""
    model = served.result.model
    # The report of the check describes the model's present code, which may differ from the version's.
    if (served.code, served.imports) == (model.code, model.imports):
        signature = signature_of(model)
        if signature.names and (signature.exact or len(signature.names) > 1):
            return signature
    trained = served.outcome.get("input_shape")
    if trained and ONNX_FILE in served.outcome.get("artifacts", {}):
        return ModelSignature({"input": tuple(trained)}, {})
    return ModelSignature({}, {})


def _reason(stage: Stage, error: KafkaMLError) -> dict[str, str]:
    return {"stage": stage, "error": type(error).__name__, "message": error.message, "hint": error.hint}


def _shown(record: Record, read: Mapping[str, Any], codec: StreamCodec) -> dict[str, Any]:
    if read["input_format"] == InputFormat.COLUMNS:
        # Show the record as written, because users know its fields better than the numbers that a contract makes.
        contract, _ = contract_of(read["input_config"])
        return record_document(record, Decoder(input_format=contract.format, input_config=contract.format_config), None)
    decoder = Decoder(input_format=read["input_format"], input_config=read["input_config"])
    return record_document(record, decoder, StreamCodec(codec.features, None))
