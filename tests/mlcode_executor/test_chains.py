"""A chain of sub-models in one model process: the deployment's training settings have effect."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray

from kafkaml.errors import ArgumentsError, UserCodeError
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.wire.framework import Framework
from tests.mlcode_executor.conftest import Model, StartProcess

Array = NDArray[Any]

KERAS_LOWER = """inputs = keras.Input(shape=(4,))
to_upper = keras.layers.Dense(3, activation="tanh", name="up")(inputs)
low = keras.Model(inputs, [to_upper, keras.layers.Dense(2, activation="softmax", name="head")(to_upper)], name="same")
"""
KERAS_UPPER = """inputs = keras.Input(shape=3)
hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(8, activation=tf.nn.relu)(inputs))
high = keras.Model(inputs, keras.layers.Dense(2, name="head")(hidden), name="same")
"""
TORCH_LOWER = """class Lower(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.head = nn.Linear(4, 3), nn.Linear(3, 2)

    def forward(self, x):
        to_upper = torch.tanh(self.up(x))
        return to_upper, F.softmax(self.head(to_upper), dim=1)

model = Lower()
"""
TORCH_UPPER = """class Upper(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.drop, self.head = nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.drop(F.relu(self.hidden(x))))

model = Upper()
"""
CODES = {Framework.TENSORFLOW: (KERAS_LOWER, KERAS_UPPER), Framework.PYTORCH: (TORCH_LOWER, TORCH_UPPER)}
WEIGHTS = {Framework.TENSORFLOW: "model.weights.h5", Framework.PYTORCH: "model.safetensors"}

FEATURES = np.random.default_rng(1).normal(size=(64, 4)).astype(np.float32)
LABELS = (FEATURES.sum(axis=1) > 0).astype(np.uint8)


def params(
    framework: Framework, *, weights: tuple[float, float] = (1, 1), codes: tuple[str, ...] = (), **training: Any
) -> dict[str, Any]:
    chain = [
        {"name": name, "code": code, "imports": "", "loss_weight": weight}
        for name, code, weight in zip(("low", "high"), codes or CODES[framework], weights, strict=True)
    ]
    defaults: dict[str, Any] = {
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
    }
    return {"chain": chain, "chain_training": {**defaults, **training}, "seed": 5}


def weights_of(model: Model, framework: Framework, part: int) -> dict[str, Array]:
    name = WEIGHTS[framework]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        model.process.call("save", {"part": part}, files={name: descriptor}, timeout_seconds=100)
        os.close(descriptor)
        if framework is Framework.PYTORCH:
            return dict(safetensors.numpy.load_file(path))
        found: dict[str, Array] = {}
        with h5py.File(path) as file:
            file.visititems(lambda key, item: found.update({key: item[()]} if isinstance(item, h5py.Dataset) else {}))
        return {key: value for key, value in found.items() if value.dtype.kind == "f"}


def changes(start_model: StartProcess, framework: Framework, **options: Any) -> Mapping[str, Array]:
    """Return how one step over all samples changes the weights of the lower sub-model, by name."""
    model = start_model(framework)
    model.call("build", params(framework, **options))
    before = weights_of(model, framework, 0)
    model.call("partial_fit", {"batch_size": 64, "arguments": {}}, train_features=FEATURES, train_labels=LABELS)
    after = weights_of(model, framework, 0)
    return {name: after[name] - before[name] for name in before}


@pytest.mark.parametrize("framework", list(Framework))
def test_the_learning_rate_sets_the_optimiser_and_weights_scale_the_losses(
    start_model: StartProcess, framework: Framework
) -> None:
    # Random draws in the upper sub-model are the same in each run, so its gradients are the same.
    once = changes(start_model, framework)
    faster = changes(start_model, framework, learning_rate=0.3)
    heavier = changes(start_model, framework, weights=(2, 1))
    assert len(once) == 4
    heads = [name for name, change in once.items() if 2 in change.shape]
    assert len(heads) == 2
    for name, change in once.items():
        assert np.abs(change).max() > 1e-4
        np.testing.assert_allclose(faster[name], 3 * change, rtol=1e-3, atol=1e-6)
    for name in heads:
        np.testing.assert_allclose(heavier[name], 2 * once[name], rtol=1e-3, atol=1e-6)
    # The layers below both exits learn from both losses, of which one counts twice.
    trunk = next(name for name in once if name not in heads)
    assert not np.allclose(heavier[trunk], once[trunk], rtol=1e-2)
    assert not np.allclose(heavier[trunk], 2 * once[trunk], rtol=1e-2)


@pytest.mark.parametrize("framework", list(Framework))
def test_a_chain_goes_on_from_a_state_to_the_last_bit(
    start_model: StartProcess, framework: Framework, tmp_path: Path
) -> None:
    def fit(model: Model, pause_seconds: float | None = None) -> dict[str, Any]:
        # The loss falls, so by mode "max" the first epoch is the best, and the two after it do not improve.
        terms = {"epochs": 9, "monitor": "low_loss", "mode": "max", "early_stopping": 2}
        arguments = {"batch_size": 16, "arguments": terms, "pause_seconds": pause_seconds}
        return model.call("fit", arguments, train_features=FEATURES, train_labels=LABELS)

    first, second = (start_model(framework) for _ in range(2))
    for model in (first, second):
        model.call("build", params(framework, optimizer="adam"))
    assert fit(first, 0.0) == {"paused": True, "epoch": 1}
    after_one = [weights_of(first, framework, part) for part in (0, 1)]
    with (tmp_path / "state.npz").open("w+b") as file:
        first.process.call("save_state", files={"state": file.fileno()}, timeout_seconds=100)
        second.process.call("restore_state", files={"state": file.fileno()}, timeout_seconds=100)
    answers = [fit(model) for model in (first, second)]
    assert answers[0]["history"] == answers[1]["history"]
    assert len(answers[0]["history"]["loss"]) == 3
    for model, answer in zip((first, second), answers, strict=True):
        assert (answer["best"]["epoch"], answer["best"]["restored"]) == (1, True)
        # All sub-models have the weights of the best epoch.
        for part, kept in enumerate(after_one):
            np.testing.assert_equal(weights_of(model, framework, part), kept)
    assert {"loss", "low_loss", "high_loss", "low_accuracy", "high_accuracy"} == set(answers[0]["history"])
    for part in range(2):
        own, others = (weights_of(model, framework, part) for model in (first, second))
        assert own
        for name, value in own.items():
            assert value.tobytes() == others[name].tobytes()


@pytest.mark.parametrize("framework", list(Framework))
def test_all_names_that_are_offered_can_be_trained_with(start_model: StartProcess, framework: Framework) -> None:
    names = FRAMEWORKS[framework].chain
    one_hot = np.eye(2, dtype=np.float32)[LABELS]
    of_classes = [metric for metric in names.metrics if metric.startswith("sparse")]
    model = start_model(framework)
    for index in range(max(len(names.optimizers), len(names.losses))):
        optimizer = names.optimizers[index % len(names.optimizers)]
        loss = names.losses[index % len(names.losses)]
        sparse = loss.startswith("sparse")
        metrics = of_classes if sparse else [metric for metric in names.metrics if metric not in of_classes]
        model.call("build", params(framework, optimizer=optimizer, loss=loss, metrics=metrics))
        if framework is Framework.TENSORFLOW and index:
            # Keras has resolved the names. A step is skipped, because it takes seconds to compile.
            continue
        answer = model.call(
            "partial_fit",
            {"batch_size": 64, "arguments": {}},
            train_features=FEATURES,
            train_labels=LABELS if sparse else one_hot,
        )
        reported = {f"{name}_{metric}" for name in ("low", "high") for metric in ("loss", *metrics)}
        assert set(answer["metrics"]) == reported | {"loss"}
        assert np.isfinite(list(answer["metrics"].values())).all()


@pytest.mark.parametrize("framework", list(Framework))
def test_sub_models_that_do_not_belong_together_are_named_with_both_shapes(
    start_model: StartProcess, framework: Framework
) -> None:
    model = start_model(framework)
    lower, upper = CODES[framework]
    other = upper.replace("shape=3", "shape=5").replace("nn.Linear(3, 8)", "nn.Linear(5, 8)")
    with pytest.raises(UserCodeError, match=r"low sends \(3\) up and high takes \(5\)"):
        model.call("build", params(framework, codes=(lower, other)))
    with pytest.raises(UserCodeError, match="high has 2 outputs and no upper model"):
        model.call("build", params(framework, codes=(lower, lower.replace("4", "3", 1).replace("4, 3", "3, 3"))))
    with pytest.raises(UserCodeError, match="sub-model 'high'"):
        model.call("build", params(framework, codes=(lower, "model = nothing")))


@pytest.mark.parametrize("framework", list(Framework))
def test_an_error_while_a_chain_trains_names_the_sub_model_and_its_line(
    start_model: StartProcess, framework: Framework
) -> None:
    lower, upper = CODES[framework]
    if framework is Framework.TENSORFLOW:
        layer = "class Broken(keras.layers.Layer):\n    def call(self, x, training=False):\n        "
        lower = f"{layer}return x / NOTHING if training else x\n\n{lower}".replace("(to_upper)", "(Broken()(to_upper))")
        line = 3
    else:
        lower = lower.replace("        return", "        if self.training:\n            NOTHING\n        return")
        line = 9
    model = start_model(framework)
    model.call("build", params(framework, codes=(lower, upper)))
    with pytest.raises(UserCodeError, match=r"^sub-model 'low': NameError: ") as caught:
        model.call("partial_fit", {"batch_size": 64, "arguments": {}}, train_features=FEATURES, train_labels=LABELS)
    assert caught.value.line == line
    assert "NOTHING" in caught.value.traceback_text


def test_class_weights_of_several_exits_are_refused(start_model: StartProcess) -> None:
    model = start_model(Framework.TENSORFLOW)
    model.call("build", params(Framework.TENSORFLOW))
    arguments = {"batch_size": 64, "arguments": {"class_weight": {0: 2.0}}}
    with pytest.raises(ArgumentsError, match="several"):
        model.call("partial_fit", arguments, train_features=FEATURES, train_labels=LABELS)
