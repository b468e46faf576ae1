"""TrainingPlan: what one training run does. The control plane makes it, ``model_training`` fetches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from kafkaml.control import ControlMessage
from kafkaml.wire.framework import Framework
from kafkaml.wire.limits import ResourceLimits

__all__ = ["Split", "Targets", "TrainingMode", "TrainingPlan"]


class TrainingMode(StrEnum):
    """How a deployment trains. Further modes are strategies beside ``model_training/modes/classic.py``."""

    CLASSIC = "classic"


class Split(StrEnum):
    """Which samples train, validate and test: at random by their content, or the newest ones test."""

    CONTENT = "content"
    TIME = "time"


class Targets(StrEnum):
    """What a model learns to answer: the samples' labels, or the samples themselves (autoencoders)."""

    LABELS = "labels"
    FEATURES = "features"


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """What one training run does; served by ``GET /api/jobs/training/<result>/``.

    ``fit_arguments`` and ``evaluation_arguments`` are already parsed literals. ``seed`` drives the split and the
    framework alike. ``split`` is the rule as it was decided, the fit arguments' ``shuffle`` looked at.
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
    stream: ControlMessage
    seed: int
    confusion_matrix: bool
    split: Split = Split.CONTENT
    targets: Targets = Targets.LABELS
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    gpu: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object; ``from_json`` is its inverse."""
        return {
            **{each.name: getattr(self, each.name) for each in fields(self)},
            "fit_arguments": dict(self.fit_arguments),
            "evaluation_arguments": dict(self.evaluation_arguments),
            "stream": self.stream.to_json(),
            "limits": {each.name: getattr(self.limits, each.name) for each in fields(self.limits)},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> TrainingPlan:
        """Read a plan; unknown fields of a newer backend are ignored."""
        known = {each.name: document[each.name] for each in fields(cls) if each.name in document}
        return cls(
            **{
                **known,
                "framework": Framework(known["framework"]),
                "mode": TrainingMode(known["mode"]),
                "split": Split(known.get("split", Split.CONTENT)),
                "targets": Targets(known.get("targets", Targets.LABELS)),
                "stream": ControlMessage.from_json(known["stream"]),
                "limits": ResourceLimits(**known.get("limits", {})),
            }
        )
