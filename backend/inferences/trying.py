"""Try it: one sample through Kafka and back, as any producer would send it. Called by the views.

The record is a real one: it is written to the input topic, a replica answers it on the output topic (or gives it up
to the dead letters), and all of that stays in the topics.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from rest_framework.exceptions import Throttled

from backend.api.audit import Actor, record
from backend.api.errors import Conflict
from backend.api.samples import sample_document
from backend.config.environment import environment
from backend.deployments.models import DesiredState
from backend.inferences.dead_letters import dead_letter_topic, output_settings, reason_of
from backend.inferences.models import Inference
from backend.inferences.samples import encode_sample
from kafkaml.confluent import KafkaAdmin, KafkaRecordWriter
from kafkaml.confluent.browse import TopicBrowser
from kafkaml.confluent.watch import AnswerWatch
from kafkaml.errors import BrokerError
from kafkaml.records import SOURCE_HEADER, OutgoingRecord, Position, Record, parse_source
from kafkaml.wire.state import RunState

__all__ = ["OUTCOMES", "TRY_HEADER", "labels_of", "try_sample"]

OUTCOMES = ("answered", "passed_on", "dead_lettered", "no_answer")
# On the record and so on its answer: tells tries from other traffic.
TRY_HEADER = "kml-try"
_WRITE_SECONDS = 10.0
_ADMIN_SECONDS = 3.0
# Each is a thread and a connection to Kafka for up to half a minute.
_slots = threading.BoundedSemaphore(8)


def try_sample(
    inference: Inference,
    *,
    actor: Actor,
    sample: Any,
    shape: Sequence[int] | None,
    timeout_seconds: float,
    max_values: int | None = None,
) -> dict[str, Any]:
    """Send ``sample`` through ``inference`` and wait for its answer; returns what ``TrySerializer`` describes.

    Of an answer with more than ``max_values`` numbers so many are returned, in row-major order.

    Raises InvalidField for a sample that does not fit, Conflict when nothing would answer, BrokerError without Kafka.
    """
    encoded = encode_sample(inference.input_format, inference.input_config, sample, shape=shape)
    if inference.state != RunState.RUNNING or inference.desired != DesiredState.RUN:
        raise Conflict(
            f"inference {inference.pk} is {inference.state}: expected a running one, or nobody answers",
            hint="start it again" if inference.ended else "wait until its replicas run",
        )
    if not _slots.acquire(blocking=False):
        raise Throttled(wait=5, detail="too many samples are being tried at this moment")
    try:
        answer, position, seconds = _send_and_wait(inference, encoded.value, timeout_seconds, actor)
    finally:
        _slots.release()
    return {
        **_outcome(inference, answer, max_values),
        "seconds": seconds,
        "sent": None if encoded.array.dtype.kind in "US" else sample_document(encoded.array),
        "input": {"topic": position.topic, "partition": position.partition, "offset": position.offset},
        "replica": 0 if inference.replicas == 1 else None,
        "replicas": inference.replicas,
        "waiting_before": None if answer else _waiting_before(inference, position),
    }


def labels_of(inference: Inference) -> list[str] | None:
    """Return the names of the classes in the order of the outputs; None where nobody gave them."""
    visualization = inference.visualization or {}
    if visualization.get("type") == "classification" and visualization.get("labels"):
        names = {each["id"]: each["label"] for each in visualization["labels"]}
        return [names.get(index, str(index)) for index in range(min(max(names), 9_999) + 1)]
    labels = (inference.result.outcome or {}).get("labels")
    return [str(each) for each in labels] if labels else None


def _send_and_wait(
    inference: Inference, value: bytes, timeout_seconds: float, actor: Actor
) -> tuple[Record | None, Position, float]:
    settings = environment().kafka
    topics = [inference.output_topic, dead_letter_topic(inference)]
    if inference.upper_topic:
        topics.append(inference.upper_topic)
    with TopicBrowser(settings) as browser:
        # Asked first: writing to a topic that does not exist would make it, or wait for it.
        browser.partitions(inference.input_topic)
    with AnswerWatch(output_settings(inference), topics) as watch:
        written: list[Position] = []
        writer = KafkaRecordWriter(settings, timeout_seconds=_WRITE_SECONDS, idempotent=False)
        began = time.monotonic()
        try:
            headers = [(TRY_HEADER, uuid.uuid4().hex.encode())]
            writer.write(OutgoingRecord(inference.input_topic, value, headers=headers), written.append)
            writer.flush(_WRITE_SECONDS)
        finally:
            writer.close()
        place = written[0]
        record(actor, "try", inference, detail=f"wrote {place.topic}[{place.partition}]@{place.offset}")
        source = (place.topic, place.partition, place.offset)
        answer = watch.find(lambda each: source_of(each) == source, timeout_seconds=timeout_seconds)
        return answer, place, round(time.monotonic() - began, 4)


def source_of(answer: Record) -> tuple[str, int, int] | None:
    """Return the input position that a record answers: the last one said, in a chain of inferences the newest."""
    return next((parse_source(value) for name, value in reversed(answer.headers) if name == SOURCE_HEADER), None)


def _outcome(inference: Inference, answer: Record | None, max_values: int | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "outcome": "no_answer",
        "values": None,
        "values_count": None,
        "outputs": None,
        "labels": labels_of(inference),
        "output": None,
        "reason": None,
        "result": None,
        "version": None,
    }
    if answer is None:
        return document
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in answer.headers}
    document |= {
        "output": {"topic": answer.topic, "partition": answer.partition, "offset": answer.offset},
        "result": int(headers["kml-result"]) if headers.get("kml-result", "").isdecimal() else None,
        "version": headers.get("kml-version"),
    }
    if answer.topic == dead_letter_topic(inference):
        return document | {"outcome": "dead_lettered", "reason": reason_of(answer)}
    try:
        body = orjson.loads(answer.value or b"null")
    except orjson.JSONDecodeError:
        body = None
    body = body if isinstance(body, dict) else {}
    values = body.get("values")
    numbers = list(_flat(values)) if isinstance(values, list) else []
    document |= {
        "outcome": "passed_on" if answer.topic == inference.upper_topic else "answered",
        "values_count": len(numbers),
    }
    if max_values is not None and len(numbers) > max_values:
        return document | {"values": numbers[:max_values]}
    return document | {"values": values, "outputs": body.get("outputs")}


def _flat(values: list[Any]) -> Iterator[Any]:
    for each in values:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield each


def _waiting_before(inference: Inference, position: Position) -> int | None:
    """Return how many records of the partition wait before ours; None where Kafka does not say."""
    try:
        admin = KafkaAdmin(environment().kafka, timeout_seconds=_ADMIN_SECONDS)
        committed = admin.committed(inference.group, inference.input_topic)
    except BrokerError:
        return None
    begin = committed.get((inference.input_topic, position.partition))
    return None if begin is None else max(0, position.offset - begin)
