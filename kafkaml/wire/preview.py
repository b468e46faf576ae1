"""Preview: a sample of a slice's records as a contract takes them, and where the contract is wrong.

Made by ``kafkaml.contract.preview`` while somebody writes the contract. What is wrong with one column does not hide
the others: the rest of the contract is previewed without it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from kafkaml.wire.contract import Encoding, Expression, FieldKind
from kafkaml.wire.message import Count, Message, Name, Text
from kafkaml.wire.proposal import Numbers, Remark, Share, Undecodable, ValueCount

__all__ = [
    "ContractProblem",
    "Preview",
    "PreviewColumn",
    "PreviewInput",
    "PreviewSample",
    "SampleInput",
    "SamplePart",
    "SampleParts",
    "ShownPart",
]


class ContractProblem(Message):
    """One thing that is wrong with the contract.

    ``place`` is the path in the contract as it was asked, such as ``columns.2.expression``, ``labels.0.expression``,
    ``window.horizon`` or ``format_config``. Of an expression, ``start`` and ``end`` (exclusive) are the place in its
    text, ``known`` the names that it may use, ``meant`` those that resemble what it uses instead.
    """

    place: Text
    message: Text
    hint: Text = ""
    start: int | None = None
    end: int | None = None
    known: Annotated[tuple[Text, ...], Field(max_length=2100)] = ()
    meant: Annotated[tuple[Text, ...], Field(max_length=50)] = ()


class PreviewColumn(Message):
    """A column, or a label, over the records that can be read: what its expression gives, before anything is scaled.

    ``place`` is ``columns.2`` or ``labels.0``. ``missing`` is the share of records where it is NULL. Of numbers (also
    those of lists, all together) ``numbers`` is given, of categories, classes and booleans ``top``, the most frequent
    of ``distinct`` values; of pictures neither. ``width`` is how many numbers of a sample it becomes (0 of labels),
    ``shape`` that of lists and pictures. ``input`` names the model's input that it goes to.
    """

    place: Text
    name: Name
    expression: Expression
    kind: FieldKind | None
    encoding: Encoding
    input: Name = ""
    width: Count = 0
    shape: tuple[int, ...] = ()
    missing: Share = 0.0
    distinct: Count = 0
    numbers: Numbers | None = None
    top: Annotated[tuple[ValueCount, ...], Field(max_length=50)] = ()


class PreviewInput(Message):
    """An input of the model: ``shape`` of one sample, windows included, and ``dtype`` (float32, or uint8 of pictures).

    ``features`` name the places of the last axis where columns stand side by side (``status=ok`` of a one-hot column;
    ``status=other`` is what training did not have); empty of a list or a picture, and of more than 500.
    """

    name: Name
    shape: tuple[int, ...]
    dtype: Name
    features: Annotated[tuple[Text, ...], Field(max_length=500)] = ()


class ShownPart(StrEnum):
    """How much of an array is shown: all of it, its ``first`` elements along each axis, or every n-th row and column
    of a picture (``thinned``).
    """

    WHOLE = "whole"
    FIRST = "first"
    THINNED = "thinned"


class SampleInput(Message):
    """What one input gets of a sample: ``values`` in row-major order of ``shape``, which is that of the ``shown``."""

    name: Name
    shape: tuple[int, ...]
    values: tuple[float, ...]
    shown: ShownPart = ShownPart.WHOLE


class SamplePart(StrEnum):
    """What a sample is used for: training, validation or testing."""

    TRAINING = "training"
    VALIDATION = "validation"
    TEST = "test"


class PreviewSample(Message):
    """A sample as the model gets it, scaled by what the training part of the sampled records tells.

    ``topic``, ``partition`` and ``offset``, ``key`` (as text) and ``timestamp_ms`` are those of its last record.
    ``label`` is the class, or the numbers; None without labels.
    """

    topic: Name
    partition: int
    offset: int
    key: Text | None
    timestamp_ms: int
    part: SamplePart
    inputs: tuple[SampleInput, ...]
    label: str | tuple[float, ...] | None = None


class SampleParts(Message):
    """How many samples the sampled records make, by part; ``left_out`` windows lie across a border of the split,
    ``unlabelled`` ones have no label.
    """

    training: Count
    validation: Count
    test: Count
    left_out: Count = 0
    unlabelled: Count = 0


class Preview(Message):
    """What a contract makes of a slice. ``records`` is how many the slice holds at most, ``sampled`` were looked at.

    ``decodes`` is the share of the sampled records that are samples (or rows of windows), ``undecodable`` the first
    that is not one. ``balance`` are the classes of the label over the sampled records, most frequent first. ``inputs``,
    ``samples`` and ``parts`` are empty where no sample can be made: ``problems`` and ``remarks`` say why. With windows
    the sampled records follow each other, so rare keys have fewer windows here than in a training. What is wrong in the
    contract is in ``problems``, what is worth a look in ``remarks``.
    """

    records: Count
    sampled: Count
    decodes: Share = 0.0
    undecodable: Undecodable | None = None
    columns: Annotated[tuple[PreviewColumn, ...], Field(max_length=1100)] = ()
    balance: Annotated[tuple[ValueCount, ...], Field(max_length=50)] = ()
    inputs: Annotated[tuple[PreviewInput, ...], Field(max_length=1000)] = ()
    parts: SampleParts | None = None
    samples: Annotated[tuple[PreviewSample, ...], Field(max_length=100)] = ()
    problems: Annotated[tuple[ContractProblem, ...], Field(max_length=3000)] = ()
    remarks: Annotated[tuple[Remark, ...], Field(max_length=200)] = ()
