"""Refuses, when a Keras model is checked, what no stream can feed or no inference can answer."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from kafkaml.errors import UserCodeError
from mlcode_executor.frameworks.keras_artifacts import short_reason
from mlcode_executor.frameworks.keras_outputs import check_by_name, flat

__all__ = ["check_servable", "saving_notes"]


def check_servable(model: Any, code: str, *, alone: bool) -> None:
    """Raise UserCodeError for models of texts, batches of a fixed size, or state between records.

    Also for inputs that nothing can feed: several of a sub-model (not ``alone``), several arguments of ``call``.
    """
    inputs = _tensors(model, "inputs")
    layers = list(_layers(model))
    _check_numbers(inputs, layers, [*_tensors(model, "outputs")], code)
    _check_inputs(model, inputs, code, alone=alone)
    _check_any_batch(inputs, code)
    _check_one_device(model, code)
    _check_no_state(layers, code)
    if model.compiled:
        check_by_name(model)


def saving_notes(model: Any, code: str) -> list[str]:
    """Return warnings about parts of the model that Keras cannot save. Its code still trains and serves it."""
    notes = [
        f"line {line}: Keras does not train a tf.Variable inside a layer; write self.add_weight(...) to have it trained"
        for layer in _layers(model)
        if any(isinstance(attribute, tf.Variable) for attribute in vars(layer).values())
        and (line := _line(code, r"\btf\.Variable\(|\bK\.variable\(")) is not None
    ][:1]
    if not model.built:
        return notes
    try:
        model.get_config()
    except Exception as error:  # noqa: BLE001  get_config is the user's code
        notes.append(
            "Keras cannot save it as model.keras, so it is kept and served as model.weights.h5 and model.py: "
            f"{short_reason(str(error))}"
        )
    return notes


def _tensors(model: Any, which: str) -> list[Any]:
    try:
        return list(flat(getattr(model, which, None) or []))
    except (AttributeError, ValueError):
        # Sequential raises instead of returning None until it is built.
        return []


def _layers(model: Any) -> Iterator[Any]:
    yield from model._flatten_layers()


def _line(code: str, pattern: str) -> int | None:
    found = re.compile(pattern)
    return next((number for number, line in enumerate(code.splitlines(), 1) if found.search(line)), None)


def _check_numbers(inputs: list[Any], layers: list[Any], outputs: list[Any], code: str) -> None:
    of_texts = [
        layer for layer in layers if isinstance(layer, keras.layers.TextVectorization | keras.layers.StringLookup)
    ]
    if any(str(model_input.dtype) == "string" for model_input in inputs) or any(
        not getattr(layer, "invert", False) for layer in of_texts
    ):
        culprit = f" (layer {of_texts[0].name!r})" if of_texts else ""
        raise UserCodeError(
            f"the model takes text{culprit}: streams carry numbers",
            line=_line(code, r"TextVectorization|StringLookup|tf\.string|[\"']string[\"']"),
            kind="invalid",
            hint="turn texts into numbers before they are sent (the same vectorising layer, outside of the model), and "
            "begin the model with keras.Input(shape=(length,), dtype='int32')",
        )
    if of_texts or any(str(output.dtype) == "string" for output in outputs):
        raise UserCodeError(
            "the model answers with text: answers are numbers",
            line=_line(code, r"StringLookup|tf\.string|as_string"),
            kind="invalid",
            hint="let the model end with its scores; the names of classes come from the labels of the stream",
        )


def _check_inputs(model: Any, inputs: list[Any], code: str, *, alone: bool) -> None:
    line = _line(code, r"inputs?\s*=\s*[\[{(]|Model\(\s*[\[{]|def call\(")
    if len(inputs) > 1 and not alone:
        raise UserCodeError(
            f"the sub-model has {len(inputs)} inputs ({', '.join(str(entry.name) for entry in inputs)}): each of a "
            "distributed model takes what the one below hands up, which is one array",
            line=line,
            kind="invalid",
            hint="give it one input and split it inside: x = keras.Input((8,)); a, b = x[:, :5], x[:, 5:]",
        )
    arguments = _call_arguments(model) if not inputs else []
    if len(arguments) > 1:
        raise UserCodeError(
            f"the model's call has {len(arguments)} arguments ({', '.join(arguments)}): Keras trains a model whose "
            "inputs are one argument",
            line=line,
            kind="invalid",
            hint="take a dictionary, def call(self, inputs): a, b = inputs['a'], inputs['b'], or write a functional "
            "model: keras.Model([keras.Input((5,), name='a'), keras.Input((3,), name='b')], outputs)",
        )


def _call_arguments(model: Any) -> list[str]:
    """Return the required arguments of the user's ``call``."""
    if type(model).__module__.startswith("keras."):
        return []
    parameters = inspect.signature(model.call).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [
        parameter.name
        for parameter in parameters
        if parameter.kind in kinds and parameter.default is inspect.Parameter.empty
    ]
    return [name for name in required if name not in ("training", "mask")]


def _check_any_batch(inputs: list[Any], code: str) -> None:
    fixed = next(
        (model_input for model_input in inputs if model_input.shape and model_input.shape[0] is not None), None
    )
    if fixed is None:
        return
    shape = tuple(fixed.shape[1:])
    raise UserCodeError(
        f"the model takes batches of {fixed.shape[0]} only (a fixed batch size): the last batch of an epoch and the "
        "records of an inference come in other numbers",
        line=_line(code, r"batch_shape|batch_input_shape|batch_size\s*=|\(batch_size"),
        kind="invalid",
        hint=f"write keras.Input(shape={shape}), without the batch size"
        + (" and without stateful=True" if re.search(r"stateful\s*=\s*True", code) else ""),
    )


def _check_one_device(model: Any, code: str) -> None:
    strategy = getattr(model, "distribute_strategy", None)
    if strategy is None or type(strategy) is type(tf.distribute.get_strategy()):
        return
    raise UserCodeError(
        f"the model is made under {type(strategy).__name__}: it is trained on the devices that its deployment gets",
        line=_line(code, r"Strategy\(|\.scope\(\)"),
        kind="invalid",
        hint="leave tf.distribute out: write the model without strategy.scope()",
    )


def _check_no_state(layers: list[Any], code: str) -> None:
    recurrent = (keras.layers.RNN, keras.layers.Bidirectional)
    stateful = next(
        (layer for layer in layers if isinstance(layer, recurrent) and getattr(layer, "stateful", False)), None
    )
    if stateful is None:
        return
    raise UserCodeError(
        f"the layer {stateful.name!r} is stateful: it would carry what it remembers of one record over to the next, "
        "which may be a stranger's",
        line=_line(code, r"stateful\s*=\s*True|\.stateful"),
        kind="invalid",
        hint="leave stateful=True out, and send each sequence as one record: keras.Input(shape=(steps, features))",
    )
