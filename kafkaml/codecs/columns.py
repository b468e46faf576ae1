"""COLUMNS: records of any format, read by the contract of a data set (``kafkaml.wire.contract``).

``input_config`` holds the ``contract``. After a training it also holds what was ``learnt``. For an inference it also
names the fields that answers ``include`` from their records. Without ``learnt`` a codec learns from the records it
gets, which is good enough for display. Training and serving use what the training learnt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from pydantic import ValidationError

from kafkaml.codecs.base import ALONE, Array, Codec, DecodedBatch, Values
from kafkaml.codecs.registry import SchemaLookup, StreamFormat, register
from kafkaml.codecs.schema_registry import SchemaRegistry
from kafkaml.errors import DecodeError, RefusedError
from kafkaml.input_format import InputFormat
from kafkaml.named_inputs import FeatureSpan, in_one
from kafkaml.records import ListBatch, Record, RecordBatch
from kafkaml.wire.contract import Contract, Learnt, SplitBy
from kafkaml.wire.inference import MAX_INCLUDED_BYTES

__all__ = ["ColumnsCodec", "contract_of"]

_HINT = "make a data set of the topic: kafka-ml datasets infer TOPIC"


class ColumnsCodec(Codec):
    """Features of a contract: (n, features), or one list or picture per sample; with several inputs, structured records
    of them.
    """

    name = "features"

    def __init__(
        self,
        contract: Contract,
        learnt: Learnt | None,
        lookup: SchemaLookup | None = None,
        *,
        include: Sequence[str] = (),
    ) -> None:
        # Import late, because Polars takes 40 MB that other streams do not need.
        try:
            from kafkaml.contract.compiled import CompiledContract
        except ImportError as error:
            raise DecodeError(
                f"data sets of columns are read with packages that are not installed here ({error.name})",
                hint="pip install 'kafka-ml[columns]', or serve it where the platform runs",
            ) from error
        self._contract = contract
        self._lookup = lookup
        try:
            self._compiled = CompiledContract(contract, learnt, lookup=lookup, include=include)
        except RefusedError as error:
            raise DecodeError(f"the contract cannot be used: {error.message}", hint=error.hint) from error
        self._learnt = learnt
        self.state = self._compiled.state
        # Several inputs get their shapes, and so the structured type, only by learning.
        if learnt is not None:
            self.dtype, self.sample_shape = self._compiled.sample_type(), self._compiled.sample_shape()
        else:
            self.dtype, self.sample_shape = next(iter(self._compiled.input_types().values())), None
            self.notes = ("scales and vocabularies are those of the records that are looked at",)

    def include(self, names: Sequence[str]) -> None:
        """Let answers carry the fields ``names`` of their records from the next batch on. Raises RefusedError for
        unknown names.
        """
        self._compiled.include(names)

    def decode(self, values: Values) -> Array:
        decoded = self.decode_each(values)
        if decoded.failures:
            raise decoded.failures[0][1]
        if decoded.waiting:
            raise DecodeError(
                "a single record is not a sample: the contract makes a sample of several records of one key",
                index=decoded.waiting[0],
                gap=ALONE,
                hint="write the records to the input topic, all with the same key",
            )
        return decoded.rows

    def decode_each(self, values: Values) -> DecodedBatch:
        """Return the decodable records of ``values``, treated as consecutive records of one key with none before."""
        decoded = self.decode_batch(self._records(values))
        if self.state is not None:
            self.state.roll_back()
        return decoded

    def decode_batch(self, batch: RecordBatch) -> DecodedBatch:
        if self._learnt is None:
            return self._settled(batch).decode_batch(batch) if len(batch) else DecodedBatch(self._none(), [], [])
        decoded = self._compiled.decode(batch)
        found = DecodedBatch(
            in_one(decoded.inputs),
            decoded.kept.tolist(),
            decoded.failures,
            decoded.included,
            decoded.waiting.tolist(),
            decoded.changes,
        )
        too_large = max(map(len, decoded.included), default=0) > MAX_INCLUDED_BYTES
        return _bounded(found) if too_large else found

    def column_names(self) -> Sequence[str]:
        if self._learnt is None:
            return ()
        names, shapes = self._compiled.feature_names(), self._compiled.input_shapes()
        if any(shape != (len(names[name]),) for name, shape in shapes.items()):
            # Windows, lists and pictures are not vectors, so their elements have no names.
            return ()
        return [column_name for name in shapes for column_name in names[name]]

    def feature_spans(self) -> Sequence[FeatureSpan]:
        return () if self._learnt is None else self._compiled.feature_spans()

    def record_names(self) -> Sequence[str]:
        if self._learnt is None or self._contract.window is None:
            return ()
        shapes = self._compiled.input_shapes()
        names = [feature for name in shapes for feature in self._compiled.feature_names()[name]]
        return names if list(shapes.values()) == [(self._contract.window.length, len(names))] else ()

    def encode(self, samples: Array) -> list[bytes]:
        raise DecodeError(
            f"a sample of shape {samples.shape[1:]} is not a record: expected an object with the contract's fields"
        )

    def encode_object(self, sample: Mapping[str, Any]) -> bytes:
        if self._contract.format not in (InputFormat.JSON, InputFormat.TELEGRAF_STR_JSON):
            raise DecodeError(f"records of the contract are {self._contract.format}: an object cannot be written so")
        value = orjson.dumps(sample, option=orjson.OPT_SERIALIZE_NUMPY)
        if self._contract.format == InputFormat.TELEGRAF_STR_JSON:
            return orjson.dumps({"fields": {"value": value.decode()}})
        return value

    def pinned(self, sample_shape: tuple[int, ...]) -> ColumnsCodec:
        if self.sample_shape is not None and np.prod(self.sample_shape) != np.prod(sample_shape):
            raise DecodeError(f"the contract gives samples of {self.sample_shape}: expected {sample_shape}")
        return self

    def settled(self, values: Values) -> ColumnsCodec:
        return self._settled(self._records(values)) if self._learnt is None and values else self

    def _records(self, values: Values) -> RecordBatch:
        key = b"" if self._contract.stateful else None
        return ListBatch([Record("", 0, place, key, value) for place, value in enumerate(values)])

    def _settled(self, batch: RecordBatch) -> ColumnsCodec:
        learnt = _learnt_of(self._contract, batch, self._lookup)
        settled = ColumnsCodec(self._contract, learnt, self._lookup)
        settled.notes = self.notes
        return settled

    def _none(self) -> Array:
        return np.empty((0, *(self.sample_shape or (len(self._contract.columns),))), self.dtype)


def contract_of(config: Mapping[str, Any]) -> tuple[Contract, Learnt | None]:
    """Return the contract of an ``input_config``, and what was learnt; DecodeError where they cannot be read."""
    if not isinstance(config.get("contract"), Mapping):
        raise DecodeError("there is no contract in input_config", hint=_HINT)
    try:
        learnt = config.get("learnt")
        return Contract.model_validate(config["contract"]), None if learnt is None else Learnt.model_validate(learnt)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise DecodeError(
            f"the contract in input_config cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}",
            hint=_HINT,
        ) from error


def _learnt_of(contract: Contract, batch: RecordBatch, lookup: SchemaLookup | None) -> Learnt:
    """Return what can be learnt from these records; raises DecodeError if nothing can."""
    from kafkaml.contract.compiled import CompiledContract

    # Judge each record by its features alone, because a few records do not make a window.
    features = {"labels": (), "split": SplitBy.CONTENT, "window": None}
    compiled = CompiledContract(contract.model_copy(update=features), lookup=lookup)
    raw = compiled.raw(batch)
    if not len(raw.rows):
        raise raw.failures[0][1] if raw.failures else DecodeError("no record can be read", index=0)
    try:
        arrangement = compiled.arrange(raw.rows, seed=0, validation_rate=0, test_rate=0)
        return compiled.learn(raw.rows, arrangement)
    except RefusedError as error:
        raise DecodeError(error.message, index=0, hint=error.hint) from error


def _bounded(decoded: DecodedBatch) -> DecodedBatch:
    """Return the batch without the records that have more to include than an answer takes."""
    sizes = list(map(len, decoded.included))
    good = [row for row, size in enumerate(sizes) if size <= MAX_INCLUDED_BYTES]
    failures = [
        (index, _too_large(index, size))
        for index, size in zip(decoded.kept, sizes, strict=True)
        if size > MAX_INCLUDED_BYTES
    ]
    return decoded._replace(
        rows=decoded.rows[good],
        kept=[decoded.kept[row] for row in good],
        failures=sorted([*decoded.failures, *failures], key=lambda failure: failure[0]),
        included=[decoded.included[row] for row in good],
    )


def _too_large(index: int, size: int) -> DecodeError:
    return DecodeError(
        f"what the answer is to include takes {size:,} bytes: expected at most {MAX_INCLUDED_BYTES:,}",
        index=index,
        gap="too much to include",
        hint="include short fields, such as an id; the answer's kml-source header says where the whole record is",
    )


def _codecs(config: Mapping[str, Any], lookup: SchemaLookup | None) -> tuple[Codec, Codec | None]:
    lookup = lookup or SchemaRegistry.from_environment()
    return ColumnsCodec(*contract_of(config), lookup, include=config.get("include", ())), None


register(StreamFormat(name=InputFormat.COLUMNS, title="Columns of a data set", codecs=_codecs, by_hand=False))
