"""Fits the samples of a stream to the model: shapes, targets, labels. Called by the modes.

Every mismatch that can be known before training is refused here with a reason; mere doubts are handed on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kafkaml.contract.fit import check_contract
from kafkaml.errors import UserCodeError
from kafkaml.named_inputs import are_numbers, input_shapes
from kafkaml.shapes import (
    DataMismatch,
    ModelSignature,
    Shape,
    check_inputs,
    fit_feature_shape,
    label_shape_doubt,
    shape_text,
)
from kafkaml.wire.choices import Targets
from kafkaml.wire.contract import Contract
from mlcode_executor.shared_array import SharedArray
from model_training.labels import LabelKind, LabelPlan, LabelRule, LossLabels, plan_labels, rule_of
from model_training.model_session import Samples
from model_training.training_data import TrainingData, reshaped
from model_training.window import Window

__all__ = ["WindowFit", "blamed", "fit_to_model", "fit_windows_to_model"]

# This many numbers of the features are enough to estimate their range.
_LOOKED_AT_VALUES = 1 << 20
# Losses that an autoencoder over numbers never has.
_CLASS_KINDS = (LabelKind.CLASSES, LabelKind.ONE_HOT, LabelKind.SIGNS)
# A function that asks the model process about one sample: what the loss takes, and the signature with outputs.
DescribeLoss = Callable[[SharedArray, ModelSignature], tuple[LossLabels, ModelSignature]]


@dataclass(frozen=True, kw_only=True)
class WindowFit:
    """How windows of a stream are handed to a model: samples of ``shape``, with the labels that ``labels`` allows.

    Without ``labels`` the features are the targets, in ``target_shape``. ``notes`` are for the user; ``doubts`` are
    reasons (message, hint) to give if training fails.
    """

    shape: tuple[int, ...]
    labels: LabelRule | None = None
    target_shape: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    doubts: tuple[tuple[str, str], ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        return () if self.labels is None else self.labels.names

    @property
    def warnings(self) -> list[str]:
        """Warnings for the user about how the samples were handed over."""
        return [*self.notes, *(f"{message}; it was trained all the same" for message, _ in self.doubts)]

    def arrays(self, window: Window) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return features (n, *shape) and targets (n, ...) of all samples of ``window``."""
        features = window.features.reshape(len(window), *self.shape)
        if self.labels is None:
            return features, features.reshape(len(window), *self.target_shape)
        assert window.labels is not None
        return features, window.labels

    def unlabelled(self, window: Window) -> NDArray[Any]:
        """Return the features (m, *shape) that came without a label."""
        return window.unlabelled.reshape(len(window.unlabelled), *self.shape)

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        labels = document["labels"]
        return cls(
            shape=tuple(document["shape"]),
            labels=None if labels is None else LabelRule(**{**labels, "names": tuple(labels["names"])}),
            target_shape=tuple(document["target_shape"]),
            notes=tuple(document["notes"]),
            doubts=tuple((message, hint) for message, hint in document["doubts"]),
        )


def fit_to_model(
    data: TrainingData, signature: ModelSignature, *, targets: Targets, describe_loss: DescribeLoss, folder: Path
) -> TrainingData:
    """Return the samples as the model takes them, to be closed apart from ``data``.

    Files of renumbered labels are written into ``folder``. Raises DataMismatch when stream and model do not belong
    together, or nothing is left to train on.
    """
    _check_numbers(data)
    features = data.training.features

    def describe(shape: tuple[int, ...], signature: ModelSignature) -> tuple[LossLabels, ModelSignature]:
        with reshaped(features, shape, rows=1) as sample:
            return describe_loss(sample, signature)

    learns_labels = targets is Targets.LABELS and data.has_labels
    inputs = _fit_inputs(
        features.dtype,
        features.shape[1:],
        signature,
        describe,
        contract=data.contract,
        class_names=data.class_names,
        targets=targets,
        learns_labels=learns_labels,
    )
    shape, loss, signature = inputs.shape, inputs.loss, inputs.signature
    doubts = [*data.doubts, *inputs.doubts]
    if learns_labels:
        return _with_labels(data, shape, doubts, signature, loss, folder)
    note = _without_labels(shape, signature, loss, targets)
    return _with_features_as_targets(
        data, shape, doubts, signature, [note, *_unscaled(data.training.features.array, loss)]
    )


def fit_windows_to_model(
    window: Window, signature: ModelSignature, *, targets: Targets, describe_loss: DescribeLoss
) -> WindowFit:
    """Return how windows are handed to the model, decided by the first one with samples.

    Raises DataMismatch when stream and model do not belong together.
    """
    features = window.features

    def describe(shape: tuple[int, ...], signature: ModelSignature) -> tuple[LossLabels, ModelSignature]:
        with SharedArray.allocate((1, *shape), features.dtype, writable=False) as sample:
            sample.array[...] = features[:1].reshape(1, *shape)
            return describe_loss(sample, signature)

    learns_labels = targets is Targets.LABELS and window.labels is not None
    inputs = _fit_inputs(
        features.dtype,
        features.shape[1:],
        signature,
        describe,
        contract=window.contract,
        class_names=window.class_names,
        targets=targets,
        learns_labels=learns_labels,
    )
    shape, loss, signature, doubts = inputs.shape, inputs.loss, inputs.signature, list(inputs.doubts)
    if learns_labels:
        assert window.labels is not None
        if doubt := label_shape_doubt(window.labels.shape[1:], signature):
            doubts.append(doubt)
        rule = rule_of(
            window.labels,
            loss=loss,
            signature=signature,
            may_be_whole=window.whole_labels,
            class_names=window.class_names,
        )
        return WindowFit(shape=shape, labels=rule, doubts=_texts(doubts))
    notes = [_without_labels(shape, signature, loss, targets), *_unscaled(window.features, loss)]
    target_shape, doubt = _targets_of_features(shape, signature)
    doubts += [] if doubt is None else [doubt]
    return WindowFit(shape=shape, target_shape=target_shape, notes=tuple(notes), doubts=_texts(doubts))


@dataclass(frozen=True)
class _FitInputs:
    """The shape in which samples are handed to the model, and where it comes from."""

    shape: tuple[int, ...]
    doubts: Sequence[DataMismatch]
    loss: LossLabels
    signature: ModelSignature


def _fit_inputs(
    dtype: np.dtype[Any],
    sample_shape: tuple[int, ...],
    signature: ModelSignature,
    describe: Callable[[tuple[int, ...], ModelSignature], tuple[LossLabels, ModelSignature]],
    *,
    contract: Contract | None,
    class_names: Sequence[str],
    targets: Targets,
    learns_labels: bool,
) -> _FitInputs:
    several = input_shapes(dtype)
    shapes: Mapping[str, Shape] = several or {"": sample_shape}
    if contract is not None:
        check_contract(contract, signature, LabelKind.UNKNOWN, features_are_targets=True, shapes=shapes)
    if several:
        check_inputs(several, signature)
        shape, doubt = sample_shape, None
    else:
        shape, doubt = fit_feature_shape(sample_shape, signature)
    loss, signature = describe(shape, signature)
    if contract is not None:
        # Vocabularies are learnt and outputs and loss are known by now, so check them before the first epoch.
        check_contract(
            contract,
            signature,
            loss.kind,
            features_are_targets=targets is Targets.FEATURES,
            shapes=shapes,
            classes=class_names or None,
        )
    if several and not learns_labels:
        raise DataMismatch(
            "the samples have no labels, and several inputs are not a target to learn",
            hint="name a label in the data set's contract; a model that learns to give back its input has one",
        )
    return _FitInputs(shape, [] if doubt is None else [doubt], loss, signature)


def blamed(error: UserCodeError, message: str, hint: str) -> DataMismatch:
    """Return the error to report for a training that failed with ``error`` after a doubt about stream and model."""
    return DataMismatch(message, hint=f"{hint} (training failed with: {error.message})")


def _texts(doubts: Sequence[DataMismatch]) -> tuple[tuple[str, str], ...]:
    return tuple((doubt.message, doubt.hint) for doubt in doubts)


def _without_labels(shape: tuple[int, ...], signature: ModelSignature, loss: LossLabels, targets: Targets) -> str:
    """Return a note about features that are the targets; raises DataMismatch where the model needs labels."""
    if targets is Targets.FEATURES:
        return "the features are the targets, as the deployment says"
    if loss.kind in _CLASS_KINDS or not _answers_its_input(shape, signature):
        raise DataMismatch(
            "the stream's records have no labels: each record's key is null, or was announced not to be one",
            hint="send each sample's label with it; the sink writes it as the record's key. A model that learns to "
            "give back its input (an autoencoder) is deployed with the targets 'features'",
        )
    return "the stream has no labels and the model's output has the shape of its input: the features are the targets"


def _check_numbers(data: TrainingData) -> None:
    for what, array in (("features", data.training.features), ("labels", data.training.labels)):
        if not are_numbers(array.dtype):
            raise DataMismatch(
                f"the stream's {what} are of the type {array.dtype}: models take numbers",
                hint="encode texts as numbers in the sink",
            )
    if not len(data.training):
        raise DataMismatch(
            f"no samples are left to train on: the stream holds {sum(data.counts.values())}, of which "
            f"{len(data.validation)} validate and {len(data.test)} test",
            hint="send more records, or lower validation_rate and test_rate in the sink",
        )


def _with_labels(
    data: TrainingData,
    shape: tuple[int, ...],
    doubts: list[DataMismatch],
    signature: ModelSignature,
    loss: LossLabels,
    folder: Path,
) -> TrainingData:
    if doubt := label_shape_doubt(data.training.labels.shape[1:], signature):
        doubts = [*doubts, doubt]
    plan = plan_labels(
        {name: part.labels.array for name, part in data.parts.items()},
        loss=loss,
        signature=signature,
        class_names=data.class_names,
    )
    parts = {
        name: Samples(reshaped(part.features, shape), _labels(part.labels, plan, folder / f"labels-{name}"))
        for name, part in data.parts.items()
    }
    unlabelled = None if data.unlabelled is None else reshaped(data.unlabelled, shape)
    return replace(
        data.with_parts(parts, unlabelled),
        class_names=plan.names,
        warnings=[*data.warnings, *plan.warnings],
        doubts=[*doubts, *plan.doubts],
    )


def _labels(labels: SharedArray, plan: LabelPlan, path: Path) -> SharedArray:
    if plan.values is None or not labels.shape[0]:
        return reshaped(labels, labels.shape[1:])
    dtype = plan.write(labels.array, path)
    return SharedArray.from_file(path, dtype, labels.shape)


def _answers_its_input(shape: tuple[int, ...], signature: ModelSignature) -> bool:
    """Whether the model's single output has as many numbers as a sample."""
    return math.prod(shape) > 1 and _target_shape(shape, signature) is not None


def _target_shape(shape: tuple[int, ...], signature: ModelSignature) -> tuple[int, ...] | None:
    """Return ``shape``, or that of the output where it holds the same numbers; None where it does not."""
    if len(signature.outputs) != 1:
        return None
    ((_, output),) = signature.outputs.items()
    sizes = [size for size in output if size is not None]
    if len(sizes) == len(output):
        # An image that the model flattens, or that gets a channel axis, holds the same numbers in the same order.
        return tuple(sizes) if math.prod(sizes) == math.prod(shape) else None
    matches = len(output) == len(shape) and all(want in (None, got) for got, want in zip(shape, output, strict=True))
    return shape if matches else None


def _unscaled(features: NDArray[Any], loss: LossLabels) -> list[str]:
    """Return a note where a loss for values from 0 to 1 will see others. Judged by the first samples, because there may
    be many.
    """
    first = features[: max(1, _LOOKED_AT_VALUES // max(1, math.prod(features.shape[1:])))]
    if loss.kind is not LabelKind.BINARY or features.dtype == np.uint8 or not len(first):
        return []
    if first.min() >= 0 and first.max() <= 1:
        return []
    return [
        (
            f"the features, which are the targets, go from {first.min():g} to {first.max():g}: a binary crossentropy "
            "takes 0 to 1; scale the features, or use mean squared error"
        )
    ]


def _with_features_as_targets(
    data: TrainingData, shape: tuple[int, ...], doubts: list[DataMismatch], signature: ModelSignature, notes: list[str]
) -> TrainingData:
    target_shape, doubt = _targets_of_features(shape, signature)
    doubts = [*doubts, *([] if doubt is None else [doubt])]
    parts = {
        name: Samples(reshaped(part.features, shape), reshaped(part.features, target_shape), targets_are_features=True)
        for name, part in data.parts.items()
    }
    return replace(
        data.with_parts(parts), has_labels=False, class_names=(), warnings=[*data.warnings, *notes], doubts=doubts
    )


def _targets_of_features(
    shape: tuple[int, ...], signature: ModelSignature
) -> tuple[tuple[int, ...], DataMismatch | None]:
    """Return the shape in which the features are the targets, and a doubt about it."""
    target_shape = _target_shape(shape, signature)
    if target_shape is not None:
        return target_shape, None
    doubtful = signature.outputs and label_shape_doubt(shape, signature)
    return shape, _unlike_input(shape, signature) if doubtful else None


def _unlike_input(shape: tuple[int, ...], signature: ModelSignature) -> DataMismatch:
    outputs = ", ".join(f"{name!r} {shape_text(output)}" for name, output in signature.outputs.items())
    return DataMismatch(
        f"the features are the targets and have the shape {shape_text(shape)}: the model's output is {outputs}",
        hint="let the model's last layer give back the shape of its input",
    )
