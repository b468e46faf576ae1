"""The state of a Keras model: its variables, those of its optimisers, and what its layers keep beside them.

Called by the handler, inside the model process. ``keras_artifacts`` holds the part of it that serves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlcode_executor.frameworks.base import Array
from mlcode_executor.frameworks.state import State, generator_state, refuse_other_model, set_generator_state

__all__ = ["exchanged", "new_state", "put_model", "take_model"]


def new_state() -> State:
    """Return an empty state that takes arrays of every type of Keras'."""
    return State("tensorflow", to_array=_to_array, from_array=_from_array)


@contextmanager
def exchanged(model: Any, others: list[Array]) -> Iterator[None]:
    """Let the model have the variables ``others``, and these the model's, until the block ends."""
    _exchange(model, others)
    try:
        yield
    finally:
        _exchange(model, others)


def put_model(state: State, model: Any) -> None:
    """Keep all of a model that training changes, and its optimisers."""
    state["names"] = _names(model.variables)
    state["weights"] = [np.asarray(each) for each in model.variables]
    places = {id(each): place for place, each in enumerate(model.variables)}
    state["optimizers"] = [
        {
            "of": [places[id(each)] for each in optimizer._trainable_variables],
            "names": _names(optimizer.variables),
            "values": [np.asarray(each) for each in optimizer.variables],
        }
        if optimizer.built
        else None
        for optimizer in _optimizers(model)
    ]
    state["others"] = [each.numpy() for each in _other_variables(model)]
    state["generators"] = [generator_state(each) for each in _generators(model)]


def take_model(state: State, model: Any) -> None:
    """Give the model and its optimisers what ``put_model`` kept; RefusedError unless they are of this model."""
    _assign(model.variables, state["names"], state["weights"])
    for optimizer, saved in zip(_optimizers(model), state["optimizers"], strict=True):
        if saved is not None:
            optimizer.build([model.variables[place] for place in saved["of"]])
            _assign(optimizer.variables, saved["names"], saved["values"])
    for variable, value in zip(_other_variables(model), state["others"], strict=True):
        variable.assign(value)
    for generator, value in zip(_generators(model), state["generators"], strict=True):
        set_generator_state(generator, value)


def _exchange(model: Any, others: list[Array]) -> None:
    for place, variable in enumerate(model.variables):
        before = np.array(variable)
        variable.assign(others[place])
        others[place] = before


def _assign(variables: list[Any], names: list[tuple[str, str]], values: list[Array]) -> None:
    own = _names(variables)
    # A name may be another each time that the code runs.
    if [shape for _, shape in names] != [shape for _, shape in own]:
        refuse_other_model(names, own)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _names(variables: list[Any]) -> list[tuple[str, str]]:
    """Return names, none twice, and shapes: layers of the user's own may bear the same name."""
    return [(f"{place}:{each.path}", f"{tuple(each.shape)} {each.dtype}") for place, each in enumerate(variables)]


def _kept(model: Any) -> Iterator[Any]:
    """Yield what the layers keep in attributes, each thing once."""
    seen: set[int] = set()
    for layer in model._flatten_layers():
        for value in list(vars(layer).values()):
            if id(value) not in seen:
                seen.add(id(value))
                yield value


def _optimizers(model: Any) -> list[Any]:
    """The optimisers of the model: the one of ``compile``, and those that a step of the user's own uses."""
    return [each for each in _kept(model) if isinstance(each, keras.optimizers.Optimizer)]


def _other_variables(model: Any) -> list[Any]:
    """TensorFlow's own variables in layers' attributes, which Keras does not count."""
    return [
        each.state if isinstance(each, tf.random.Generator) else each
        for each in _kept(model)
        if isinstance(each, tf.Variable | tf.random.Generator)
    ]


def _generators(model: Any) -> list[Any]:
    return [each for each in _kept(model) if generator_state(each) is not None]


def _to_array(value: Any) -> tuple[Array, Mapping[str, Any]] | None:
    """Return the bytes of an array of a type that NumPy does not write, such as bfloat16."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "V":
        return None
    about = {"type": value.dtype.name, "shape": list(value.shape)}
    return np.frombuffer(value.tobytes(), np.uint8), about


def _from_array(array: Array, about: Mapping[str, Any]) -> Array:
    return np.frombuffer(array.tobytes(), tf.as_dtype(about["type"]).as_numpy_dtype).reshape(about["shape"])
