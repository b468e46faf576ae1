"""Writes one record to a topic, as any producer would. Called by the views."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from backend.accounts.audit import record
from backend.api.actors import Actor
from backend.api.errors import Conflict, InvalidField, NotFound
from backend.config.environment import environment
from backend.inferences.models import Inference
from backend.records.browsing import REQUEST_SECONDS, open_browser
from kafkaml.confluent import KafkaRecordWriter
from kafkaml.dead_letters import dead_letter_topic
from kafkaml.errors import StreamUnavailable
from kafkaml.records import OutgoingRecord, Position

__all__ = ["ENCODINGS", "NewRecord", "produce"]

# How the API writes bytes, with what that means.
ENCODINGS = {"text": "UTF-8 text.", "base64": "Bytes in base64."}


@dataclass(frozen=True, kw_only=True)
class NewRecord:
    """A record to be written. Texts are UTF-8, or base64 where the encoding says so; ``value`` None is a tombstone.

    ``partition`` None: Kafka's own rule, by the key or spread.
    """

    key: str | None = None
    value: str | None = None
    key_encoding: str = "text"
    value_encoding: str = "text"
    headers: Sequence[tuple[str, str]] = ()
    partition: int | None = None


def produce(topic: str, new: NewRecord, *, actor: Actor) -> Position:
    """Write ``new`` to ``topic`` and return where it is.

    Raises NotFound for a topic that does not exist, Conflict for one that only the platform writes, InvalidField for
    what does not fit, BrokerError when Kafka does not take it.
    """
    _check_writable(topic)
    try:
        partitions = [partition.partition for partition in open_browser().partitions(topic)]
    except StreamUnavailable as error:
        raise NotFound(error.message, hint="kafka-ml topics list") from error
    if new.partition is not None and new.partition not in partitions:
        raise InvalidField(
            "partition", f"there is no partition {new.partition}: expected 0 to {len(partitions) - 1}, or none"
        )
    outgoing = OutgoingRecord(
        topic,
        _bytes("value", new.value, new.value_encoding),
        key=_bytes("key", new.key, new.key_encoding),
        headers=[(name, text.encode()) for name, text in new.headers],
        partition=-1 if new.partition is None else new.partition,
    )
    written: list[Position] = []
    writer = KafkaRecordWriter(environment().kafka, timeout_seconds=REQUEST_SECONDS, idempotent=False)
    try:
        writer.write(outgoing, written.append)
        writer.flush(REQUEST_SECONDS)
    finally:
        writer.close()
    (place,) = written
    detail = f"wrote {place.topic}[{place.partition}]@{place.offset}"
    record(actor, "produce", object_type="topic", object_id=topic, detail=detail)
    return place


def _check_writable(topic: str) -> None:
    control = environment().control_topics
    if topic.startswith("__"):
        raise Conflict(f"{topic} is Kafka's own", hint="write to a topic of yours")
    if topic in (*control, dead_letter_topic(control[0])):
        raise Conflict(f"{topic} carries announcements", hint="announce a stream: kafka-ml streams announce, or a sink")
    group = topic.removesuffix("-changelog")
    # The group of an inference ends with its suffix.
    same_suffix = Inference.objects.filter(group_suffix=group.rpartition("-")[2])
    if group != topic and any(inference.group == group for inference in same_suffix):
        raise Conflict(f"{topic} holds the windows of an inference, which alone writes it", hint="write to its input")


def _bytes(field: str, text: str | None, encoding: str) -> bytes | None:
    if text is None:
        return None
    if encoding == "text":
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise InvalidField(field, f"not base64: {error}", hint="or send it as text") from error
