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

from backend.accounts.audit import record
from backend.api.actors import Actor
from backend.api.errors import Conflict, InvalidField
from backend.api.samples import sample_document
from backend.config.environment import environment
from backend.inferences.dead_letters import output_settings
from backend.inferences.models import Inference
from backend.inferences.tiers import tiers_above
from backend.runs.models import DesiredState
from kafkaml.answers import class_names, included_in
from kafkaml.codecs.samples import EncodedSample, SampleEncoder
from kafkaml.confluent import KafkaAdmin
from kafkaml.confluent.exchange import KafkaExchange
from kafkaml.dead_letters import dead_letter_topic, reason_of
from kafkaml.errors import BrokerError, SampleError
from kafkaml.exchange import Answer, answers_to
from kafkaml.records import TIER_HEADER, Position, Record
from kafkaml.wire.state import RunState

__all__ = ["OUTCOMES", "TRY_HEADER", "try_sample"]

# What can become of a tried sample, with what that means.
OUTCOMES = {
    "answered": "It was answered.",
    "passed_on": "A tier sent it to the next tier, whose answer cannot be read from here.",
    "dead_lettered": "It became a dead letter, for the ``reason``.",
    "no_answer": "No answer came in time.",
}
# A header of the record, and so of its answer, that distinguishes tries from other traffic.
TRY_HEADER = "kml-try"
_ADMIN_SECONDS = 3.0
# The most tries at the same time, because each needs a thread and a connection to Kafka for up to half a minute.
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

    At most ``max_values`` numbers of the answer are returned, in row-major order.

    Raises InvalidField for a sample that does not fit, Conflict when nothing would answer, BrokerError without Kafka.
    """
    encoded = _encoded(inference, sample, shape)
    if inference.state != RunState.RUNNING or inference.desired != DesiredState.RUN:
        raise Conflict(
            f"inference {inference.pk} is {inference.state}: expected a running one, or nobody answers",
            hint="start it again" if inference.ended else "wait until its replicas run",
        )
    if not _slots.acquire(blocking=False):
        raise Throttled(wait=5, detail="too many samples are being tried at this moment")
    try:
        tiers = [inference, *tiers_above(inference)]
        answer, position, seconds = _send_and_wait(tiers, encoded.value, timeout_seconds, actor)
    finally:
        _slots.release()
    return {
        **_outcome(tiers, answer, max_values),
        "seconds": seconds,
        "sent": None if encoded.array.dtype.kind in "US" else sample_document(encoded.array),
        "input": {"topic": position.topic, "partition": position.partition, "offset": position.offset},
        "replica": 0 if inference.replicas == 1 and not inference.workers.exists() else None,
        "replicas": inference.replicas,
        "waiting_before": None if answer else _waiting_before(inference, position),
    }


def _encoded(inference: Inference, sample: Any, shape: Sequence[int] | None) -> EncodedSample:
    try:
        return SampleEncoder(inference.input_format, inference.input_config).encode(sample, shape=shape)
    except SampleError as error:
        raise InvalidField("sample", error.message, code=error.code, hint=error.hint) from error


def _send_and_wait(
    tiers: Sequence[Inference], value: bytes, timeout_seconds: float, actor: Actor
) -> tuple[Answer | None, Position, float]:
    inference, *above = tiers
    topics: dict[str, None] = {}
    for tier in tiers:
        topics |= dict.fromkeys((tier.output_topic, dead_letter_topic(tier.output_topic)))
        # Intermediates on another cluster than the answers are not visible here.
        if tier.upper_topic and tier.upper_bootstrap_servers == inference.output_bootstrap_servers:
            topics[tier.upper_topic] = None
    settings, outputs = environment().kafka, output_settings(inference)
    with KafkaExchange(settings, inference.input_topic, list(topics), output_settings=outputs) as exchange:
        began = time.monotonic()
        (place,) = exchange.send([value], headers=[(TRY_HEADER, uuid.uuid4().hex.encode())])
        record(actor, "try", inference, detail=f"wrote {place.topic}[{place.partition}]@{place.offset}")
        handed_up_in = {inference.input_topic for inference in above}
        (answer,) = answers_to([place], exchange, timeout_seconds=timeout_seconds, handed_up_in=handed_up_in)
        return answer, place, round(time.monotonic() - began, 4)


def _outcome(tiers: Sequence[Inference], answer: Answer | None, max_values: int | None) -> dict[str, Any]:
    inference = tiers[0 if answer is None else len(answer.way)]
    document: dict[str, Any] = {
        "outcome": "no_answer",
        "values": None,
        "values_count": None,
        "outputs": None,
        "include": None,
        "labels": class_names(inference.visualization, (inference.result.outcome or {}).get("labels")),
        "output": None,
        "reason": None,
        "result": None,
        "version": None,
        "tier": "",
        "way": [],
    }
    if answer is None:
        return document
    record = answer.record
    document |= _step(record) | {
        "way": [{"inference": tier.pk, **_step(step)} for tier, step in zip(tiers, answer.way, strict=False)]
    }
    if record.topic == dead_letter_topic(inference.output_topic):
        return document | {"outcome": "dead_lettered", "reason": reason_of(record)._asdict()}
    try:
        body = orjson.loads(record.value or b"null")
    except orjson.JSONDecodeError:
        body = None
    body = body if isinstance(body, dict) else {}
    values = body.get("values")
    numbers = list(_flat(values)) if isinstance(values, list) else []
    document |= {
        "outcome": "passed_on" if record.topic == inference.upper_topic else "answered",
        "values_count": len(numbers),
        "include": included_in(body),
    }
    if max_values is not None and len(numbers) > max_values:
        return document | {"values": numbers[:max_values]}
    return document | {"values": values, "outputs": body.get("outputs")}


def _step(record: Record) -> dict[str, Any]:
    """Return who wrote a record, and where it is."""
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    return {
        "output": {"topic": record.topic, "partition": record.partition, "offset": record.offset},
        "result": int(headers["kml-result"]) if headers.get("kml-result", "").isdecimal() else None,
        "version": headers.get("kml-version"),
        "tier": headers.get(TIER_HEADER, ""),
    }


def _flat(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def _waiting_before(inference: Inference, position: Position) -> int | None:
    """Return how many records of the partition wait before ours; None where Kafka does not say."""
    try:
        admin = KafkaAdmin(environment().kafka, timeout_seconds=_ADMIN_SECONDS)
        committed = admin.committed(inference.group, inference.input_topic)
    except BrokerError:
        return None
    begin = committed.get((inference.input_topic, position.partition))
    return None if begin is None else max(0, position.offset - begin)
