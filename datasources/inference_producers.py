"""InferenceProducer: the base of ``AvroInference``, ``RawInference`` and ``JsonInference``, which send values to
predict.

The names and arguments are those of Kafka-ML 1.0, whose HCOPD example imports ``datasources.avro_inference``.
"""

from __future__ import annotations

from typing import Any

from datasources.sink import Sink
from kafkaml.closing import Closing

__all__ = ["InferenceProducer"]


class InferenceProducer(Closing):
    """Sends samples without labels through a sink that announces nothing."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.topic = sink.topic
        self.boostrap_servers = sink.boostrap_servers

    def send(self, data: Any) -> None:
        """Send one sample to be predicted."""
        self._sink.send(data)

    def flush(self) -> None:
        """Wait until the broker has acknowledged every record."""
        self._sink.flush()

    def close(self) -> None:
        """Wait for all acknowledgements and end. May be called again."""
        self._sink.online_close()
