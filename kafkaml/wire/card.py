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
    """The stream that it was trained on, as it was announced. ``topic`` and ``unsupervised_topic`` name the slices.

    Of a stream without end it was trained up to the version's ``positions``.
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
    """How it was trained. ``fit`` and ``evaluation`` are the arguments; null ``split``: by content, or as they say.

    ``chain`` is what the sub-models of a distributed model were trained with, together; null: an ordinary model.
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
    """How well one class was distinguished from the others, on test samples. Null where there is nothing to
    divide by.
    """

    label: Name
    samples: Count
    predicted: Count
    recall: float | None
    precision: float | None


class CardLineage(Message):
    """Where it comes from, and who asked for it when, as the audit trail says."""

    deployment: int
    configuration: int
    configuration_name: Name
    asked_by: Name
    asked_at: datetime | None
    promoted_by: Name
    promoted_at: datetime | None


class ModelCard(Message):
    """One version of a result: what it is, how well it does, and what it was made from.

    Metrics, seed, split, packages, preparation and warnings are in ``version.outcome``; what promoted it is in
    ``version.comparison``.
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
