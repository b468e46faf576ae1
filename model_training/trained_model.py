"""TrainedModel: what a trained model is asked for: its files and its answers. Base of the sessions.

Everything that comes back from the process is checked, because user code runs there. All steps of a run share one
deadline, its wall time.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kafkaml.artifacts import ONNX_FILE, check_artifact_name
from kafkaml.errors import BrokenError, DeadlineExceeded
from kafkaml.shapes import Shape
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.shared_array import SharedArray
from model_training.answers import first_paragraph, warnings_of, whole
from model_training.labels import LabelKind

__all__ = ["NO_LIMIT_SECONDS", "ArtifactNames", "ClassPredictions", "ModelCalls", "OnnxExport", "TrainedModel"]

# Limit for a run without a wall time. Protects against a model process that hangs forever.
NO_LIMIT_SECONDS = 30 * 24 * 3600.0
# Limit for an exporter, because a hanging one must not keep a trained model from being used.
_EXPORT_SECONDS = 3600.0
_MAX_ARTIFACTS = 16
# The most classes that are handled, because the scores of all samples have to fit into memory.
_MAX_SCORES = 1_000_000

EventHandler = Callable[[str, dict[str, Any]], None]


class ModelCalls(Protocol):
    """The part of ``mlcode_executor.process.ModelProcess`` that the session uses."""

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
class ArtifactNames:
    """The names of the files that a trained model can be saved in, and warnings about them."""

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
    """``path`` is None when the model does not convert; ``reason`` is the explanation."""

    path: Path | None
    max_difference: float | None
    reason: str


class TrainedModel:
    """The model of ``plan`` in one process. Errors of ``ModelProcess.call`` pass through all methods.

    After ``deadline``, by the monotonic clock, the process gets no more requests. ``part`` selects a sub-model of a
    chain, numbered from below; None is the whole model.
    """

    def __init__(self, process: ModelCalls, plan: TrainingPlan, *, deadline: float, part: int | None = None) -> None:
        self._process = process
        self._plan = plan
        self._deadline = deadline
        self._part = part
        self._preparation: Mapping[str, Any] = {}
        self._input_shape: Shape = ()
        self._output_shapes: Sequence[Shape] = ()

    @property
    def isolation(self) -> str:
        """The level at which the user's code runs."""
        return self._process.isolation_level

    @property
    def preparation(self) -> Mapping[str, Any]:
        """How the process prepares features for the model; known after training."""
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
    def label_kind(self) -> LabelKind:
        """What the model's loss takes as labels."""
        return LabelKind.UNKNOWN

    @property
    def answers_once(self) -> bool:
        """Whether the model has a single output, as far as is known."""
        return len(self._output_shapes) < 2

    @property
    def predicted_numbers(self) -> int | None:
        """How many numbers the model, or its exit, predicts per sample; None where only a sample could tell."""
        sizes = self._output_shapes[-1] if self._output_shapes else (None,)
        known = [size for size in sizes if size is not None]
        return math.prod(known) if len(known) == len(sizes) else None

    def predictions(self, features: SharedArray) -> NDArray[np.float32]:
        """Return the prediction for each sample of ``features`` (n, ...), flattened: (n, ``predicted_numbers``)."""
        width = self.predicted_numbers or 0
        if not 0 < width <= _MAX_SCORES:
            raise BrokenError(f"a model predicts {width} numbers: expected 1 to {_MAX_SCORES}")
        with SharedArray.allocate((features.shape[0], width), np.float32, writable=True) as out:
            arrays = {"features": features, "out": out}
            self._call("predict_scores", {"batch_size": self._plan.batch_size}, arrays=arrays)
            # Copy the answers, because the process can still write to memory that it was given.
            return out.array.copy()

    def check_answers(self, sample: NDArray[Any]) -> Sequence[str]:
        """Return why the trained model's answers to ``sample`` would surprise in serving; usually nothing."""
        with SharedArray.allocate(sample.shape, sample.dtype) as features:
            features.array[...] = sample
            return warnings_of(self._call("check_answers", arrays={"features": features}))

    def predict_classes(self, features: SharedArray) -> ClassPredictions:
        """Return the predicted class of each sample of ``features`` (n, ...), and the model's confidence in it."""
        count = features.shape[0]
        with (
            SharedArray.allocate((count,), np.int64, writable=True) as out,
            SharedArray.allocate((count,), np.float32, writable=True) as confidence,
        ):
            confidence.array[:] = np.nan
            arrays = {"features": features, "out": out, "confidence": confidence}
            answer = self._call("predict_classes", {"batch_size": self._plan.batch_size}, arrays=arrays)
            # Copy the answers, because the process can still write to memory that it was given.
            predicted, probability = out.array.copy(), confidence.array.copy()
        classes = whole(answer.get("classes"))
        if len(predicted) and not 0 <= predicted.min() <= predicted.max() < classes:
            raise BrokenError(f"the model predicted classes {predicted.min()} to {predicted.max()} of {classes}")
        return ClassPredictions(predicted, probability, classes)

    def artifact_names(self) -> ArtifactNames:
        """Return the names of the files that ``save`` can write, and warnings about them."""
        answer = self._call("artifact_names")
        names = answer.get("names")
        if not isinstance(names, list) or not 0 < len(names) <= _MAX_ARTIFACTS:
            raise BrokenError(f"the model process offers the artifacts {str(names)[:200]}: expected 1 to 16 names")
        return ArtifactNames([check_artifact_name(str(name)) for name in names], warnings_of(answer))

    def save(self, name: str, folder: Path) -> Path:
        """Have the trained model written into the file ``name`` of ``folder``; returns its path."""
        path = folder / name
        self._write("save", path, {})
        if not path.stat().st_size:
            raise BrokenError(f"the model process wrote nothing into {name}")
        return path

    def export_onnx(self, folder: Path, sample: NDArray[Any]) -> OnnxExport:
        """Have the model converted and compared on ``sample``; a model that does not convert is not an error."""
        path = folder / ONNX_FILE
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
        seconds: float = NO_LIMIT_SECONDS,
        name: str = "",
    ) -> dict[str, Any]:
        """Have one file written; a failure leaves no file behind."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            return self._call(method, arrays=arrays, files={name or path.name: descriptor}, seconds=seconds)
        except BaseException:
            path.unlink()
            raise
        finally:
            os.close(descriptor)

    def _call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        arrays: Mapping[str, SharedArray] | None = None,
        files: Mapping[str, int] | None = None,
        seconds: float = NO_LIMIT_SECONDS,
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
            {**(params or {}), **({} if self._part is None else {"part": self._part})},
            arrays=arrays or {},
            files=files or {},
            timeout_seconds=min(seconds, remaining),
            on_event=on_event,
        )
