"""The state of a Keras model: its variables, those of its optimisers, and other state in its layers.

Called by the handler, inside the model process. ``keras_artifacts`` handles the part that serving needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR, global_seed_generator

from mlcode_executor.frameworks.base import Array
from mlcode_executor.frameworks.state import State, generator_state, refuse_other_model, set_generator_state

__all__ = [
    "averaged",
    "copies",
    "exchanged",
    "new_state",
    "own_generator_kept",
    "put_copies",
    "put_model",
    "seeds",
    "set_seeds",
    "take_model",
]


def new_state() -> State:
    """Return an empty state that takes arrays of every Keras type."""
    return State("tensorflow", to_array=_to_array, from_array=_from_array)


@contextmanager
def exchanged(model: Any, others: list[Array]) -> Iterator[None]:
    """Give the model the variables ``others`` for the block; they stay unchanged."""
    with _same_after(model.variables):
        _set(model.variables, others)
        yield


@contextmanager
def averaged(model: Any) -> Iterator[None]:
    """Give the model the averages of its weights for the block, where its optimiser keeps any (use_ema)."""
    averaging = _averaging(model)
    if averaging is None:
        yield
        return
    with _same_after(model.trainable_weights):
        averaging.finalize_variable_values(model.trainable_weights)
        yield


def copies(model: Any) -> list[Array]:
    """Return copies of the model's variables."""
    return [np.array(variable) for variable in model.variables]


def put_copies(model: Any, values: list[Array]) -> None:
    """Restore the variables that ``copies`` returned. Averages of weights are overwritten too, because they would
    serve.
    """
    _set(model.variables, values)
    averaging = _averaging(model)
    if averaging is not None:
        pairs = zip(averaging._trainable_variables, averaging._model_variables_moving_average, strict=True)
        for variable, average in pairs:
            if average is not None:
                average.assign(variable)


def seeds(model: Any) -> list[Array]:
    """Return the states of the layers' random generators. Recurrent dropout draws from them even in evaluation."""
    return [np.asarray(seed_generator.state) for seed_generator in _seed_generators(model)]


def set_seeds(model: Any, states: Sequence[Array]) -> None:
    """Restore the states that ``seeds`` returned; newer generators stay as they are."""
    for generator, state in zip(_seed_generators(model), states, strict=False):
        generator.state.assign(state)


@contextmanager
def own_generator_kept() -> Iterator[None]:
    """Preserve Keras' global generator, for layers without their own, which ``clear_session`` would drop."""
    generator = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
    try:
        yield
    finally:
        global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, generator)


def put_model(state: State, model: Any) -> None:
    """Save everything in a model and its optimisers that training changes."""
    state["names"] = _names(model.variables)
    state["weights"] = [np.asarray(variable) for variable in model.variables]
    places = {id(variable): place for place, variable in enumerate(model.variables)}
    state["optimizers"] = [
        {
            "of": [places[id(trainable_variable)] for trainable_variable in optimizer._trainable_variables],
            "names": _names(optimizer.variables),
            "values": [np.asarray(variable) for variable in optimizer.variables],
        }
        if optimizer.built
        else None
        for optimizer in _optimizers(model)
    ]
    state["others"] = [variable.numpy() for variable in _other_variables(model)]
    shared = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
    state["shared_generator"] = None if shared is None else np.asarray(shared.state)
    state["generators"] = [generator_state(generator) for generator in _generators(model)]


def take_model(state: State, model: Any) -> None:
    """Restore into the model and its optimisers what ``put_model`` saved. Raises RefusedError for another model's
    state.
    """
    _assign(model.variables, state["names"], state["weights"])
    for optimizer, saved in zip(_optimizers(model), state["optimizers"], strict=True):
        if saved is not None:
            optimizer.build([model.variables[place] for place in saved["of"]])
            _assign(optimizer.variables, saved["names"], saved["values"])
    for variable, value in zip(_other_variables(model), state["others"], strict=True):
        variable.assign(value)
    if (shared := state["shared_generator"]) is not None:
        global_seed_generator().state.assign(shared)
    for generator, value in zip(_generators(model), state["generators"], strict=True):
        set_generator_state(generator, value)


def _averaging(model: Any) -> Any:
    """Return the model's optimiser that keeps averages of its weights (use_ema); None where there are none yet."""
    optimizer = getattr(model, "optimizer", None)
    # An optimiser that scales the loss wraps the one that averages.
    averaging = getattr(optimizer, "inner_optimizer", optimizer)
    # Before the first step the averages are zeros.
    if averaging is None or not averaging.use_ema or not averaging.built or not int(averaging.iterations):
        return None
    return averaging


@contextmanager
def _same_after(variables: list[Any]) -> Iterator[None]:
    before = [np.array(variable) for variable in variables]
    try:
        yield
    finally:
        _set(variables, before)


def _set(variables: list[Any], values: list[Array]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _assign(variables: list[Any], names: list[tuple[str, str]], values: list[Array]) -> None:
    own = _names(variables)
    # Only the shapes of variables are compared, because their names may differ each time the code runs.
    if [shape for _, shape in names] != [shape for _, shape in own]:
        refuse_other_model(names, own)
    _set(variables, values)


def _names(variables: list[Any]) -> list[tuple[str, str]]:
    """Return unique names with shapes, because the user's own layers may share a name."""
    return [
        (f"{place}:{variable.path}", f"{tuple(variable.shape)} {variable.dtype}")
        for place, variable in enumerate(variables)
    ]


def _seed_generators(model: Any) -> list[Any]:
    shared = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
    own = [seed_generator for layer in model._flatten_layers() for seed_generator in layer._seed_generators]
    return own if shared is None else [*own, shared]


def _kept(model: Any) -> Iterator[Any]:
    """Yield the values in layers' attributes, each once."""
    seen: set[int] = set()
    for layer in model._flatten_layers():
        for value in list(vars(layer).values()):
            if id(value) not in seen:
                seen.add(id(value))
                yield value


def _optimizers(model: Any) -> list[Any]:
    """The optimisers of the model: the one from ``compile``, and those of a custom training step."""
    return [part for part in _kept(model) if isinstance(part, keras.optimizers.Optimizer)]


def _other_variables(model: Any) -> list[Any]:
    """TensorFlow's own variables in layers' attributes, which Keras does not count."""
    return [
        part.state if isinstance(part, tf.random.Generator) else part
        for part in _kept(model)
        if isinstance(part, tf.Variable | tf.random.Generator)
    ]


def _generators(model: Any) -> list[Any]:
    return [part for part in _kept(model) if generator_state(part) is not None]


def _to_array(value: Any) -> tuple[Array, Mapping[str, Any]] | None:
    """Return the bytes of an array of a type that NumPy does not write, such as bfloat16."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "V":
        return None
    about = {"type": value.dtype.name, "shape": list(value.shape)}
    return np.frombuffer(value.tobytes(), np.uint8), about


def _from_array(array: Array, about: Mapping[str, Any]) -> Array:
    return np.frombuffer(array.tobytes(), tf.as_dtype(about["type"]).as_numpy_dtype).reshape(about["shape"])
