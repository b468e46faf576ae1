"""ModelCard: all that is known of one version, in one document that can leave the platform with the model.

After Mitchell and others, "Model Cards for Model Reporting", 2019; what users write about purpose and limits is in the
model's description.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kafkaml.wire.choices import Split, Targets, TrainingMode
from kafkaml.wire.distributed import ChainTraining
from kafkaml.wire.framework import Framework
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.message import Count, Message, Name, Text
from kafkaml.wire.outcome import ConfusionMatrix
from kafkaml.wire.semi_supervised import SemiSupervised
from kafkaml.wire.version import Version

__all__ = ["CardClass", "CardData", "CardLineage", "CardTraining", "ModelCard"]


class CardData(Message):
    """The stream that a version was trained on, as it was announced.

    ``topic`` and ``unsupervised_topic`` are slices of topics: ``topic:partition:start:end``, separated by commas.
    ``records`` is the number of records in the stream, null if the stream has no end. The version's ``positions`` then
    say how far training had read.
    """

    stream: int
    announced_at: datetime
    topic: Text
    unsupervised_topic: Text | None
    input_format: Name
    input_config: Mapping[str, Any]
    description: Text
    validation_rate: float
    test_rate: float
    records: Count | None


class CardTraining(Message):
    """How a version was trained.

    ``fit`` are the arguments of training, ``evaluation`` those of validation and test. ``split`` is null if the user
    left it open. The split is then by content, or by time if the fit arguments say ``shuffle=False``. ``chain`` is how
    the sub-models of a distributed model were trained together. It is null for an ordinary model.
    """

    mode: TrainingMode
    batch_size: int
    fit: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    seed: int
    split: Split | None
    targets: Targets
    incremental: Incremental | None
    semi_supervised: SemiSupervised | None = None
    chain: ChainTraining | None = None


class CardClass(Message):
    """How well a model distinguishes one class from the others, measured on the test samples.

    ``samples`` have this class, and ``predicted`` were predicted to have it. ``recall`` is the share of ``samples``
    that was recognised. ``precision`` is the share of ``predicted`` that was right. Both are null if they would divide
    by zero.
    """

    label: Name
    samples: Count
    predicted: Count
    recall: float | None
    precision: float | None


class CardLineage(Message):
    """Where a version comes from. Users and times are those in the audit trail.

    ``asked_by`` is the user who requested the training, at ``asked_at``. ``promoted_by`` is the user who made the
    version the current one, at ``promoted_at``. A user is empty if the audit trail does not name one.
    """

    deployment: int
    configuration: int
    configuration_name: Name
    asked_by: Name
    asked_at: datetime | None
    promoted_by: Name
    promoted_at: datetime | None


class ModelCard(Message):
    """All that is known of one version of a result: the model, its data, how it was trained, and how well it does.

    ``data`` is null if the stream is not known any more, and ``confusion_matrix`` unless the deployment asked for it.
    Metrics, seed, split, package versions, preparation and warnings are in ``version.outcome``. The comparison that
    promoted the version is in ``version.comparison``.
    """

    result: int
    model: int
    name: Name
    description: Text
    framework: Framework
    code: Text
    imports: Text
    version: Version
    data: CardData | None
    training: CardTraining
    lineage: CardLineage
    confusion_matrix: ConfusionMatrix | None
    classes: list[CardClass]
