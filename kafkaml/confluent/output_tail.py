"""OutputTail: finds input records that are answered already, by reading the outputs after the last commit.

Used by ``loop.KafkaLoopClient`` where input and outputs are on several clusters, which no transaction spans. A worker
that died between its outputs and its commit left answers that the commit does not cover. These answers carry their
source in ``SOURCE_HEADER``. Every commit notes how far the outputs were known then, so only later ones are searched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from confluent_kafka import Message, TopicPartition

from kafkaml.confluent.outputs import ClusterTopics
from kafkaml.confluent.reader import KafkaRecordReader
from kafkaml.errors import BrokerError
from kafkaml.records import SOURCE_HEADER, PartitionKey, parse_source
from kafkaml.settings import KafkaSettings
from kafkaml.stream_range import StreamRange

__all__ = ["OutputTail"]

# Brokers refuse longer metadata by default (offset.metadata.max.bytes). Without the metadata the whole output is
# searched.
_MAX_METADATA_BYTES = 4000
# A cluster that does not answer within this time counts as unavailable; callers do the waiting themselves.
_ANSWER_SECONDS = 5.0


class OutputTail:
    """Knows the answered offsets of the input partitions it was asked to ``look`` for.

    ``marks`` maps output partitions to the offset after the last record known there; shared with the output, which
    advances it with every acknowledgement.
    """

    def __init__(
        self,
        clusters: Sequence[ClusterTopics],
        marks: dict[PartitionKey, int],
        *,
        timeout_seconds: float,
    ) -> None:
        self._clusters = tuple(clusters)
        self._marks = marks
        self._timeout_seconds = timeout_seconds
        self._answered: dict[PartitionKey, set[int]] = {}
        # By input partition: the last of the answered offsets, and the metadata that said from where to search.
        self._last_answered: dict[PartitionKey, int] = {}
        self._searched_from: dict[PartitionKey, str] = {}

    def metadata(self, offsets: Mapping[PartitionKey, int]) -> dict[PartitionKey, str]:
        """Return the metadata of commits of ``offsets``, by input partition: the marks, as JSON.

        Answers of a dead worker may lie behind the commit of their partition and before the present marks. Until a
        commit covers all of them, the partition keeps the marks from which they were found.
        """
        by_topic: dict[str, dict[str, int]] = {}
        for (topic, partition), offset in self._marks.items():
            by_topic.setdefault(topic, {})[str(partition)] = offset
        text = orjson.dumps({"marks": by_topic})
        present = text.decode() if len(text) <= _MAX_METADATA_BYTES else ""
        return {
            key: self._searched_from[key] if self._last_answered.get(key, -1) >= offset else present
            for key, offset in offsets.items()
        }

    def look(self, committed: Mapping[PartitionKey, TopicPartition]) -> None:
        """Search the outputs for answers to the given input partitions after their committed positions.

        Raises BrokerError, after which nothing is known about these partitions, when a cluster does not answer.
        """
        for key, place in committed.items():
            self._answered.pop(key, None)
            self._last_answered.pop(key, None)
            self._searched_from[key] = place.metadata or ""
        for settings, topics in self._clusters:
            try:
                self._look(settings, topics, committed)
            except BrokerError as error:
                raise BrokerError(f"Kafka at {settings.bootstrap_servers}: {error.message}", hint=error.hint) from error
        self._last_answered |= {key: max(self._answered[key]) for key in committed if key in self._answered}

    def _look(
        self, settings: KafkaSettings, topics: Sequence[str], committed: Mapping[PartitionKey, TopicPartition]
    ) -> None:
        reader = KafkaRecordReader(settings, request_timeout_seconds=_ANSWER_SECONDS)
        try:
            ranges = []
            for topic in topics:
                for partition, (low, high) in reader.watermarks(topic).items():
                    start = min((_mark(place.metadata, topic, partition) for place in committed.values()), default=high)
                    if max(start, low) < high:
                        ranges.append(StreamRange(topic, partition, max(start, low), high))
                    key = (topic, partition)
                    self._marks[key] = max(self._marks.get(key, 0), high)
            for batch in reader.read(ranges, batch_records=10_000, idle_timeout_seconds=self._timeout_seconds):
                for record in batch:
                    source = parse_source(dict(record.headers).get(SOURCE_HEADER))
                    if source is not None and source[:2] in committed and source[2] >= committed[source[:2]].offset:
                        self._answered.setdefault(source[:2], set()).add(source[2])
        finally:
            reader.close()

    def is_answered(self, message: Message) -> bool:
        """Whether the outputs already hold an answer to ``message``."""
        if not self._answered:
            return False
        key = (message.topic() or "", message.partition() or 0)
        return message.offset() in self._answered.get(key, ())


def _mark(metadata: str | None, topic: str, partition: int) -> int:
    """Return the mark in a commit's metadata; 0 where there is none, so that everything is searched."""
    try:
        return int(orjson.loads(metadata or "")["marks"][topic][str(partition)])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return 0
