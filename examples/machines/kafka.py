"""Programs as people have them: what makes a topic, sends readings, reads answers. No Kafka-ML in them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from examples.machines.data import Reading

__all__ = ["answers_of", "create_topic", "send_readings"]


def create_topic(bootstrap_servers: str, topic: str, *, partitions: int = 4) -> None:
    """Make a topic: readings of one machine are in one of its partitions."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic(topic, partitions)])[topic].result(timeout=30)


def send_readings(bootstrap_servers: str, topic: str, readings: Iterable[Reading]) -> int:
    """Write readings to a topic, keyed by machine; returns how many."""
    producer = Producer({"bootstrap.servers": bootstrap_servers, "enable.idempotence": True, "linger.ms": 20})
    count = 0
    for each in readings:
        producer.produce(topic, each.value, each.key, timestamp=each.timestamp_ms)
        producer.poll(0)
        count += 1
    left = producer.flush(60)
    if left:
        raise TimeoutError(f"{left} readings were not taken by Kafka at {bootstrap_servers} within 60 s")
    return count


def answers_of(bootstrap_servers: str, topic: str, count: int, *, timeout_seconds: float = 60) -> Iterator[Any]:
    """Yield the first ``count`` answers of an output topic; TimeoutError when they do not come."""
    settings = {"group.id": f"watch-{topic}", "auto.offset.reset": "earliest", "isolation.level": "read_committed"}
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, **settings})
    consumer.subscribe([topic])
    deadline = time.monotonic() + timeout_seconds
    try:
        while count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{count} answers did not come to {topic} within {timeout_seconds:g} s")
            message = consumer.poll(0.5)
            if message is not None and message.error() is None:
                yield json.loads(message.value() or b"null")
                count -= 1
    finally:
        consumer.close()
