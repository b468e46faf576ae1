"""AvroSink: sends records by an Avro schema for the data and one for the labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from datasources.sample_format import to_array
from datasources.sink import Servers, Sink
from kafkaml.codecs.avro import AvroCodec
from kafkaml.control import CONTROL_TOPIC
from kafkaml.dtypes import shape_from_wire
from kafkaml.errors import RefusedError
from kafkaml.input_format import InputFormat

__all__ = ["AvroSink"]


class AvroSink(Sink):
    """Sends dicts as schemaless Avro. Schemas are given as files (``data_scheme_filename``) or as text or objects
    (``data_scheme``); without a schema for labels the stream has no labels. ``data_reshape``, e.g. ``"28 28"``, is the
    shape in which models get a record's numbers; without it they are a vector.

    For the other arguments see ``Sink``.
    """

    def __init__(
        self,
        boostrap_servers: Servers | None = None,
        topic: str = "",
        deployment_id: int | str | bytes | None = None,
        data_scheme_filename: str | Path | None = None,
        label_scheme_filename: str | Path | None = None,
        description: str = "",
        validation_rate: float = 0,
        test_rate: float = 0,
        control_topic: str = CONTROL_TOPIC,
        group_id: str = "sink",
        *,
        data_scheme: str | Mapping[str, Any] | None = None,
        label_scheme: str | Mapping[str, Any] | None = None,
        data_reshape: str | None = None,
        **connection: Any,
    ) -> None:
        super().__init__(
            boostrap_servers,
            topic,
            deployment_id,
            InputFormat.AVRO,
            description,
            None,
            validation_rate,
            test_rate,
            control_topic,
            group_id,
            **connection,
        )
        self.data_schema = _schema_text("data", data_scheme_filename, data_scheme)
        self.label_schema = _schema_text("label", label_scheme_filename, label_scheme)
        if self.data_schema is None:
            raise RefusedError("AvroSink needs a schema of the data", hint="set data_scheme_filename or data_scheme")
        self._data = AvroCodec(self.data_schema)
        self._label = None if self.label_schema is None else AvroCodec(self.label_schema, name="labels", scalar=True)
        self.input_config = {"data_scheme": self.data_schema, "label_scheme": self.label_schema}
        if data_reshape is not None:
            self._data.pinned(shape_from_wire(data_reshape))
            self.input_config["data_reshape"] = data_reshape

    def send(self, data: Any, label: Any = None) -> None:
        """Send one record: dicts of the schemas' fields, or bytes that are encoded already.

        Raises DecodeError when a dict does not fit its schema.
        """
        if (label is None) != (self._label is None):
            raise RefusedError(
                "label schema and labels go together: "
                + ("got no label" if label is None else "got a label, and no label_scheme"),
                hint="give label_scheme_filename and a label with every record, or neither",
            )
        value = data if isinstance(data, bytes) else self._data.encode_record(data)
        key = label
        if self._label is not None and not isinstance(label, bytes):
            key = self._label.encode_record(label)
        self._send_encoded(value, key)

    def unsupervised_send(self, data: Any) -> None:
        """Send one record without label to ``unsupervised_topic``: a dict as ``send`` takes it, or bytes."""
        value = data if isinstance(data, bytes) else self._data.encode_record(data)
        self._send_encoded(value, None, unsupervised=True)

    def send_avro(self, data: Any, label: Any = None) -> None:
        """Alias of ``send`` from Kafka-ML 1.0."""
        self.send(data, label)

    def send_array(self, data: Any, labels: Any = None) -> None:
        """Send many samples in one call: ``data`` (samples, fields), ``labels`` (samples, fields) or (samples,)."""
        if (labels is None) != (self._label is None):
            raise RefusedError("label schema and labels go together", hint="give both or neither")
        values = self._data.encode(to_array(data))
        keys: list[bytes | None] = [None] * len(values)
        if self._label is not None:
            keys = list(self._label.encode(to_array(labels)))
        if len(keys) != len(values):
            raise RefusedError(f"send_array got {len(values)} samples and {len(keys)} labels: expected as many")
        self._send_many(values, keys)


def _schema_text(what: str, filename: str | Path | None, schema: str | Mapping[str, Any] | None) -> str | None:
    if filename is not None and schema is not None:
        raise RefusedError(f"both {what}_scheme_filename and {what}_scheme are given: expected one of them")
    if filename is not None:
        try:
            return Path(filename).read_text(encoding="utf-8")
        except OSError as error:
            raise RefusedError(f"{what}_scheme_filename {str(filename)!r} cannot be read: {error.strerror}") from error
    if schema is None or isinstance(schema, str):
        return schema
    return orjson.dumps(schema).decode()
