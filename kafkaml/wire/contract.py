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
    """What a field of a record holds.

    * ``number``: A number.
    * ``integer``: A whole number.
    * ``boolean``: True or false.
    * ``text``: A text.
    * ``time``: A date with a time, as a text or as a number.
    * ``numbers``: A list of numbers, which may be nested.
    * ``bytes``: Binary data, such as a picture.
    """

    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TEXT = "text"
    TIME = "time"
    NUMBERS = "numbers"
    BYTES = "bytes"


class RecordField(Message):
    """A field that is read from each record. ``path`` are the names from the outermost object to the field."""

    path: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)]
    kind: FieldKind


class KeyKind(StrEnum):
    """How the key of a record is read. Expressions call it ``_key``.

    * ``none``: The key is not read.
    * ``text``: As UTF-8 text.
    * ``number``: As a number, written as text or as a big-endian integer of 4 or 8 bytes.
    * ``bytes``: As it is.
    """

    NONE = "none"
    TEXT = "text"
    NUMBER = "number"
    BYTES = "bytes"


class Encoding(StrEnum):
    """How the value of an expression becomes numbers.

    * ``number``: The number itself.
    * ``boolean``: 1 for true, 0 for false.
    * ``category``: The position of the value in the sorted vocabulary of the training part, from 1. Any other value is
      0.
    * ``one_hot``: A vector with a 1 at the position of the category.
    * ``numbers``: A list of numbers that has the column's ``shape``.
    * ``image``: The pixels (uint8) of a PNG or JPEG picture that has the column's ``shape``.
    """

    NUMBER = "number"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    ONE_HOT = "one_hot"
    NUMBERS = "numbers"
    IMAGE = "image"


class Missing(StrEnum):
    """What happens to a record for which an expression is null.

    * ``drop``: The record is not a sample. Training counts it, and serving makes it a dead letter.
    * ``constant``: The column's ``constant`` is used.
    * ``mean``: The mean of the training part is used.
    * ``last``: The last value of the same key is used. The record is not a sample if there is none.
    """

    DROP = "drop"
    CONSTANT = "constant"
    MEAN = "mean"
    LAST = "last"


class Scaling(StrEnum):
    """How numbers are scaled. The parameters are learnt from the training part alone.

    * ``none``: Numbers stay as they are.
    * ``min_max``: The smallest number becomes 0, and the largest 1.
    * ``standard``: The mean becomes 0, and the standard deviation 1.
    * ``robust``: The median becomes 0, and the distance between the quartiles 1.
    """

    NONE = "none"
    MIN_MAX = "min_max"
    STANDARD = "standard"
    ROBUST = "robust"


class Column(Message):
    """One feature of a sample.

    ``expression`` is SQL over the fields of the record. It may also use ``_key``, ``_timestamp``, ``_partition`` and
    ``_headers.NAME``. ``shape`` is needed for the encodings ``numbers`` and ``image``, and is empty for all others.
    ``constant`` is used where ``missing`` is ``constant``. ``input`` is the name of the model's input that the column
    goes to, empty for a model with one input.
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
    """What a label is.

    * ``class``: One of several classes, given as a text or a number.
    * ``number``: A number, which a regression predicts.
    """

    CLASS = "class"
    NUMBER = "number"


class Label(Message):
    """What a model is to predict: one class, or one number. A contract has several labels if a model predicts several
    numbers.

    ``classes`` are the texts of all classes, in the order of their numbers. A record of any other class is not a
    sample. If the list is empty, the classes are those of the training part.
    """

    name: Name
    expression: Expression
    kind: LabelKind = LabelKind.NUMBER
    classes: Annotated[tuple[ClassName, ...], Field(max_length=1000)] = ()


class Window(Message):
    """Makes one sample of the last ``length`` records of a key.

    A sample is made every ``stride`` records. Its label is that of its last record. With a ``horizon``, the label is
    that of the record this number of places later, as in a forecast.
    """

    length: Annotated[int, Field(ge=1, le=10_000)]
    stride: Annotated[int, Field(ge=1, le=10_000)] = 1
    horizon: Annotated[int, Field(ge=0, le=10_000)] = 0


class SplitBy(StrEnum):
    """Which samples train, validate and test.

    * ``content``: Samples are split at random, by their content and the seed.
    * ``time``: The newest samples test, and those before them validate. No window crosses a border.
    * ``key``: All samples of a key are in the same part.
    """

    CONTENT = "content"
    TIME = "time"
    KEY = "key"


class Contract(Message):
    """How a record becomes a sample.

    ``format_config`` are settings of the format, such as an Avro schema. ``fields`` are the fields that expressions
    use. Other fields of a record are not read. Without a ``window``, which is null then, each record is a sample.
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
    """What a column learnt from the training part.

    A number is scaled to ``(value - offset) / scale``. ``fill`` replaces missing values. ``vocabulary`` are the
    categories in their order.
    """

    vocabulary: tuple[str, ...] = ()
    offset: float = 0.0
    scale: Annotated[float, Field(gt=0)] = 1.0
    fill: float | None = None


class Learnt(Message):
    """What a contract learnt from the training part. ``classes[i]`` is the text of class i. The list is empty for
    numbers.
    """

    columns: Mapping[Name, LearntColumn] = {}
    classes: tuple[str, ...] = ()


def contract_document(contract: Contract, learnt: Learnt) -> bytes:
    """Return the text of ``contract.json``, which ``CompiledContract.from_json`` reads."""
    return orjson.dumps({"contract": contract.to_json(), "learnt": learnt.to_json()}, option=orjson.OPT_INDENT_2)


def fit_records_of(config: Mapping[str, Any]) -> int:
    """Return the number of records from which the contract of a stream without end learns vocabularies and scales."""
    given = config.get(FIT_RECORDS)
    return given if isinstance(given, int) and 0 < given <= MAX_FIT_RECORDS else DEFAULT_FIT_RECORDS
