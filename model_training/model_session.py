"""ModelSession: the model process as a mode sees it, one typed method for each step of a training.

Everything that comes back from the process is checked here, because user code runs there and may return anything. All
steps of a run share one deadline, its wall time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kafkaml.closing import Closing
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.shapes import ModelSignature
from kafkaml.wire.progress import EpochMetrics, Progress
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.shared_array import SharedArray
from model_training.answers import (
    Best,
    best_of,
    epoch_of,
    metrics_of,
    name_of,
    names_of,
    preparation_of,
    progress_of,
    warnings_of,
    whole,
)
from model_training.chain import chain_params
from model_training.labels import LabelKind, LossLabels
from model_training.sub_model import SubModel
from model_training.trained_model import ModelCalls, TrainedModel

__all__ = [
    "STATE_FILE",
    "BuiltModel",
    "FitResult",
    "ModelSession",
    "PassResult",
    "Pauses",
    "Samples",
]

_BUILD_SECONDS = 300.0

# The model process's own file in a checkpoint.
STATE_FILE = "state.npz"


class Pauses(Protocol):
    """When ``fit`` pauses between two epochs, and what is done then."""

    @property
    def seconds(self) -> float | None:
        """Seconds to train until the next pause, which comes at the end of an epoch; None: train to the end."""
        ...

    def paused(self, epoch: int) -> None:
        """Called after ``epoch`` epochs, while the process waits."""
        ...


@dataclass(frozen=True)
class Samples(Closing):
    """Features (n, *sample_shape) and labels (n, *label_shape) of one part of the data.

    ``targets_are_features``: the labels are the features again, so both get the same preparation.
    """

    features: SharedArray
    labels: SharedArray
    targets_are_features: bool = False

    def __len__(self) -> int:
        return self.features.shape[0]

    def rows(self, start: int, stop: int) -> Samples:
        """Return the samples from ``start`` to ``stop``, sharing memory, to be closed separately."""
        return Samples(
            self.features.rows(start, stop),
            self.labels.rows(start, stop),
            targets_are_features=self.targets_are_features,
        )

    def close(self) -> None:
        """Close the descriptors of both arrays."""
        self.features.close()
        self.labels.close()


@dataclass(frozen=True)
class BuiltModel:
    """What the model process reported about the model after running the user's code.

    ``metrics`` are the names of an evaluation's metrics, empty where only an evaluation can tell. A metric with several
    numbers appears by the common prefix of their names.
    """

    signature: ModelSignature
    versions: Mapping[str, str]
    warnings: Sequence[str]
    metrics: Sequence[str] = ()


@dataclass(frozen=True)
class FitResult:
    """The best epoch of a fit, None where there was none, and warnings."""

    best: Best | None
    warnings: Sequence[str]


@dataclass(frozen=True)
class PassResult:
    """The metrics of one pass over the samples, the learning rate at its end, and warnings."""

    metrics: Mapping[str, float]
    learning_rate: Mapping[str, float]
    warnings: Sequence[str]


class ModelSession(TrainedModel):
    """The model of ``plan`` in one process; a chain is there as a whole."""

    def __init__(self, process: ModelCalls, plan: TrainingPlan, *, deadline: float) -> None:
        super().__init__(process, plan, deadline=deadline)
        self._loss = LossLabels()

    @property
    def loss(self) -> LossLabels:
        """What the model's loss takes as labels; known after ``describe_loss``."""
        return self._loss

    @property
    def label_kind(self) -> LabelKind:
        return self._loss.kind

    def build(self) -> BuiltModel:
        """Run the user's code; raises UserCodeError when it does not define a model."""
        params: dict[str, Any] = {"seed": self._plan.seed}
        if self._plan.chain:
            params |= chain_params(self._plan)
        else:
            params |= {"code": self._plan.code, "imports": self._plan.imports}
        report = self._call("build", params, seconds=_BUILD_SECONDS)
        versions = report.get("versions")
        return BuiltModel(
            signature=ModelSignature.from_report(report, exact=FRAMEWORKS[self._plan.framework].exact_inputs),
            versions={name_of(key): name_of(value) for key, value in (versions or {}).items()},
            warnings=warnings_of(report),
            metrics=names_of(report.get("metrics")),
        )

    def describe_loss(self, sample: SharedArray, signature: ModelSignature) -> tuple[LossLabels, ModelSignature]:
        """Return what the loss takes, and ``signature`` with the outputs for ``sample`` (1, ...) where it has none."""
        report = self._call("describe_loss", arrays={"features": sample}, seconds=_BUILD_SECONDS)
        signature = signature.with_outputs(report.get("outputs"))
        self._input_shape, self._output_shapes = sample.shape[1:], list(signature.outputs.values())
        self._loss = LossLabels.from_report(report)
        return self._loss, signature

    def sub_model(self, number: int) -> SubModel:
        """Return sub-model ``number`` of a chain, counted from below, in the same process."""
        return SubModel(self._process, self._plan, deadline=self._deadline, part=number, loss=self._loss.kind)

    def fit(
        self,
        training: Samples,
        validation: Samples | None,
        *,
        on_progress: Callable[[Progress], None],
        on_epoch: Callable[[EpochMetrics], None],
        pauses: Pauses | None = None,
    ) -> FitResult:
        """Train from the beginning or from the restored state.

        The callbacks run in this thread, and their exceptions end the call. The process waits in ``pauses``, when other
        methods can be called.
        """

        def on_event(kind: str, data: dict[str, Any]) -> None:
            if kind == "progress":
                on_progress(progress_of(data))
            elif kind == "epoch":
                on_epoch(epoch_of(data))

        arrays = {"train_features": training.features, "train_labels": training.labels}
        if validation is not None:
            arrays |= {"validation_features": validation.features, "validation_labels": validation.labels}
        params = self._step(self._plan.fit_arguments, training)
        while True:
            params["pause_seconds"] = None if pauses is None else pauses.seconds
            answer = self._call("fit", params, arrays=arrays, on_event=on_event)
            if pauses is None or answer.get("paused") is not True:
                break
            pauses.paused(whole(answer.get("epoch")))
        self._preparation = preparation_of(answer)
        return FitResult(best_of(answer), warnings_of(answer))

    def partial_fit(self, samples: Samples) -> PassResult:
        """Train for one pass over ``samples`` in their order, continuing where the previous pass stopped."""
        arrays = {"train_features": samples.features, "train_labels": samples.labels}
        answer = self._call("partial_fit", self._step(self._plan.fit_arguments, samples), arrays=arrays)
        self._preparation = preparation_of(answer)
        learning_rate = metrics_of(answer.get("learning_rate", {}))
        return PassResult(metrics_of(answer.get("metrics")), learning_rate, warnings_of(answer))

    def evaluate(self, samples: Samples, *, champion: bool = False) -> Mapping[str, float]:
        """Return the metrics on ``samples``, of the present model or of the one that ``keep_champion`` kept."""
        arrays = {"features": samples.features, "labels": samples.labels}
        params = self._step(self._plan.evaluation_arguments, samples)
        params |= {"champion": champion, "fit_arguments": dict(self._plan.fit_arguments)}
        return metrics_of(self._call("evaluate", params, arrays=arrays).get("metrics"))

    def keep_champion(self) -> None:
        """Keep the present weights in the process, for ``evaluate``; they are part of a saved state."""
        self._call("keep_champion")

    def save_state(self, folder: Path) -> Path:
        """Have the complete training state written into a file of ``folder``, replacing it; returns its path.

        Called between two passes, after samples were seen. Only the model process reads the file. Raises UserCodeError
        for a model that cannot be saved.
        """
        path = folder / STATE_FILE
        self._write("save_state", path, {}, name="state")
        return path

    def restore_state(self, path: Path) -> None:
        """Restore, after ``build``, the state of the process that wrote ``path``.

        The samples in the file make the model ready. Raises RefusedError where the file is damaged or of another model.
        """
        with path.open("rb") as file:
            answer = self._call("restore_state", files={"state": file.fileno()}, seconds=_BUILD_SECONDS)
        self._preparation = preparation_of(answer)

    def _step(self, arguments: Mapping[str, Any], samples: Samples) -> dict[str, Any]:
        return {
            "batch_size": self._plan.batch_size,
            "arguments": dict(arguments),
            "targets_are_features": samples.targets_are_features,
        }
