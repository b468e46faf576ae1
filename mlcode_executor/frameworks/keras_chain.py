"""A chain of Keras sub-models as one model with several exits, compiled with the deployment's settings.

Sub-models stay whole and are called as layers, so training the joint model trains them. Each is then saved and served
on its own. Called by the handler, inside the model process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kafkaml.errors import UserCodeError
from mlcode_executor.frameworks.base import Array
from mlcode_executor.frameworks.chain import ChainTerms, are_probabilities, exit_outputs
from mlcode_executor.frameworks.keras_outputs import flat

__all__ = ["Chain", "join"]

# Losses with an option to take scores before a softmax or sigmoid.
_WITH_LOGITS = {
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "categorical_focal_crossentropy": keras.losses.CategoricalFocalCrossentropy,
    "binary_focal_crossentropy": keras.losses.BinaryFocalCrossentropy,
}
# Activations with a known range of values; for all others the values themselves decide.
_PROBABILITIES = ("softmax", "softmax_v2", "sigmoid")
# Scales of random samples, extreme and ordinary. A sigmoid stays within 0 and 1 for all of them.
_SCALES = (1.0, 100.0, 10_000.0)
_TRIED_SAMPLES = 16
# The internal name of the metric for an exit's own loss. No metric that users can select has this name.
_OWN_LOSS = "own loss"


class _Joint(keras.Model):  # type: ignore[misc]
    """The joint model. Keras averages an exit's loss over batches, however small; this class averages over samples."""

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the metrics by name, the loss of each exit among them."""
        found = dict(super().get_metrics_result())
        for name in [metric for metric in found if metric.endswith(_OWN_LOSS)]:
            found[f"{name.removesuffix(_OWN_LOSS)}loss"] = found.pop(name)
        return found


@dataclass(frozen=True)
class Chain:
    """The joint ``model``, compiled, and warnings about it."""

    model: Any
    notes: Sequence[str]


def join(models: Sequence[Any], terms: ChainTerms) -> Chain:
    """Return the joint model of ``models``, from below; its outputs are a dictionary by the exits' names.

    UserCodeError where sub-models do not belong together.
    """
    for name, model in zip(terms.names, models, strict=True):
        # Two sub-models may have the same name, which Keras does not allow in one graph.
        model.name = name
    lowest, last = models[0], len(models) - 1
    if not getattr(lowest, "inputs", None):
        raise UserCodeError(
            f"the sub-model {terms.names[0]!r} declares no input: the lowest of a chain begins with keras.Input",
            kind="missing",
            hint="write inputs = keras.Input(shape=(...)) and keras.Model(inputs=inputs, outputs=[to_upper, output])",
        )
    inputs = keras.Input(lowest.inputs[0].shape[1:], dtype=lowest.inputs[0].dtype)
    features, exits = inputs, {}
    for index, (name, model) in enumerate(zip(terms.names, models, strict=True)):
        answers = list(flat(model(features)))
        features, exits[name] = exit_outputs(name, answers, is_top=index == last)
    joint = _Joint(inputs, exits, name="chain")
    logits = _logits(joint, exits, terms)
    joint.compile(
        optimizer=keras.optimizers.get(
            {"class_name": terms.optimizer, "config": {"learning_rate": terms.learning_rate}}
        ),
        loss={name: _loss(terms.loss, logits=name in logits) for name in terms.names},
        # Each exit gets metric objects of its own, because shared ones would mix the exits.
        metrics={name: _metrics(terms, logits=name in logits) for name in terms.names},
        loss_weights=dict(zip(terms.names, terms.weights, strict=True)),
    )
    notes = [f"{name!r} answers scores before a softmax or sigmoid: its loss takes them as such" for name in logits]
    return Chain(joint, notes)


def _loss(name: str, *, logits: bool) -> Any:
    return _WITH_LOGITS[name](from_logits=True) if logits else name


def _metrics(terms: ChainTerms, *, logits: bool) -> list[Any]:
    found = [_metric(metric, logits=logits) for metric in terms.metrics]
    if len(terms.names) > 1:
        options = {"from_logits": True} if logits else {}
        found.append(keras.metrics.MeanMetricWrapper(keras.losses.get(terms.loss), name=_OWN_LOSS, **options))
    return found


def _metric(name: str, *, logits: bool) -> Any:
    if name in ("accuracy", "acc"):
        # Keras itself chooses the variant of accuracy by the shapes.
        return name
    if name == "binary_accuracy" and logits:
        return keras.metrics.BinaryAccuracy(name=name, threshold=0.0)
    return type(keras.metrics.get(name))(name=name)


def _logits(joint: Any, exits: dict[str, Any], terms: ChainTerms) -> list[str]:
    """Return the exits that answer logits where the loss expects probabilities."""
    if terms.loss not in _WITH_LOGITS:
        return []
    return [name for name in terms.names if not _answers_probabilities(joint, name, exits[name])]


def _answers_probabilities(joint: Any, name: str, exit_: Any) -> bool:
    operation = exit_._keras_history.operation
    inner = operation
    while getattr(inner, "_outputs_struct", None) is not None:
        inner = list(flat(inner._outputs_struct))[-1]._keras_history.operation
    activation = getattr(getattr(inner, "activation", None), "__name__", "")
    if type(inner).__name__ == "Softmax" or activation in _PROBABILITIES:
        return True
    answers = _trial(joint, name)
    return answers is None or are_probabilities(answers)


def _trial(joint: Any, name: str) -> list[Array] | None:
    """Return the exit's answers to random samples; None where the model does not take them."""
    shape = tuple(size or _TRIED_SAMPLES for size in joint.inputs[0].shape[1:])
    noise = np.random.default_rng(0).normal(size=(_TRIED_SAMPLES, *shape)).astype(np.float32)
    try:
        return [np.asarray(joint(noise * scale, training=False)[name]) for scale in _SCALES]
    except Exception:  # noqa: BLE001  invented numbers may mean nothing to it: Keras' own default holds then
        return None
