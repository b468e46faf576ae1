"""Properties of PyTorch alone: the three methods, types of labels, shapes found without data, the program."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kafkaml.errors import UserCodeError
from kafkaml.wire.framework import Framework
from tests.mlcode_executor import sources
from tests.mlcode_executor.conftest import Model, StartProcess


@pytest.fixture
def model(start_model: StartProcess) -> Model:
    return start_model(Framework.PYTORCH)


def check(model: Model, code: str) -> dict[str, Any]:
    return model.call("check", {"code": textwrap.dedent(code), "imports": ""})


def without(method: str) -> str:
    return sources.PYTORCH_DIGITS.replace(f"def {method}(", f"def not_{method}(")


@pytest.mark.parametrize("method", ["loss_fn", "optimizer", "metrics"])
def test_a_missing_method_is_named(model: Model, method: str) -> None:
    with pytest.raises(UserCodeError, match=f"no method {method}:") as caught:
        check(model, without(method))
    assert caught.value.kind == "missing"
    assert f"def {method}(self)" in caught.value.hint


@pytest.mark.parametrize(
    ("returns", "instead", "message"),
    [
        ("nn.CrossEntropyLoss()", "None", r"loss_fn\(\) returns nothing"),
        ("torch.optim.Adam(self.parameters(), lr=0.005)", "0.01", r"optimizer\(\) returns a float"),
        ('{"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}', '["accuracy"]', r"metrics\(\) returns a list"),
    ],
)
def test_what_the_methods_return_is_checked(model: Model, returns: str, instead: str, message: str) -> None:
    code = sources.PYTORCH_DIGITS.replace(f"return {returns}", f"return {instead}")
    with pytest.raises(UserCodeError, match=message) as caught:
        check(model, code)
    assert caught.value.kind == "invalid"
    assert instead in code.splitlines()[caught.value.line or 0]


def test_warnings_of_the_tutorial_model(model: Model) -> None:
    warnings = check(model, sources.PYTORCH_TUTORIAL)["warnings"]
    assert len(warnings) == 2
    assert "dim" in warnings[0]
    assert "CrossEntropyLoss" in warnings[1]
    assert check(model, sources.PYTORCH_DIGITS)["warnings"] == []


METHODS = """
    def loss_fn(self): return nn.CrossEntropyLoss()
    def optimizer(self): return torch.optim.SGD(self.parameters(), lr=0.1)
    def metrics(self): return {"accuracy": Accuracy()}
"""


@pytest.mark.parametrize(
    ("layers", "inputs", "outputs"),
    [
        ("nn.Linear(5, 3)", [[None, 5]], [[None, 3]]),
        (
            "nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 26 * 26, 10))",
            [[None, 1, None, None]],
            [[None, 10]],
        ),
        (
            "nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))",
            [[None, 3, None, None]],
            [[None, 2]],
        ),
        ("nn.Sequential(nn.Embedding(50, 8), nn.Flatten(), nn.LazyLinear(2))", [[None, None]], None),
        ("nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2))", [], None),
    ],
)
def test_shapes_are_found_as_far_as_the_code_says(
    model: Model, layers: str, inputs: list[Any], outputs: list[Any] | None
) -> None:
    code = (
        "class Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        f"        self.layers = {layers}\n"
        "    def forward(self, x): return self.layers(x)\n" + METHODS + "\nmodel = Net()\n"
    )
    if "Lazy" in layers:
        code = code.replace("self.parameters()", "[nn.Parameter(torch.zeros(1))]")
    report = check(model, code)
    assert [model_input["shape"] for model_input in report["inputs"]] == inputs
    if outputs is None:
        assert any("output" in note for note in report["notes"]) or report["outputs"]
    else:
        assert [output["shape"] for output in report["outputs"]] == outputs


def test_the_check_leaves_the_weights_alone(model: Model) -> None:
    code = sources.PYTORCH_DIGITS + "\nprint(float(model.layers[1].weight.sum()))\n"
    outputs = []
    for _ in range(2):
        model.call("build", {"code": code, "imports": "", "seed": 5})
        outputs.append(model.process.output.split()[-1])
    assert outputs[0] == outputs[1]


def test_errors_in_forward_name_the_users_line(model: Model, digits: Any) -> None:
    code = sources.PYTORCH_DIGITS.replace("return self.layers(x * (255 / 16))", "assert x.shape[1:] == (9, 9)")
    model.call("build", {"code": code, "imports": "", "seed": 0})
    with pytest.raises(UserCodeError, match="AssertionError") as caught:
        model.call("fit", {"batch_size": 32}, train_features=digits[0], train_labels=digits[1])
    assert "assert x.shape" in code.splitlines()[(caught.value.line or 0) - 1]


def test_what_is_wrong_for_every_input_is_found_before_training(model: Model) -> None:
    with pytest.raises(UserCodeError, match="no_such_method") as caught:
        check(model, sources.PYTORCH_BROKEN_FORWARD)
    assert "no_such_method" in sources.PYTORCH_BROKEN_FORWARD.splitlines()[(caught.value.line or 0) - 1]


def test_wrong_sizes_get_a_hint(model: Model, digits: Any) -> None:
    model.call("build", {"code": sources.PYTORCH_TUTORIAL, "imports": "", "seed": 0})
    with pytest.raises(UserCodeError, match="shapes cannot be multiplied") as caught:
        model.call("fit", {"batch_size": 32}, train_features=digits[0], train_labels=digits[1])
    assert "in_features" in caught.value.hint


def test_one_hot_labels_and_working_in_place(model: Model, digits: Any) -> None:
    code = sources.PYTORCH_DIGITS.replace("x * (255 / 16)", "x.div_(16)").replace('"accuracy": Accuracy(), ', "")
    model.call("build", {"code": code, "imports": "", "seed": 0})
    images = digits[0].astype(np.float32)
    labels = np.eye(10, dtype=np.uint8)[digits[1]]
    result = model.call(
        "fit",
        {"batch_size": 32, "arguments": {"max_epochs": 4, "shuffle": False}},
        train_features=images,
        train_labels=labels,
    )
    assert result["history"]["loss"][-1] < 0.5


def test_a_binary_classifier(model: Model) -> None:
    code = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 1)
        def forward(self, x):
            return self.layer(x)
        def loss_fn(self):
            return nn.BCEWithLogitsLoss()
        def optimizer(self):
            return torch.optim.LBFGS(self.parameters())
        def metrics(self):
            return {"accuracy": Accuracy(output_transform=lambda out: ((out[0] > 0).float(), out[1]))}
    model = Net()
    """
    model.call("build", {"code": textwrap.dedent(code), "imports": "", "seed": 0})
    features = np.random.default_rng(0).normal(size=(300, 2))
    labels = (features.sum(axis=1) > 0.3).astype(np.bool_)
    model.call("fit", {"batch_size": 100, "arguments": {"max_epochs": 5}}, train_features=features, train_labels=labels)
    predicted = np.zeros(300, np.int64)
    assert model.call("predict_classes", {"batch_size": 64}, features=features, out=predicted)["classes"] == 2
    assert (predicted == labels).mean() > 0.95


def test_metrics_per_class_become_numbers(model: Model, digits: Any) -> None:
    code = sources.PYTORCH_DIGITS.replace(
        '"accuracy": Accuracy()', '"precision": Precision(average=False), "matrix": ConfusionMatrix(num_classes=10)'
    )
    model.call("build", {"code": code, "imports": "", "seed": 0})
    metrics = model.call("evaluate", {"batch_size": 32}, features=digits[0], labels=digits[1])["metrics"]
    cells = (f"matrix_{row}_{column}" for row in range(10) for column in range(10))
    assert set(metrics) == {"loss", *(f"precision_{index}" for index in range(10)), *cells}


def test_a_diverging_training_is_a_warning(model: Model, digits: Any) -> None:
    code = sources.PYTORCH_DIGITS.replace("nn.Flatten()", "nn.Flatten(), nn.BatchNorm1d(64)").replace(
        "x * (255 / 16)", "x * float('nan')"
    )
    model.call("build", {"code": code, "imports": "", "seed": 0})
    result = model.call("fit", {"batch_size": 32}, train_features=digits[0], train_labels=digits[1])
    assert "diverged" in result["warnings"][-1]


def test_the_downloaded_program_loads_the_weights(model: Model, digits: Any, tmp_path: Path) -> None:
    imports = "from __future__ import annotations\nimport math"
    model.call("build", {"code": sources.PYTORCH_DIGITS, "imports": imports, "seed": 0})
    model.call(
        "fit", {"batch_size": 32, "arguments": {"max_epochs": 5}}, train_features=digits[0], train_labels=digits[1]
    )
    predicted = np.zeros(len(digits[0]), np.int64)
    model.call("predict_classes", {"batch_size": 32}, features=digits[0], out=predicted)
    files = {name: os.open(tmp_path / name, os.O_RDWR | os.O_CREAT) for name in ("model.safetensors", "model.py")}
    model.process.call("save", files=files, timeout_seconds=240)
    np.save(tmp_path / "images.npy", digits[0])
    shown = subprocess.run(
        [sys.executable, "model.py"], cwd=tmp_path, capture_output=True, text=True, timeout=400, check=True
    ).stdout
    assert "4,810 parameters loaded" in shown
    program = (
        "import numpy as np, torch; from model import load, predict; load();"
        "scores = predict(np.load('images.npy'));"
        "print(*scores.argmax(1).tolist())"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=400, check=True
    ).stdout
    assert [int(word) for word in answer.split()] == predicted.tolist()


def test_code_of_keras_is_recognised(model: Model) -> None:
    code = "import keras\nclass Net(keras.Model): pass\nmodel = Net()"
    with pytest.raises(UserCodeError, match=r"expected a torch.nn.Module") as caught:
        check(model, code)
    assert "choose TensorFlow" in caught.value.hint
