"""ModelSession: the model process as a mode sees it, one typed method for each step of a training.

Everything that comes back from the process is checked here, because user code runs there: it can say anything.
All steps of a run share one deadline, its wall time.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kafkaml.artifacts import check_artifact_name
from kafkaml.closing import Closing
from kafkaml.errors import BrokenError, DeadlineExceeded
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.wire.progress import EpochMetrics, Progress
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.shared_array import SharedArray
from model_training.labels import LossLabels
from model_training.shapes import ModelSignature, Shape

__all__ = [
    "STATE_FILE",
    "BuiltModel",
    "ClassPredictions",
    "ModelCalls",
    "ModelSession",
    "OnnxExport",
    "PassResult",
    "Pauses",
    "Samples",
    "first_paragraph",
]

# A run without a wall limit still ends some day: protects from a model process that hangs for ever.
_NO_LIMIT_SECONDS = 30 * 24 * 3600.0
_BUILD_SECONDS = 300.0
# An exporter that hangs must not keep a trained model from being used.
_EXPORT_SECONDS = 3600.0
_MAX_ARTIFACTS = 16
# A vector or matrix is one metric for each of its values.
_MAX_METRICS = 1000
_MAX_NAME_LENGTH = 100
_MAX_WARNINGS = 50
_MAX_PREPARATION_LENGTH = 4096
_MAX_WARNING_LENGTH = 1000
_MAX_REASON_LENGTH = 500
_COLOURS = re.compile("\x1b\\[[0-9;]*m")

# The model process's own file in a checkpoint.
STATE_FILE = "state.npz"

EventHandler = Callable[[str, dict[str, Any]], None]


class Pauses(Protocol):
    """When ``fit`` pauses between two epochs, and what is done then."""

    @property
    def seconds(self) -> float | None:
        """How long to train until the next pause, at the end of an epoch then; None: to the end."""
        ...

    def paused(self, epoch: int) -> None:
        """Called while the process waits, ``epoch`` epochs being done."""
        ...


class ModelCalls(Protocol):
    """What the session needs of ``mlcode_executor.process.ModelProcess``."""

    isolation_level: str

    def call(
        self,
        method: str,
        params: Mapping[str, Any] = ...,
        *,
        arrays: Mapping[str, SharedArray] = ...,
        files: Mapping[str, int] = ...,
        timeout_seconds: float,
        on_event: EventHandler | None = None,
    ) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Samples(Closing):
    """Features (n, *sample_shape) and labels (n, *label_shape) of one part of the data.

    ``targets_are_features``: the labels are the features once more, so whatever is done to these is done to them.
    """

    features: SharedArray
    labels: SharedArray
    targets_are_features: bool = False

    def __len__(self) -> int:
        return self.features.shape[0]

    def rows(self, start: int, stop: int) -> Samples:
        """Return the samples from ``start`` to ``stop``, in the same memory, to be closed apart."""
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
    """What the model process said of the model after running the user's code.

    ``metrics`` names those of an evaluation, one that gives several numbers by what their names begin with; empty where
    only an evaluation can tell.
    """

    signature: ModelSignature
    versions: Mapping[str, str]
    warnings: Sequence[str]
    metrics: Sequence[str] = ()


@dataclass(frozen=True)
class PassResult:
    """The metrics of one pass over the samples, and what a person should know of it."""

    metrics: Mapping[str, float]
    warnings: Sequence[str]


@dataclass(frozen=True)
class ArtifactNames:
    """The names of the files that a trained model can be saved in, and what a person should know of them."""

    names: Sequence[str]
    warnings: Sequence[str]


@dataclass(frozen=True)
class ClassPredictions:
    """``classes[i]`` of sample i, (n,) int64, and its ``probability``, (n,) float32, of ``count`` classes."""

    classes: NDArray[np.int64]
    probability: NDArray[np.float32]
    count: int


@dataclass(frozen=True)
class OnnxExport:
    """``path`` is None when the model does not convert, ``reason`` then says why."""

    path: Path | None
    max_difference: float | None
    reason: str


class ModelSession:
    """The model of ``plan`` in one process. Errors of ``ModelProcess.call`` pass through all methods.

    From ``deadline`` on, by the monotonic clock, nothing is asked of the process any more.
    """

    def __init__(self, process: ModelCalls, plan: TrainingPlan, *, deadline: float) -> None:
        self._process = process
        self._plan = plan
        self._deadline = deadline
        self._preparation: Mapping[str, Any] = {}
        self._input_shape: Shape = ()
        self._output_shapes: Sequence[Shape] = ()
        self._loss = LossLabels()

    @property
    def isolation(self) -> str:
        """The level at which the user's code runs."""
        return self._process.isolation_level

    @property
    def preparation(self) -> Mapping[str, Any]:
        """What the process does to features before the model sees them; known after training."""
        return self._preparation

    @property
    def input_shape(self) -> Shape:
        """The shape of one sample as the model takes it; known after ``describe_loss``."""
        return self._input_shape

    @property
    def output_shapes(self) -> Sequence[Shape]:
        """The shapes of the model's outputs for one sample, None for any size; known after ``describe_loss``."""
        return self._output_shapes

    @property
    def loss(self) -> LossLabels:
        """What the model's loss takes as labels; known after ``describe_loss``."""
        return self._loss

    def build(self) -> BuiltModel:
        """Run the user's code; raises UserCodeError when it does not give a model."""
        params = {"code": self._plan.code, "imports": self._plan.imports, "seed": self._plan.seed}
        report = self._call("build", params, seconds=_BUILD_SECONDS)
        versions = report.get("versions")
        return BuiltModel(
            signature=ModelSignature.from_report(report, exact=FRAMEWORKS[self._plan.framework].exact_inputs),
            versions={_name(key): _name(value) for key, value in (versions or {}).items()},
            warnings=_warnings(report),
            metrics=_names(report.get("metrics")),
        )

    def describe_loss(self, sample: SharedArray, signature: ModelSignature) -> tuple[LossLabels, ModelSignature]:
        """Return what the loss takes, and ``signature`` with the outputs for ``sample`` (1, ...) where it has none."""
        report = self._call("describe_loss", arrays={"features": sample}, seconds=_BUILD_SECONDS)
        signature = signature.with_outputs(report.get("outputs"))
        self._input_shape, self._output_shapes = sample.shape[1:], list(signature.outputs.values())
        self._loss = LossLabels.from_report(report)
        return self._loss, signature

    def fit(
        self,
        training: Samples,
        validation: Samples | None,
        *,
        on_progress: Callable[[Progress], None],
        on_epoch: Callable[[EpochMetrics], None],
        pauses: Pauses | None = None,
    ) -> Sequence[str]:
        """Train, from the beginning or from the restored state on; returns warnings.

        The callbacks run in this thread, and what they raise ends the call. In ``pauses`` the process waits, and other
        methods can be called.
        """

        def on_event(kind: str, data: dict[str, Any]) -> None:
            if kind == "progress":
                on_progress(_progress(data))
            elif kind == "epoch":
                on_epoch(_epoch(data))

        arrays = {"train_features": training.features, "train_labels": training.labels}
        if validation is not None:
            arrays |= {"validation_features": validation.features, "validation_labels": validation.labels}
        params = self._step(self._plan.fit_arguments, training)
        while True:
            params["pause_seconds"] = None if pauses is None else pauses.seconds
            answer = self._call("fit", params, arrays=arrays, on_event=on_event)
            if pauses is None or answer.get("paused") is not True:
                break
            pauses.paused(_whole(answer.get("epoch")))
        self._preparation = _preparation(answer)
        return _warnings(answer)

    def partial_fit(self, samples: Samples) -> PassResult:
        """Train for one pass over ``samples`` in their order, going on where the pass before it stopped."""
        arrays = {"train_features": samples.features, "train_labels": samples.labels}
        answer = self._call("partial_fit", self._step(self._plan.fit_arguments, samples), arrays=arrays)
        self._preparation = _preparation(answer)
        return PassResult(_metrics(answer.get("metrics")), _warnings(answer))

    def check_answers(self, sample: NDArray[Any]) -> Sequence[str]:
        """Return why the trained model's answers would surprise in serving, asked on ``sample``; mostly nothing."""
        with SharedArray.allocate(sample.shape, sample.dtype) as features:
            features.array[...] = sample
            return _warnings(self._call("check_answers", arrays={"features": features}))

    def evaluate(self, samples: Samples, *, champion: bool = False) -> Mapping[str, float]:
        """Return the metrics on ``samples``, of the model as it is or as ``keep_champion`` kept it."""
        arrays = {"features": samples.features, "labels": samples.labels}
        params = self._step(self._plan.evaluation_arguments, samples)
        params |= {"champion": champion, "fit_arguments": dict(self._plan.fit_arguments)}
        return _metrics(self._call("evaluate", params, arrays=arrays).get("metrics"))

    def keep_champion(self) -> None:
        """Keep the present weights in the process, for ``evaluate``; they are part of a saved state."""
        self._call("keep_champion")

    def save_state(self, folder: Path) -> Path:
        """Have all that training goes on from written into a file of ``folder``, replacing it; returns its path.

        Comes after samples were seen, between two passes. The file's content is the process's own: nobody else reads
        it. Raises UserCodeError for a model that no file can hold.
        """
        path = folder / STATE_FILE
        self._write("save_state", path, {}, name="state")
        return path

    def restore_state(self, path: Path) -> None:
        """Go on, after ``build``, as the process that wrote ``path``.

        The model is made ready by the samples that the file holds. RefusedError where it is torn or of another model.
        """
        with path.open("rb") as file:
            answer = self._call("restore_state", files={"state": file.fileno()}, seconds=_BUILD_SECONDS)
        self._preparation = _preparation(answer)

    def predict_classes(self, features: SharedArray) -> ClassPredictions:
        """Return the predicted class of each sample of ``features`` (n, ...), and how sure the model was of it."""
        count = features.shape[0]
        with (
            SharedArray.allocate((count,), np.int64, writable=True) as out,
            SharedArray.allocate((count,), np.float32, writable=True) as confidence,
        ):
            confidence.array[:] = np.nan
            arrays = {"features": features, "out": out, "confidence": confidence}
            answer = self._call("predict_classes", {"batch_size": self._plan.batch_size}, arrays=arrays)
            # Copies: the process can still write to what it was given.
            predicted, probability = out.array.copy(), confidence.array.copy()
        classes = _whole(answer.get("classes"))
        if len(predicted) and not 0 <= predicted.min() <= predicted.max() < classes:
            raise BrokenError(f"the model predicted classes {predicted.min()} to {predicted.max()} of {classes}")
        return ClassPredictions(predicted, probability, classes)

    def artifact_names(self) -> ArtifactNames:
        """Return the names of the files that ``save`` can write, and what a person should know of them."""
        answer = self._call("artifact_names")
        names = answer.get("names")
        if not isinstance(names, list) or not 0 < len(names) <= _MAX_ARTIFACTS:
            raise BrokenError(f"the model process offers the artifacts {str(names)[:200]}: expected 1 to 16 names")
        return ArtifactNames([check_artifact_name(str(name)) for name in names], _warnings(answer))

    def save(self, name: str, folder: Path) -> Path:
        """Have the trained model written into the file ``name`` of ``folder``; returns its path."""
        path = folder / name
        self._write("save", path, {})
        if not path.stat().st_size:
            raise BrokenError(f"the model process wrote nothing into {name}")
        return path

    def export_onnx(self, folder: Path, sample: NDArray[Any]) -> OnnxExport:
        """Have the model converted and compared on ``sample``; a model that does not convert is no error."""
        path = folder / "model.onnx"
        with SharedArray.allocate(sample.shape, sample.dtype) as features:
            features.array[...] = sample
            answer = self._write("export_onnx", path, {"features": features}, seconds=_EXPORT_SECONDS)
        if not answer.get("converted"):
            path.unlink()
            return OnnxExport(None, None, first_paragraph(str(answer.get("reason", ""))))
        difference = answer.get("max_difference")
        if not isinstance(difference, (int, float)) or not math.isfinite(difference):
            difference = None
        return OnnxExport(path, difference, "")

    def _write(
        self,
        method: str,
        path: Path,
        arrays: Mapping[str, SharedArray],
        *,
        seconds: float = _NO_LIMIT_SECONDS,
        name: str = "",
    ) -> dict[str, Any]:
        """Have one file written; nothing is left of it when that fails."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            return self._call(method, arrays=arrays, files={name or path.name: descriptor}, seconds=seconds)
        except BaseException:
            path.unlink()
            raise
        finally:
            os.close(descriptor)

    def _step(self, arguments: Mapping[str, Any], samples: Samples) -> dict[str, Any]:
        return {
            "batch_size": self._plan.batch_size,
            "arguments": dict(arguments),
            "targets_are_features": samples.targets_are_features,
        }

    def _call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        arrays: Mapping[str, SharedArray] | None = None,
        files: Mapping[str, int] | None = None,
        seconds: float = _NO_LIMIT_SECONDS,
        on_event: EventHandler | None = None,
    ) -> dict[str, Any]:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise DeadlineExceeded(
                f"the training took longer than its limit of {self._plan.limits.wall_seconds} s (before {method})",
                hint="raise the deployment's time limit, or train fewer epochs",
            )
        return self._process.call(
            method,
            params or {},
            arrays=arrays or {},
            files=files or {},
            timeout_seconds=min(seconds, remaining),
            on_event=on_event,
        )


def first_paragraph(text: str) -> str:
    """Frameworks explain themselves over pages, in colours: the log has them, what comes first says what it is."""
    return " ".join(_COLOURS.sub("", text).strip().split("\n\n", 1)[0].split())[:_MAX_REASON_LENGTH]


def _metrics(values: object) -> dict[str, float]:
    if not isinstance(values, Mapping) or len(values) > _MAX_METRICS:
        raise BrokenError(f"the model process reported metrics {str(values)[:200]}: expected at most 1000 values")
    try:
        return {_name(name): float(value) for name, value in values.items()}
    except (TypeError, ValueError):
        raise BrokenError(f"the model process reported metrics {str(values)[:200]}: expected numbers") from None


def _name(value: object) -> str:
    return str(value)[:_MAX_NAME_LENGTH]


def _names(values: object) -> list[str]:
    return [_name(each) for each in values[:_MAX_METRICS]] if isinstance(values, list) else []


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
        raise BrokenError(f"the model process reported {str(value)[:100]}: expected a whole number")
    return value


def _seconds(value: object) -> float:
    seconds = _metrics({"seconds": value})["seconds"]
    return seconds if 0 <= seconds < math.inf else 0.0


def _warnings(answer: Mapping[str, Any]) -> list[str]:
    given = answer.get("warnings")
    return [str(each)[:_MAX_WARNING_LENGTH] for each in given[:_MAX_WARNINGS]] if isinstance(given, list) else []


def _preparation(answer: Mapping[str, Any]) -> dict[str, Any]:
    given = answer.get("preparation") or {}
    if not isinstance(given, dict) or len(json.dumps(given)) > _MAX_PREPARATION_LENGTH:
        raise BrokenError(f"the model process reported the preparation {str(given)[:200]}: expected a small object")
    return {_name(name): value for name, value in given.items()}


def _progress(data: Mapping[str, Any]) -> Progress:
    numbers = {name: _whole(data.get(name)) for name in ("epoch", "epochs", "batch", "batches")}
    return Progress(**numbers, metrics=_metrics(data.get("metrics", {})))


def _epoch(data: Mapping[str, Any]) -> EpochMetrics:
    return EpochMetrics(
        epoch=_whole(data.get("epoch")),
        seconds=_seconds(data.get("seconds", 0)),
        training=_metrics(data.get("training", {})),
        validation=_metrics(data.get("validation", {})),
    )
