"""Features as a Keras model takes them: one tensor, or a tensor per named input.

Called by the handler, inside the model process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kafkaml.errors import DecodeError
from kafkaml.named_inputs import input_shapes, separated
from mlcode_executor.frameworks.base import Array
from mlcode_executor.frameworks.keras_outputs import flat

__all__ = ["cast_for", "input_names", "specs_of", "tensors_of"]


def tensors_of(features: Array) -> Any:
    """Return features (n, ...) as a tensor; of several inputs a tensor (n, *shape) for each, by its name."""
    # Arrays are copied where needed, because views of a mapped file are not aligned as TensorFlow needs.
    if features.dtype.names is None:
        return tf.convert_to_tensor(np.ascontiguousarray(features))
    return {name: tf.convert_to_tensor(np.ascontiguousarray(array)) for name, array in separated(features).items()}


def specs_of(dtype: np.dtype[Any], shape: Sequence[int], *, name: str | None = None) -> Any:
    """Return the specs of the tensors from ``tensors_of`` for any number of samples; ``name`` names a single input."""
    if dtype.names is None:
        return tf.TensorSpec((None, *shape), tf.as_dtype(dtype), name=name)
    return {
        name: tf.TensorSpec((None, *input_shape), tf.as_dtype(dtype[name].base), name=name)
        for name, input_shape in input_shapes(dtype).items()
    }


def input_names(model: Any) -> list[str]:
    """Return the names of the inputs that a model declares; empty where it declares none."""
    try:
        return [str(model_input.name) for model_input in flat(getattr(model, "inputs", None) or [])]
    except (AttributeError, ValueError):
        # Sequential raises instead of returning None while it is not built.
        return []


def cast_for(model: Any, features: Array) -> Callable[[Any], Any]:
    """Return the cast that the tensors from ``tensors_of`` need before the model takes them.

    Models with declared inputs cast on their own. A model that only has a ``call`` gets integers as they are if it can
    use them (embeddings), as float32 otherwise (images sent as uint8). Raises DecodeError where samples and model have
    inputs of other names.
    """
    if features.dtype.names is not None:
        return _by_name(model, features.dtype.names)
    if features.dtype == np.float64:
        return lambda tensor: tf.cast(tensor, keras.config.floatx())
    if features.dtype.kind == "f" or getattr(model, "inputs", None) or isinstance(model, keras.Sequential):
        return lambda tensor: tensor
    sample = keras.KerasTensor((1, *features.shape[1:]), dtype=str(features.dtype))
    try:
        model.compute_output_spec(sample)
    except (TypeError, ValueError, tf.errors.OpError):
        return lambda tensor: tf.cast(tensor, keras.config.floatx())
    return lambda tensor: tensor


def _by_name(model: Any, given: Sequence[str]) -> Callable[[Any], Any]:
    names = input_names(model)
    if names and sorted(names) != sorted(given):
        raise DecodeError(
            f"the samples have the inputs {', '.join(given)}: the model's are {', '.join(names)}",
            hint="name the model's inputs, keras.Input(..., name=...), as the contract's columns do",
        )
    structure = getattr(model, "_inputs_struct", None)
    if structure is None:
        # A model with its own ``call`` gets its inputs as a dictionary.
        return lambda tensors: tensors
    return lambda tensors: keras.tree.pack_sequence_as(structure, [tensors[name] for name in names])
