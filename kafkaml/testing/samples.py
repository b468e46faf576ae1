"""Builders of samples and announcements, small and with defaults, for tests to say only what matters to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.records import OutgoingRecord, RecordWriter
from kafkaml.stream_range import StreamRange

__all__ = ["labelled_images", "raw_announcement", "raw_config", "send_raw"]

Array = npt.NDArray[Any]


def labelled_images(count: int, *, size: int = 8, classes: int = 10, seed: int = 0) -> tuple[Array, Array]:
    """Return images (count, size, size) uint8 and labels (count,) uint8 that a small model can learn.

    Class k has a bright row k (counted around); the rest is noise.
    """
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count).astype(np.uint8)
    images = random.integers(0, 64, (count, size, size)).astype(np.uint8)
    images[np.arange(count), labels % size] += 128 + 8 * (labels // size)[:, None].astype(np.uint8)
    return images, labels


def raw_config(features: Array, labels: Array | None = None) -> dict[str, Any]:
    """Return the ``input_config`` of RAW samples, as the sinks write it."""

    def shape(array: Array) -> str:
        return " ".join(map(str, array.shape[1:])) or "1"

    return {
        "data_type": features.dtype.name,
        "data_reshape": shape(features),
        "label_type": None if labels is None else labels.dtype.name,
        "label_reshape": None if labels is None else shape(labels),
    }


def send_raw(
    writer: RecordWriter,
    topic: str,
    features: Array,
    labels: Array | None = None,
    *,
    partition_of: Mapping[int, int] | Sequence[int] | None = None,
) -> tuple[StreamRange, ...]:
    """Write each sample as one record, sample i to ``partition_of[i]`` (or 0); return the ranges they lie in."""
    ends: dict[int, list[int]] = {}

    def acknowledged(partition: int, offset: int) -> None:
        bounds = ends.setdefault(partition, [offset, offset + 1])
        bounds[:] = [min(bounds[0], offset), max(bounds[1], offset + 1)]

    for index, sample in enumerate(features):
        key = None if labels is None else labels[index].tobytes()
        partition = 0 if partition_of is None else partition_of[index]
        writer.write(
            OutgoingRecord(topic, sample.tobytes(), key, partition=partition),
            lambda position: acknowledged(position.partition, position.offset),
        )
    writer.flush(30)
    return tuple(StreamRange(topic, partition, *bounds) for partition, bounds in sorted(ends.items()))


def raw_announcement(
    ranges: Sequence[StreamRange],
    features: Array,
    labels: Array | None = None,
    *,
    validation_rate: float = 0.1,
    test_rate: float = 0.1,
) -> ControlMessage:
    """Return the announcement of RAW samples in ``ranges``."""
    return ControlMessage(
        ranges=tuple(ranges),
        input_format=InputFormat.RAW,
        input_config=raw_config(features, labels),
        validation_rate=validation_rate,
        test_rate=test_rate,
        total_msg=len(features),
    )
