"""KafkaExchange: records to an inference and their answers, through Kafka; see ``kafkaml.exchange``.

Joins no group and commits nothing. The effort is bounded by the time limit, whatever the traffic of the topics.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, TopicPartition

from kafkaml.confluent.batch import to_record
from kafkaml.confluent.browse import TopicBrowser
from kafkaml.confluent.config import consumer_config
from kafkaml.confluent.errors import ClientLog, is_temporary, kafka_errors, to_error
from kafkaml.confluent.writer import KafkaRecordWriter
from kafkaml.records import Headers, OutgoingRecord, Position, Record
from kafkaml.settings import KafkaSettings

__all__ = ["KafkaExchange"]

_WAIT_SECONDS = 0.1
_MOST_AT_ONCE = 500


class KafkaExchange:
    """One inference's topics: ``input_topic``, and ``answer_topics`` of the cluster that ``output_settings`` reach.

    A context manager. Raises StreamUnavailable for a topic that does not exist, BrokerError when Kafka cannot be
    reached. ``timeout_seconds`` bounds a request, and the writing.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        input_topic: str,
        answer_topics: Sequence[str],
        *,
        output_settings: KafkaSettings | None = None,
        timeout_seconds: float = 10.0,
    ) -> None:
        self._input_topic = input_topic
        self._timeout_seconds = timeout_seconds
        self._log = ClientLog()
        browser = TopicBrowser(settings, request_timeout_seconds=timeout_seconds)
        # Check first that the topic exists, because writing would create it or wait for it.
        partitions = browser.partitions(input_topic)
        self._partitions = [partition.partition for partition in partitions if partition.high is not None] or [-1]
        browser = TopicBrowser(output_settings or settings, request_timeout_seconds=timeout_seconds)
        places = [
            TopicPartition(topic, partition.partition, partition.high)
            for topic in answer_topics
            for partition in browser.partitions(topic)
            if partition.high is not None
        ]
        self._consumer = Consumer(
            consumer_config(output_settings or settings, self._log, group="kafka-ml-watch")
            | {"auto.offset.reset": "earliest", "fetch.wait.max.ms": 20, "queued.max.messages.kbytes": 16 << 10}
        )
        with kafka_errors(f"starting to read {', '.join(answer_topics)}", self._log):
            self._consumer.assign(places)
        self._writer = KafkaRecordWriter(settings, timeout_seconds=timeout_seconds, idempotent=False)

    def send(self, values: Sequence[bytes], *, headers: Headers = ()) -> list[Position]:
        """See ``kafkaml.exchange.Exchange``."""
        written: dict[int, Position] = {}
        # Start at a random partition, so that single records are spread as well.
        first = secrets.randbelow(len(self._partitions))
        for index, value in enumerate(values):
            partition = self._partitions[(first + index) % len(self._partitions)]
            record = OutgoingRecord(self._input_topic, value, headers=headers, partition=partition)
            self._writer.write(record, lambda position, index=index: written.update({index: position}))  # type: ignore[misc]
        self._writer.flush(self._timeout_seconds)
        return [written[index] for index in range(len(values))]

    def arrivals(self, *, timeout_seconds: float) -> Iterator[Record]:
        """See ``kafkaml.exchange.Exchange``."""
        deadline = time.monotonic() + timeout_seconds
        while (left := deadline - time.monotonic()) > 0:
            for message in self._consumer.consume(_MOST_AT_ONCE, min(_WAIT_SECONDS, left)):
                problem = message.error()
                if problem is None:
                    yield to_record(message)
                elif not is_temporary(problem):
                    raise to_error(problem, f"reading {message.topic()}", self._log)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.close()
        self._consumer.close()
