"""Serving by ONNX Runtime: which files load, which do not, and the errors."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import pytest

from kafkaml.errors import BrokenError, DecodeError, UserCodeError
from mlcode_executor.predictor import Predictor
from mlcode_executor.runtimes import OwnRuntime
from tests.mlcode_executor.conftest import Model, StartProcess


@pytest.fixture
def model(start_model: StartProcess) -> Model:
    return start_model(OwnRuntime.ONNX)


def doubler() -> bytes:
    """Return a model that answers 2 * x for (batch, 3) float32."""
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "two"], ["y"])],
        "doubler",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    content: bytes = made.SerializeToString()
    return content


def load(model: Model, content: bytes, **about: Any) -> dict[str, Any]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return model.process.call("load", about, files={"model.onnx": file.fileno()}, timeout_seconds=240)


def test_predictions_of_any_count_and_type(model: Model) -> None:
    described = load(model, doubler(), input={"dtype": "float64", "shape": [3]})
    assert described == {"outputs": [{"dtype": "float32", "shape": [3]}]}
    with Predictor(model.process, np.float64, (3,), 1024) as predictor:
        for count in (1, 2, 8, 9, 300, 1024):
            samples = np.random.default_rng(count).normal(size=(count, 3))
            predictor.input_array[:count] = samples
            predictor.submit(count)
            np.testing.assert_allclose(predictor.collect()[0], samples * 2, rtol=1e-6)


def test_samples_of_another_shape_are_refused(model: Model) -> None:
    with pytest.raises(DecodeError, match=r"samples of shape \(4,\) do not fit the model, which takes \[3\]"):
        load(model, doubler(), input={"dtype": "float32", "shape": [4]})


def test_what_is_not_a_model_is_refused(model: Model) -> None:
    with pytest.raises(UserCodeError, match="cannot be loaded"):
        load(model, b"not a model", input={"dtype": "float32", "shape": [3]})


def test_training_is_not_its_business(model: Model) -> None:
    with pytest.raises(BrokenError, match="no method 'fit'"):
        model.call("fit")
