"""OnlineAvroSink: sends Avro records of a stream without end, announced before the first of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasources.avro_sink import AvroSink
from datasources.online_sink import OnlineSink
from datasources.sink import Servers
from kafkaml.control import CONTROL_TOPIC

__all__ = ["OnlineAvroSink"]


class OnlineAvroSink(OnlineSink, AvroSink):
    """An AvroSink for incremental training. The stream is announced with its first record."""

    def __init__(
        self,
        boostrap_servers: Servers | None = None,
        topic: str = "",
        deployment_id: int | str | bytes | None = None,
        data_scheme_filename: str | Path | None = None,
        label_scheme_filename: str | Path | None = None,
        description: str = "",
        validation_rate: float = 0,
        control_topic: str = CONTROL_TOPIC,
        group_id: str = "sink",
        *,
        data_scheme: str | Mapping[str, Any] | None = None,
        label_scheme: str | Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(
            boostrap_servers,
            topic,
            deployment_id,
            data_scheme_filename,
            label_scheme_filename,
            description,
            validation_rate,
            0,
            control_topic,
            group_id,
            data_scheme=data_scheme,
            label_scheme=label_scheme,
            **more,
        )
