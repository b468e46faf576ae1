"""ValueReader: the seam of formats, which gives the fields of records as a Polars frame. Implemented in ``frames``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from kafkaml.codecs.base import DELETION
from kafkaml.codecs.field_names import Path, path_text
from kafkaml.codecs.looks import shown
from kafkaml.contract.kinds import DTYPES, column_name
from kafkaml.contract.loading import VALUE
from kafkaml.contract.record_values import Wrong
from kafkaml.errors import DecodeError
from kafkaml.wire.contract import FieldKind

__all__ = ["Failures", "Frame", "Rows", "ValueReader", "Values", "deletion", "field_of", "wrong_field"]

Rows = npt.NDArray[np.intp]
Failures = list[tuple[int, DecodeError]]
# Values of records; None stands for a deletion.
Values = Sequence[bytes | None]


@dataclass(frozen=True)
class Frame:
    """``data`` has a row for each record ``kept`` (indices in the batch, rising); ``failures`` are the others."""

    data: pl.DataFrame
    kept: Rows
    failures: Failures


class ValueReader(ABC):
    """Reads the values of records of one format. ``spare`` fields become null where they have another kind."""

    def __init__(self, fields: Mapping[Path, FieldKind], spare: AbstractSet[Path]) -> None:
        self.fields = dict(fields)
        self.spare = spare
        self.schema = pl.Schema({column_name(path): DTYPES[kind] for path, kind in fields.items()})

    @abstractmethod
    def read(self, values: Values) -> Frame:
        """Return the fields of ``values``; never raises for what is in them."""


def deletion() -> DecodeError:
    """Return the error for a record without value."""
    return DecodeError("the record has no value: it is a deletion (tombstone), and no sample", gap=DELETION)


def field_of(record: Any, path: Path) -> Any:
    """Return the value at ``path`` in a record; None where it is missing. Raises Wrong where a parent is
    not an object.
    """
    if path == (VALUE,):
        return record
    for name in path:
        if record is None:
            return None
        if not isinstance(record, Mapping):
            raise Wrong(record, "an object")
        record = record.get(name)
    return record


def wrong_field(path: Path, error: Wrong) -> DecodeError:
    """Return the error for a field that holds something of another kind."""
    name = path_text(path)
    return DecodeError(
        f"the field {name} is {shown(error.value)}: expected {error.expected}",
        gap=f"another type in {name}",
        hint="declare the field as what it is; CAST(... AS DOUBLE) makes numbers of texts",
    )
