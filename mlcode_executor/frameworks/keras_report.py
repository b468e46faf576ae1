"""The report of a Keras model once its code ran: shapes, parameters and warnings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kafkaml.errors import UserCodeError
from mlcode_executor.frameworks.base import ModelReport, TensorSpec, common_versions
from mlcode_executor.frameworks.keras_check import saving_notes
from mlcode_executor.frameworks.keras_inputs import tensors_of
from mlcode_executor.frameworks.keras_outputs import column_note, declared_outputs, flat
from mlcode_executor.frameworks.losses import describe_loss

__all__ = ["check_compiled", "describe", "outputs_for", "versions"]

# Width of the summary in characters. A rich console assumes this width without a terminal, and a wider table would lose
# its last column.
_SUMMARY_WIDTH = 80
# A model that overrides one of these methods defines its own metrics.
_MEASURING = ("train_step", "test_step", "compute_metrics", "get_metrics_result", "metrics")


def versions() -> dict[str, str]:
    """Versions of the packages that a result depends on."""
    return {**common_versions(), "tensorflow": tf.__version__, "keras": keras.__version__}


def describe(model: Any, *, distributed: bool, code: str) -> ModelReport:
    """Return the report of a built or unbuilt model; ``code`` made it."""
    notes = saving_notes(model, code)
    if model.compiled and (columns := column_note(declared_outputs(model))):
        notes.append(columns)
    if not model.built:
        notes.append("the model declares no input shape: weights are created when its first data arrive")
    if distributed and not model.compiled:
        notes.append("not compiled: optimizer, loss and metrics come from the deployment")
    return ModelReport(
        summary=_summary(model),
        inputs=[_spec(tensor) for tensor in _tensors(model, "inputs")],
        outputs=_outputs(model),
        parameters=_count(model.weights),
        trainable_parameters=_count(model.trainable_weights),
        metrics=_metrics(model),
        labels=describe_loss(getattr(model, "loss", None))["kind"],
        warnings=_warnings(model),
        notes=notes,
        versions=versions(),
    )


def outputs_for(model: Any, cast: Callable[[Any], Any], features: Any) -> list[dict[str, Any]]:
    """Return the outputs of a built model, as JSON: declared, or observed on one sample; [] if it refuses that."""
    declared = _outputs(model)
    if declared:
        # A Sequential that was built for one sample declares a batch of one.
        return [{**asdict(output), "shape": (None, *output.shape[1:])} for output in declared]
    try:
        answers = keras.tree.flatten(model(cast(tensors_of(features[:1])), training=False))
    except Exception:  # noqa: BLE001  whatever it is, training will say it, with its line
        return []
    return [
        asdict(TensorSpec(f"output_{index}", (None, *answer.shape[1:]), str(answer.dtype)))
        for index, answer in enumerate(answers)
        if hasattr(answer, "shape")
    ]


def check_compiled(model: Any, code: str) -> None:
    """Raise UserCodeError when the model cannot be trained: not compiled, or with an unknown loss or metric.

    Keras itself looks texts such as ``loss="mse"`` up only when training begins.
    """
    if not model.compiled:
        raise UserCodeError(
            "the model is not compiled: expected model.compile(optimizer=..., loss=..., metrics=[...]) after it",
            kind="missing",
            hint="for example model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', "
            "metrics=['accuracy'])",
        )
    for text in _texts(model.loss):
        _check_known(text, "loss", keras.losses.get, code)
    compile_metrics = getattr(model, "_compile_metrics", None)
    for given in (
        getattr(compile_metrics, "_user_metrics", None),
        getattr(compile_metrics, "_user_weighted_metrics", None),
    ):
        for text in _texts(given):
            if text not in ("accuracy", "acc", "crossentropy", "ce"):
                _check_known(text, "metric", keras.metrics.get, code)


def _summary(model: Any) -> str:
    lines: list[str] = []
    model.summary(print_fn=lambda line, **_options: lines.append(str(line)), line_length=_SUMMARY_WIDTH)
    return "\n".join(lines).strip("\n")


def _outputs(model: Any) -> list[TensorSpec]:
    """Return the outputs in declared order, with the types and shapes that they have when the model serves."""
    structure = getattr(model, "_outputs_struct", None)
    if structure is None:
        return [_spec(tensor, tensor._keras_history.operation.name) for tensor in _tensors(model, "outputs")]
    tensors = list(flat(structure))
    names = [declared_output.name for declared_output in declared_outputs(model)]
    return [_spec(tensor, name) for tensor, name in zip(tensors, names, strict=True)]


def _tensors(model: Any, which: str) -> list[Any]:
    try:
        return list(keras.tree.flatten(getattr(model, which, None) or []))
    except (AttributeError, ValueError):
        # Sequential raises instead of returning None until it is built.
        return []


def _spec(tensor: Any, name: str = "") -> TensorSpec:
    return TensorSpec(name=name or tensor.name, shape=tuple(tensor.shape), dtype=str(tensor.dtype))


def _count(weights: Any) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def _metrics(model: Any) -> list[str]:
    """Return the metric names of an evaluation where they are certain: with one output, and one number per metric."""
    compiled = getattr(model, "_compile_metrics", None)
    overridden = any(getattr(type(model), method) is not getattr(keras.Model, method) for method in _MEASURING)
    if not model.compiled or overridden or len(_tensors(model, "outputs")) != 1:
        return []
    if getattr(compiled, "_user_weighted_metrics", None):
        return []
    names = ["loss"]
    for given in keras.tree.flatten(getattr(compiled, "_user_metrics", None) or []):
        if given not in ("accuracy", "acc"):
            metric = keras.metrics.get(given)
            # Other metrics may give several numbers, each with a name of its own.
            if isinstance(metric, keras.metrics.Metric) and not isinstance(metric, keras.metrics.Mean):
                return []
        names.append(given if isinstance(given, str) else getattr(given, "name", None) or given.__name__)
    return names if len(set(names)) == len(names) else []


def _texts(given: Any) -> list[str]:
    return [name for name in keras.tree.flatten(given) if isinstance(name, str)]


def _check_known(text: str, what: str, look_up: Any, code: str) -> None:
    try:
        look_up(text)
    except ValueError:
        line = next((number for number, line in enumerate(code.splitlines(), 1) if text in line), None)
        raise UserCodeError(
            f"Keras has no {what} {text!r}: expected the name of a function or class of keras.{what}"
            f"{'es' if what == 'loss' else 's'}",
            line=line,
            kind="invalid",
        ) from None


def _warnings(model: Any) -> list[str]:
    if not model.compiled:
        return []
    warnings = []
    if model.loss is None and not model.losses and type(model).compute_loss is keras.Model.compute_loss:
        warnings.append("compiled without a loss: training would change nothing")
    last = {_activation(tensor) for tensor in _tensors(model, "outputs")}
    for loss in keras.tree.flatten(model.loss):
        from_logits = getattr(loss, "from_logits", None)
        if from_logits is None:
            from_logits = getattr(loss, "_fn_kwargs", {}).get("from_logits")
        name = getattr(loss, "name", None) or str(loss)
        activations = sorted(last & {"softmax", "sigmoid"})
        if from_logits and activations:
            warnings.append(
                f"the loss {name} has from_logits=True, but the last layer already applies {activations[0]}: "
                "remove one of the two; it is trained as written"
            )
        elif from_logits is False and last == {"linear"} and "crossentropy" in str(name):
            warnings.append(
                f"the loss {name} expects probabilities, but the last layer has no activation: write "
                "from_logits=True, or a softmax or sigmoid in the last layer; it is trained as written"
            )
    return warnings


def _activation(tensor: Any) -> str:
    history = getattr(tensor, "_keras_history", None)
    operation = history.operation if history is not None else None
    if type(operation).__name__ == "Softmax":
        return "softmax"
    return getattr(getattr(operation, "activation", None), "__name__", "")
