"""Keras models with several outputs, and metrics with several values: by name and in the model's own order."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pytest

from kafkaml.errors import ArgumentsError, DecodeError, UserCodeError
from kafkaml.wire.framework import Framework
from tests.mlcode_executor.conftest import Model, StartProcess

# "zeta" is declared before "alpha", so alphabetical order would mix them up.
TWO_TASKS = """
inputs = keras.Input((4,))
zeta = keras.layers.Dense(3, activation="softmax", name="zeta")(inputs)
alpha = keras.layers.Dense(1, name="alpha")(inputs)
model = keras.Model(inputs, OUTPUTS)
model.compile(optimizer=keras.optimizers.Adam(0.05), loss=LOSS, metrics=METRICS)
"""
BY_LIST = ("[zeta, alpha]", '["sparse_categorical_crossentropy", "mse"]', '[["accuracy"], ["mae"]]')
BY_NAME = (
    '{"zeta": zeta, "alpha": alpha}',
    '{"alpha": "mse", "zeta": keras.losses.SparseCategoricalCrossentropy()}',
    '{"alpha": ["mae"], "zeta": ["accuracy"]}',
)
BY_LAYER = (
    "[zeta, alpha]",
    '{"alpha": "mse", "zeta": "sparse_categorical_crossentropy"}',
    '{"alpha": "mae", "zeta": "acc"}',
)
SUBCLASSED = """
class Tasks(keras.Model):
    def __init__(self):
        super().__init__()
        self.zeta = keras.layers.Dense(3, activation="softmax")
        self.alpha = keras.layers.Dense(1)

    def call(self, x):
        return {"zeta": self.zeta(x), "alpha": self.alpha(x)}

model = Tasks()
model.compile(optimizer=keras.optimizers.Adam(0.05), loss=LOSS, metrics=METRICS)
"""


@pytest.fixture
def model(start_model: StartProcess) -> Model:
    return start_model(Framework.TENSORFLOW)


def build(model: Model, code: str, outputs: str = "", loss: str = "", metrics: str = "") -> dict[str, Any]:
    code = code.replace("OUTPUTS", outputs).replace("LOSS", loss).replace("METRICS", metrics)
    return model.call("build", {"code": textwrap.dedent(code), "imports": "", "seed": 1})


def two_tasks() -> tuple[Any, Any]:
    """Features (n, 4) and labels (n, 2): a class that three features decide, and an independent number."""
    features = np.random.default_rng(0).normal(size=(400, 4)).astype(np.float32)
    return features, np.stack([features[:, :3].argmax(axis=1), features[:, 3] * 3 + 40], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("code", "declared"),
    [(TWO_TASKS, BY_LIST), (TWO_TASKS, BY_NAME), (TWO_TASKS, BY_LAYER), (SUBCLASSED, BY_NAME)],
    ids=["lists", "names", "layers", "subclassed"],
)
def test_two_tasks_take_their_columns_in_declared_order(
    model: Model, code: str, declared: tuple[str, str, str]
) -> None:
    report = build(model, code, *declared)
    if report["outputs"]:
        assert [output["name"] for output in report["outputs"]] == ["zeta", "alpha"]
        assert report["notes"] == [
            (
                "labels are 2 numbers for each record; columns go to the outputs: 0 to 'zeta' (the number of a class), "
                "1 to 'alpha'"
            )
        ]
    features, labels = two_tasks()
    model.call("fit", {"batch_size": 20, "arguments": {"epochs": 25}}, train_features=features, train_labels=labels)
    metrics = model.call("evaluate", {"batch_size": 50}, features=features, labels=labels)["metrics"]
    accuracy = metrics["zeta_acc"] if "zeta_acc" in metrics else metrics["zeta_accuracy"]
    assert accuracy > 0.9
    assert "alpha_mae" in metrics
    with pytest.raises(UserCodeError, match="2 outputs with labels of their own"):
        model.call("predict_classes", {"batch_size": 50}, features=features, out=np.zeros(400, np.int64))


def test_columns_follow_the_widths_of_outputs(model: Model) -> None:
    code = TWO_TASKS.replace("Dense(1,", "Dense(2,")
    build(model, code, "[alpha, zeta]", '["mse", "categorical_crossentropy"]', '[["mae"], ["accuracy"]]')
    features, labels = two_tasks()
    numbers = np.concatenate([features[:, 3:] * [2, -1], np.eye(3)[labels[:, 0].astype(int)]], axis=1).astype(
        np.float32
    )
    model.call("fit", {"batch_size": 20, "arguments": {"epochs": 20}}, train_features=features, train_labels=numbers)
    metrics = model.call("evaluate", {"batch_size": 50}, features=features, labels=numbers)["metrics"]
    assert metrics["zeta_accuracy"] > 0.9
    assert metrics["alpha_mae"] < 0.3


def test_labels_that_fit_no_output_are_refused_in_words(model: Model) -> None:
    build(model, TWO_TASKS, *BY_LIST)
    features, labels = two_tasks()
    with pytest.raises(
        DecodeError, match=r"hold 3 numbers .* take 2, in this order: 'zeta' 1 \(the number of a class\)"
    ):
        model.call("fit", {"batch_size": 20}, train_features=features, train_labels=np.zeros((400, 3), np.float32))
    with pytest.raises(DecodeError, match="hold 1 number for each record"):
        model.call("fit", {"batch_size": 20}, train_features=features, train_labels=labels[:, 0].copy())
    arguments = {"class_weight": {"0": 1.0}}
    with pytest.raises(ArgumentsError, match="one output"):
        model.call("fit", {"batch_size": 20, "arguments": arguments}, train_features=features, train_labels=labels)


@pytest.mark.parametrize(
    ("outputs", "loss", "message"),
    [
        (BY_NAME[0], BY_LIST[1], "outputs are a dictionary"),
        (BY_LIST[0], '{"zeta": "sparse_categorical_crossentropy", "alhpa": "mse"}', "names the output 'alhpa'"),
        (BY_LIST[0], '["mse"]', "a list of 1"),
    ],
)
def test_losses_that_fit_no_output_are_found_at_the_check(model: Model, outputs: str, loss: str, message: str) -> None:
    with pytest.raises(UserCodeError, match=message):
        build(model, TWO_TASKS, outputs, loss, "None")


def test_metrics_of_any_shape_are_numbers_by_name(model: Model) -> None:
    code = """
    class Both(keras.metrics.Metric):
        def __init__(self):
            super().__init__(name="both")
            self.seen = self.add_weight(name="seen", initializer="zeros")

        def update_state(self, labels, answers, sample_weight=None):
            self.seen.assign_add(1.0)

        def result(self):
            return {"seen": self.seen * 1.0, "pair": keras.ops.stack([self.seen * 1.0, self.seen * 2.0])}

        def reset_state(self):
            self.seen.assign(0.0)

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile(
        optimizer="adam",
        loss="categorical_crossentropy",
        metrics=[keras.metrics.F1Score(name="f1"), keras.metrics.Precision(thresholds=[0.2, 0.8], name="p"), Both()],
    )
    """
    build(model, code)
    features, labels = two_tasks()
    one_hot = np.eye(3, dtype=np.float32)[labels[:, 0].astype(int)]
    result = model.call(
        "fit",
        {"batch_size": 100, "arguments": {"epochs": 1}},
        train_features=features,
        train_labels=one_hot,
        validation_features=features[:200],
        validation_labels=one_hot[:200],
    )
    expected = {"loss", "f1_0", "f1_1", "f1_2", "p_0", "p_1", "both_seen", "both_pair_0", "both_pair_1"}
    epoch = next(data for kind, data in model.events if kind == "epoch")
    assert set(epoch["training"]) == set(epoch["validation"]) == expected
    assert set(result["history"]) == expected | {f"val_{name}" for name in expected}
    assert (epoch["training"]["both_seen"], epoch["training"]["both_pair_1"]) == (4.0, 8.0)
