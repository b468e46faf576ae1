"""A training continues in another process as if nothing had happened: to the last bit, whatever the model keeps."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kafkaml.errors import BrokenError, RefusedError, UserCodeError
from kafkaml.wire.framework import Framework
from mlcode_executor.runtimes import Runtime
from tests.mlcode_executor import sources
from tests.mlcode_executor.conftest import Model, StartProcess
from tests.weights import weights_in

# Layers that draw from generators of their own, some in evaluation too, and from the one that Keras shares.
KERAS_LAYERS = """class Noise(keras.layers.Layer):
    def call(self, x, training=False):
        return x + keras.random.normal(keras.ops.shape(x)) if training else x

model = keras.Sequential([
    keras.Input(shape=(8, 8)),
    Noise(),
    keras.layers.SimpleRNN(16, dropout=0.1),
    keras.layers.BatchNormalization(),
    keras.layers.Dropout(0.3),
    keras.layers.Dense(10, activation="softmax"),
])
schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
model.compile(optimizer=keras.optimizers.Adam(schedule, use_ema=True, ema_overwrite_frequency=30),
              loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""

# A model whose weights come with the first samples, with noise of its own, and a step of another optimiser.
KERAS_SUBCLASS = """class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(12, dtype="mixed_bfloat16")
        self.out = keras.layers.Dense(10, dtype="bfloat16")
        self.noise = tf.random.Generator.from_seed(3)
        self.steps = tf.Variable(0.0, trainable=False)
        self.second = keras.optimizers.SGD(0.01, momentum=0.9)

    def call(self, x, training=False):
        x = keras.layers.Flatten()(tf.cast(x, "float32") / 16)
        if training:
            x += self.noise.normal(tf.shape(x)) * 0.1
        return self.out(self.hidden(x))

    def train_step(self, data):
        x, y = data
        self.steps.assign_add(1.0)
        logs = super().train_step(data)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.cast(self(x, training=True), "float32") ** 2) / self.steps
        weights = self.hidden.trainable_variables
        self.second.apply(tape.gradient(loss, weights), weights)
        return logs

model = Own()
model.compile(optimizer=keras.optimizers.RMSprop(0.002, momentum=0.5), metrics=["accuracy"],
              loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
"""

TORCH_LAYERS = """class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.LazyLinear(16), nn.ReLU(), nn.BatchNorm1d(16), nn.Dropout(0.3),
                                    nn.LazyLinear(10))
        self.register_buffer("scale", torch.ones(10, dtype=torch.bfloat16))

    def forward(self, x):
        return self.layers(x) * self.scale.float()

    def loss_fn(self):
        return nn.CrossEntropyLoss()

    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.005, amsgrad=True)

    def metrics(self):
        return {"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}

model = Layers()
"""

# A module whose attributes decide its next step.
TORCH_OWN = """class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)
        self.calls, self.recent = 0, []
        self.hidden = None
        self.register_buffer("mask", torch.ones(64), persistent=False)
        self.draws = np.random.default_rng(3)
        self.noise = torch.Generator().manual_seed(4)
        self.sgd = torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)
        self.schedule = torch.optim.lr_scheduler.StepLR(self.sgd, 5, 0.8)

    def forward(self, x):
        x = x.flatten(1) * self.mask
        if self.training:
            self.calls += 1
            self.recent = [*self.recent[-2:], float(self.calls)]
            self.hidden = x.mean(0).detach() if self.hidden is None else 0.9 * self.hidden + 0.1 * x.mean(0).detach()
            x = x * self.draws.uniform(0.9, 1.1) + sum(self.recent) / 1000 - 0.1 * self.hidden
            x = x + torch.randn(x.shape, generator=self.noise) * 0.01
            self.mask *= 0.999
            self.schedule.step()
        return self.layer(x)

    def loss_fn(self):
        return nn.CrossEntropyLoss()

    def optimizer(self):
        return self.sgd

    def metrics(self):
        return {"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}

    def get_extra_state(self):
        return {"calls": self.calls, "when": (1, 2.5)}

    def set_extra_state(self, state):
        assert state["when"] == (1, 2.5)

model = Own()
"""

TORCH_LBFGS = sources.PYTORCH_DIGITS.replace(
    "torch.optim.Adam(self.parameters(), lr=0.005)", "torch.optim.LBFGS(self.parameters(), lr=0.1, max_iter=3)"
)

MODELS = {
    "keras-layers": (Framework.TENSORFLOW, KERAS_LAYERS),
    "keras-subclass": (Framework.TENSORFLOW, KERAS_SUBCLASS),
    "torch-layers": (Framework.PYTORCH, TORCH_LAYERS),
    "torch-own": (Framework.PYTORCH, TORCH_OWN),
    "torch-lbfgs": (Framework.PYTORCH, TORCH_LBFGS),
}
EPOCHS = {Framework.TENSORFLOW: "epochs", Framework.PYTORCH: "max_epochs"}


@dataclass(frozen=True)
class Kind:
    """One kind of model, and data that it learns."""

    runtime: Runtime
    code: str
    features: Any
    labels: Any
    start_model: StartProcess
    batch_size: int = 32

    def build(self, state: bytes | None = None) -> Model:
        model = self.start_model(self.runtime)
        model.call("build", {"code": self.code, "imports": "", "seed": 3})
        if state is not None:
            restore(model, state)
        return model

    def fit(self, model: Model, *, pause_seconds: float | None = None, **given: Any) -> dict[str, Any]:
        arguments = {EPOCHS[self.runtime]: 4, **given}
        return model.call(
            "fit",
            {"batch_size": 32, "arguments": arguments, "pause_seconds": pause_seconds},
            train_features=self.features[:330],
            train_labels=self.labels[:330],
            validation_features=self.features[330:],
            validation_labels=self.labels[330:],
        )

    def learn(self, model: Model, window: int) -> dict[str, Any]:
        rows = slice(window * 100, window * 100 + 100)
        return model.call(
            "partial_fit",
            {"batch_size": self.batch_size, "arguments": {}},
            train_features=self.features[rows],
            train_labels=self.labels[rows],
        )

    def evaluate(self, model: Model, **params: Any) -> dict[str, float]:
        answer = model.call(
            "evaluate", {"batch_size": 64, **params}, features=self.features[330:], labels=self.labels[330:]
        )
        metrics: dict[str, float] = answer["metrics"]
        return metrics


def save(model: Model) -> bytes:
    with tempfile.TemporaryFile() as file:
        model.process.call("save_state", files={"state": file.fileno()}, timeout_seconds=60)
        file.seek(0)
        return file.read()


def restore(model: Model, state: bytes) -> dict[str, Any]:
    with tempfile.TemporaryFile() as file:
        file.write(state)
        file.flush()
        return model.process.call("restore_state", files={"state": file.fileno()}, timeout_seconds=60)


def weights_of(model: Model) -> list[bytes]:
    """Return the weights in the file for serving."""
    with tempfile.NamedTemporaryFile(suffix=".weights.h5") as file:
        model.process.call("save", files={"model.weights.h5": file.fileno()}, timeout_seconds=60)
        return weights_in(Path(file.name).read_bytes(), "model.weights.h5")


def content(state: bytes) -> dict[str, Any]:
    """Return all values in a state, for comparison."""
    with np.load(io.BytesIO(state), allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes())
        return {"about": about, **{name: arrays[name].tobytes() for name in arrays.files if name != "about"}}


@pytest.fixture
def digits_of_few(digits: Any) -> tuple[Any, Any]:
    return digits[0][:430], digits[1][:430]


@pytest.fixture
def kind_of(start_model: StartProcess, digits_of_few: tuple[Any, Any]) -> Callable[[str], Kind]:
    return lambda name: Kind(*MODELS[name], *digits_of_few, start_model)


@pytest.mark.parametrize("name", list(MODELS))
def test_a_training_goes_on_elsewhere_to_the_last_bit(kind_of: Callable[[str], Kind], name: str) -> None:
    kind = kind_of(name)
    # With these steps some epochs end within a pass over the samples.
    arguments = {"steps_per_epoch": 7} if name.endswith("layers") else {}
    undisturbed = kind.build()
    whole = kind.fit(undisturbed, **arguments)

    first = kind.build()
    assert kind.fit(first, pause_seconds=0, **arguments) == {"paused": True, "epoch": 1}
    assert kind.fit(first, pause_seconds=0, **arguments) == {"paused": True, "epoch": 2}
    second = kind.build(save(first))
    rest = kind.fit(second, **arguments)
    assert [progress["epoch"] for event, progress in second.events if event == "epoch"] == [3, 4]
    assert rest["history"] == whole["history"]
    assert rest["warnings"] == whole["warnings"]
    assert rest.get("preparation") == whole.get("preparation")
    assert content(save(second)) == content(save(undisturbed))
    assert kind.evaluate(second) == kind.evaluate(undisturbed)


@pytest.mark.parametrize("name", ["keras-layers", "torch-layers"])
def test_the_best_epoch_and_the_patience_go_on_elsewhere(kind_of: Callable[[str], Kind], name: str) -> None:
    kind = kind_of(name)
    # By mode "max" the first epoch, with the greatest loss, is the best, and the two after it do not improve.
    arguments = {EPOCHS[kind.runtime]: 9, "monitor": "loss", "mode": "max", "early_stopping": 2}
    undisturbed = kind.build()
    whole = kind.fit(undisturbed, **arguments)
    losses = whole["history"]["loss"]
    assert max(losses) == losses[0]
    first = kind.build()
    assert kind.fit(first, pause_seconds=0, **arguments) == {"paused": True, "epoch": 1}
    assert kind.fit(first, pause_seconds=0, **arguments) == {"paused": True, "epoch": 2}
    second = kind.build(save(first))
    rest = kind.fit(second, **arguments)
    assert [progress["epoch"] for event, progress in second.events if event == "epoch"] == [3]
    assert rest["best"] == whole["best"] == {"epoch": 1, "monitor": "loss", "value": losses[0], "restored": True}

    # The weights equal those of a training that ended there, including averages (use_ema).
    ended = kind.build()
    kind.fit(ended, **{EPOCHS[kind.runtime]: 1})
    assert kind.evaluate(second) == kind.evaluate(undisturbed) == kind.evaluate(ended)
    if name == "keras-layers":
        assert weights_of(second) == weights_of(ended)


@pytest.mark.parametrize("name", list(MODELS))
def test_passes_go_on_elsewhere_to_the_last_bit(kind_of: Callable[[str], Kind], name: str) -> None:
    kind = kind_of(name)
    undisturbed = kind.build()
    kind.learn(undisturbed, 0)
    undisturbed.call("keep_champion")
    of_champion = kind.evaluate(undisturbed)
    kind.learn(undisturbed, 1)
    second = kind.build(save(undisturbed))
    for window in (2, 3):
        # Requests during training leave the training unchanged.
        assert kind.evaluate(second, champion=True) == of_champion != kind.evaluate(second)
        assert kind.learn(second, window) == kind.learn(undisturbed, window)
    assert content(save(second)) == content(save(undisturbed))


@pytest.mark.parametrize("name", ["keras-layers", "torch-layers"])
def test_a_state_of_another_model_is_refused_with_names_and_shapes(kind_of: Callable[[str], Kind], name: str) -> None:
    kind = kind_of(name)
    first = kind.build()
    with pytest.raises(BrokenError, match="no samples"):
        save(first)
    with pytest.raises(BrokenError, match="no samples"):
        first.call("keep_champion")
    kind.learn(first, 0)
    with pytest.raises(BrokenError, match="keep_champion first"):
        kind.evaluate(first, champion=True)
    state = save(first)
    wider = replace(kind, code=kind.code.replace("(16", "(17"))
    with pytest.raises(
        RefusedError,
        match=r"another model: .*simple_rnn.* is \(8, 16\).* in the checkpoint and \(8, 17\)|"
        r"another model: .*layers.1.weight is \(16, 64\).* in the checkpoint and \(17, 64\)",
    ):
        wider.build(state)
    for damaged in (state[:-100], b"", state[: len(state) // 2] + b"!" + state[len(state) // 2 + 1 :]):
        with pytest.raises(RefusedError, match="torn or damaged"):
            kind.build(damaged)


def test_what_no_file_can_hold_is_named(kind_of: Callable[[str], Kind]) -> None:
    kind = kind_of("torch-layers")
    own = """class Odd(torch.optim.SGD):
    def state_dict(self):
        return {**super().state_dict(), "odd": object()}
"""
    code = own + kind.code.replace(
        "torch.optim.Adam(self.parameters(), lr=0.005, amsgrad=True)", "Odd(self.parameters(), lr=0.005)"
    )
    model = replace(kind, code=code).build()
    kind.learn(model, 0)
    with pytest.raises(UserCodeError, match=r"optimizer.odd is of the type object: a checkpoint cannot hold it"):
        save(model)


def test_averages_of_weights_serve_while_the_training_goes_on_from_the_weights(
    kind_of: Callable[[str], Kind],
) -> None:
    code = """model = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(10)])
optimizer = keras.optimizers.SGD(0.01, use_ema=True, ema_momentum=0.5)
model.compile(optimizer=optimizer, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
"""
    kind = replace(kind_of("keras-layers"), code=code, batch_size=50)
    classic, model = kind.build(), kind.build()
    rows = {"train_features": kind.features[:300], "train_labels": kind.labels[:300]}
    classic.call("fit", {"batch_size": 50, "arguments": {"epochs": 1, "shuffle": False}}, **rows)
    kind.learn(model, 0)
    served = kind.evaluate(model)
    model.call("keep_champion")
    for window in (1, 2):
        kind.learn(model, window)
    # The requests in between changed nothing, and the saved weights are the averages, as in classic training.
    assert weights_of(model) == weights_of(classic)
    assert kind.evaluate(model) == kind.evaluate(classic)
    assert kind.evaluate(model, champion=True) == served
    kind.learn(model, 3)
    assert weights_of(model) != weights_of(classic)


def test_what_tensorflow_draws_on_its_own_is_said_of_a_training_that_went_on(kind_of: Callable[[str], Kind]) -> None:
    kind = kind_of("keras-layers")
    code = """class Noise(keras.layers.Layer):
    def call(self, x, training=False):
        return x + tf.random.normal(tf.shape(x)) if training else x

model = keras.Sequential([keras.Input((8, 8)), Noise(), keras.layers.Flatten(), keras.layers.Dense(10)])
model.compile(optimizer="sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
"""
    kind = replace(kind, code=code)
    first = kind.build()
    assert not kind.learn(first, 0)["warnings"]
    (said,) = kind.learn(kind.build(save(first)), 1)["warnings"]
    assert "which lacks random numbers that operations of TensorFlow draw (RandomStandardNormal; " in said
