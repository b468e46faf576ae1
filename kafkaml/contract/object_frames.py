"""ObjectReader: records of any format read one by one, as Python objects. Called by ``frames`` and ``json_frames``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
import polars as pl

from kafkaml.codecs.field_names import Path
from kafkaml.codecs.registry import SchemaLookup
from kafkaml.contract.loading import CSV, loader_of
from kafkaml.contract.record_values import Wrong, converted, text_converted
from kafkaml.contract.value_reader import Failures, Frame, ValueReader, Values, deletion, field_of, wrong_field
from kafkaml.errors import DecodeError
from kafkaml.wire.contract import FieldKind

__all__ = ["ObjectReader"]


class ObjectReader(ValueReader):
    """Reads records one by one as Python objects, and their fields from those."""

    def __init__(
        self,
        input_format: str,
        config: Mapping[str, Any],
        fields: Mapping[Path, FieldKind],
        spare: AbstractSet[Path],
        lookup: SchemaLookup | None = None,
    ) -> None:
        super().__init__(fields, spare)
        self._load = loader_of(input_format, config, lookup)
        decimal = str(config.get("decimal", "."))
        self._convert = text_converted(decimal) if input_format == CSV else converted

    def read(self, values: Values) -> Frame:
        kept: list[int] = []
        failures: Failures = []
        rows: list[list[Any]] = []
        for index, value in enumerate(values):
            try:
                rows.append(self.row(value))
                kept.append(index)
            except DecodeError as error:
                error.index = index
                failures.append((index, error))
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self.fields)
        return Frame(self.frame_of(columns), np.array(kept, np.intp), failures)

    def row(self, value: bytes | None) -> list[Any]:
        """Return the fields of a record in the form for Polars, None for a missing one. Raises DecodeError for a wrong
        one.
        """
        if value is None:
            raise deletion()
        record = self.loaded(value)
        row = []
        for path, kind in self.fields.items():
            try:
                found = field_of(record, path)
                row.append(None if found is None else self._convert(found, kind))
            except Wrong as error:
                if path not in self.spare:
                    raise wrong_field(path, error) from error
                row.append(None)
        return row

    def loaded(self, value: bytes) -> Any:
        """Return the content of a record, without its envelope. Raises DecodeError for what is not of the format."""
        return self._load(value)

    def frame_of(self, columns: Sequence[Sequence[Any]]) -> pl.DataFrame:
        """Return a frame of the values of each field, already in the form for Polars."""
        return pl.DataFrame(
            [
                pl.Series(name, list(column), dtype=dtype, strict=True)
                for (name, dtype), column in zip(self.schema.items(), columns, strict=True)
            ]
        )
