"""What travels from the control plane to a worker: how to run (a job, by environment), what to do (a plan, by HTTP).

The launchers write ``Job.to_env``; the workers read ``Job.from_env`` and fetch their plan with the token in
``token_file``. User code and arguments travel in the plan only, because an environment is bounded in size and visible
to others. No credential is in either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

from kafkaml.control import ControlMessage, InputFormat
from kafkaml.errors import SettingsError

__all__ = [
    "DeliveryGuarantee",
    "Framework",
    "InferenceJob",
    "InferencePlan",
    "OutputTimestamps",
    "ResourceLimits",
    "Split",
    "Targets",
    "TrainingJob",
    "TrainingMode",
    "TrainingPlan",
    "job_from_env",
]


class Framework(StrEnum):
    """The framework that a model is written in."""

    TENSORFLOW = "tensorflow"
    PYTORCH = "pytorch"


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


class DeliveryGuarantee(StrEnum):
    """What an inference promises about each input record."""

    EXACTLY_ONCE = "exactly_once"
    AT_LEAST_ONCE = "at_least_once"


class OutputTimestamps(StrEnum):
    """Which time an answer is stamped with: that of its input record, or that of its writing."""

    SOURCE = "source"
    WRITTEN = "written"


@dataclass(frozen=True)
class ResourceLimits:
    """Upper bounds of one model process; 0 means none but the machine's."""

    memory_bytes: int = 4 << 30
    cpu_seconds: int = 0
    file_bytes: int = 8 << 30
    wall_seconds: int = 0


def _text(value: str | None) -> str:
    if value is None:
        raise TypeError("missing")
    return value


# By the annotation of a job's field: how its environment variable is read.
_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {"int": int, "str": _text, "Framework": Framework}


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What every worker needs to know to start: its name, attempt, where the backend is, and where it may write.

    ``fork_server`` is the path of a warm fork server's socket, empty where the worker starts its own (as in a pod).
    ``state_dir`` holds the slice cache and artifact cache that workers of one machine share.
    """

    name: str
    attempt: int
    framework: Framework
    backend_url: str
    token_file: str
    state_dir: str
    fork_server: str = ""

    def to_env(self) -> dict[str, str]:
        """Return the environment variables (``KML_JOB_*``) that ``from_env`` reads back."""
        return {f"KML_JOB_{each.name.upper()}": str(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read a job from the environment; raises SettingsError naming every variable that is missing or malformed."""
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for each in fields(cls):
            variable = f"KML_JOB_{each.name.upper()}"
            text = env.get(variable, "" if each.default == "" else None)
            convert = _CONVERTERS[str(each.type)]
            try:
                values[each.name] = convert(text)
            except (TypeError, ValueError):
                wrong.append(f"{variable}={text!r}")
        if wrong:
            raise SettingsError(
                f"job environment is incomplete or malformed: {', '.join(wrong)}",
                hint="workers are started by the controller; to run one by hand, copy the environment from its spec",
            )
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class TrainingJob(_Job):
    """One attempt at training one model of a deployment."""

    result_id: int


@dataclass(frozen=True, kw_only=True)
class InferenceJob(_Job):
    """One replica of an inference."""

    inference_id: int
    replica: int


def job_from_env(env: Mapping[str, str]) -> TrainingJob | InferenceJob:
    """Read whichever job the environment describes."""
    return TrainingJob.from_env(env) if "KML_JOB_RESULT_ID" in env else InferenceJob.from_env(env)


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


@dataclass(frozen=True, kw_only=True)
class InferencePlan:
    """What one inference does; served by ``GET /api/jobs/inference/<inference>/``.

    ``artifacts`` maps names (``model.weights.h5``, ``model.onnx``, ...) to their sha256; a replica picks the fastest
    that its engine loads, and runs the code with the training's ``seed`` where that is needed. ``preparation`` is what
    the training did to features before the model saw them. ``limit`` and ``upper_topic`` belong to distributed models
    and are None otherwise. ``group`` is the consumer group and the prefix of the transactional ids: one per inference,
    never shared.
    """

    inference_id: int
    result_id: int
    model_name: str
    model_version: str
    framework: Framework
    code: str
    imports: str
    artifacts: Mapping[str, str]
    input_format: InputFormat
    input_config: Mapping[str, Any]
    input_topic: str
    output_topic: str
    group: str
    guarantee: DeliveryGuarantee
    preparation: Mapping[str, Any] = field(default_factory=dict)
    output_timestamps: OutputTimestamps = OutputTimestamps.SOURCE
    output_bootstrap_servers: str = ""
    upper_topic: str | None = None
    limit: float | None = None
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    gpu: int = 0
    seed: int = 0

    @property
    def dead_letter_topic(self) -> str:
        """Where records go that cannot be decoded or predicted."""
        return f"{self.output_topic}.dlq"

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object; ``from_json`` is its inverse."""
        return {
            **{each.name: getattr(self, each.name) for each in fields(self)},
            "artifacts": dict(self.artifacts),
            "preparation": dict(self.preparation),
            "input_config": dict(self.input_config),
            "limits": {each.name: getattr(self.limits, each.name) for each in fields(self.limits)},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> InferencePlan:
        """Read a plan; unknown fields of a newer backend are ignored."""
        known = {each.name: document[each.name] for each in fields(cls) if each.name in document}
        return cls(
            **{
                **known,
                "framework": Framework(known["framework"]),
                "input_format": InputFormat(known["input_format"]),
                "guarantee": DeliveryGuarantee(known["guarantee"]),
                "output_timestamps": OutputTimestamps(known.get("output_timestamps", OutputTimestamps.SOURCE)),
                "limits": ResourceLimits(**known.get("limits", {})),
            }
        )
