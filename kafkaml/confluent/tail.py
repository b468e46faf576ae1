"""KafkaTail: the records of a topic as they arrive, for users and scripts that watch it. Used by the command line.

Joins no group and commits nothing, so watching never changes what is watched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from kafkaml.closing import Closing
from kafkaml.confluent.batch import to_record
from kafkaml.confluent.config import consumer_config
from kafkaml.confluent.errors import ClientLog, kafka_errors, missing_topic, to_error
from kafkaml.records import Record
from kafkaml.settings import KafkaSettings

__all__ = ["KafkaTail"]

_PASSING = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._TIMED_OUT})


class KafkaTail(Closing):
    """Committed records of ``topic`` from now on, or from its beginning; a context manager, for one thread.

    The constructor fixes "now" before it returns, so records written afterwards will be seen. Raises StreamUnavailable
    when the topic does not exist, BrokerError when Kafka cannot be reached.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        *,
        from_beginning: bool = False,
        request_timeout_seconds: float = 15.0,
    ) -> None:
        self._log = ClientLog()
        self._topic = topic
        self._consumer = Consumer(
            consumer_config(settings, self._log, group="kafka-ml-tail") | {"auto.offset.reset": "earliest"}
        )
        with kafka_errors(f"asking for the partitions of {topic}", self._log, self._consumer.poll):
            metadata = self._consumer.list_topics(topic, timeout=request_timeout_seconds).topics[topic]
        if not metadata.partitions:
            raise missing_topic(topic, metadata.error, hint="kafka-ml inferences list")
        positions = []
        for partition in sorted(metadata.partitions):
            start = OFFSET_BEGINNING
            if not from_beginning:
                place = TopicPartition(topic, partition)
                with kafka_errors(f"asking for the end of {topic}[{partition}]", self._log):
                    start = self._consumer.get_watermark_offsets(place, timeout=request_timeout_seconds)[1]
            positions.append(TopicPartition(topic, partition, start))
        self._consumer.assign(positions)

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def records(self, *, idle_timeout_seconds: float | None = None) -> Iterator[Record]:
        """Iterate over records as they come; ends when none came for ``idle_timeout_seconds`` (None: never)."""
        last = time.monotonic()
        while True:
            message = self._consumer.poll(0.25)
            if message is None:
                if idle_timeout_seconds is not None and time.monotonic() - last > idle_timeout_seconds:
                    return
                continue
            problem = message.error()
            if problem is None:
                last = time.monotonic()
                yield to_record(message)
            elif problem.code() not in _PASSING:
                raise to_error(problem, f"reading {self._topic}")

    def take(self, max_records: int, timeout_seconds: float) -> list[Record]:
        """Return what is there, at most ``max_records``; waits at most ``timeout_seconds`` for the first."""
        with kafka_errors(f"reading {self._topic}", self._log):
            first = self._consumer.poll(timeout_seconds)
            messages = [] if first is None else [first, *self._consumer.consume(max_records - 1, 0)]
        records = []
        for message in messages:
            problem = message.error()
            if problem is None:
                records.append(to_record(message))
            elif problem.code() not in _PASSING:
                raise to_error(problem, f"reading {self._topic}")
        return records
