"""Conversion of a trained Keras model to ONNX."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from kafkaml.artifacts import ONNX_FILE
from mlcode_executor.frameworks.base import Array, scratch_folder
from mlcode_executor.frameworks.keras_inputs import specs_of
from mlcode_executor.frameworks.onnx_check import compare_and_write, not_converted

__all__ = ["export_onnx"]

_OPSET = 18


def export_onnx(
    answer: Callable[[Any], list[Any]], features: Array, predict: Callable[[Array], list[Array]], descriptor: int
) -> dict[str, Any]:
    """Convert ``answer`` for inputs like ``features``; the cast of, say, uint8 becomes part of the graph."""
    # The converter is imported here, because a training needs it once and a check never.
    import tf2onnx
    from keras.src.export.onnx import patch_tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    # Keras has a function with the fixes that tf2onnx needs under NumPy 2. It uses a name of NumPy that raises a
    # warning.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch_tf2onnx()
    specs = specs_of(features.dtype, features.shape[1:], name="features")
    signature = list(specs.values()) if isinstance(specs, dict) else [specs]

    def named(*tensors: Any) -> list[Any]:
        return answer(dict(zip(specs, tensors, strict=True)) if isinstance(specs, dict) else tensors[0])

    with scratch_folder() as folder:
        path = folder / ONNX_FILE
        try:
            tf2onnx.convert.from_function(
                _Traced(tf.function(named, input_signature=signature, autograph=False).get_concrete_function()),
                signature,
                opset=_OPSET,
                output_path=str(path),
            )
            return compare_and_write(path, features, predict, descriptor)
        except Exception as error:  # noqa: BLE001  whatever the converter meets, the framework still serves
            return not_converted(f"{type(error).__name__}: {str(error)[:500]}")


class _Traced:
    """Provides what tf2onnx expects of a tf.function, for a traced one in which the user's constants stay constants.

    Tensors that layers keep in addition to their weights (``tf.constant``, statistics of ``Normalization``) would
    become inputs of the converted model, which nobody could feed.
    """

    def __init__(self, traced: Any) -> None:
        if any(captured_input.dtype != tf.resource for captured_input in traced.captured_inputs):
            traced = convert_variables_to_constants_v2(traced, lower_control_flow=False, aggressive_inlining=True)
        self._traced = traced

    def get_concrete_function(self, *_signature: Any) -> Any:
        return self._traced
