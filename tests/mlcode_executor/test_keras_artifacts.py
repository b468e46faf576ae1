"""Trained Keras models are served and downloaded whatever they contain, because their code rebuilds them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kafkaml.errors import UserCodeError
from kafkaml.wire.framework import Framework
from tests.mlcode_executor.conftest import Model, StartProcess
from tests.mlcode_executor.test_contract import loaded, predictions, saved

COMPILE = "model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])\n"
# Models that Keras cannot load or save, or that have no weights before data come; and an unseeded constant.
AWKWARD = (
    """
scale = np.random.default_rng().normal(size=6).astype("float32")

class Projection(keras.layers.Layer):
    def __init__(self, matrix):
        super().__init__()
        self.matrix = tf.constant(matrix, tf.float32)

    def call(self, x):
        return tf.matmul(x, self.matrix)

class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = keras.layers.Lambda(lambda x: x * scale)
        self.blocks = [Projection(np.random.normal(size=(6, 8))), keras.layers.Dense(8, activation=tf.nn.relu)]
        self.last = {"scores": keras.layers.Dense(3, activation=tf.nn.softmax)}

    def call(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.last["scores"](x)

model = Net()
"""
    + COMPILE
)
PLAIN = "model = keras.Sequential([keras.Input(shape=6), keras.layers.Dense(3, activation='softmax')])\n" + COMPILE
# Code that makes another model each time it runs.
UNREPEATABLE = (
    "import os\nfactor = 1 + os.urandom(1)[0]\n"
    "model = keras.Sequential([keras.Input((6,)), keras.layers.Rescaling(factor), keras.layers.Dense(3)])\n" + COMPILE
)


def samples() -> tuple[Any, Any]:
    features = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    return features, features[:, :3].argmax(axis=1)


def trained(start_model: StartProcess, code: str) -> tuple[Model, list[str]]:
    model = start_model(Framework.TENSORFLOW)
    model.call("build", {"code": code, "imports": "", "seed": 5})
    features, labels = samples()
    result = model.call("fit", {"batch_size": 16}, train_features=features, train_labels=labels)
    return model, [*result["warnings"], *model.call("artifact_names")["warnings"]]


def classes(model: Model, features: Any) -> Any:
    out = np.zeros(len(features), np.int64)
    model.call("predict_classes", {"batch_size": 64}, features=features, out=out)
    return out


def test_a_model_that_keras_cannot_restore_is_served_by_its_code(start_model: StartProcess, tmp_path: Path) -> None:
    model, warnings = trained(start_model, AWKWARD)
    artifacts = saved(model)
    assert set(artifacts) == {"model.weights.h5", "model.py"}
    assert len(warnings) == 1
    assert "no model.keras is kept" in warnings[0]
    expected = classes(model, samples()[0])
    served = start_model(Framework.TENSORFLOW)
    code = {"code": AWKWARD, "imports": "", "seed": 5}
    loaded(served, "model.weights.h5", artifacts["model.weights.h5"], (6,), "float32", **code)
    assert (predictions(served, samples()[0]).argmax(axis=1) == expected).all()
    # The program gives the same answers without Kafka-ML.
    for name, content in artifacts.items():
        (tmp_path / name).write_bytes(content)
    np.save(tmp_path / "features.npy", samples()[0])
    program = (
        "import numpy as np, model; print(model.load().predict(np.load('features.npy'), verbose=0).argmax(1).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == str(expected.tolist()), done.stderr[-2000:]


def test_a_plain_model_is_kept_in_both_forms_and_either_is_served(start_model: StartProcess) -> None:
    model, warnings = trained(start_model, PLAIN)
    artifacts = saved(model)
    assert (set(artifacts), warnings) == ({"model.weights.h5", "model.py", "model.keras"}, [])
    # The artifact is loaded for predictions, which need no optimiser.
    assert b"optimizer" not in artifacts["model.weights.h5"]
    answers = []
    for name in ("model.weights.h5", "model.keras"):
        served = start_model(Framework.TENSORFLOW)
        loaded(served, name, artifacts[name], (6,), "float32", code=PLAIN, imports="", seed=5)
        answers.append(predictions(served, samples()[0]))
    np.testing.assert_array_equal(answers[0], answers[1])


def test_code_that_gives_another_model_each_time_keeps_the_whole_one(start_model: StartProcess) -> None:
    model, warnings = trained(start_model, UNREPEATABLE)
    assert set(saved(model)) == {"model.keras"}
    assert len(warnings) == 1
    assert "os.urandom" in warnings[0]


@pytest.mark.parametrize(
    ("code", "message", "line"),
    [
        (
            "model = keras.Sequential([\n  keras.Input(batch_shape=(32, 8)), keras.layers.Dense(1)])",
            "batches of 32 only",
            2,
        ),
        (
            "x = keras.Input((8,), batch_size=4)\nmodel = keras.Model(x, keras.layers.Dense(1)(x))",
            "batches of 4 only",
            1,
        ),
        (
            "model = keras.Sequential([\n  keras.layers.Bidirectional(keras.layers.GRU(4, stateful=True))])",
            "is stateful",
            2,
        ),
        ("model = keras.Sequential([keras.Sequential([\n  keras.layers.LSTM(4, stateful=True)])])", "is stateful", 2),
        ("model = keras.Sequential([\n  keras.layers.TextVectorization(9), keras.layers.Dense(1)])", "takes text", 2),
        ("x = keras.Input((1,), dtype='string')\nmodel = keras.Model(x, keras.layers.Hashing(9)(x))", "takes text", 1),
        (
            "class Two(keras.Model):\n    def call(self, left, right, mask=None):\n        return left\nmodel = Two()",
            r"2 arguments \(left, right\)",
            2,
        ),
    ],
)
def test_what_no_stream_can_feed_is_refused_at_the_check(
    start_model: StartProcess, code: str, message: str, line: int
) -> None:
    with pytest.raises(UserCodeError, match=message) as caught:
        start_model(Framework.TENSORFLOW).call(
            "check", {"code": f"{code}\nmodel.compile('adam', 'mse')", "imports": ""}
        )
    assert (caught.value.line, caught.value.kind) == (line, "invalid")
    assert caught.value.hint


def test_any_number_of_records_is_fine(start_model: StartProcess) -> None:
    code = "model = keras.Sequential([keras.Input(batch_shape=(None, 8)), keras.layers.Dense(1)])\n"
    code += "model.compile('adam', 'mse')"
    assert start_model(Framework.TENSORFLOW).call("check", {"code": code, "imports": ""})["warnings"] == []
