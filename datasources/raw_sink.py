"""RawSink: sends arrays and numbers as their bytes (RAW)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from datasources.sample_format import SampleFormat, to_array
from datasources.sink import Servers, Sink
from kafkaml.codecs.raw import RawCodec, TextCodec
from kafkaml.control import CONTROL_TOPIC
from kafkaml.errors import RefusedError
from kafkaml.input_format import InputFormat

__all__ = ["RawSink"]

Array = npt.NDArray[Any]

# ``send_array`` encodes this many rows per step, few enough for their bytes to stay in the processor's cache.
_SLAB_BYTES = 4 << 20


class RawSink(Sink):
    """Sends samples as ``ndarray.tobytes()``. Types and shapes are found from the first sample where not given.

    ``data_type`` and ``label_type`` are names such as ``uint8``; ``data_reshape`` and ``label_reshape`` shapes such as
    ``28 28``. With ``samples_per_record`` above 1 a record carries that many samples, and the stream is announced as
    ``packed``. Sending is then many times faster, but readers of the old Kafka-ML cannot read such streams.

    For the other arguments see ``Sink``::

        with RawSink(bootstrap_servers="localhost:9092", topic="mnist", deployment_id=1, validation_rate=0.1) as sink:
            sink.send_array(images, labels)
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
        test_rate: float = 0,
        control_topic: str = CONTROL_TOPIC,
        group_id: str = "sink",
        unsupervised_topic: str | None = None,
        dataset_restrictions: Mapping[str, Any] | None = None,
        *,
        samples_per_record: int = 1,
        **connection: Any,
    ) -> None:
        super().__init__(
            boostrap_servers,
            topic,
            deployment_id,
            InputFormat.RAW,
            description,
            dataset_restrictions,
            validation_rate,
            test_rate,
            control_topic,
            group_id,
            unsupervised_topic,
            **connection,
        )
        if samples_per_record < 1:
            raise RefusedError(f"samples_per_record is {samples_per_record}: expected at least 1")
        self.samples_per_record = samples_per_record
        self._data = SampleFormat("data", data_type, data_reshape)
        self._label = SampleFormat("label", label_type, label_reshape)
        self._has_labels: bool | None = None
        self._samples = 0
        # Samples that wait here until they fill a record.
        self._waiting: list[tuple[bytes, bytes | None]] = []
        self._update_config()

    @property
    def data_type(self) -> str | None:
        return self._data.type_name

    @property
    def label_type(self) -> str | None:
        return self._label.type_name

    @property
    def data_reshape(self) -> str | None:
        return self._data.reshape

    @property
    def label_reshape(self) -> str | None:
        return self._label.reshape

    def send(self, data: Any, label: Any = None) -> None:
        """Send one sample: an array, a number, a list or a tensor; ``label`` likewise, or None for no label.

        Raises RefusedError when type or shape differ from the samples before, or only some have labels.
        """
        value, key = self._encode(to_array(data)[None], None if label is None else to_array(label)[None])
        self._samples += 1
        if self.samples_per_record == 1:
            self._send_encoded(value[0], key[0])
            return
        self._waiting.append((value[0], key[0]))
        if len(self._waiting) >= self.samples_per_record:
            self._send_waiting()

    def send_array(self, data: Any, labels: Any = None) -> None:
        """Send many samples in one call: ``data`` (samples, *shape), ``labels`` (samples, *shape) or None."""
        samples, keys = to_array(data), None if labels is None else to_array(labels)
        if not samples.ndim or (keys is not None and len(keys) != len(samples)):
            raise RefusedError(
                f"send_array got data of the shape {samples.shape} and "
                f"{'no labels' if keys is None else f'labels of the shape {keys.shape}'}: expected as many labels as "
                "samples along the first axis"
            )
        self._send_waiting()
        per_record = self.samples_per_record
        bytes_per_sample = max(1, samples.nbytes // max(1, len(samples)))
        step = max(1, _SLAB_BYTES // bytes_per_sample // per_record) * per_record
        for start in range(0, len(samples), step):
            part = slice(start, start + step)
            self._send_many(*self._encode(samples[part], None if keys is None else keys[part], per_record=per_record))
            self._samples += len(samples[part])

    def unsupervised_send(self, data: Any) -> None:
        """Send one sample without label to ``unsupervised_topic``; of the same type and shape as the labelled ones."""
        self.unsupervised_send_array(to_array(data)[None])

    def unsupervised_send_array(self, data: Any) -> None:
        """Send many samples without labels in one call: ``data`` (samples, *shape)."""
        samples = to_array(data)
        batch = self._data.batch(samples, first=self._samples)
        self._update_config()
        values = _encoded(batch, self._data)
        if len(values) == 1:
            self._send_encoded(values[0], None, unsupervised=True)
        else:
            self._send_many(values, [None] * len(values), unsupervised=True)

    def flush(self) -> None:
        """Wait until the broker has acknowledged every record; raises BrokerError when it does not."""
        self._send_waiting()
        super().flush()

    def _encode(
        self, data: Array, labels: Array | None, *, per_record: int = 1
    ) -> tuple[list[bytes], list[bytes | None]]:
        """Return values and keys of records that hold ``per_record`` samples each; the last may hold fewer."""
        if self._has_labels is None:
            self._has_labels = labels is not None
        if self._has_labels != (labels is not None):
            raise RefusedError(
                f"sample {self._samples} comes {'with' if labels is not None else 'without'} a label, unlike the "
                "samples before: a stream has labels for all samples or for none",
                hint="send samples without labels by unsupervised_send, to a topic of their own",
            )
        batch = self._data.batch(data, first=self._samples)
        values = _encoded(batch, self._data, per_record)
        keys: list[bytes | None] = [None] * len(values)
        if labels is not None:
            keys = list(_encoded(self._label.batch(labels, first=self._samples), self._label, per_record))
        self._update_config()
        return values, keys

    def _update_config(self) -> None:
        if self.samples_per_record > 1 and (self._data.is_text or self._label.is_text):
            raise RefusedError("samples_per_record above 1 is possible with numbers only, not with text")
        self.input_config = {
            "data_type": self.data_type,
            "label_type": self.label_type,
            "data_reshape": self.data_reshape,
            "label_reshape": self.label_reshape,
        }
        if self.samples_per_record > 1:
            self.input_config["packed"] = True

    def _send_waiting(self) -> None:
        if self._waiting:
            values, keys = zip(*self._waiting, strict=True)
            self._waiting = []
            self._send_encoded(b"".join(values), b"".join(keys) if keys[0] is not None else None)


def _encoded(batch: Array, sample_format: SampleFormat, per_record: int = 1) -> list[bytes]:
    if sample_format.is_text:
        return TextCodec().encode(batch)
    if per_record == 1:
        return RawCodec(batch.dtype, batch.shape[1:]).encode(batch)
    # Each record's bytes are copied once, straight out of the array.
    return [batch[start : start + per_record].tobytes() for start in range(0, len(batch), per_record)]
