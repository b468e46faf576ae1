"""Sink: sends samples to a topic and announces them to a deployment. Step (1) of the journey of a sample.

The base of ``RawSink``, ``AvroSink``, ``JsonSink`` and their online variants, which add the encoding. A sink counts
only records that the broker acknowledged, and publishes the control message after the last of them; an online sink
publishes it before the first. Next: ``kafka_control_logger.relay`` reads the message.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from datasources.acknowledged import AcknowledgedOffsets
from kafkaml.confluent import KafkaRecordWriter
from kafkaml.control import CONTROL_TOPIC, ControlMessage, deployment_id_to_key
from kafkaml.errors import BrokerError, RefusedError
from kafkaml.input_format import InputFormat, format_name
from kafkaml.records import OutgoingRecord, Position
from kafkaml.settings import KafkaSettings
from kafkaml.stream_range import StreamRange, check_topic_name

__all__ = ["KafkaMLSink", "Servers", "Sink", "SinkWriter"]

_logger = logging.getLogger(__name__)

# Records go to the Kafka client in groups: at most this many records or this many bytes per group, whichever is reached
# first.
_GROUP_RECORDS = 500
_GROUP_BYTES = 4 << 20

Servers = str | Sequence[str]


class SinkWriter(Protocol):
    """The part of Kafka that a sink uses; ``kafkaml.confluent.KafkaRecordWriter`` is the real one.

    ``write_batch`` calls ``on_acknowledged`` with partition and offset.
    """

    def partitions(self, topic: str) -> int: ...

    def write(self, record: OutgoingRecord, on_acknowledged: Callable[[Position], None] | None = None) -> None: ...

    def write_batch(
        self,
        topic: str,
        values: Sequence[bytes],
        keys: Sequence[bytes | None],
        partition: int,
        on_acknowledged: Callable[[int, int], None],
    ) -> None: ...

    def flush(self, timeout_seconds: float | None = None) -> None: ...

    def close(self) -> None: ...


class Sink:
    """Sends encoded records and announces them when closed.

    A context manager: leaving it by an exception announces nothing. ``boostrap_servers``, as the old library spelt it,
    and ``bootstrap_servers`` are the same: ``host:port``, comma-separated or a list. ``settings`` brings user, password
    and certificates instead. Without any of them the environment (``KML_KAFKA_*``) is read. ``group_id`` is accepted
    and ignored.

    Raises RefusedError for invalid arguments and BrokerError when Kafka does not take the records. It has over 12
    fields because programs written for the old library read them.
    """

    # Online sinks set this to True: their streams have no end and are announced before their first record.
    incremental = False

    def __init__(
        self,
        boostrap_servers: Servers | None = None,
        topic: str = "",
        deployment_id: int | str | bytes | None = None,
        input_format: str = InputFormat.RAW,
        description: str = "",
        dataset_restrictions: Mapping[str, Any] | None = None,
        validation_rate: float = 0,
        test_rate: float = 0,
        control_topic: str = CONTROL_TOPIC,
        group_id: str = "sink",
        unsupervised_topic: str | None = None,
        *,
        bootstrap_servers: Servers | None = None,
        settings: KafkaSettings | None = None,
        timeout_seconds: float = 120.0,
        writer: SinkWriter | None = None,
    ) -> None:
        self.deployment_id: int | bytes = _deployment_id(deployment_id)
        self.topic = check_topic_name(topic)
        self.unsupervised_topic = check_topic_name(unsupervised_topic) if unsupervised_topic else None
        if self.unsupervised_topic == self.topic:
            raise RefusedError(
                f"topic and unsupervised_topic are both {self.topic}: it is not known which samples have a label",
                hint="set unsupervised_topic to a topic of its own",
            )
        self.control_topic = check_topic_name(control_topic)
        self.input_format = format_name(input_format)
        self.input_config: dict[str, Any] = {}
        self.description = description
        self.dataset_restrictions = dict(dataset_restrictions or {})
        self.validation_rate, self.test_rate = _rates(validation_rate, test_rate)
        self.group_id = group_id
        self.boostrap_servers = _servers(boostrap_servers, bootstrap_servers, settings)
        self._settings = settings or KafkaSettings(bootstrap_servers=self.boostrap_servers)
        # Samples need no idempotent writer. Where a lost acknowledgement leads to a second copy of a sample, the
        # announced ranges hold only one. A second copy of an announcement would train twice, so announcements go
        # through an idempotent writer.
        self._writer: SinkWriter = writer or KafkaRecordWriter(
            self._settings, timeout_seconds=timeout_seconds, idempotent=False
        )
        self._control_writer: SinkWriter = writer or KafkaRecordWriter(self._settings, timeout_seconds=timeout_seconds)
        self._timeout_seconds = timeout_seconds
        self._closed = False
        self._streams = {
            name: _TopicStream(name, self._writer) for name in (self.topic, self.unsupervised_topic) if name
        }

    @property
    def total_messages(self) -> int:
        """How many records of ``topic`` the broker acknowledged so far."""
        return self._streams[self.topic].acknowledged.count

    @property
    def total_unsupervised(self) -> int:
        """How many records of ``unsupervised_topic`` the broker acknowledged so far."""
        return self._streams[self.unsupervised_topic].acknowledged.count if self.unsupervised_topic else 0

    def send(self, data: Any, label: Any = None) -> None:
        """Send one record as it is: ``data`` becomes its value and ``label`` its key (None: no label).

        The base class has no encoding and takes bytes or text; the other sinks take samples here.
        """
        self._send_encoded(_to_bytes("data", data), None if label is None else _to_bytes("label", label))

    def send_value(self, data: Any) -> None:
        """Send one record without label."""
        self.send(data)

    def unsupervised_send(self, data: Any) -> None:
        """Send one record without label to ``unsupervised_topic``."""
        self._send_encoded(_to_bytes("data", data), None, unsupervised=True)

    def flush(self) -> None:
        """Wait until the broker has acknowledged every record; raises BrokerError when it does not."""
        for stream in self._streams.values():
            stream.write_out()
        self._writer.flush(self._timeout_seconds)

    def close(self) -> None:
        """Wait for all acknowledgements, then announce the stream to the deployment. May be called again.

        Raises RefusedError when nothing was sent, BrokerError when a record was not acknowledged; then nothing is
        announced.
        """
        if self._closed:
            return
        try:
            self.flush()
            self._check_complete()
            if not self.incremental:
                self._announce(self._streams[self.topic].acknowledged.ranges())
        finally:
            self._close_writers()

    def online_close(self) -> None:
        """Wait for all acknowledgements and end without announcing anything."""
        if self._closed:
            return
        try:
            self.flush()
        finally:
            self._close_writers()

    def control_message(self, ranges: Sequence[StreamRange]) -> ControlMessage:
        """Return the announcement of ``ranges``."""
        unsupervised: tuple[StreamRange, ...] = ()
        if self.unsupervised_topic:
            acknowledged = self._streams[self.unsupervised_topic].acknowledged
            unsupervised = (StreamRange(self.unsupervised_topic),) if self.incremental else acknowledged.ranges()
        return ControlMessage(
            ranges=tuple(ranges),
            unsupervised_ranges=unsupervised,
            input_format=self.input_format,
            input_config=self.input_config,
            description=self.description,
            validation_rate=self.validation_rate,
            test_rate=self.test_rate,
            total_msg=None if self.incremental else self.total_messages,
            incremental=self.incremental,
            dataset_restrictions=self.dataset_restrictions,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        elif not self._closed:
            self._close_writers()
            _logger.warning(
                "%s: nothing was announced to deployment %s, because sending ended with %r",
                self.topic,
                self.deployment_id,
                error,
            )

    def _close_writers(self) -> None:
        self._closed = True
        self._writer.close()
        self._control_writer.close()

    def _send_encoded(self, value: bytes, key: bytes | None, *, unsupervised: bool = False) -> None:
        stream = self._stream(unsupervised=unsupervised)
        stream.add(value, key)
        if self.incremental:
            stream.write_out()

    def _send_many(self, values: Sequence[bytes], keys: Sequence[bytes | None], *, unsupervised: bool = False) -> None:
        """Send what ``send_array`` of the other sinks has encoded."""
        self._stream(unsupervised=unsupervised).add_many(values, keys)

    def _stream(self, *, unsupervised: bool) -> _TopicStream:
        if self._closed:
            raise RefusedError(
                f"the sink of {self.topic} is closed: nothing can be sent with it any more",
                hint="make another sink",
            )
        if not unsupervised:
            return self._streams[self.topic]
        if not self.unsupervised_topic:
            raise RefusedError("unsupervised_send needs a topic of its own", hint="set unsupervised_topic in the sink")
        return self._streams[self.unsupervised_topic]

    def _announce(self, ranges: Sequence[StreamRange]) -> None:
        message = self.control_message(ranges)
        record = OutgoingRecord(self.control_topic, message.to_bytes(), deployment_id_to_key(self.deployment_id))
        self._control_writer.write(record)
        self._control_writer.flush(self._timeout_seconds)
        _logger.info("announced %s to deployment %s", ", ".join(map(str, ranges)), self.deployment_id)

    def _check_complete(self) -> None:
        for stream in self._streams.values():
            if stream.sent != stream.acknowledged.count:
                raise BrokerError(
                    f"{stream.topic}: {stream.sent} records were sent and {stream.acknowledged.count} acknowledged: "
                    "nothing was announced",
                    hint="send the data again",
                )
        if not self._streams[self.topic].sent:
            raise RefusedError(
                f"nothing was sent to {self.topic}: there is nothing to announce to deployment {self.deployment_id!r}"
            )


# Alias of the base class from Kafka-ML 1.0.
KafkaMLSink = Sink


class _TopicStream:
    """Buffers the records of one topic and sends them in groups, the partitions taking turns."""

    def __init__(self, topic: str, writer: SinkWriter) -> None:
        self.topic = topic
        self.sent = 0
        self.acknowledged = AcknowledgedOffsets(topic)
        self._writer = writer
        self._partitions = 0
        self._groups = 0
        self._values: list[bytes] = []
        self._keys: list[bytes | None] = []
        self._bytes = 0

    def add(self, value: bytes, key: bytes | None) -> None:
        self._values.append(value)
        self._keys.append(key)
        self._bytes += len(value)
        if len(self._values) >= _GROUP_RECORDS or self._bytes >= _GROUP_BYTES:
            self.write_out()

    def add_many(self, values: Sequence[bytes], keys: Sequence[bytes | None]) -> None:
        self.write_out()
        size = max(1, min(_GROUP_RECORDS, _GROUP_BYTES // max(1, len(values[0]) if values else 1)))
        for start in range(0, len(values), size):
            self._write(values[start : start + size], keys[start : start + size])

    def write_out(self) -> None:
        if self._values:
            values, keys = self._values, self._keys
            self._values, self._keys, self._bytes = [], [], 0
            self._write(values, keys)

    def _write(self, values: Sequence[bytes], keys: Sequence[bytes | None]) -> None:
        self._partitions = self._partitions or self._writer.partitions(self.topic)
        # The label is the key, and hashing it would fill one partition per class; groups fill them evenly.
        partition = self._groups % self._partitions
        self._groups += 1
        self.sent += len(values)
        self._writer.write_batch(self.topic, values, keys, partition, self.acknowledged.add)


def _deployment_id(value: object) -> int | bytes:
    if isinstance(value, bytes) and value:
        return value
    # The control message's key holds the id as bytes. The character "1" is the byte 49, so an id given as text would
    # address deployment 49.
    if isinstance(value, str) and value.strip().isdecimal():
        _logger.warning("deployment_id is the text %r: taken as the number %d", value, int(value))
        value = int(value)
    number = value if isinstance(value, int) and not isinstance(value, bool) else getattr(value, "item", lambda: None)()
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 1 << 63:
        return number
    raise RefusedError(
        f"deployment_id is {value!r}: expected the number of a deployment, for example 1",
        hint="Kafka-ML shows the number in the list of deployments",
    )


def _rates(validation_rate: float, test_rate: float) -> tuple[float, float]:
    for name, rate in (("validation_rate", validation_rate), ("test_rate", test_rate)):
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate < 1:
            raise RefusedError(f"{name} is {rate!r}: expected a number from 0 to below 1, for example 0.1")
    if validation_rate + test_rate >= 1:
        raise RefusedError(
            f"validation_rate {validation_rate} and test_rate {test_rate} leave nothing to train on: expected a sum "
            "below 1"
        )
    return float(validation_rate), float(test_rate)


def _servers(old: Servers | None, new: Servers | None, settings: KafkaSettings | None) -> str:
    given = [servers for servers in (old, new) if servers]
    if len(given) > 1 and old != new:
        raise RefusedError(f"boostrap_servers is {old!r} and bootstrap_servers {new!r}: expected one of them")
    if not given:
        return (settings or KafkaSettings()).bootstrap_servers
    return given[0] if isinstance(given[0], str) else ",".join(given[0])


def _to_bytes(what: str, value: object) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    raise RefusedError(
        f"{what} is a {type(value).__name__}: expected bytes or text",
        hint="use RawSink, JsonSink or AvroSink, which encode samples",
    )
