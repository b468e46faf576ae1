"""StreamCodec: both sides of a stream as its control message declares them. Made by ``codec_for``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kafkaml.codecs.base import Array, Codec, PackableCodec, Values
from kafkaml.codecs.looks import shown, text_of
from kafkaml.codecs.packing import decode_packed
from kafkaml.codecs.registry import NO_TYPE, SchemaLookup, format_of
from kafkaml.errors import DecodeError

__all__ = ["StreamCodec", "StreamFailure", "codec_for", "with_learnt"]

_KEY_HINT = (
    "send the label as the key; where the key is not the label, such as the name of a device, send records without "
    'key, or announce the stream with "label_type": "none" in input_config'
)


@dataclass(frozen=True)
class StreamFailure:
    """A record of a batch that could not be decoded."""

    index: int
    error: DecodeError


@dataclass(frozen=True)
class StreamCodec:
    """``features`` decodes values; ``labels`` decodes keys, None where the stream declares no labels.

    With ``packed`` a record holds several samples; serving decodes one sample a record all the same.
    """

    features: Codec
    labels: Codec | None
    packed: bool = False

    @property
    def whole_labels(self) -> bool:
        """Whether labels that are all integers should become integers."""
        return self.labels is not None and self.labels.narrows

    def decode(self, values: Values, keys: Values) -> tuple[Array, Array | None]:
        """Return features (samples, *shape) and labels (samples, *shape) of a batch; DecodeError with the index."""
        if self.packed:
            assert isinstance(self.features, PackableCodec)
            assert self.labels is None or isinstance(self.labels, PackableCodec)
            return decode_packed(self.features, self.labels, values, keys)
        features = self.features.decode(values)
        if self.labels is None:
            return features, None
        try:
            return features, self.labels.decode(keys)
        except DecodeError as error:
            raise _of_key(error, keys) from error

    def label_of(self, key: bytes) -> Array:
        """Return the label in a record's key; raises DecodeError where it is not a label."""
        assert self.labels is not None
        try:
            label: Array = self.labels.decode((key,))[0]
        except DecodeError as error:
            raise _of_key(error, (key,)) from error
        return label

    def settled(self, values: Values, keys: Values) -> StreamCodec:
        """Return the same codec with everything fixed that only data can tell; see ``Codec.settled``."""
        if self.packed:
            return self
        labels = None if self.labels is None else self.labels.settled([key for key in keys if key is not None])
        return replace(self, features=self.features.settled(values), labels=labels)

    def widened(self) -> StreamCodec | None:
        """Return the same codec with features of a wider type; None where their type is declared."""
        features = self.features.widened()
        return None if features is None else replace(self, features=features)

    def decode_each(self, values: Values, keys: Values) -> tuple[Array, Array | None, list[StreamFailure]]:
        """Return the decodable records of a batch, and one failure per other record, in order."""
        try:
            return (*self.decode(values, keys), [])
        except DecodeError:
            pass
        if self.packed:
            return self._decode_each_packed(values, keys)
        features = self.features.decode_each(values)
        failures = [StreamFailure(index, error) for index, error in features.failures]
        if self.labels is None:
            return features.rows, None, failures
        kept_keys = [keys[index] for index in features.kept]
        labels = self.labels.decode_each(kept_keys)
        failures += [StreamFailure(features.kept[index], _of_key(error, kept_keys)) for index, error in labels.failures]
        failures.sort(key=lambda failure: failure.index)
        return features.rows[labels.kept], labels.rows, failures

    def _decode_each_packed(self, values: Values, keys: Values) -> tuple[Array, Array | None, list[StreamFailure]]:
        failures: list[StreamFailure] = []
        kept: list[int] = []
        for index, (value, key) in enumerate(zip(values, keys, strict=True)):
            try:
                self.decode((value,), (key,))
                kept.append(index)
            except DecodeError as error:
                error.index = index
                failures.append(StreamFailure(index, error))
        rows, labels = self.decode([values[index] for index in kept], [keys[index] for index in kept])
        return rows, labels, failures


def with_learnt(input_config: Mapping[str, Any], learnt: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``input_config`` completed by what the data decided."""
    said = {name: value for name, value in input_config.items() if value not in NO_TYPE}
    return {**input_config, **learnt, **said}


def codec_for(
    input_format: str,
    input_config: Mapping[str, Any],
    *,
    feature_shape: tuple[int, ...] | None = None,
    schema_lookup: SchemaLookup | None = None,
) -> StreamCodec:
    """Return the codec that a control message declares.

    ``feature_shape`` fixes the shape of samples if the message leaves it to the data. Serving needs that, because a
    single odd record may be a whole batch there. ``schema_lookup`` finds the schemas of framed Avro records; by default
    the registry that the environment configures. Raises DecodeError when the configuration is incomplete or
    contradictory.
    """
    features, labels = format_of(str(input_format)).codecs(input_config, schema_lookup)
    if feature_shape is not None:
        features = features.pinned(feature_shape)
    packed = bool(input_config.get("packed", False))
    if packed and not (isinstance(features, PackableCodec) and (labels is None or isinstance(labels, PackableCodec))):
        raise DecodeError("packed records are possible with RAW numbers only")
    return StreamCodec(features, labels, packed)


def _of_key(error: DecodeError, keys: Values) -> DecodeError:
    """Add to an error about labels that they are the records' keys, which surprises users who key by device."""
    if error.gap:
        return error
    key = keys[error.index or 0]
    return DecodeError(
        f"the record's key {shown(key if key is None else text_of(key) or key)} is taken as its label: {error.message}",
        index=error.index,
        hint=_KEY_HINT,
    )
