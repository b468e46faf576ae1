"""Packed records: many samples concatenated in one record, and their labels in its key.

Opt-in (``samples_per_record`` of the sinks), announced by ``input_config["packed"]``: old readers cannot read it.
Samples share the cost of a record, which makes sending fast.
"""

from __future__ import annotations

from kafkaml.codecs.base import Array, PackableCodec, Values
from kafkaml.errors import DecodeError

__all__ = ["decode_packed"]


def decode_packed(
    features: PackableCodec, labels: PackableCodec | None, values: Values, keys: Values
) -> tuple[Array, Array | None]:
    """Return all samples of the records, and their labels; DecodeError with the index of a record that does not fit."""
    feature_bytes = features.sample_bytes
    label_bytes = labels.sample_bytes if labels is not None else None
    if feature_bytes is None or (labels is not None and label_bytes is None):
        raise DecodeError("packed records need data_reshape and label_reshape", hint="use the sinks of Kafka-ML")
    for index, (value, key) in enumerate(zip(values, keys, strict=True)):
        count, rest = divmod(len(value or b""), feature_bytes)
        if rest or not count:
            raise DecodeError(
                f"{len(value or b'')} bytes are not a multiple of {feature_bytes}, the bytes of one sample",
                index=index,
            )
        if label_bytes is not None and len(key or b"") != count * label_bytes:
            raise DecodeError(
                f"a key of {len(key or b'')} bytes for {count} samples: expected {count * label_bytes}",
                index=index,
            )
    rows = features.rows_of(b"".join(values))  # type: ignore[arg-type]  # checked above
    return rows, None if labels is None else labels.rows_of(b"".join(keys))  # type: ignore[arg-type]
