"""Accepts calls of old code that are done already or mean nothing here, with a line in the output."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import tensorflow as tf

from mlcode_executor.frameworks.keras_program import accept_integer_shapes, seed_generators
from mlcode_executor.frameworks.source import say

__all__ = ["accept_old_code"]

# Functions that set up devices and threads. The platform does this before the user's code runs.
_SET_UP = {
    tf.config: ("set_visible_devices", "set_logical_device_configuration"),
    tf.config.experimental: ("set_memory_growth", "set_virtual_device_configuration", "set_visible_devices"),
    tf.config.threading: ("set_inter_op_parallelism_threads", "set_intra_op_parallelism_threads"),
}
# Functions that return to the graphs of TensorFlow 1, which Keras code does not need.
_MODES = ("disable_eager_execution", "disable_v2_behavior", "disable_v2_tensorshape", "disable_resource_variables")


@cache
def accept_old_code() -> None:
    """Let calls of old code succeed. Called once per process, before user code runs."""
    accept_integer_shapes()
    seed_generators()
    for holder, names in _SET_UP.items():
        for name in names:
            setattr(holder, name, _tolerant(name, getattr(holder, name)))
    for name in _MODES:
        setattr(tf.compat.v1, name, _without_effect(name))


def _tolerant(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except (RuntimeError, ValueError) as error:
            say(f"{name}() was left out, devices are set up already: {error}")
            return None

    return call


def _without_effect(name: str) -> Callable[..., None]:
    def call(*_arguments: object, **_options: object) -> None:
        say(f"{name}() was left out: models run with TensorFlow 2")

    return call
