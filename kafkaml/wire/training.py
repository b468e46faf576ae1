"""TrainingPlan: what one training run does. The control plane makes it, ``model_training`` fetches it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from kafkaml.control import ControlMessage
from kafkaml.wire.checkpoint import Checkpoint, WindowEnd
from kafkaml.wire.choices import Split, Targets, TrainingMode
from kafkaml.wire.distributed import ChainTraining, SubModel
from kafkaml.wire.framework import Framework
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.limits import ResourceLimits
from kafkaml.wire.message import Message
from kafkaml.wire.semi_supervised import SemiSupervised

__all__ = ["TrainingPlan"]


def _announcement(value: object) -> ControlMessage:
    return value if isinstance(value, ControlMessage) else ControlMessage.from_json(value)


# The stream is in the plan as the sink announced it, in the form that docs/wire.md describes.
Announcement = Annotated[
    ControlMessage,
    PlainValidator(_announcement),
    PlainSerializer(ControlMessage.to_json),
    WithJsonSchema({"type": "object", "description": "as announced on the control topic", "additionalProperties": {}}),
]


class TrainingPlan(Message):
    """All that a training run needs to know. It comes from ``GET /api/jobs/training/{id}/``.

    ``fit_arguments`` and ``evaluation_arguments`` are parsed values. ``seed`` is used for the split and by the
    framework. ``split`` is the rule that applies, after the fit argument ``shuffle`` was considered. An incremental
    training begins with records that are not older than ``since_ms``, in milliseconds since 1970. This is when the
    stream was announced, unless the announcement named another time. ``semi_supervised`` is null if unlabelled data is
    not learnt.

    ``checkpoint`` is where an earlier attempt stopped, and from where this one continues. ``begun`` is the window after
    it that the earlier attempt had begun. This attempt ends the window at the same place. ``stop_asked`` is true if a
    user wants the training to end now and keep what it has learnt.

    ``chain`` are the sub-models of a distributed model, from the lowest to the highest. They are trained together, as
    ``chain_training`` says. The plan's own result, name and code are then those of the highest. For an ordinary model,
    ``chain`` is empty and ``chain_training`` null.
    """

    result_id: int
    deployment_id: int
    model_name: str
    framework: Framework
    mode: TrainingMode
    code: str
    imports: str
    batch_size: int
    fit_arguments: Mapping[str, Any]
    evaluation_arguments: Mapping[str, Any]
    stream: Announcement
    seed: int
    confusion_matrix: bool
    split: Split = Split.CONTENT
    targets: Targets = Targets.LABELS
    incremental: Incremental | None = None
    semi_supervised: SemiSupervised | None = None
    chain: tuple[SubModel, ...] = ()
    chain_training: ChainTraining | None = None
    since_ms: int = 0
    checkpoint: Checkpoint | None = None
    begun: WindowEnd | None = None
    stop_asked: bool = False
    limits: ResourceLimits = ResourceLimits()
    gpu: int = 0
