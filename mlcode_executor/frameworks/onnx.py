"""Serving a converted model by ONNX Runtime: no user code, no framework, the fastest engine on a CPU."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime

from kafkaml.artifacts import ONNX_FILE
from kafkaml.dtypes import shapes_up_to_unit_axis
from kafkaml.errors import BrokenError, DecodeError, UserCodeError
from kafkaml.named_inputs import dtype_from_json
from mlcode_executor.frameworks.base import Array, Emit, Request, open_to_read
from mlcode_executor.frameworks.onnx_check import feed_of

__all__ = ["PRELOAD", "OnnxHandler", "create_handler"]

PRELOAD = ["onnxruntime"]

_DTYPES: Mapping[str, str] = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(bool)": "bool",
    **{f"tensor({sign}int{bits})": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}


def create_handler() -> OnnxHandler:
    """The entry point of the model process."""
    return OnnxHandler()


class OnnxHandler:
    """One model.onnx. It can only be loaded, because models are trained by the framework that they were written in."""

    def __init__(self) -> None:
        self._session: Any = None
        self._input_names: list[str] = []
        self._dtype = np.dtype(np.float32)
        self._sample_shape: tuple[int, ...] = ()

    def call(
        self, method: str, params: Mapping[str, Any], arrays: Mapping[str, Array], files: Mapping[str, int], emit: Emit
    ) -> dict[str, Any]:
        """Run ``load``, or ``warm_up``, which has nothing to do here; BrokenError for every other method."""
        if method == "warm_up":
            return {}
        if method != "load":
            raise BrokenError(f"the ONNX runtime has no method {method!r}: expected load")
        return self.load(Request(params, arrays, files, emit))

    def load(self, request: Request) -> dict[str, Any]:
        """``{input: {dtype, shape}, threads?}`` and ``model.onnx`` -> ``{outputs: [{dtype, shape}]}``.

        ``threads`` is how many one prediction may use: one by default, because replicas are what scales.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(request.params.get("threads") or 1)
        options.inter_op_num_threads = 1
        # Threads that spin between two batches would take the core from the runner.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        with open_to_read(request.files[ONNX_FILE]) as file:
            model = file.read()
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=_providers())
        except Exception as error:
            raise UserCodeError(f"{ONNX_FILE} cannot be loaded: {error}", kind="invalid") from error
        inputs = self._session.get_inputs()
        self._input_names = [model_input.name for model_input in inputs]
        dtype = dtype_from_json(request.params["input"]["dtype"])
        if dtype.names is not None:
            return self._outputs_of_named(dtype)
        if len(inputs) != 1 or inputs[0].type not in _DTYPES:
            found = ", ".join(f"{model_input.name} {model_input.type}" for model_input in inputs)
            raise UserCodeError(f"{ONNX_FILE} has the inputs {found}: expected one tensor of numbers", kind="invalid")
        self._dtype = np.dtype(_DTYPES[inputs[0].type])
        shape = tuple(request.params["input"]["shape"])
        try:
            outputs = self._fit_shape(shape, dtype)
        except UserCodeError as error:
            raise DecodeError(
                f"samples of shape {shape} do not fit the model, which takes {inputs[0].shape[1:]}: {error.message}",
                hint="check the input configuration of the inference against the stream that trained the model",
            ) from error
        return _described(outputs)

    def _outputs_of_named(self, dtype: np.dtype[Any]) -> dict[str, Any]:
        """Find out that the model takes samples of several inputs; returns the answer of ``load``."""
        names = list(dtype.names or ())
        if sorted(names) != sorted(self._input_names):
            raise DecodeError(
                f"the samples have the inputs {', '.join(names)}: the model's are {', '.join(self._input_names)}",
                hint="serve it with the contract of the data set that trained it",
            )
        # Inputs are passed unchanged, because the graph contains the casts.
        self._dtype = dtype
        try:
            return _described(self.predict(np.zeros(1, dtype)))
        except UserCodeError as error:
            raise DecodeError(f"the samples do not fit the model: {error.message}") from error

    def _fit_shape(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> list[Array]:
        """Find out how the model takes samples of ``shape``; returns its outputs, UserCodeError when it does not."""
        first: UserCodeError | None = None
        for candidate in shapes_up_to_unit_axis(shape):
            self._sample_shape = candidate
            try:
                return self.predict(np.zeros((1, *candidate), dtype))
            except UserCodeError as error:
                first = first or error
        assert first is not None
        raise first

    def predict(self, features: Array, /) -> list[Array]:
        """Run the model on (batch, *sample_shape); returns one array (batch, ...) for each output."""
        if self._session is None:
            raise BrokenError("predict was called before load")
        if features.dtype != self._dtype:
            features = features.astype(self._dtype)
        if features.shape[1:] != self._sample_shape:
            features = features.reshape(len(features), *self._sample_shape)
        try:
            outputs: list[Array] = self._session.run(None, feed_of(features, self._input_names))
        except Exception as error:
            raise UserCodeError(f"the model cannot predict {features.shape}: {str(error)[:1000]}") from error
        return outputs


def _described(outputs: list[Array]) -> dict[str, Any]:
    return {"outputs": [{"dtype": str(output.dtype), "shape": list(output.shape[1:])} for output in outputs]}


def _providers() -> list[str]:
    available = onnxruntime.get_available_providers()
    wanted = ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" in available and os.path.exists("/dev/nvidiactl"):  # noqa: PTH110  a device
        wanted.insert(0, "CUDAExecutionProvider")
    return wanted
