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
    """What a field is in the proposed contract."""

    COLUMN = "column"
    LABEL = "label"
    KEY = "key"
    TIME = "time"
    LEFT_OUT = "left_out"


class Bin(Message):
    """How many values are in low <= x < high; in the last of a histogram also those that are ``high``."""

    low: float
    high: float
    count: Count


class ValueCount(Message):
    """A value as text, and how often it is there."""

    value: Quoted
    count: Count


class Numbers(Message):
    """How the numbers of a field are distributed; those of lists all together. NaN and infinity are left out.

    ``whole``: all are whole numbers.
    """

    min: float
    max: float
    mean: float
    deviation: float
    quartiles: tuple[float, float, float]
    whole: bool
    histogram: Annotated[tuple[Bin, ...], Field(max_length=50)] = ()


class FieldSummary(Message):
    """A field of the records, as the sample has it.

    ``expression`` reads it in a contract. ``missing`` is the share of records that lack it or hold null, ``odd`` that
    of records where it is of another kind. ``distinct`` is counted up to a bound: ``more`` says that there are more.
    ``top`` are the values that are there most often, of texts, booleans and numbers of few values. ``shape`` is that of
    lists. ``reason`` explains why a field is not a column.
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
    """The label that is proposed, and ``why``. ``balance`` are its classes, most frequent first."""

    name: Name
    expression: Expression
    kind: LabelKind
    why: Text
    balance: Annotated[tuple[ValueCount, ...], Field(max_length=50)] = ()


class KeySummary(Message):
    """The keys of the records. ``repeats`` is how many records the usual key has in the sample."""

    kind: KeyKind
    missing: Share
    distinct: Count
    repeats: Metric
    top: Annotated[tuple[ValueCount, ...], Field(max_length=50)] = ()


class TimeSummary(Message):
    """Which time the records have. ``sorted``: the share of neighbours in a partition whose times do not go back."""

    expression: Expression
    first_ms: int
    last_ms: int
    sorted: Share


class Undecodable(Message):
    """How many records of the sample are not samples, and the first of them."""

    share: Share
    place: Text
    message: Text
    value: Quoted


class RemarkCode(StrEnum):
    """What there is to say of a topic before it is learnt from."""

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
    """``error``: there is no contract without a change; ``warning``: look at it; ``info``: good to know."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Remark(Message):
    """One thing that was noticed: a sentence, and what to do. ``path`` is the field it is about, if it is about one."""

    code: RemarkCode
    severity: Severity
    message: Text
    hint: Text = ""
    path: Annotated[tuple[Name, ...], Field(max_length=20)] = ()


class Proposal(Message):
    """What a sample of a topic suggests. ``contract`` is None where nothing can be learnt from; a remark says why.

    ``sampled`` records were looked at, ``decodes`` is the share of them that the contract makes samples of.
    ``window`` is what the records would allow; the contract itself has none.
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
