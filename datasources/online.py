"""Sinks of streams without end, for incremental training: announced before their first sample, by the topic alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasources.avro_sink import AvroSink
from datasources.json_sink import JsonSink
from datasources.raw_sink import RawSink
from datasources.sink import Servers, Sink
from kafkaml.control import CONTROL_TOPIC
from kafkaml.stream_range import StreamRange

__all__ = ["OnlineAvroSink", "OnlineJsonSink", "OnlineRawSink"]


class _Online(Sink):
    """What the online sinks share, before the sink of their encoding in the order of bases.

    The announcement is acknowledged before the first sample is written, so no sample is older than it: training begins
    with the first. Every sample is sent at once. ``close`` waits for the acknowledgements and announces nothing more.
    ``validation_rate`` is the share of each window that validates; a stream without end has no test samples.
    """

    incremental = True
    _announced = False

    def send_online_control_msg(self) -> None:
        """Announce the stream now, with what is known of its samples; once in the life of a sink.

        The first sample does it too. For callers of the old library, which announced declared types by this method
        alone.
        """
        if not self._announced:
            self._stream(unsupervised=False)
            self._announce([StreamRange(self.topic)])
            self._announced = True

    def _send_encoded(self, value: bytes, key: bytes | None, *, unsupervised: bool = False) -> None:
        self.send_online_control_msg()
        super()._send_encoded(value, key, unsupervised=unsupervised)

    def _send_many(self, values: Sequence[bytes], keys: Sequence[bytes | None], *, unsupervised: bool = False) -> None:
        self.send_online_control_msg()
        super()._send_many(values, keys, unsupervised=unsupervised)


class OnlineRawSink(_Online, RawSink):
    """A RawSink for incremental training: the stream is announced with its first sample.

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


class OnlineAvroSink(_Online, AvroSink):
    """An AvroSink for incremental training: the stream is announced with its first record."""

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


class OnlineJsonSink(_Online, JsonSink):
    """A JsonSink for incremental training: the stream is announced with its first sample, its shape and keys known."""

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
