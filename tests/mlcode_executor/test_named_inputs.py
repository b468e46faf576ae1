"""A model with several inputs: trained, resumed, tested, saved, converted and served, on the real model process."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from kafkaml.errors import KafkaMLError, UserCodeError
from kafkaml.named_inputs import dtype_to_json, joined
from kafkaml.wire.framework import Framework
from mlcode_executor.runtimes import OwnRuntime, Runtime
from mlcode_executor.shared_array import SharedArray
from tests.mlcode_executor.conftest import Model, StartProcess
from tests.mlcode_executor.test_contract import loaded, predictions, saved
from tests.mlcode_executor.test_state import restore, save
from tests.weights import weights_in

KERAS = """readings = keras.Input((3,), name="readings")
kind = keras.Input((1,), name="kind")
picture = keras.Input((4, 4, 1), name="picture")
seen = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(picture))
known = keras.layers.Flatten()(keras.layers.Embedding(4, 2)(kind))
both = keras.layers.concatenate([readings, seen, known])
hidden = keras.layers.Dense(16, activation="relu")(both)
model = keras.Model([kind, readings, picture], keras.layers.Dense(2, activation="softmax")(hidden))
model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
"""
PYTORCH = """class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.known = nn.Embedding(4, 2)
        self.seen = nn.Conv2d(1, 2, 3)
        self.layers = nn.Sequential(nn.Linear(3 + 8 + 2, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, kind, readings, picture):
        parts = [readings, self.seen(picture).flatten(1), self.known(kind).flatten(1)]
        return self.layers(torch.cat(parts, dim=1))

    def loss_fn(self):
        return nn.CrossEntropyLoss()

    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.02)

    def metrics(self):
        return {"accuracy": Accuracy()}


model = Both()
"""


@dataclass(frozen=True)
class Case:
    runtime: Runtime
    code: str
    epochs: str
    artifact: str

    def __str__(self) -> str:
        return str(self.runtime)


FRAMEWORKS = [
    Case(Framework.TENSORFLOW, KERAS, "epochs", "model.weights.h5"),
    Case(Framework.PYTORCH, PYTORCH, "max_epochs", "model.safetensors"),
]


def samples(count: int) -> tuple[Any, Any]:
    """Records of three inputs, of which two together determine the class."""
    random = np.random.default_rng(1)
    readings = random.normal(size=(count, 3)).astype(np.float32)
    picture = random.integers(0, 256, (count, 4, 4, 1), np.uint8)
    kind = random.integers(0, 4, (count, 1)).astype(np.float32)
    labels = readings[:, 0] + picture.mean(axis=(1, 2, 3)) / 32 > 4 - (kind[:, 0] - 1.5) / 4
    # The order differs from that in the models.
    return joined({"readings": readings, "picture": picture, "kind": kind}), labels.astype(np.int64)


def fit(model: Model, framework: Case, **more: Any) -> dict[str, Any]:
    features, labels = samples(480)
    return model.call(
        "fit",
        {"batch_size": 32, "arguments": {framework.epochs: 6}, **more},
        train_features=features[:400],
        train_labels=labels[:400],
        validation_features=features[400:],
        validation_labels=labels[400:],
    )


def started(start_model: StartProcess, framework: Case) -> tuple[Model, dict[str, Any]]:
    model = start_model(framework.runtime)
    return model, model.call("build", {"code": framework.code, "imports": "", "seed": 3})


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=str)
def test_inputs_are_given_by_name_from_training_to_serving(framework: Case, start_model: StartProcess) -> None:
    features, labels = samples(480)
    model, report = started(start_model, framework)
    assert [model_input["name"] for model_input in report["inputs"]] == ["kind", "readings", "picture"]
    described = model.call("describe_loss", features=features[:1])
    assert [output["shape"] for output in described["outputs"]] == [[None, 2]]
    # A training that is paused after its first epoch reaches the same weights in another process.
    assert fit(model, framework, pause_seconds=0) == {"paused": True, "epoch": 1}
    again, _ = started(start_model, framework)
    restore(again, save(model))
    result, other = fit(model, framework), fit(again, framework)
    artifacts, artifact = saved(model), framework.artifact
    assert weights_in(artifacts[artifact], artifact) == weights_in(saved(again)[artifact], artifact)
    assert result["history"] == other["history"]

    accuracy = model.call("evaluate", {"batch_size": 32}, features=features, labels=labels)["metrics"]["accuracy"]
    assert accuracy > 0.85
    out = np.zeros(len(labels), np.int64)
    assert model.call("predict_classes", {"batch_size": 32}, features=features, out=out) == {"classes": 2}
    assert (out == labels).mean() == pytest.approx(accuracy)
    assert model.call("check_answers", features=features[:64]) == {"warnings": []}
    compile(artifacts["model.py"], "model.py", "exec")
    with tempfile.TemporaryFile() as file, SharedArray.allocate((32,), features.dtype) as given:
        given.array[...] = features[:32]
        export = model.process.call(
            "export_onnx", arrays={"features": given}, files={"model.onnx": file.fileno()}, timeout_seconds=400
        )
        converted = os.pread(file.fileno(), 1 << 24, 0)
    assert export["converted"], export["reason"]

    code = {"code": framework.code, "imports": "", "seed": 3, "preparation": result.get("preparation")}
    given = dtype_to_json(features.dtype)
    served = start_model(framework.runtime)
    outputs = loaded(served, artifact, artifacts[artifact], (), given, **code)
    assert outputs == {"outputs": [{"dtype": "float32", "shape": [2]}]}
    engine = start_model(OwnRuntime.ONNX)
    assert loaded(engine, "model.onnx", converted, (), given) == outputs
    answers = predictions(engine, features)
    np.testing.assert_allclose(predictions(served, features), answers, atol=1e-4)
    assert (answers.argmax(axis=1) == out).all()


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=str)
def test_inputs_of_other_names_are_refused_with_both_lists(framework: Case, start_model: StartProcess) -> None:
    features, labels = samples(8)
    features.dtype.names = ("readings", "image", "kind")
    model, _ = started(start_model, framework)
    with pytest.raises(KafkaMLError, match=r"inputs readings, image, kind: the model's .* kind, readings, picture"):
        model.call("fit", {"batch_size": 4, "arguments": {}}, train_features=features, train_labels=labels)


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=str)
def test_a_sub_model_has_one_input(framework: Case, start_model: StartProcess) -> None:
    with pytest.raises(UserCodeError, match="takes what the one below hands up, which is one array"):
        start_model(framework.runtime).call("check", {"code": framework.code, "imports": "", "distributed": True})
