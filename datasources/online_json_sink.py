"""OnlineJsonSink: sends JSON samples of a stream without end, announced before the first of them."""

from __future__ import annotations

from typing import Any

from datasources.json_sink import JsonSink
from datasources.online_sink import OnlineSink
from datasources.sink import Servers
from kafkaml.control import CONTROL_TOPIC

__all__ = ["OnlineJsonSink"]


class OnlineJsonSink(OnlineSink, JsonSink):
    """A JsonSink for incremental training. The first sample sets shape and keys and triggers the announcement."""

    def __init__(
        self,
        boostrap_servers: Servers | None = None,
        topic: str = "",
        deployment_id: int | str | bytes | None = None,
        description: str = "",
        validation_rate: float = 0,
        control_topic: str = CONTROL_TOPIC,
        group_id: str = "sink",
        *,
        data_type: str | None = None,
        label_type: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(
            boostrap_servers,
            topic,
            deployment_id,
            description,
            validation_rate,
            0,
            control_topic,
            group_id,
            data_type=data_type,
            label_type=label_type,
            **more,
        )
