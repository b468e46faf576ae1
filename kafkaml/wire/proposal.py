"""Proposal: what a sample of a topic's records says of them, and the contract that it suggests.

Made by ``kafkaml.contract.proposal``; shown to people, who change what they like and make a data set of it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from kafkaml.wire.contract import Contract, Expression, FieldKind, KeyKind, LabelKind, Window
from kafkaml.wire.message import Count, Message, Metric, Name, Text

__all__ = [
    "Bin",
    "FieldRole",
    "FieldSummary",
    "KeySummary",
    "LabelChoice",
    "Numbers",
    "Proposal",
    "Remark",
    "RemarkCode",
    "Severity",
    "Share",
    "TimeSummary",
    "Undecodable",
    "ValueCount",
]

Share = Annotated[float, Field(ge=0, le=1)]
# A text that is quoted from a user's records.
Quoted = Annotated[str, Field(max_length=200)]


class FieldRole(StrEnum):
    """What a field becomes in the proposed contract.

    * ``column``: A feature.
    * ``label``: The label.
    * ``key``: The key of the record, which groups records into windows.
    * ``time``: The time of the record.
    * ``left_out``: Nothing. ``reason`` says why.
    """

    COLUMN = "column"
    LABEL = "label"
    KEY = "key"
    TIME = "time"
    LEFT_OUT = "left_out"


class Bin(Message):
    """One bin of a histogram: ``count`` values with ``low <= value < high``. The last bin includes ``high``."""

    low: float
    high: float
    count: Count


class ValueCount(Message):
    """A value as text, which occurs ``count`` times."""

    value: Quoted
    count: Count


class Numbers(Message):
    """How the numbers of a field are distributed. NaN and infinity are left out. For lists, all numbers are taken
    together.

    ``min`` is the least number and ``max`` the greatest. ``mean`` is the arithmetic mean, and ``deviation`` the
    standard deviation. ``quartiles`` are the 25th, 50th and 75th percentile. ``whole`` is true if all are whole
    numbers.
    """

    min: float
    max: float
    mean: float
    deviation: float
    quartiles: tuple[float, float, float]
    whole: bool
    histogram: Annotated[tuple[Bin, ...], Field(max_length=50)] = ()


class FieldSummary(Message):
    """A field of the sampled records.

    ``expression`` reads the field in a contract. ``missing`` is the share of records in which it is absent or null.
    ``odd`` is the share of records in which it has another kind. ``distinct`` is the number of different values. If
    ``more`` is true, counting stopped there. ``top`` are the most frequent values, for texts, booleans and numbers with
    few values. ``numbers`` is null for fields without numbers. ``shape`` is that of lists. ``reason`` says why the
    field is not a column.
    """

    path: Annotated[tuple[Name, ...], Field(max_length=20)]
    kind: FieldKind
    expression: Expression
    role: FieldRole
    reason: Text = ""
    missing: Share = 0.0
    odd: Share = 0.0
    distinct: Count = 0
    more: bool = False
    shape: tuple[int, ...] = ()
    numbers: Numbers | None = None
    top: Annotated[tuple[ValueCount, ...], Field(max_length=50)] = ()


class LabelChoice(Message):
    """The proposed label, and ``why`` it was chosen. ``balance`` are its classes, the most frequent first."""

    name: Name
    expression: Expression
    kind: LabelKind
    why: Text
    balance: Annotated[tuple[ValueCount, ...], Field(max_length=50)] = ()


class KeySummary(Message):
    """The keys of the sampled records. ``missing`` is the share of records without a key. ``distinct`` is the number of
    different keys, and ``repeats`` the mean number of sampled records per key.
    """

    kind: KeyKind
    missing: Share
    distinct: Count
    repeats: Metric
    top: Annotated[tuple[ValueCount, ...], Field(max_length=50)] = ()


class TimeSummary(Message):
    """The times of the sampled records, in milliseconds since 1970. ``sorted`` is the share of neighbours in a
    partition whose times are in order.
    """

    expression: Expression
    first_ms: int
    last_ms: int
    sorted: Share


class Undecodable(Message):
    """The ``share`` of sampled records that are not samples, from 0 to 1, and the first of them."""

    share: Share
    place: Text
    message: Text
    value: Quoted


class RemarkCode(StrEnum):
    """What a remark about a topic or a contract is about.

    * ``no_records``: The slice holds no records.
    * ``few_records``: There are so few records that a proposal may not hold for later ones.
    * ``unknown_format``: The format of the records was not recognised, or lacks a setting.
    * ``guessed_type``: The type of raw numbers was guessed.
    * ``undecodable``: Some records do not have the format.
    * ``tombstones``: Some records are deletions, which have no value.
    * ``envelope``: The records are wrapped in an envelope, which is read.
    * ``mixed_schemas``: The records have several schemas, or are of several kinds.
    * ``mixed_kinds``: A field has values of several types.
    * ``too_many_fields``: The records have more fields than are examined.
    * ``no_columns``: No field can be a column.
    * ``no_samples``: No record makes a sample.
    * ``incomplete``: Some records make no sample, because a field is missing or has another type.
    * ``no_label``: No field looks like a label.
    * ``constant``: A field always has the same value.
    * ``mostly_missing``: A field is missing in at least half of the records.
    * ``label_leak``: A column may give the label away.
    * ``one_class``: All sampled records have the same label.
    * ``imbalanced``: Nearly all sampled records have the same label.
    * ``unscaled``: A column has numbers from 0 to 255, which are better scaled.
    * ``large_integers``: A field has integers above 2^53, which would be rounded.
    * ``numbers_as_text``: A field holds numbers that are written as text.
    * ``unsorted_times``: The times of records are not in order.
    * ``expiring``: Records are older than the topic's retention, so that Kafka is about to delete them.
    * ``key_on_several_partitions``: Records of one key are in several partitions, so that windows would have gaps.
    * ``window``: A remark about windows.
    * ``split``: A remark about the split into training, validation and test samples.
    """

    NO_RECORDS = "no_records"
    FEW_RECORDS = "few_records"
    UNKNOWN_FORMAT = "unknown_format"
    GUESSED_TYPE = "guessed_type"
    UNDECODABLE = "undecodable"
    TOMBSTONES = "tombstones"
    ENVELOPE = "envelope"
    MIXED_SCHEMAS = "mixed_schemas"
    MIXED_KINDS = "mixed_kinds"
    TOO_MANY_FIELDS = "too_many_fields"
    NO_COLUMNS = "no_columns"
    NO_SAMPLES = "no_samples"
    INCOMPLETE = "incomplete"
    NO_LABEL = "no_label"
    CONSTANT = "constant"
    MOSTLY_MISSING = "mostly_missing"
    LABEL_LEAK = "label_leak"
    ONE_CLASS = "one_class"
    IMBALANCED = "imbalanced"
    UNSCALED = "unscaled"
    LARGE_INTEGERS = "large_integers"
    NUMBERS_AS_TEXT = "numbers_as_text"
    UNSORTED_TIMES = "unsorted_times"
    EXPIRING = "expiring"
    KEY_ON_SEVERAL_PARTITIONS = "key_on_several_partitions"
    WINDOW = "window"
    SPLIT = "split"


class Severity(StrEnum):
    """How serious a remark is.

    * ``error``: There can be no contract until something is changed.
    * ``warning``: The result may be wrong or of little use.
    * ``info``: For information.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Remark(Message):
    """A finding about a topic or a contract. ``message`` says what was found, and ``hint`` what to do. ``path`` is the
    field that it is about, empty if it is about all.
    """

    code: RemarkCode
    severity: Severity
    message: Text
    hint: Text = ""
    path: Annotated[tuple[Name, ...], Field(max_length=20)] = ()


class Proposal(Message):
    """The ``contract`` that is proposed for a topic, from a sample of its records. It is null if nothing can be learnt
    from them. A remark then says why. ``label``, ``key`` and ``time`` are null where the records have none, and
    ``undecodable`` is null if all records become samples.

    ``sampled`` records were examined. ``decodes`` is the share of those that the contract makes samples of. ``window``
    is one that the records allow. The proposed contract has none.
    """

    contract: Contract | None
    sampled: Count
    decodes: Share
    fields: Annotated[tuple[FieldSummary, ...], Field(max_length=2000)] = ()
    label: LabelChoice | None = None
    key: KeySummary | None = None
    time: TimeSummary | None = None
    window: Window | None = None
    undecodable: Undecodable | None = None
    remarks: Annotated[tuple[Remark, ...], Field(max_length=200)] = ()
