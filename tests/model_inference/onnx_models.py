"""Small real ONNX models, made without a framework, for the inferences of tests."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["mlp", "slow_convolution", "sub_model", "sum_model", "two_outputs", "window_sum"]

_OPSET = [helper.make_opsetid("", 17)]


def _model(nodes: list[onnx.NodeProto], inputs: list[object], outputs: list[object], tensors: list[object]) -> bytes:
    graph = helper.make_graph(nodes, "graph", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=_OPSET, ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def sum_model(size: int, factor: float = 1.0) -> bytes:
    """Return a model of ``size`` numbers that answers their sum times ``factor``: (batch, size) -> (batch, 1)."""
    return _model(
        [
            helper.make_node("ReduceSum", ["x", "axes"], ["sum"], keepdims=1),
            helper.make_node("Mul", ["sum", "factor"], ["y"]),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1])],
        [
            numpy_helper.from_array(np.array([1], np.int64), "axes"),
            numpy_helper.from_array(np.array(factor, np.float32), "factor"),
        ],
    )


def window_sum(length: int, width: int, *, slowness: int = 0) -> bytes:
    """Return a model of windows that answers the sum of their numbers: (batch, length, width) -> (batch, 1).

    ``slowness`` is how many large products, all of zeros, are added to the sum.
    """
    size = 1024
    hidden = ["flat", *(f"product{number}" for number in range(slowness + 1))]
    products = [
        helper.make_node("Reshape", ["x", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "first"], [hidden[1]]),
        *(
            helper.make_node("MatMul", [hidden[place], "zeros"], [hidden[place + 1]])
            for place in range(1, slowness + 1)
        ),
        helper.make_node("ReduceSum", [hidden[-1], "last"], ["nothing"], keepdims=1),
        helper.make_node("Add", ["window", "nothing"], ["y"]),
    ]
    tensors = [
        numpy_helper.from_array(np.array([-1, length * width], np.int64), "shape"),
        numpy_helper.from_array(np.zeros((length * width, size), np.float32), "first"),
        numpy_helper.from_array(np.zeros((size, size), np.float32), "zeros"),
    ]
    return _model(
        [
            helper.make_node("ReduceSum", ["x", "axes"], ["sum"], keepdims=0),
            helper.make_node("Unsqueeze", ["sum", "last"], ["window" if slowness else "y"]),
            *(products if slowness else ()),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", length, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1])],
        [
            numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
            numpy_helper.from_array(np.array([1], np.int64), "last"),
            *(tensors if slowness else ()),
        ],
    )


def two_outputs(size: int) -> bytes:
    """Return a model with two outputs, as a sub-model has: (batch, size) doubled, and the sum of (batch, size)."""
    return _model(
        [
            helper.make_node("Add", ["x", "x"], ["intermediate"]),
            helper.make_node("ReduceSum", ["x", "axes"], ["prediction"], keepdims=1),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", size])],
        [
            helper.make_tensor_value_info("intermediate", TensorProto.FLOAT, ["batch", size]),
            helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["batch", 1]),
        ],
        [numpy_helper.from_array(np.array([1], np.int64), "axes")],
    )


def sub_model(inputs: int, hidden: int = 64, classes: int = 10, *, seed: int = 0) -> bytes:
    """Return a sub-model: dense + ReLU, which goes up, and dense + softmax of it, the prediction."""
    random = np.random.default_rng(seed)

    def tensor(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name)

    return _model(
        [
            helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
            helper.make_node("Relu", ["h"], ["intermediate"]),
            helper.make_node("Gemm", ["intermediate", "w2", "b2"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["prediction"], axis=-1),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", inputs])],
        [
            helper.make_tensor_value_info("intermediate", TensorProto.FLOAT, ["batch", hidden]),
            helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["batch", classes]),
        ],
        [tensor("w1", inputs, hidden), tensor("b1", hidden), tensor("w2", hidden, classes), tensor("b2", classes)],
    )


def mlp(inputs: int = 784, hidden: int = 128, classes: int = 10, *, seed: int = 0, hands_up: bool = False) -> bytes:
    """Return the MNIST network of the benchmarks: flatten, dense + ReLU, dense + softmax; random weights.

    With ``hands_up`` it is a sub-model, whose hidden layer is the first of two outputs.
    """
    random = np.random.default_rng(seed)

    def tensor(name: str, *shape: int) -> object:
        return numpy_helper.from_array((random.standard_normal(shape) * 0.05).astype(np.float32), name)

    return _model(
        [
            helper.make_node("Flatten", ["x"], ["flat"]),
            helper.make_node("Div", ["flat", "scale"], ["scaled"]),
            helper.make_node("Gemm", ["scaled", "w1", "b1"], ["h1"]),
            helper.make_node("Relu", ["h1"], ["h2"]),
            helper.make_node("Gemm", ["h2", "w2", "b2"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["y"], axis=-1),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "rows", "columns"])],
        [
            *([helper.make_tensor_value_info("h2", TensorProto.FLOAT, ["batch", hidden])] if hands_up else []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", classes]),
        ],
        [
            numpy_helper.from_array(np.array(255, np.float32), "scale"),
            tensor("w1", inputs, hidden),
            tensor("b1", hidden),
            tensor("w2", hidden, classes),
            tensor("b2", classes),
        ],
    )


def slow_convolution(channels: int = 32, layers: int = 7, *, seed: int = 0) -> bytes:
    """Return a convolutional network over 28x28 images that takes about a millisecond per sample on one core."""
    random = np.random.default_rng(seed)
    nodes = [helper.make_node("Unsqueeze", ["x", "axis"], ["h0"])]
    tensors = [numpy_helper.from_array(np.array([1], np.int64), "axis")]
    for layer in range(layers):
        shape = (channels, channels if layer else 1, 3, 3)
        weights = (random.standard_normal(shape) * 0.05).astype(np.float32)
        tensors.append(numpy_helper.from_array(weights, f"w{layer}"))
        nodes.append(helper.make_node("Conv", [f"h{layer}", f"w{layer}"], [f"h{layer + 1}"], pads=[1, 1, 1, 1]))
    nodes += [
        helper.make_node("GlobalAveragePool", [f"h{layers}"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["y"]),
    ]
    return _model(
        nodes,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 28, 28])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", channels])],
        tensors,
    )
