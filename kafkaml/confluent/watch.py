"""AnswerWatch: waits for one record among what is written to some topics from now on. Used by the backend's try-it.

Joins no group and commits nothing. The work is bounded by its time limit, whatever the topics' traffic is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, TopicPartition

from kafkaml.confluent.batch import to_record
from kafkaml.confluent.browse import TopicBrowser
from kafkaml.confluent.config import consumer_config
from kafkaml.confluent.errors import ClientLog, kafka_errors, passes_by_itself, to_error
from kafkaml.records import Record
from kafkaml.settings import KafkaSettings

__all__ = ["AnswerWatch"]

_WAIT_SECONDS = 0.1
_MOST_AT_ONCE = 500


class AnswerWatch:
    """Committed records of ``topics`` from now on; a context manager, for one thread.

    Where "now" is, is settled before the constructor returns. Raises StreamUnavailable for a topic that does not exist,
    BrokerError when Kafka cannot be reached.
    """

    def __init__(
        self, settings: KafkaSettings, topics: Sequence[str], *, request_timeout_seconds: float = 10.0
    ) -> None:
        self._log = ClientLog()
        self._topics = tuple(topics)
        with TopicBrowser(settings, request_timeout_seconds=request_timeout_seconds) as browser:
            places = [
                TopicPartition(topic, each.partition, each.high)
                for topic in self._topics
                for each in browser.partitions(topic)
                if each.high is not None
            ]
        self._consumer = Consumer(
            consumer_config(settings, self._log, group="kafka-ml-watch")
            | {"auto.offset.reset": "earliest", "fetch.wait.max.ms": 20, "queued.max.messages.kbytes": 16 << 10}
        )
        with kafka_errors(f"starting to read {', '.join(self._topics)}", self._log):
            self._consumer.assign(places)

    def find(self, wanted: Callable[[Record], bool], *, timeout_seconds: float) -> Record | None:
        """Return the first record that is ``wanted``; None when none came in time."""
        deadline = time.monotonic() + timeout_seconds
        while (left := deadline - time.monotonic()) > 0:
            for message in self._consumer.consume(_MOST_AT_ONCE, min(_WAIT_SECONDS, left)):
                problem = message.error()
                if problem is not None:
                    if passes_by_itself(problem):
                        continue
                    raise to_error(problem, f"reading {message.topic()}", reason=self._log.last)
                record = to_record(message)
                if wanted(record):
                    return record
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._consumer.close()
