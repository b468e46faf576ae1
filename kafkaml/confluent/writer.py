"""KafkaRecordWriter: writes records and knows which of them the broker acknowledged, and where.

Used by the sinks, the control logger's dead letters and the backend's outbox.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from kafkaml.confluent.config import producer_config
from kafkaml.confluent.errors import ClientLog, error_of, kafka_errors, missing_topic, to_error
from kafkaml.errors import BrokerTimeout, KafkaMLError
from kafkaml.records import OutgoingRecord, Position
from kafkaml.settings import KafkaSettings

__all__ = ["KafkaRecordWriter"]

# Acknowledgements are processed after this many records, often enough to keep the client's queue of them short.
_SERVE_EVERY = 1000


class KafkaRecordWriter:
    """Writes records, each once and in order; see ``kafkaml.records.RecordWriter``. One thread.

    Without ``idempotent`` a record whose acknowledgement was lost may be in the topic twice, and the reported place is
    one of the two. That is enough for callers that announce only reported places, starts half a second sooner and costs
    the broker less.

    The queue is bounded (128 MiB): ``write`` blocks while it is full, at most ``timeout_seconds``. A record that is not
    acknowledged within ``timeout_seconds`` is dropped, which the next ``write`` or ``flush`` reports.
    """

    def __init__(self, settings: KafkaSettings, *, timeout_seconds: float = 120.0, idempotent: bool = True) -> None:
        self._log = ClientLog()
        self._timeout_seconds = timeout_seconds
        self._failure: KafkaMLError | None = None
        self._written = 0
        self._producer = Producer(
            producer_config(settings, self._log)
            | {
                "linger.ms": 5,
                "delivery.timeout.ms": int(timeout_seconds * 1000),
                "enable.idempotence": idempotent,
            }
        )

    def partitions(self, topic: str) -> int:
        """Return how many partitions ``topic`` has; a broker with automatic topic creation creates it now.

        Raises StreamUnavailable when it does not exist, BrokerError when Kafka cannot be reached.
        """
        deadline = time.monotonic() + min(self._timeout_seconds, 30.0)
        while True:
            left = max(0.1, deadline - time.monotonic())
            with kafka_errors(f"asking for the partitions of {topic}", self._log, self._producer.poll):
                metadata = self._producer.list_topics(topic, timeout=left).topics[topic]
            if metadata.partitions:
                return len(metadata.partitions)
            if time.monotonic() > deadline:
                raise missing_topic(topic, metadata.error)
            # A topic that this request created gets its partitions a moment later.
            self._producer.poll(0.05)

    def write(self, record: OutgoingRecord, on_acknowledged: Callable[[Position], None] | None = None) -> None:
        """Queue a record; blocks while the queue is full. The callback runs inside ``write`` or ``flush``."""

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._delivery_failed(error, message)
            elif on_acknowledged is not None:
                on_acknowledged(Position(message.topic(), message.partition(), message.offset()))  # type: ignore[arg-type]

        self._written += 1
        if self._written % _SERVE_EVERY == 0:
            self._producer.poll(0)
            self._raise_failure()
        deadline = time.monotonic() + self._timeout_seconds
        while True:
            try:
                return self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    record.partition,
                    delivered,
                    timestamp=record.timestamp_ms,
                    headers=list(record.headers) or None,
                )
            except BufferError:
                if time.monotonic() > deadline:
                    raise self._queue_stayed_full(record.topic) from None
                self._producer.poll(0.05)
                self._raise_failure()
            except KafkaException as exception:
                raise to_error(error_of(exception), f"writing to {record.topic}", self._log) from exception

    def write_batch(
        self,
        topic: str,
        values: Sequence[bytes],
        keys: Sequence[bytes | None],
        partition: int,
        on_acknowledged: Callable[[int, int], None],
    ) -> None:
        """Queue many records for one partition, several times faster than one by one; blocks while the queue is full.

        ``on_acknowledged(partition, offset)`` runs inside later calls of this object.
        """

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._delivery_failed(error, message)
            else:
                on_acknowledged(message.partition(), message.offset())  # type: ignore[arg-type]

        messages: list[dict[str, Any]] = [{"value": value, "key": key} for value, key in zip(values, keys, strict=True)]
        deadline = time.monotonic() + self._timeout_seconds
        while messages:
            queued = self._producer.produce_batch(topic, messages, partition=partition, on_delivery=delivered)
            self._producer.poll(0)
            self._raise_failure()
            if queued == len(messages):
                return
            messages = self._refused(topic, messages)
            if time.monotonic() > deadline:
                raise self._queue_stayed_full(topic)
            self._producer.poll(0.01)

    def _refused(self, topic: str, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the messages that did not fit, to be queued again; raises for any other reason."""
        again = []
        for message in messages:
            error = message.pop("_error", None)
            if error is None:
                continue
            if error.code() != KafkaError._QUEUE_FULL:
                raise to_error(error, f"writing to {topic}", self._log)
            again.append(message)
        return again

    def flush(self, timeout_seconds: float | None = None) -> None:
        """Return when every queued record is acknowledged; raises BrokerError naming the first that was not."""
        limit_seconds = self._timeout_seconds + 5 if timeout_seconds is None else timeout_seconds
        waiting = self._producer.flush(limit_seconds)
        self._raise_failure()
        if waiting:
            raise BrokerTimeout(
                f"{waiting} records were not acknowledged within {limit_seconds:g} s "
                f"({self._log.last or 'no reason given'})",
                hint="check that the broker runs and that bootstrap_servers is right",
            )

    def close(self) -> None:
        """Drop what is not acknowledged yet; call ``flush`` first to wait for it."""
        self._producer.purge()
        self._producer.poll(0)
        self._failure = None

    def _delivery_failed(self, error: KafkaError, message: Message) -> None:
        if self._failure is None:
            self._failure = to_error(error, f"writing to {message.topic()}", self._log)

    def _queue_stayed_full(self, topic: str) -> BrokerTimeout:
        return BrokerTimeout(
            f"writing to {topic}: the queue stayed full for {self._timeout_seconds:g} s "
            f"({self._log.last or 'the broker takes nothing'})",
            hint="check that the broker runs and that bootstrap_servers is right",
        )

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
