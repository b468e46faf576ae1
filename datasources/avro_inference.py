"""AvroInference: sends values to predict as Avro records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasources.avro_sink import AvroSink
from datasources.inference_producers import InferenceProducer
from datasources.sink import Servers

__all__ = ["AvroInference"]


class AvroInference(InferenceProducer):
    """Sends dicts of the fields of ``data_scheme_filename``, an Avro schema, as in Kafka-ML 1.0."""

    def __init__(
        self,
        boostrap_servers: Servers | None = None,
        topic: str = "",
        data_scheme_filename: str | Path | None = None,
        group_id: str = "sink",
        **options: Any,
    ) -> None:
        super().__init__(AvroSink(boostrap_servers, topic, 0, data_scheme_filename, group_id=group_id, **options))
