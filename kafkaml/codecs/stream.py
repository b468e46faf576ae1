"""StreamCodec: both sides of a stream as its control message declares them. Made by ``codec_for``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kafkaml.codecs.avro import AvroCodec, SchemaLookup
from kafkaml.codecs.base import Array, Codec, Values
from kafkaml.codecs.field_names import FieldNames
from kafkaml.codecs.json import JsonCodec
from kafkaml.codecs.looks import shown, text_of
from kafkaml.codecs.packing import decode_packed
from kafkaml.codecs.raw import RawCodec, TextCodec
from kafkaml.codecs.schema_registry import SchemaRegistry
from kafkaml.codecs.telegraf import TelegrafCodec
from kafkaml.control import InputFormat
from kafkaml.dtypes import dtype_from_wire, shape_from_wire
from kafkaml.errors import DecodeError

__all__ = ["StreamCodec", "StreamFailure", "codec_for", "with_learnt"]

# What JSON carries becomes this where no data_type is declared: the type that models compute in.
_JSON_FEATURES = np.dtype("<f4")
# Exact for all whole numbers that JSON readers agree on; data sets narrow it when the labels turn out to be whole.
_JSON_LABELS = np.dtype("<f8")
_NO_TYPE = (None, "", "None", "NoneType")
# Said by a person: the key is no label. What old sinks write (above) says nothing of JSON's labels.
_NO_LABELS = "none"
_KEY_HINT = (
    "send the label as the key; where the key is none, such as the name of a device, send records without key, or "
    'announce the stream with "label_type": "none" in input_config'
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
        """Whether labels that are all whole numbers are to be taken as such: JSON, where no label_type is declared."""
        return isinstance(self.labels, JsonCodec) and self.labels.dtype == _JSON_LABELS

    def decode(self, values: Values, keys: Values) -> tuple[Array, Array | None]:
        """Return features (samples, *shape) and labels (samples, *shape) of a batch; DecodeError with the index."""
        if self.packed:
            assert isinstance(self.features, RawCodec)
            assert self.labels is None or isinstance(self.labels, RawCodec)
            return decode_packed(self.features, self.labels, values, keys)
        features = self.features.decode(values)
        if self.labels is None:
            return features, None
        try:
            return features, self.labels.decode(keys)
        except DecodeError as error:
            raise _of_key(error, keys) from error

    def label_of(self, key: bytes) -> Array:
        """Return the label in a record's key; DecodeError where it is none."""
        assert self.labels is not None
        try:
            label: Array = self.labels.decode((key,))[0]
        except DecodeError as error:
            raise _of_key(error, (key,)) from error
        return label

    def settled(self, values: Values, keys: Values) -> StreamCodec:
        """Return the same codec with all fixed that nothing but data can tell; see ``Codec.settled``."""
        if self.packed:
            return self
        labels = None if self.labels is None else self.labels.settled([key for key in keys if key is not None])
        return replace(self, features=self.features.settled(values), labels=labels)

    def widened(self) -> StreamCodec | None:
        """Return the same codec with features of a wider type; None where their type is declared."""
        features = self.features.widened()
        return None if features is None else replace(self, features=features)

    def decode_each(self, values: Values, keys: Values) -> tuple[Array, Array | None, list[StreamFailure]]:
        """Return what can be decoded of a batch, and one failure for each record that cannot, in order."""
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
    """Return ``input_config`` with what the data told where it says nothing itself."""
    said = {name: value for name, value in input_config.items() if value not in _NO_TYPE}
    return {**input_config, **learnt, **said}


def codec_for(
    input_format: InputFormat | str,
    input_config: Mapping[str, Any],
    *,
    feature_shape: tuple[int, ...] | None = None,
    schema_lookup: SchemaLookup | None = None,
) -> StreamCodec:
    """Return the codec that a control message declares.

    ``feature_shape`` fixes the shape of samples where the message leaves it to the data, as serving must: there one
    odd record may be a batch. ``schema_lookup`` finds the schemas of framed Avro records; by default the registry that
    the environment configures. Raises DecodeError when the configuration is incomplete or contradicts itself.
    """
    make = {
        InputFormat.RAW: _raw,
        InputFormat.AVRO: _avro,
        InputFormat.JSON: _json,
        InputFormat.TELEGRAF_STR_JSON: _telegraf,
    }
    try:
        known_format = InputFormat(input_format)
    except ValueError:
        raise DecodeError(f"input_format {input_format!r}: expected one of {', '.join(InputFormat)}") from None
    features, labels = make[known_format](input_config, schema_lookup)
    if feature_shape is not None:
        features = features.pinned(feature_shape)
    packed = bool(input_config.get("packed", False))
    if packed and not (isinstance(features, RawCodec) and (labels is None or isinstance(labels, RawCodec))):
        raise DecodeError("packed records are possible with RAW numbers only")
    return StreamCodec(features, labels, packed)


def _raw(config: Mapping[str, Any], _: SchemaLookup | None) -> tuple[Codec, Codec | None]:
    if config.get("data_type") in _NO_TYPE:
        raise DecodeError(
            "input_config has no data_type: expected the type of the numbers, for example uint8",
            hint="check data_type in the sink",
        )
    features = _raw_side(config["data_type"], config.get("data_reshape"), "features")
    if config.get("label_type") in (*_NO_TYPE, _NO_LABELS):
        return features, None
    return features, _raw_side(config["label_type"], config.get("label_reshape"), "labels")


def _raw_side(type_name: str, shape: Any, name: str) -> Codec:
    dtype = dtype_from_wire(type_name)
    if dtype.kind in "SU":
        return TextCodec(name=name, encoding="utf-8" if dtype.kind == "S" else "utf-32-le")
    # Without a shape old readers take the record as it is: a number, or a vector of as many as there are.
    declared = shape is not None and str(shape).strip() != ""
    return RawCodec(dtype, shape_from_wire(shape) if declared else None, name=name)


def _avro(config: Mapping[str, Any], lookup: SchemaLookup | None) -> tuple[Codec, Codec | None]:
    if not config.get("data_scheme"):
        raise DecodeError("input_config has no data_scheme: expected the text of the Avro schema of the features")
    framing = bool(config.get("confluent_framing", False))
    lookup = lookup or SchemaRegistry.from_environment()
    features = AvroCodec(config["data_scheme"], confluent_framing=framing, schema_lookup=lookup)
    # Avro knows lists of numbers, not arrays of several axes: the shape may be told beside the schema.
    shape = config.get("data_reshape")
    if shape is not None and str(shape).strip() != "":
        features = features.pinned(shape_from_wire(shape))
    if not config.get("label_scheme") or config.get("label_type") == _NO_LABELS:
        return features, None
    labels = AvroCodec(
        config["label_scheme"], name="labels", scalar=True, confluent_framing=framing, schema_lookup=lookup
    )
    return features, labels


def _json(config: Mapping[str, Any], _: SchemaLookup | None) -> tuple[Codec, Codec | None]:
    return JsonCodec(*_declared(config, "data", _JSON_FEATURES), **_json_options(config)), _json_labels(config)


def _telegraf(config: Mapping[str, Any], _: SchemaLookup | None) -> tuple[Codec, Codec | None]:
    # Telegraf wraps the value only; a key, where there is one, is plain JSON.
    return TelegrafCodec(*_declared(config, "data", _JSON_FEATURES), **_json_options(config)), _json_labels(config)


def _json_options(config: Mapping[str, Any]) -> dict[str, Any]:
    fields = config.get("fields")
    return {
        "fields": None if fields is None else FieldNames.from_json(fields),
        "widens": config.get("data_type") in _NO_TYPE,
    }


def _json_labels(config: Mapping[str, Any]) -> Codec | None:
    """Whether JSON streams have labels is seen from their keys, unless they are said to have none."""
    if config.get("label_type") == _NO_LABELS:
        return None
    if config.get("label_type") not in _NO_TYPE and dtype_from_wire(config["label_type"]).kind in "SU":
        return TextCodec(name="labels")
    return JsonCodec(*_declared(config, "label", _JSON_LABELS), name="labels", text_allowed=True)


def _declared(
    config: Mapping[str, Any], side: str, default: np.dtype[Any]
) -> tuple[np.dtype[Any], tuple[int, ...] | None]:
    type_name, shape = config.get(f"{side}_type"), config.get(f"{side}_reshape")
    dtype = default if type_name in _NO_TYPE else dtype_from_wire(str(type_name))
    declared = shape is not None and str(shape).strip() != ""
    return dtype, shape_from_wire(shape) if declared else None


def _of_key(error: DecodeError, keys: Values) -> DecodeError:
    """Say of an error of labels that they are the records' keys, which those who key by device do not expect."""
    if error.gap:
        return error
    key = keys[error.index or 0]
    return DecodeError(
        f"the record's key {shown(key if key is None else text_of(key) or key)} is taken as its label: {error.message}",
        index=error.index,
        hint=_KEY_HINT,
    )
