"""KafkaAdmin: manages topics and reads what groups have committed. Used by the backend, the platform's start and the
command line.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from kafkaml.confluent.config import client_config
from kafkaml.confluent.errors import ClientLog, error_of, kafka_errors, to_error
from kafkaml.confluent.positions import committed_apart
from kafkaml.errors import BrokerTimeout
from kafkaml.records import PartitionKey
from kafkaml.settings import KafkaSettings
from kafkaml.starts import Start, StartPlace
from kafkaml.stream_range import check_topic_name

__all__ = ["KafkaAdmin"]

# How long to wait before the brokers are asked again whether they know of new partitions.
_LOOK_SECONDS = 0.05


class KafkaAdmin:
    """Reads and changes one cluster. Every method takes about ``timeout_seconds`` at most, then raises
    BrokerTimeout.
    """

    def __init__(self, settings: KafkaSettings, *, timeout_seconds: float = 15.0) -> None:
        self._settings = settings
        self._timeout_seconds = timeout_seconds
        self._log = ClientLog()
        self._client = AdminClient(client_config(settings, self._log))

    def cluster_id(self) -> str:
        """Return the cluster's own id, which no other cluster has."""
        with kafka_errors("asking for the cluster", self._log, self._client.poll):
            return str(self._client.list_topics(timeout=self._timeout_seconds).cluster_id)

    def identity(self, names: list[str]) -> str:
        """Return the cluster's id and the topics' ids, as text. A recreated topic of the same name has another id."""
        with kafka_errors(f"asking for the topics {', '.join(names)}", self._log, self._client.poll):
            futures = self._client.describe_topics(TopicCollection(names), request_timeout=self._timeout_seconds)
            descriptions = {name: future.result(self._timeout_seconds) for name, future in futures.items()}
            # Ask for a topic by name only when it is known to exist, because the request may create it.
            cluster_id = self._client.list_topics(names[0], timeout=self._timeout_seconds).cluster_id
        return f"{cluster_id}:" + ",".join(f"{name}={descriptions[name].topic_id}" for name in names)

    def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        replication_factor: int = -1,
        config: Mapping[str, str] | None = None,
    ) -> bool:
        """Create a topic; returns False when it exists already, with whatever partitions it has.

        ``replication_factor`` -1 means the broker's default.
        """
        return name in self.create_topics({name: partitions}, replication_factor=replication_factor, config=config)

    def create_topics(
        self,
        partitions: Mapping[str, int],
        *,
        replication_factor: int = -1,
        config: Mapping[str, str] | None = None,
    ) -> set[str]:
        """Create topics, by name with their number of partitions, in one request; returns those that did
        not exist yet.
        """
        new = [
            NewTopic(check_topic_name(name), count, replication_factor, config=dict(config or {}))
            for name, count in partitions.items()
        ]
        if not new:
            return set()
        created: set[str] = set()
        futures = self._client.create_topics(new, request_timeout=self._timeout_seconds)
        for name, future in futures.items():
            try:
                future.result(self._timeout_seconds + 5)
                created.add(name)
            except KafkaException as exception:
                error = error_of(exception)
                if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    self._log.fetch(self._client.poll)
                    raise to_error(error, f"creating topic {name}", self._log) from exception
        return created

    def add_partitions(self, name: str, count: int) -> None:
        """Increase the number of a topic's partitions to ``count``; returns when clients find the new ones."""
        futures = self._client.create_partitions(
            [NewPartitions(check_topic_name(name), count)], request_timeout=self._timeout_seconds
        )
        deadline = time.monotonic() + self._timeout_seconds + 5
        with kafka_errors(f"adding partitions to topic {name}", self._log, self._client.poll):
            for future in futures.values():
                future.result(self._timeout_seconds + 5)
        # Kafka answers before its brokers know of the new partitions. A client that asks a broker meanwhile refuses to
        # write to them.
        while self.partition_count(name) < count:
            if time.monotonic() > deadline:
                raise BrokerTimeout(
                    f"adding partitions to topic {name}: the brokers did not learn of all {count} in time"
                )
            self._client.poll(_LOOK_SECONDS)

    def topic_configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return all settings of topics, also those that are the broker's; BrokerError where it is not permitted."""
        if not names:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in dict.fromkeys(names)]
        futures = self._client.describe_configs(resources, request_timeout=self._timeout_seconds)
        found: dict[str, dict[str, str]] = {}
        for resource, future in futures.items():
            with kafka_errors(f"asking for the settings of topic {resource.name}", self._log, self._client.poll):
                entries = future.result(self._timeout_seconds + 5)
            found[resource.name] = {name: entry.value for name, entry in entries.items() if entry.value is not None}
        return found

    def set_topic_config(self, name: str, config: Mapping[str, str]) -> None:
        """Change settings of a topic; the others stay as they are."""
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        futures = self._client.incremental_alter_configs([resource], request_timeout=self._timeout_seconds)
        with kafka_errors(f"changing the settings of topic {name}", self._log, self._client.poll):
            for future in futures.values():
                future.result(self._timeout_seconds + 5)

    def partition_count(self, name: str) -> int:
        """Return how many partitions a topic has; 0 when it does not exist. Never creates it."""
        return self.partition_counts().get(name, 0)

    def partition_counts(self) -> dict[str, int]:
        """Return how many partitions each topic has."""
        with kafka_errors("listing topics", self._log, self._client.poll):
            # Ask for all topics, because asking for one may create it.
            topics = self._client.list_topics(timeout=self._timeout_seconds).topics
        return {name: len(topic.partitions) for name, topic in topics.items()}

    def begin_at(self, group: str, topic: str, start: Start) -> None:
        """Let a group that has committed nothing of ``topic`` begin at the given offsets; other groups keep their
        positions.

        Offsets outside of the log mean its ends. Raises BrokerError, also where members of the group read already.
        """
        if start == StartPlace.BEGINNING or self.committed(group, topic):
            return
        config = client_config(self._settings, self._log) | {"group.id": group, "enable.auto.commit": False}
        places = [TopicPartition(topic, partition) for partition in range(self.partition_count(topic))]
        consumer = Consumer(config)
        try:
            with kafka_errors(f"asking where group {group} is to begin in {topic}", self._log, self._client.poll):
                offsets = [self._start_of(consumer, place, start) for place in places]
                consumer.commit(offsets=offsets, asynchronous=False)
        finally:
            consumer.close()

    def _start_of(self, consumer: Consumer, place: TopicPartition, start: Start) -> TopicPartition:
        low, high = consumer.get_watermark_offsets(place, timeout=self._timeout_seconds)
        offset = high
        if isinstance(start, int):
            offset = min(max(start, low), high)
        elif isinstance(start, datetime):
            asked = TopicPartition(place.topic, place.partition, max(0, int(start.timestamp() * 1000)))
            (found,) = consumer.offsets_for_times([asked], timeout=self._timeout_seconds)
            if found.error:
                raise KafkaException(found.error)
            # Kafka answers with a negative offset when no record is that new. The group then begins at the end.
            offset = found.offset if found.offset >= 0 else high
        return TopicPartition(place.topic, place.partition, offset)

    def groups(self) -> dict[str, str]:
        """Return all consumer groups with their states in Kafka's words, such as ``stable`` and ``empty``."""
        future = self._client.list_consumer_groups(request_timeout=self._timeout_seconds)
        with kafka_errors("listing consumer groups", self._log, self._client.poll):
            found = future.result(self._timeout_seconds + 5)
        return {group.group_id: group.state.name.lower() for group in found.valid}

    def committed(self, group: str, topic: str, *, partitions: int | None = None) -> dict[PartitionKey, int]:
        """Return the positions that a consumer group committed for ``topic``; empty for an unknown group.

        The topic's partitions are looked up unless ``partitions`` is given.
        """
        places = [
            TopicPartition(topic, partition)
            for partition in range(self.partition_count(topic) if partitions is None else partitions)
        ]
        answers = committed_apart(
            client_config(self._settings, self._log) | {"group.id": group, "enable.auto.commit": False},
            places,
            self._log,
            request_timeout_seconds=self._timeout_seconds,
            recovery_timeout_seconds=self._timeout_seconds,
        )
        return {(answer.topic, answer.partition): answer.offset for answer in answers if answer.offset >= 0}
