"""OnlineRawSink: sends RAW samples of a stream without end, announced before the first of them."""

from __future__ import annotations

from typing import Any

from datasources.online_sink import OnlineSink
from datasources.raw_sink import RawSink
from datasources.sink import Servers
from kafkaml.control import CONTROL_TOPIC

__all__ = ["OnlineRawSink"]


class OnlineRawSink(OnlineSink, RawSink):
    """A RawSink for incremental training. The stream is announced with its first sample.

    ::

        with OnlineRawSink(bootstrap_servers="localhost:9092", topic="mnist", deployment_id=1) as sink:
            for image, digit in camera:
                sink.send(image, digit)
    """

    def __init__(
        self,
        boostrap_servers: Servers | None = None,
        topic: str = "",
        deployment_id: int | str | bytes | None = None,
        data_type: str | None = None,
        label_type: str | None = None,
        description: str = "",
        data_reshape: str | None = None,
        label_reshape: str | None = None,
        validation_rate: float = 0,
        control_topic: str = CONTROL_TOPIC,
        group_id: str = "sink",
        unsupervised_topic: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(
            boostrap_servers,
            topic,
            deployment_id,
            data_type,
            label_type,
            description,
            data_reshape,
            label_reshape,
            validation_rate,
            0,
            control_topic,
            group_id,
            unsupervised_topic,
            **more,
        )
