"""Reports of model processes on loss and outputs before labels are handed over, and on a diverged training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kafkaml.wire.framework import Framework
from mlcode_executor.frameworks.fit_progress import divergence_warnings
from mlcode_executor.frameworks.losses import describe_loss
from tests.mlcode_executor.conftest import Model, StartProcess

UNBUILT = """
model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(3)])
model.compile(loss=LOSS)
"""

LINEAR = """
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 3)
    def forward(self, x):
        return self.layer(x.reshape(len(x), -1)[:, :5])
    def loss_fn(self):
        return LOSS
    def optimizer(self):
        return torch.optim.Adam(self.parameters())
    def metrics(self):
        return {}
model = Network()
"""


@pytest.fixture(params=["tensorflow", "pytorch"])
def described(request: pytest.FixtureRequest, start_model: StartProcess) -> Any:
    """Describes the losses of one framework, in one model process."""
    runtime = Framework(request.param)
    model: Model = start_model(runtime)
    code = UNBUILT if runtime is Framework.TENSORFLOW else LINEAR

    def describe(loss: str) -> dict[str, Any]:
        source = code.replace("LOSS", loss)
        model.call("build", {"code": source, "imports": "import torch.nn.functional as F" if code == LINEAR else ""})
        return model.call("describe_loss", features=np.zeros((1, 5), np.float32))

    return request.param, describe


LOSSES = {
    "tensorflow": {
        "'sparse_categorical_crossentropy'": "classes",
        "keras.losses.SparseCategoricalCrossentropy(from_logits=True)": "classes",
        "keras.losses.sparse_categorical_crossentropy": "classes",
        "'BinaryCrossentropy'": "binary",
        "'categorical_crossentropy'": "one_hot",
        "keras.losses.SquaredHinge()": "signs",
        "'mse'": "numbers",
        "keras.losses.Huber()": "numbers",
        "lambda y, p: keras.ops.mean(p)": "",
    },
    "pytorch": {
        "nn.CrossEntropyLoss()": "classes",
        "nn.NLLLoss()": "classes",
        "F.cross_entropy": "classes",
        "nn.BCEWithLogitsLoss()": "binary",
        "F.binary_cross_entropy": "binary",
        "nn.SoftMarginLoss()": "signs",
        "nn.L1Loss()": "numbers",
        "lambda p, y: p.mean()": "",
    },
}


def test_what_a_loss_takes_and_what_the_model_gives(described: Any) -> None:
    framework, describe = described
    answers = {loss: describe(loss) for loss in LOSSES[framework]}
    assert {loss: answer["kind"] for loss, answer in answers.items()} == LOSSES[framework]
    # The shape is known even for a model that declares no input.
    assert {tuple(output["shape"]) for answer in answers.values() for output in answer["outputs"]} == {(None, 3)}


def test_the_label_that_is_left_out_is_reported(described: Any) -> None:
    framework, describe = described
    losses = {
        "tensorflow": "keras.losses.SparseCategoricalCrossentropy(ignore_class=255)",
        "pytorch": "nn.CrossEntropyLoss(ignore_index=255)",
    }
    assert describe(losses[framework])["ignored"] == 255


def test_several_losses_and_strange_objects_are_not_known() -> None:
    for loss in ({"a": "mse"}, ["mse"], None, object(), 3):
        assert describe_loss(loss) == {"kind": "", "ignored": None}


def test_a_lost_training_names_what_was_lost_first_and_what_to_try() -> None:
    nan, inf = float("nan"), float("inf")
    assert divergence_warnings({"loss": [1.0, 0.5]}) == []
    (warning,) = divergence_warnings(
        {"loss": [2.0, inf, nan], "accuracy": [0.1, 0.1, 0.1], "val_loss": [1.0, 1.0, nan]}
    )
    (metric_alone,) = divergence_warnings({"loss": [1.0], "f1": [nan], "auc": [nan]})
    assert metric_alone.startswith("f1, auc are not numbers from epoch 1 on, although the loss is")
    assert warning.startswith("the training diverged: loss is not a number from epoch 2 on; a smaller learning rate")
