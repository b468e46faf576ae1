"""OnlineRawSink: sends RAW samples of a stream without end, announced before the first of them."""

from __future__ import annotations

import logging
from typing import Any

from datasources.raw_sink import RawSink
from datasources.sink import Servers
from kafkaml.control import CONTROL_TOPIC
from kafkaml.stream_range import StreamRange

__all__ = ["OnlineRawSink"]

_logger = logging.getLogger(__name__)


class OnlineRawSink(RawSink):
    """A RawSink for incremental training: the stream is announced with the first sample, by its topic alone.

    Every sample is sent at once. ``close`` waits for the acknowledgements and announces nothing more. This version's
    platform refuses online streams (``kafka-ml streams refused`` says so), which the sink warns of; the samples stay in
    the topic, and ``kafka-ml streams announce`` makes a stream of them.
    """

    incremental = True

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
        self._announced = False

    def _send_encoded(self, value: bytes, key: bytes | None, *, unsupervised: bool = False) -> None:
        self._announce_once()
        super()._send_encoded(value, key, unsupervised=unsupervised)

    def _send_many(self, values: Any, keys: Any, *, unsupervised: bool = False) -> None:
        self._announce_once()
        super()._send_many(values, keys, unsupervised=unsupervised)

    def _announce_once(self) -> None:
        if not self._announced:
            self._stream(unsupervised=False)
            self._announce([StreamRange(self.topic)])
            _logger.warning(
                "%s is announced as an online stream: platforms of this version do not train on those yet. When all is "
                "sent: kafka-ml streams announce %s --deployment %s --config CONFIG",
                self.topic,
                self.topic,
                self.deployment_id,
            )
            self._announced = True
