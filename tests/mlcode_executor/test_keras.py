"""Properties of Keras alone: old idioms, sub-models, several outputs, arguments of fit."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

from kafkaml.errors import UserCodeError
from kafkaml.frameworks import Purpose
from kafkaml.frameworks.tensorflow import TENSORFLOW
from kafkaml.wire.framework import Framework
from tests.mlcode_executor import sources
from tests.mlcode_executor.conftest import Model, StartProcess


@pytest.fixture
def model(start_model: StartProcess) -> Model:
    return start_model(Framework.TENSORFLOW)


def check(model: Model, code: str, **params: Any) -> dict[str, Any]:
    return model.call("check", {"code": textwrap.dedent(code), "imports": "", **params})


@pytest.mark.parametrize(
    ("code", "inputs", "outputs"),
    [
        (sources.EDGE, [None, 28, 28, 1], [[None, 64], [None, 10]]),
        (sources.FOG, [None, 64], [[None, 64], [None, 10]]),
        (sources.CLOUD, [None, 64], [[None, 10]]),
    ],
    ids=["edge", "fog", "cloud"],
)
def test_sub_models_of_the_tutorial_pass_unchanged(
    model: Model, code: str, inputs: list[int], outputs: list[list[int]]
) -> None:
    report = check(model, code, distributed=True)
    assert report["inputs"][0]["shape"] == inputs
    assert [output["shape"] for output in report["outputs"]] == outputs


def test_a_sub_model_is_the_only_model_left(model: Model) -> None:
    with pytest.raises(UserCodeError, match=r"leaves 3 models \(cloud_model, edge_model, fog_model\)"):
        check(model, sources.EDGE + sources.FOG + sources.CLOUD, distributed=True)


def test_a_model_of_another_name_is_pointed_out(model: Model) -> None:
    with pytest.raises(UserCodeError) as caught:
        check(model, "net = keras.Sequential([keras.layers.Dense(1)])")
    assert caught.value.kind == "missing"
    assert caught.value.hint == "write model = net at the end"


def test_a_model_that_is_not_compiled_is_refused(model: Model) -> None:
    with pytest.raises(UserCodeError, match="not compiled") as caught:
        check(model, "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])")
    assert caught.value.kind == "missing"


@pytest.mark.parametrize(
    ("compile_arguments", "message", "line"),
    [
        ('loss="categorical_crosentropy"', "no loss 'categorical_crosentropy'", 3),
        ('loss="mse",\n              metrics=["acuracy"]', "no metric 'acuracy'", 4),
    ],
)
def test_misspelt_losses_and_metrics_are_found_before_training(
    model: Model, compile_arguments: str, message: str, line: int
) -> None:
    code = (
        "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\n"
        f'model.compile(optimizer="adam",\n              {compile_arguments})\n'
    )
    with pytest.raises(UserCodeError, match=message) as caught:
        check(model, code)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("keras.optimizers.Adam(lr=0.1)", "learning_rate"),
        ("keras.optimizers.legacy.Adam()", "keras.optimizers.Adam"),
        ("Sequential([])", "keras.layers.Dense"),
        ("import keras.utils.np_utils", "keras.utils"),
        ("import a_package_that_nobody_has", "not installed"),
        ("tf.placeholder(tf.float32)", "TensorFlow 1"),
        ("open('/etc/shadow')", "isolated"),
    ],
)
def test_old_idioms_get_a_hint(model: Model, code: str, hint: str) -> None:
    with pytest.raises(UserCodeError) as caught:
        check(model, code)
    assert hint in caught.value.hint
    assert caught.value.line == 1


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        (
            '["acc", "mae", keras.metrics.top_k_categorical_accuracy]',
            ["loss", "acc", "mae", "top_k_categorical_accuracy"],
        ),
        ('[keras.metrics.SparseCategoricalAccuracy(name="right")]', ["loss", "right"]),
        # F1Score gives one number per class, each with a name of its own.
        ('["acc", keras.metrics.F1Score()]', []),
    ],
)
def test_metrics_are_named_where_it_is_certain_what_an_evaluation_gives(
    model: Model, metrics: str, names: list[str]
) -> None:
    code = f"""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics={metrics})
    """
    assert check(model, code)["metrics"] == names


def test_errors_inside_call_name_the_users_line(model: Model, digits: Any) -> None:
    model.call("build", {"code": sources.KERAS_BROKEN_CALL, "imports": "", "seed": 0})
    with pytest.raises(UserCodeError, match="division by zero") as caught:
        model.call("fit", {"batch_size": 32}, train_features=digits[0], train_labels=digits[1])
    assert caught.value.line == 3


def test_a_loss_of_another_shape_is_named_without_the_stack_of_the_framework(model: Model) -> None:
    code = """
    model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(3)])
    model.compile(loss="mse")
    """
    model.call("build", {"code": textwrap.dedent(code), "imports": "", "seed": 0})
    features, labels = np.zeros((64, 6), np.float32), np.arange(64) % 3
    with pytest.raises(UserCodeError, match="shapes") as caught:
        model.call("fit", {"batch_size": 32}, train_features=features, train_labels=labels)
    assert caught.value.message.startswith("InvalidArgumentError: Incompatible shapes: ")
    assert "give the last layer one unit" in caught.value.hint


def test_a_subclassed_model_learns_from_integers(model: Model, digits: Any) -> None:
    code = """
    class Small(keras.Model):
        def __init__(self):
            super().__init__()
            self.convolution = keras.layers.Conv2D(4, 3)
            self.flatten = keras.layers.Flatten()
            self.dense = keras.layers.Dense(10, activation="softmax")
        def call(self, x):
            return self.dense(self.flatten(self.convolution(x[..., None])))
    model = Small()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    """
    report = model.call("build", {"code": textwrap.dedent(code), "imports": "", "seed": 0})
    assert report["inputs"] == []
    assert "input shape" in report["notes"][0]
    images, labels = digits
    result = model.call(
        "fit", {"batch_size": 32, "arguments": {"epochs": 3}}, train_features=images, train_labels=labels
    )
    assert result["history"]["accuracy"][-1] > 0.8


def test_several_outputs_share_the_labels_or_take_their_columns(model: Model) -> None:
    code = """
    inputs = keras.Input((3,))
    model = keras.Model(inputs, [keras.layers.Dense(1, name="a")(inputs), keras.layers.Dense(1, name="b")(inputs)])
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss={"a": "mse", "b": "mse"}, metrics={"a": ["mae"]})
    """
    model.call("build", {"code": textwrap.dedent(code), "imports": "", "seed": 0})
    features = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    labels = np.stack([features[:, 0] * 2, features[:, 1] - 1], axis=1)
    model.call("fit", {"batch_size": 20, "arguments": {"epochs": 30}}, train_features=features, train_labels=labels)
    metrics = model.call("evaluate", {"batch_size": 20}, features=features, labels=labels)["metrics"]
    assert metrics["loss"] < 0.05
    assert "a_mae" in metrics


def test_class_weights_arrive(model: Model, digits: Any) -> None:
    images, labels = digits
    model.call("build", {"code": sources.KERAS_DIGITS, "imports": "", "seed": 0})
    # The keys are texts after a trip through JSON.
    weights = {"0": 0.0, "1": 1.0, **{str(number): 0.0 for number in range(2, 10)}}
    model.call(
        "fit",
        {"batch_size": 32, "arguments": {"epochs": 2, "class_weight": weights}},
        train_features=images,
        train_labels=labels,
    )
    predicted = np.zeros(len(images), np.int64)
    model.call("predict_classes", {"batch_size": 32}, features=images, out=predicted)
    assert set(predicted) == {1}


def test_from_logits_on_a_softmax_is_a_warning(model: Model) -> None:
    assert "from_logits" in check(model, sources.KERAS_TUTORIAL)["warnings"][0]
    fixed = sources.KERAS_TUTORIAL.replace("from_logits=True", "from_logits=False")
    assert check(model, fixed)["warnings"] == []


_SAME_AS_KERAS = """
import inspect, json, sys
import numpy as np
import keras
from mlcode_executor.frameworks.best_epoch import BestWeights
from mlcode_executor.frameworks.fit_progress import FitPlace, Pause, ProgressEvents
from mlcode_executor.frameworks.keras_loop import FitArguments, KerasLoop
from mlcode_executor.frameworks.keras_state import copies, put_copies

def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(16, activation="relu")(inputs))
    made = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
    made.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return made

random = np.random.default_rng(0)
x, y = random.normal(size=(100, 8)).astype(np.float32), random.integers(0, 3, 100)
arguments = dict(epochs=4, shuffle=False, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, validation_freq=2)
stopping = dict(patience=3, monitor="val_accuracy", min_delta=0.01, restore_best_weights=True)
answers = []
for more, callback in (({}, {}), (dict(steps_per_epoch=3), {}), (dict(epochs=30, validation_freq=1), stopping)):
    given = {**arguments, **more}
    callbacks = [keras.callbacks.EarlyStopping(**callback)] if callback else []
    theirs, ours = model(), model()
    history = theirs.fit(
        x, y, batch_size=16, validation_data=(x[:30], y[70:]), verbose=0, callbacks=callbacks, **given
    ).history
    place, rates = FitPlace(), []
    best = BestWeights(lambda: copies(ours), lambda weights: put_copies(ours, weights))
    KerasLoop(ours, targets=lambda labels: labels).fit(
        (x, y),
        (x[:30], y[70:]),
        batch_size=16,
        arguments=FitArguments.from_literals({**given, **callback}),
        seed=0,
        progress=ProgressEvents(lambda name, data: name == "epoch" and rates.append(data["learning_rate"]), epochs=4),
        place=place,
        pause=Pause(None),
        best=best,
    )
    assert best.restore() == bool(callback)
    weights = [[float(number) for number in np.concatenate([np.ravel(array) for array in copies(made)])[:99]]
               for made in (theirs, ours)]
    outcome = [place.best.epoch, callbacks[0].best_epoch + 1 if callback else place.best.epoch, rates[-1], len(rates)]
    answers.append([history, place.history, *weights, outcome])
methods = keras.Model.fit, keras.callbacks.EarlyStopping, keras.Model.evaluate
json.dump([answers, *([*inspect.signature(method).parameters] for method in methods)], sys.stdout)
"""


def test_the_loop_computes_what_keras_fit_computes_by_its_arguments() -> None:
    import json

    # TensorFlow runs in a process of its own, because in the tests' process it would disturb everything that forks.
    output = subprocess.run(
        [sys.executable, "-c", _SAME_AS_KERAS], capture_output=True, text=True, timeout=400, check=True
    ).stdout
    answers, fit, early_stopping, evaluate = json.loads(output)
    # drop_last belongs to our loop, while Keras leaves it to the source of batches; early_stopping names a callback.
    accepted = set(TENSORFLOW.arguments[Purpose.FIT].accepted)
    assert accepted <= {*fit, *early_stopping, "drop_last", "early_stopping"}
    assert set(TENSORFLOW.arguments[Purpose.EVALUATION].accepted) <= set(evaluate)
    for theirs, ours, their_weights, our_weights, _ in answers:
        assert set(theirs) == set(ours)
        for name, values in theirs.items():
            assert ours[name] == pytest.approx(values, rel=1e-4, abs=1e-5), name
        assert our_weights == pytest.approx(their_weights, rel=1e-3, abs=1e-4)
    best, best_of_keras, learning_rate, epochs = answers[-1][-1]
    assert 1 <= best == best_of_keras == epochs - 3
    assert epochs < 30
    # An epoch has seven batches, and the rate is multiplied by 0.9 every ten batches.
    assert learning_rate == {"learning_rate": pytest.approx(0.01 * 0.9 ** (7 * epochs / 10))}


def test_code_of_pytorch_is_recognised(model: Model) -> None:
    code = "from torch import nn\nclass Net(nn.Module): pass\nmodel = Net()"
    with pytest.raises(UserCodeError, match=r"expected a keras.Model") as caught:
        model.call("check", {"code": code, "imports": ""})
    assert "choose PyTorch" in caught.value.hint
