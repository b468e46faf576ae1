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
    """Something that is wrong with a contract.

    ``place`` is a path in the contract, such as ``columns.2.expression``, ``labels.0.expression``, ``window.horizon``
    or ``format_config``. For an expression, ``start`` and ``end`` are positions of characters in its text, the end
    excluded. ``known`` are the names that the expression may use, and ``meant`` those that resemble what it uses
    instead.
    """

    place: Text
    message: Text
    hint: Text = ""
    start: int | None = None
    end: int | None = None
    known: Annotated[tuple[Text, ...], Field(max_length=2100)] = ()
    meant: Annotated[tuple[Text, ...], Field(max_length=50)] = ()


class PreviewColumn(Message):
    """What the expression of a column or of a label gives for the records that can be read, before scaling.

    ``place`` is ``columns.2`` or ``labels.0``, for example. ``kind`` is null if the expression is always null.
    ``missing`` is the share of records for which the expression is null. ``numbers`` describes numbers, including all
    numbers of lists. ``top`` are the most frequent of the ``distinct`` values of categories, classes and booleans.
    Pictures have neither. ``width`` is how many numbers of a sample the column becomes, 0 for a label. ``shape`` is
    that of lists and pictures. ``input`` is the name of the model's input that the column goes to.
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
    """One input of the model. ``shape`` is that of one sample, including a window. ``dtype`` is float32, or uint8 for
    pictures.

    ``features`` are names for the positions on the last axis. ``status=ok`` is a position of a one-hot column, and
    ``status=other`` stands for values that training did not have. The list is empty for a list of numbers, for a
    picture, and for more than 500 positions.
    """

    name: Name
    shape: tuple[int, ...]
    dtype: Name
    features: Annotated[tuple[Text, ...], Field(max_length=500)] = ()


class ShownPart(StrEnum):
    """Which part of an array is shown.

    * ``whole``: All of it.
    * ``first``: The first elements along each axis.
    * ``thinned``: Every n-th row and column of a picture.
    """

    WHOLE = "whole"
    FIRST = "first"
    THINNED = "thinned"


class SampleInput(Message):
    """The part of a sample that one input of the model gets. ``values`` are in row-major order of ``shape``, which is
    the shape of the shown part.
    """

    name: Name
    shape: tuple[int, ...]
    values: tuple[float, ...]
    shown: ShownPart = ShownPart.WHOLE


class SamplePart(StrEnum):
    """What a sample is used for.

    * ``training``: The model learns it.
    * ``validation``: The model is measured on it while it learns.
    * ``test``: The model is measured on it afterwards.
    """

    TRAINING = "training"
    VALIDATION = "validation"
    TEST = "test"


class PreviewSample(Message):
    """A sample as the model gets it. It is scaled by the parameters of the sampled records that train.

    ``topic``, ``partition``, ``offset``, ``key`` (as text) and ``timestamp_ms`` are those of the sample's last record.
    ``label`` is the name of a class or a list of numbers. It is null without labels.
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
    """How many samples the sampled records make, by part: ``training``, ``validation`` and ``test``. ``left_out``
    counts windows that cross a border of the split. ``unlabelled`` counts samples without a label.
    """

    training: Count
    validation: Count
    test: Count
    left_out: Count = 0
    unlabelled: Count = 0


class Preview(Message):
    """What a contract makes of a sample of a slice.

    ``records`` is the largest number of records that the slice can hold, and ``sampled`` the number examined.
    ``decodes`` is the share of those that become samples, or rows of windows. ``undecodable`` is the first record that
    does not. ``balance`` are the classes of the label, the most frequent first. ``inputs``, ``samples`` and ``parts``
    are empty if no sample can be made. ``problems`` are mistakes in the contract. ``remarks`` are other findings that
    deserve a look. With windows, the sampled records are consecutive, so that a rare key has fewer windows here than in
    a training.
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
