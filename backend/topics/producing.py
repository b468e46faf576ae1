"""Writes records to a topic, as any producer would. Called by the views."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from backend.accounts.audit import record
from backend.api.actors import Actor
from backend.api.errors import Conflict, InvalidField, NotFound
from backend.config.environment import environment
from backend.inferences.models import Inference
from backend.records.browsing import REQUEST_SECONDS, open_browser
from kafkaml.confluent import KafkaRecordWriter
from kafkaml.dead_letters import dead_letter_topic
from kafkaml.errors import RefusedError, StreamUnavailable
from kafkaml.records import OutgoingRecord, Position

__all__ = ["ENCODINGS", "NewRecord", "RefusedRow", "Written", "produce", "produce_rows"]

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


@dataclass(frozen=True)
class RefusedRow:
    """A record that was not written: its place in the request, and why."""

    row: int
    detail: str


@dataclass(frozen=True)
class Written:
    """How many records of a request were written, and which were not."""

    written: int
    refused: Sequence[RefusedRow]


def produce(topic: str, new: NewRecord, *, actor: Actor) -> Position:
    """Write ``new`` to ``topic`` and return where it is.

    Raises NotFound for a topic that does not exist, Conflict for one that only the platform writes, InvalidField for
    what does not fit, BrokerError when Kafka does not take it.
    """
    outgoing = _outgoing(topic, new, partitions=_partitions(topic))
    written: list[Position] = []
    with _writer() as writer:
        writer.write(outgoing, written.append)
        writer.flush(REQUEST_SECONDS)
    (place,) = written
    detail = f"wrote {place.topic}[{place.partition}]@{place.offset}"
    record(actor, "produce", object_type="topic", object_id=topic, detail=detail)
    return place


def produce_rows(topic: str, rows: Sequence[NewRecord], *, actor: Actor) -> Written:
    """Write ``rows`` to ``topic`` in their order. What is wrong with one keeps no other from being written.

    Raises as ``produce``, except for a single row.
    """
    partitions = _partitions(topic)
    written: set[int] = set()

    def acknowledged(row: int, _place: Position) -> None:
        written.add(row)

    why: dict[int, str] = {}
    reason = ""
    with _writer() as writer:
        for row, new in enumerate(rows):
            try:
                writer.write(_outgoing(topic, new, partitions=partitions), partial(acknowledged, row))
            except RefusedError as error:
                why[row] = error.message
        try:
            writer.flush(REQUEST_SECONDS)
        except RefusedError as error:
            # Kafka does not say which record it refused, but each that it took is acknowledged.
            reason = error.message
    record(actor, "produce", object_type="topic", object_id=topic, detail=f"wrote {len(written)} records to {topic}")
    refused = [RefusedRow(row, why.get(row, reason)) for row in range(len(rows)) if row not in written]
    return Written(len(written), refused)


def _partitions(topic: str) -> Sequence[int]:
    """Return the partitions of a topic that users may write to."""
    _check_writable(topic)
    try:
        return [partition.partition for partition in open_browser().partitions(topic)]
    except StreamUnavailable as error:
        raise NotFound(error.message, hint="kafka-ml topics list") from error


def _outgoing(topic: str, new: NewRecord, *, partitions: Sequence[int]) -> OutgoingRecord:
    if new.partition is not None and new.partition not in partitions:
        raise InvalidField(
            "partition", f"there is no partition {new.partition}: expected 0 to {len(partitions) - 1}, or none"
        )
    return OutgoingRecord(
        topic,
        _bytes("value", new.value, new.value_encoding),
        key=_bytes("key", new.key, new.key_encoding),
        headers=[(name, text.encode()) for name, text in new.headers],
        partition=-1 if new.partition is None else new.partition,
    )


def _writer() -> closing[KafkaRecordWriter]:
    return closing(KafkaRecordWriter(environment().kafka, timeout_seconds=REQUEST_SECONDS, idempotent=False))


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
