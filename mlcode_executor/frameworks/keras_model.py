"""Makes a Keras model ready after the user's code ran: finds its variable, asks for outputs, makes runs repeatable.

Called by the handler, inside the model process.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kafkaml.errors import UserCodeError
from mlcode_executor.frameworks.base import Array
from mlcode_executor.frameworks.keras_inputs import cast_for, tensors_of
from mlcode_executor.frameworks.keras_outputs import flat
from mlcode_executor.frameworks.source import is_of, maker_of_model

__all__ = ["cast_and_answer", "find_model", "is_serialisable", "make_repeatable"]


def find_model(namespace: Mapping[str, Any], *, distributed: bool) -> tuple[str, Any]:
    """Return the name and value of the global ``model``; for a sub-model, of the only keras.Model left over."""
    model = namespace.get("model")
    if isinstance(model, keras.Model):
        return "model", model
    if model is not None:
        raise UserCodeError(
            f"the global 'model' is of type {type(model).__name__}: expected a keras.Model",
            kind="invalid",
            hint="this is PyTorch code: choose PyTorch as the framework" if is_of(model, "torch") else "",
        )
    others = {id(value): name for name, value in namespace.items() if isinstance(value, keras.Model)}
    if distributed and len(others) == 1:
        name = next(iter(others.values()))
        return name, namespace[name]
    found = ", ".join(sorted(others.values()))
    if distributed and others:
        raise UserCodeError(
            f"the code leaves {len(others)} models ({found}): expected one sub-model",
            kind="invalid",
            hint="paste each sub-model on its own, or name the one that counts 'model'",
        )
    raise UserCodeError(
        "the code defines no global 'model': expected model = keras.Sequential(...) or another keras.Model"
        + (f"; it has {found}" if found else ""),
        kind="missing",
        hint=f"write model = {next(iter(others.values()))} at the end" if others else maker_of_model(namespace),
    )


def cast_and_answer(model: Any, features: Array) -> list[Array]:
    """Return what ``model`` answers, output by output; creates its weights if it has none yet."""
    cast = cast_for(model, features)
    return [np.asarray(output) for output in flat(model(cast(tensors_of(features)), training=False))]


def make_repeatable() -> None:
    """Make the same seed on the same data give the same metrics, bit by bit without a GPU."""
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        # Memory growth keeps the first process from taking all of the GPU's memory. It cannot be set after the GPU's
        # first use.
        if not tf.config.experimental.get_memory_growth(gpu):
            tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        # Deterministic operations cost little on a CPU and a lot on a GPU, where repeatability is not promised.
        tf.config.experimental.enable_op_determinism()


def is_serialisable(value: object) -> bool:
    """Whether Keras needs ``value`` from the user's code to load a model."""
    if inspect.isclass(value):
        return issubclass(value, (keras.layers.Layer, keras.losses.Loss, keras.metrics.Metric)) and (
            value.__module__ == "model_code"
        )
    return inspect.isfunction(value) and value.__module__ == "model_code"
