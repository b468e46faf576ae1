"""Predictions that depend on other records in the batch are found; ordinary models get no warning."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pytest

from kafkaml.wire.framework import Framework
from mlcode_executor.frameworks.independence import findings, largest_difference
from mlcode_executor.runtimes import Runtime
from tests.mlcode_executor.conftest import StartProcess

RANDOM = np.random.default_rng(0)
TORCH = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        {init}
    def forward(self, x):
        {forward}
    def loss_fn(self):
        return nn.CrossEntropyLoss()
    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)
    def metrics(self):
        return {{"accuracy": Accuracy()}}
model = Net()
"""
KERAS = """
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        {init}
        self.head = keras.layers.Dense(3, activation="softmax")
    def call(self, x):
        return self.head({call})
model = Net()
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""


def torch_code(init: str, forward: str) -> str:
    indent = " " * 8
    return TORCH.format(init=textwrap.indent(init, indent).strip(), forward=textwrap.indent(forward, indent).strip())


def warnings_after_training(
    start_model: StartProcess, runtime: Runtime, code: str, shape: tuple[int, ...]
) -> tuple[list[str], list[str]]:
    """Return the warnings of the check (only PyTorch has one), and those after two epochs of training."""
    model = start_model(runtime)
    features = RANDOM.normal(size=(97, *shape)).astype(np.float32)
    labels = RANDOM.integers(0, 3, 97)
    checked = model.call("check", {"code": code, "imports": ""})["warnings"]
    model.call("build", {"code": code, "imports": "", "seed": 1})
    epochs = {"epochs": 2} if runtime is Framework.TENSORFLOW else {"max_epochs": 2}
    model.call("fit", {"batch_size": 32, "arguments": epochs}, train_features=features, train_labels=labels)
    return checked, model.call("check_answers", features=features[:64])["warnings"]


LSTM = torch_code(
    "self.lstm = nn.LSTM(3, 8)\nself.head = nn.Linear(8, 3)", "out, _ = self.lstm(x)\nreturn self.head(out[:, -1])"
)


@pytest.mark.parametrize(
    ("code", "shape", "word", "at_check"),
    [
        (LSTM, (10, 3), "line 5 makes nn.LSTM without batch_first=True", True),
        (
            torch_code(
                "self.layers = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16), nn.Flatten(), nn.Linear(40, 3))",
                "return self.layers(x)",
            ),
            (5, 8),
            "nn.TransformerEncoderLayer without batch_first",
            False,
        ),
        (
            torch_code("self.layer = nn.Linear(6, 3)", "return F.dropout(self.layer(x), 0.5)"),
            (6,),
            "line 7 calls dropout without training=self.training",
            True,
        ),
        (
            torch_code(
                "self.layer = nn.Linear(6, 3)\nself.hidden = 0",
                "answer = self.layer(x)\nself.hidden = answer.mean().detach() + self.hidden\n"
                "return answer + self.hidden",
            ),
            (6,),
            "line 9 keeps self.hidden",
            True,
        ),
        (
            torch_code(
                "self.layers = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, track_running_stats=False), "
                "nn.Linear(8, 3))",
                "return self.layers(x)",
            ),
            (6,),
            "BatchNorm1d at work on the batch's own mean",
            True,
        ),
        (
            torch_code("self.layer = nn.Linear(6, 3)", "return torch.softmax(self.layer(x), dim=0)"),
            (6,),
            "line 7 takes softmax over axis 0",
            True,
        ),
    ],
    ids=["lstm", "transformer", "dropout", "hidden", "batchnorm", "softmax"],
)
def test_a_pytorch_model_that_mixes_records_is_warned_of(
    start_model: StartProcess, code: str, shape: tuple[int, ...], word: str, at_check: bool
) -> None:
    checked, trained = warnings_after_training(start_model, Framework.PYTORCH, code, shape)
    assert word in trained[0]
    assert "batch" in trained[0]
    assert any(word in text for text in checked) == at_check


@pytest.mark.parametrize(
    ("init", "call", "word"),
    [
        ("self.drop = keras.layers.Dropout(0.5)", "self.drop(x, training=True)", "asked again"),
        ("self.norm = keras.layers.BatchNormalization()", "self.norm(x, training=True)", "depend on the other records"),
    ],
    ids=["dropout", "batchnorm"],
)
def test_a_keras_model_that_mixes_records_is_warned_of(
    start_model: StartProcess, init: str, call: str, word: str
) -> None:
    code = KERAS.format(init=init, call=call)
    _, (warning,) = warnings_after_training(start_model, Framework.TENSORFLOW, code, (6,))
    assert word in warning
    assert "training=True" in warning


@pytest.mark.parametrize(
    ("init", "forward", "shape"),
    [
        (
            (
                "self.layers = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), "
                "nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(8, 3), nn.Softmax(dim=1))"
            ),
            "return self.layers(x)",
            (1, 8, 8),
        ),
        (
            "self.encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)\nself.head = nn.Linear(8, 3)",
            "return self.head(self.encoder(x).mean(dim=1))",
            (5, 8),
        ),
        (
            # The LSTM has the default order of axes, and the code swaps them itself.
            "self.lstm = nn.LSTM(3, 8)\nself.head = nn.Linear(8, 3)",
            "return self.head(self.lstm(x.transpose(0, 1))[0][-1])",
            (10, 3),
        ),
    ],
    ids=["convolutions", "transformer", "lstm"],
)
def test_ordinary_models_are_left_in_peace(
    start_model: StartProcess, init: str, forward: str, shape: tuple[int, ...]
) -> None:
    checked, trained = warnings_after_training(start_model, Framework.PYTORCH, torch_code(init, forward), shape)
    assert trained == []
    assert not any("records" in text for text in checked)


def test_an_ordinary_keras_model_is_left_in_peace(start_model: StartProcess) -> None:
    code = KERAS.format(
        init="self.norm = keras.layers.BatchNormalization(); self.drop = keras.layers.Dropout(0.5)",
        call="self.drop(self.norm(x))",
    )
    assert warnings_after_training(start_model, Framework.TENSORFLOW, code, (6,))[1] == []


def test_noise_of_sums_is_not_a_finding() -> None:
    noise = np.random.default_rng(1)

    def predict(features: Any) -> list[Any]:
        return [features * (1 + 1e-6 * noise.normal(size=features.shape)), features.argmax(axis=1)]

    features = noise.normal(size=(64, 5)).astype(np.float32)
    assert findings(predict, features, code="") == []


def test_a_model_of_one_batch_size_is_a_finding() -> None:
    def predict(features: Any) -> list[Any]:
        return [features.reshape(64, -1)]

    (warning,) = findings(predict, np.ones((64, 3), np.float32), code="this is not Python")
    assert "fails with another number" in warning
    assert "batch of 64" in warning


def test_answers_of_another_shape_differ() -> None:
    assert largest_difference([np.zeros((3, 1))], [np.zeros(3)]) == float("inf")
    assert largest_difference([np.full(3, np.nan)], [np.full(3, np.nan)]) is None
