"""Programs as users already have them: they make a topic, write records and read answers by Kafka's own client only."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from kafkaml.errors import DeadlineExceeded

__all__ = ["Outgoing", "add_bootstrap_servers", "answers_of", "create_topic", "write"]


class Outgoing(Protocol):
    """A record to write; ``timestamp_ms`` since 1970."""

    @property
    def key(self) -> bytes | None: ...

    @property
    def value(self) -> bytes: ...

    @property
    def timestamp_ms(self) -> int: ...


def add_bootstrap_servers(parser: argparse.ArgumentParser) -> None:
    """Let a program take the address of Kafka; by default what KML_KAFKA_BOOTSTRAP_SERVERS names."""
    servers = os.environ.get("KML_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    parser.add_argument("--bootstrap-servers", default=servers, metavar="HOST:PORT", help=f"(default {servers})")


def create_topic(bootstrap_servers: str, topic: str, *, partitions: int = 4) -> None:
    """Make a topic. Records with the same key go to the same partition."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic(topic, partitions)])[topic].result(timeout=30)


def write(bootstrap_servers: str, topic: str, records: Iterable[Outgoing]) -> int:
    """Write records to a topic; returns how many. Raises DeadlineExceeded when Kafka does not take them."""
    producer = Producer(
        {"bootstrap.servers": bootstrap_servers, "enable.idempotence": True, "linger.ms": 20, "log_level": 4}
    )
    count = 0
    for record in records:
        producer.produce(topic, record.value, record.key, timestamp=record.timestamp_ms)
        producer.poll(0)
        count += 1
    left = producer.flush(60)
    if left:
        raise DeadlineExceeded(f"{left} records were not taken by Kafka at {bootstrap_servers} within 60 s")
    return count


def answers_of(bootstrap_servers: str, topic: str, count: int, *, timeout_seconds: float = 60) -> Iterator[Any]:
    """Yield the first ``count`` answers of an output topic. Raises DeadlineExceeded when they do not come."""
    settings = {
        "group.id": f"watch-{topic}",
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "log_level": 4,
    }
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, **settings})
    consumer.subscribe([topic])
    deadline = time.monotonic() + timeout_seconds
    try:
        while count:
            if time.monotonic() > deadline:
                raise DeadlineExceeded(f"{count} answers did not come to {topic} within {timeout_seconds:g} s")
            message = consumer.poll(0.5)
            if message is not None and message.error() is None:
                yield json.loads(message.value() or b"null")
                count -= 1
    finally:
        consumer.close()
