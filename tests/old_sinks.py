"""OldSink: the wire behaviour of the sinks of 2020 to 2026, through the client that they use."""

from __future__ import annotations

import json
from typing import Any

import numpy.typing as npt
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

__all__ = ["OldSink"]

Array = npt.NDArray[Any]


class OldSink:
    """Behaves like the sinks of 2020-2026 on the wire: unchecked sends through kafka-python, ranges by end offsets."""

    def __init__(
        self, bootstrap_servers: str, topic: str, deployment_id: int | str, control_topic: str = "control"
    ) -> None:
        self.topic, self.deployment_id, self.control_topic = topic, deployment_id, control_topic
        self.consumer = KafkaConsumer(bootstrap_servers=bootstrap_servers, group_id="sink", enable_auto_commit=False)
        self.producer = KafkaProducer(bootstrap_servers=bootstrap_servers)
        self.starts = self.ends()

    @property
    def key(self) -> bytes:
        """The deployment's number in their encoding: one byte, or a text unchanged."""
        number = self.deployment_id
        return number.encode() if isinstance(number, str) else bytes([number])

    def ends(self) -> dict[int, int]:
        partitions = [TopicPartition(self.topic, number) for number in self.consumer.partitions_for_topic(self.topic)]
        return {place.partition: end for place, end in self.consumer.end_offsets(partitions).items()}

    def send(self, data: Array, label: Array) -> None:
        self.producer.send(self.topic, key=label.tobytes(), value=data.tobytes())

    def close(self, data: Array, label: Array) -> None:
        self.producer.flush()
        ends = self.ends()
        message = {
            "topic": ",".join(
                f"{self.topic}:{number}:{self.starts[number]}:{end}" for number, end in sorted(ends.items())
            ),
            "input_format": "RAW",
            "description": "Mnist dataset",
            "input_config": {
                "data_type": type(data.flat[0]).__name__,
                "label_type": type(label[()]).__name__,
                "data_reshape": str(data.shape).replace("(", "").replace(",", "").replace(")", ""),
                "label_reshape": str(label.shape).replace("(", "").replace(",", "").replace(")", ""),
            },
            "validation_rate": 0.1,
            "test_rate": 0.1,
            "total_msg": sum(ends[end] - self.starts[end] for end in ends),
        }
        self.producer.send(self.control_topic, key=self.key, value=json.dumps(message).encode("utf-8"))
        self.producer.flush()
        self.producer.close()
        self.consumer.close()
