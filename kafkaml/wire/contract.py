"""Contract: how a record of any topic becomes a sample, the same for training and for serving.

A data set is a slice of topics and a contract; what a contract learns from the training part (vocabularies, scales)
is ``Learnt``, kept with the result and sent along with whatever serves it. A stream that a sink announced is the
simplest contract (one array, the label in the key) and needs none of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import orjson
from pydantic import Field

from kafkaml.wire.message import Message, Name

__all__ = [
    "DEFAULT_FIT_RECORDS",
    "FIT_RECORDS",
    "MAX_FIT_RECORDS",
    "Column",
    "Contract",
    "Encoding",
    "Expression",
    "FieldKind",
    "KeyKind",
    "Label",
    "LabelKind",
    "Learnt",
    "LearntColumn",
    "Missing",
    "RecordField",
    "Scaling",
    "SplitBy",
    "Window",
    "contract_document",
    "fit_records_of",
]

# The entry of an ``input_config`` with the number of records from which an unbounded stream learns vocabularies and
# scales.
FIT_RECORDS = "fit_records"
DEFAULT_FIT_RECORDS, MAX_FIT_RECORDS = 1000, 100_000

Expression = Annotated[str, Field(min_length=1, max_length=2000)]
ClassName = Annotated[str, Field(max_length=1000)]
# A sample with more numbers than this is an error in the contract.
Length = Annotated[int, Field(ge=1, le=1_000_000)]


class FieldKind(StrEnum):
    """What a field of a record holds. ``numbers``: a list of numbers; ``time``: a date with time, as text or number."""

    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TEXT = "text"
    TIME = "time"
    NUMBERS = "numbers"
    BYTES = "bytes"


class RecordField(Message):
    """A field that is read of each record. ``path`` are the names from the outermost object to it."""

    path: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)]
    kind: FieldKind


class KeyKind(StrEnum):
    """How the key of a record, ``_key`` in expressions, is read."""

    NONE = "none"
    TEXT = "text"
    NUMBER = "number"
    BYTES = "bytes"


class Encoding(StrEnum):
    """How the value of an expression becomes numbers.

    ``category``: the place of the value in the sorted vocabulary of the training part, counted from 1; 0 is any other
    value. ``one_hot``: the same as a vector. ``numbers``: a list of the column's ``shape``. ``image``: bytes of a
    picture (PNG, JPEG) of the column's ``shape``, uint8.
    """

    NUMBER = "number"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    ONE_HOT = "one_hot"
    NUMBERS = "numbers"
    IMAGE = "image"


class Missing(StrEnum):
    """What happens to a record whose expression is null.

    ``drop``: the record is not a sample; training counts it, serving makes it a dead letter. ``last``: the last value
    of the same key is taken, and the record dropped where there is none yet. ``mean``: the mean of the training part is
    taken.
    """

    DROP = "drop"
    CONSTANT = "constant"
    MEAN = "mean"
    LAST = "last"


class Scaling(StrEnum):
    """``min_max``: 0..1; ``standard``: mean 0, deviation 1; ``robust``: median 0, quartiles 1 apart.

    The parameters are learnt from the training part only.
    """

    NONE = "none"
    MIN_MAX = "min_max"
    STANDARD = "standard"
    ROBUST = "robust"


class Column(Message):
    """One feature. ``constant`` stands in with ``missing`` of that name; ``input`` names the model's input it goes to.

    ``expression`` is SQL over the fields of the record and ``_key``, ``_timestamp``, ``_partition``, ``_headers.NAME``.
    ``shape`` is that of ``numbers`` and ``image``, empty for all others.
    """

    name: Name
    expression: Expression
    encoding: Encoding = Encoding.NUMBER
    shape: tuple[Length, ...] = ()
    missing: Missing = Missing.DROP
    constant: float | bool | str | None = None
    scaling: Scaling = Scaling.NONE
    input: Name = ""


class LabelKind(StrEnum):
    """``class``: texts or numbers of which each is a class; ``number``: what a regression learns."""

    CLASS = "class"
    NUMBER = "number"


class Label(Message):
    """What is to be predicted: one class, or one or several numbers (a contract then has as many labels).

    ``classes`` are the texts of all classes, in the order of their numbers; a record with any other one is not a
    sample. Empty: those of the training part.
    """

    name: Name
    expression: Expression
    kind: LabelKind = LabelKind.NUMBER
    classes: Annotated[tuple[ClassName, ...], Field(max_length=1000)] = ()


class Window(Message):
    """A sample is the last ``length`` records of one key, one every ``stride`` records.

    The label is that of its last record, or of the record ``horizon`` places behind it (forecast).
    """

    length: Annotated[int, Field(ge=1, le=10_000)]
    stride: Annotated[int, Field(ge=1, le=10_000)] = 1
    horizon: Annotated[int, Field(ge=0, le=10_000)] = 0


class SplitBy(StrEnum):
    """Which samples train, validate and test.

    ``content``: samples are split at random, by their content. ``time``: the newest samples test, those before them
    validate, and no window lies on both sides of a border. ``key``: all samples of a key are in one part.
    """

    CONTENT = "content"
    TIME = "time"
    KEY = "key"


class Contract(Message):
    """How a record becomes a sample. ``format_config`` are settings of the format, such as an Avro schema.

    ``fields`` are those that expressions use; others are not read.
    """

    format: Name
    format_config: Mapping[str, Any] = {}
    key: KeyKind = KeyKind.TEXT
    fields: Annotated[tuple[RecordField, ...], Field(max_length=2000)] = ()
    columns: Annotated[tuple[Column, ...], Field(min_length=1, max_length=1000)]
    labels: Annotated[tuple[Label, ...], Field(max_length=100)] = ()
    window: Window | None = None
    split: SplitBy = SplitBy.CONTENT

    @property
    def stateful(self) -> bool:
        """Whether a sample depends on the records of its key before it."""
        return self.window is not None or any(column.missing == Missing.LAST for column in self.columns)


class LearntColumn(Message):
    """What a column learnt from the training part: ``(value - offset) / scale``; ``fill`` stands in for what is
    missing.
    """

    vocabulary: tuple[str, ...] = ()
    offset: float = 0.0
    scale: Annotated[float, Field(gt=0)] = 1.0
    fill: float | None = None


class Learnt(Message):
    """What was learnt from the training part. ``classes[i]`` is the text that label i stands for, empty for numbers."""

    columns: Mapping[Name, LearntColumn] = {}
    classes: tuple[str, ...] = ()


def contract_document(contract: Contract, learnt: Learnt) -> bytes:
    """Return the text of ``contract.json``, which ``CompiledContract.from_json`` reads."""
    return orjson.dumps({"contract": contract.to_json(), "learnt": learnt.to_json()}, option=orjson.OPT_INDENT_2)


def fit_records_of(config: Mapping[str, Any]) -> int:
    """Return the number of records from which the contract of a stream without end learns vocabularies and scales."""
    given = config.get(FIT_RECORDS)
    return given if isinstance(given, int) and 0 < given <= MAX_FIT_RECORDS else DEFAULT_FIT_RECORDS
