"""Readings of machines in a topic: the data of users who have never heard of Kafka-ML."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import orjson
from confluent_kafka.admin import AdminClient, NewTopic

from kafkaml.records import Record
from tests.support import ordered_producer

__all__ = ["machine_records", "send_readings"]

_START = 1_700_000_000
_MACHINES = 20


def machine_records(count: int = 600, *, topic: str = "machines") -> list[Record]:
    """Return one reading per second of 20 machines in turn, on 4 partitions, sorted by partition and offset.

    The key is the machine. A failure shows in temperature and pressure together, but in neither alone. ``load`` is
    sometimes missing, ``price`` is a number as text, and ``firmware`` is constant.
    """
    source = random.Random(3)
    offsets = [0] * 4
    records = []
    for place in range(count):
        temperature, pressure = source.gauss(60, 10), source.gauss(900, 50)
        machine = f"m{place % _MACHINES}"
        reading = {
            "machine": machine,
            "at": datetime.fromtimestamp(_START + place, UTC).isoformat(),
            "reading": {
                "temperature": temperature,
                "pressure": pressure,
                "axes": [source.random(), source.random()],
            },
            "status": source.choice(["idle", "ok", "slow"]),
            "firmware": "7.1",
            "load": None if source.random() < 0.2 else source.random(),
            "price": f"{source.uniform(1, 9):.2f}",
            "failure": temperature / 10 + pressure / 50 + source.gauss(0, 1) > 26,
        }
        partition = place % 4
        value, key = orjson.dumps(reading), machine.encode()
        records.append(Record(topic, partition, offsets[partition], key, value, (), 1000 * (_START + place)))
        offsets[partition] += 1
    return sorted(records, key=lambda record: (record.partition, record.offset))


def send_readings(bootstrap_servers: str, topic: str, count: int) -> None:
    """Write readings to a new topic of 4 partitions, as a user's own program does."""
    # The client must live until it has the answer, because the request ends with it.
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic(topic, 4)])[topic].result(60)
    producer = ordered_producer(bootstrap_servers)
    for reading in sorted(machine_records(count), key=lambda record: record.timestamp_ms):
        producer.produce(topic, reading.value, reading.key)
    assert producer.flush(60) == 0
