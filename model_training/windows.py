"""Windows of a stream without end: samples as they come, some at a time, each with the place behind it.

Made by RunContext for the modes that keep a model learning. Nothing is written to disk, and records are in the order
of their arrival.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from kafkaml.codecs import StreamCodec, codec_for
from kafkaml.control import ControlMessage
from kafkaml.errors import DecodeError
from kafkaml.left_out import LeftOut
from kafkaml.records import PartitionKey, Record, RecordReader
from kafkaml.slice_builder import not_finite
from mlcode_executor.shared_array import SharedArray
from model_training.model_session import Samples
from model_training.shapes import DataMismatch

__all__ = ["Window", "read_windows"]

# How long one wait for records lasts; between waits the time limits are looked at.
_WAIT_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Window:
    """Samples of records that came together: ``features`` (n, *sample_shape), ``labels`` (n, *label_shape).

    ``labels`` is None where the records have no keys. Of ``records`` those that are no samples were left out, which
    ``warnings`` say of all windows so far; a window may be empty. ``positions`` are the next offsets of all partitions.
    """

    features: NDArray[Any]
    labels: NDArray[Any] | None
    records: int
    positions: Mapping[PartitionKey, int]
    warnings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.features)

    def samples(self, rows: slice = slice(None)) -> Samples:
        """Return some of the samples as a model process takes them, to be closed."""
        labels = self.features if self.labels is None else self.labels
        return Samples(_shared(self.features[rows]), _shared(labels[rows]), targets_are_features=self.labels is None)


def read_windows(
    stream: ControlMessage,
    reader: RecordReader,
    starts: Mapping[PartitionKey, int],
    *,
    records: int,
    seconds: float,
    idle_seconds: float | None,
) -> Generator[Window]:
    """Yield the windows of ``stream`` from ``starts`` on; see ``RunContext.windows``.

    Raises DataMismatch for features or labels that are text, DecodeError when too many records are no samples.
    """
    decoder = _Decoder(codec_for(stream.input_format, stream.input_config))
    positions, waiting, last, first = dict(starts), list[Record](), time.monotonic(), 0.0
    for batch in reader.follow(starts, batch_records=records, wait_seconds=_WAIT_SECONDS):
        now = time.monotonic()
        if batch:
            last = now
        for record in batch:
            first = first if waiting else now
            waiting.append(record)
            positions[record.topic, record.partition] = record.offset + 1
            if len(waiting) == records:
                yield decoder.window(waiting, positions)
                waiting = []
                # Waiting for whoever learns from our windows is not waiting for Kafka.
                last = time.monotonic()
        if waiting and time.monotonic() - first >= seconds:
            yield decoder.window(waiting, positions)
            waiting = []
            last = time.monotonic()
        if not batch and idle_seconds is not None and time.monotonic() - last >= idle_seconds:
            if waiting:
                yield decoder.window(waiting, positions)
            return


class _Decoder:
    """Decodes window by window; what only data can tell is settled by the first one."""

    def __init__(self, codec: StreamCodec) -> None:
        self._codec = codec
        self._settled = False
        self._left_out = LeftOut()
        self._records = 0

    def window(self, records: list[Record], positions: Mapping[PartitionKey, int]) -> Window:
        values, keys = [record.value for record in records], [record.key for record in records]
        if not self._settled and any(value is not None for value in values):
            self._settled = True
            if all(key is None for key in keys):
                self._codec = replace(self._codec, labels=None)
            self._codec = self._codec.settled(values, keys)
        features, labels, failures = self._codec.decode_each(values, keys)
        for failure in failures:
            self._left_out.add(records[failure.index].place, failure.error)
        for what, array in (("features", features), ("labels", labels)):
            if array is not None and array.dtype.kind not in "biuf":
                raise DataMismatch(
                    f"the stream's {what} are of the type {array.dtype}: a stream without end takes numbers",
                    hint="encode texts as numbers in the sink",
                )
        bad = not_finite(features, labels) if len(features) else None
        if bad is not None:
            place = f"one between {records[0].place} and {records[-1].place}"
            error = DecodeError("the sample holds NaN or infinity", gap="NaN or infinity")
            self._left_out.add(place, error, int(bad.sum()))
            features, labels = features[~bad], None if labels is None else labels[~bad]
        self._records += len(records)
        # As many as are there: of a stream without end a few odd ones at its beginning say nothing.
        self._left_out.check(self._records, self._records)
        return Window(
            features=features,
            labels=labels,
            records=len(records),
            positions=dict(positions),
            warnings=tuple(self._left_out.warnings(self._records)),
        )


def _shared(rows: NDArray[Any]) -> SharedArray:
    shared = SharedArray.allocate(rows.shape, rows.dtype, writable=False)
    shared.array[...] = rows
    return shared
