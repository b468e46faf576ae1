"""PyTorch models as users write them train, are saved, and answer alike when served, whatever they consist of."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kafkaml.errors import DecodeError, UserCodeError
from kafkaml.wire.framework import Framework
from tests.mlcode_executor import sources
from tests.mlcode_executor.conftest import Model, StartProcess
from tests.mlcode_executor.test_contract import loaded, predictions

RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(size=(97, 6)).astype(np.float32)
CLASSES = (NUMBERS[:, 0] > 0).astype(np.int64)
IDS = RANDOM.integers(0, 20, (97, 5))
METHODS = """
    def loss_fn(self):
        return nn.CrossEntropyLoss()
    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)
    def metrics(self):
        return {"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}
"""


def network(init: str, forward: str, *, methods: str = METHODS, model: str = "Net()") -> str:
    lines = ["class Net(nn.Module):", "    def __init__(self):", "        super().__init__()"]
    return "\n".join(
        [
            *lines,
            textwrap.indent(init, " " * 8),
            "    def forward(self, x):",
            textwrap.indent(forward, " " * 8),
            methods,
            f"model = {model}",
            "",
        ]
    )


@dataclass
class Trained:
    model: Model
    result: dict[str, Any]
    warnings: list[str]
    artifacts: dict[str, bytes]


def train(
    start_model: StartProcess, code: str, features: Any, labels: Any, folder: Path, *, batch: int = 32, **arguments: Any
) -> Trained:
    model = start_model(Framework.PYTORCH)
    model.call("check", {"code": code, "imports": ""})
    model.call("build", {"code": code, "imports": "", "seed": 3})
    params = {"batch_size": batch, "arguments": {"max_epochs": 2, **arguments}}
    result = model.call("fit", params, train_features=features, train_labels=labels)
    warnings = model.call("check_answers", features=features[:64])["warnings"]
    files = {name: os.open(folder / name, os.O_RDWR | os.O_CREAT) for name in ("model.safetensors", "model.py")}
    model.process.call("save", files=files, timeout_seconds=60)
    return Trained(model, result, warnings, {name: (folder / name).read_bytes() for name in files})


def answers(trained: Trained, features: Any) -> Any:
    """Return the answers of the trained model itself, by the same path as serving."""
    return predictions(trained.model, features)


def served(start_model: StartProcess, trained: Trained, code: str, features: Any) -> Model:
    server = start_model(Framework.PYTORCH)
    params = {"code": code, "imports": "", "seed": 3, "preparation": trained.result["preparation"]}
    weights = trained.artifacts["model.safetensors"]
    loaded(server, "model.safetensors", weights, features.shape[1:], features.dtype.str, **params)
    return server


SERVABLE = {
    "sliced buffer": (
        network("self.layer = nn.Linear(6, 2)\nself.register_buffer('table', torch.ones(50, 6)[:1])",
                "return self.layer(x + self.table)"),
        NUMBERS,
    ),
    "tied": (
        network("self.ids = nn.Embedding(20, 8)\nself.head = nn.Linear(8, 20, bias=False)\n"
                "self.head.weight = self.ids.weight", "return self.head(self.ids(x).mean(1))"),
        IDS,
    ),
    "transposed": (
        network("self.a = nn.Linear(6, 6, bias=False)\nself.b = nn.Linear(6, 6, bias=False)\n"
                "self.b.weight = nn.Parameter(self.a.weight.t())", "return self.b(torch.relu(self.a(x)))"),
        NUMBERS,
    ),
    "lazy": (
        network("self.layers = nn.Sequential(nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(2))",
                "return self.layers(x)"),
        NUMBERS,
    ),
    "plain tensors": (
        network("self.layer = nn.Linear(6, 2)\nself.scale = torch.ones(6, requires_grad=True)",
                "return self.layer(x * self.scale)",
                methods=METHODS.replace("self.parameters()", "[*self.parameters(), self.scale]")),
        NUMBERS,
    ),
    "compiled": (
        network("self.layer = torch.compile(nn.Linear(6, 2))", "return self.layer(x)", model="torch.compile(Net())"),
        NUMBERS,
    ),
    "parallel": (
        network("self.layer = nn.Linear(6, 2)", "return self.layer(x)", model="nn.DataParallel(Net())"), NUMBERS,
    ),
    "script": (
        network("self.layer = nn.Linear(6, 2)", "return self.layer(x)", model="torch.jit.script(Net())"), NUMBERS,
    ),
    "parametrised": (
        network("wrap = torch.nn.utils.parametrizations.weight_norm\n"
                "self.layers = nn.Sequential(wrap(nn.Linear(6, 4)), torch.nn.utils.weight_norm(nn.Linear(4, 2)))",
                "return self.layers(x)"),
        NUMBERS,
    ),
    "extra state": (
        network("self.layer = nn.Linear(6, 2)\nself.factor = 1",
                "self.factor = 2 if self.training else self.factor\nreturn self.layer(x) * self.factor",
                methods=METHODS + "    def get_extra_state(self): return {'factor': self.factor}\n"
                "    def set_extra_state(self, state): self.factor = state['factor']\n"),
        NUMBERS,
    ),
    "complex": (
        network("self.layer = nn.Linear(6, 2)\nself.register_buffer('turn', torch.ones(6, dtype=torch.complex128))",
                "return self.layer((x * self.turn).real.float())"),
        NUMBERS,
    ),
    "bfloat16": (
        network("self.layer = nn.Linear(6, 2)", "return self.layer(x)", model="Net().bfloat16()"), NUMBERS,
    ),
    "squeeze": (
        network("self.layer = nn.Linear(6, 1)", "return self.layer(x).squeeze()",
                methods=METHODS.replace("CrossEntropyLoss", "MSELoss").replace("Accuracy", "MeanAbsoluteError")),
        NUMBERS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SERVABLE)
def test_what_was_trained_is_what_is_served(start_model: StartProcess, tmp_path: Path, name: str) -> None:
    code, features = SERVABLE[name]
    trained = train(start_model, code, features, CLASSES, tmp_path)
    assert trained.warnings == []
    server = served(start_model, trained, code, features)
    np.testing.assert_allclose(predictions(server, features), answers(trained, features), atol=1e-6)


def test_layers_that_pytorch_does_not_see_are_warned_of_loudly(start_model: StartProcess, tmp_path: Path) -> None:
    code = network(
        "self.parts = [nn.Linear(6, 6)]\nself.head = nn.Linear(6, 2)",
        "return self.head(self.parts[0](x))",
        methods=METHODS.replace("self.parameters()", "[*self.parameters(), *self.parts[0].parameters()]"),
    )
    trained = train(start_model, code, NUMBERS, CLASSES, tmp_path, max_epochs=5)
    assert "cannot be made again" in trained.warnings[0]
    assert "parts" in trained.warnings[0]
    assert "nn.ModuleList" in start_model(Framework.PYTORCH).call("check", {"code": code, "imports": ""})["warnings"][0]


def test_weights_that_no_file_holds_are_refused_at_the_check(start_model: StartProcess) -> None:
    code = network(
        "self.layer = nn.Linear(6, 2)\nself.register_buffer('mask', torch.eye(6).to_sparse())", "return self.layer(x)"
    )
    with pytest.raises(UserCodeError, match="mask is a tensor of type") as caught:
        start_model(Framework.PYTORCH).call("check", {"code": code, "imports": ""})
    assert caught.value.kind == "invalid"


def test_the_program_prepares_samples_as_training_did(start_model: StartProcess, tmp_path: Path) -> None:
    images = RANDOM.integers(0, 256, (40, 8, 9, 3)).astype(np.uint8)
    code = network(
        # The "eager" backend only wraps the layers. Compiling them is PyTorch's matter and takes 15 seconds.
        "self.layers = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2))\n"
        "self.layers = torch.compile(self.layers, backend='eager')",
        "return self.layers(x)",
        model="nn.DataParallel(Net())",
    )
    trained = train(start_model, code, images, CLASSES[:40], tmp_path)
    np.save(tmp_path / "images.npy", images)
    program = (
        "import numpy as np; from model import load, predict; load();"
        "print(*predict(np.load('images.npy')).reshape(-1).tolist())"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True
    ).stdout
    answer = np.array(shown.split(), float).reshape(40, 2)
    np.testing.assert_allclose(answer, answers(trained, images), atol=1e-5)


BATCH_NORM = network(
    "self.layers = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))", "return self.layers(x)"
)


def test_a_sample_left_over_does_no_harm(start_model: StartProcess, tmp_path: Path) -> None:
    train(start_model, BATCH_NORM, NUMBERS, CLASSES, tmp_path)
    train(start_model, BATCH_NORM, NUMBERS[:63], CLASSES[:63], tmp_path, drop_last=True)


@pytest.mark.parametrize(("count", "batch"), [(1, 32), (4, 1)])
def test_batch_norm_on_one_sample_is_said_in_words(
    start_model: StartProcess, tmp_path: Path, count: int, batch: int
) -> None:
    with pytest.raises(UserCodeError, match="more than 1 value") as caught:
        train(start_model, BATCH_NORM, NUMBERS[:count], CLASSES[:count], tmp_path, batch=batch)
    assert "batch_size of at least 2" in caught.value.hint


def test_one_sample_is_evaluated_and_classified_alone(start_model: StartProcess, tmp_path: Path) -> None:
    code = network("self.layer = nn.Linear(6, 2)", "return self.layer(x).squeeze()")
    model = train(start_model, code, NUMBERS, CLASSES, tmp_path).model
    assert set(model.call("evaluate", {"batch_size": 8}, features=NUMBERS[:1], labels=CLASSES[:1])["metrics"]) == {
        "accuracy",
        "loss",
    }
    alone, among = np.zeros(1, np.int64), np.zeros(9, np.int64)
    model.call("predict_classes", {"batch_size": 8}, features=NUMBERS[:1], out=alone)
    model.call("predict_classes", {"batch_size": 8}, features=NUMBERS[:9], out=among)
    assert alone[0] == among[0]


TABULAR = network(
    "self.shops = nn.Embedding(4, 3)\nself.body = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 2))",
    "return self.body(torch.cat([self.shops(x[:, 0].long()), x[:, 1:]], dim=1))",
)
EMBEDDING = network(
    "self.ids = nn.Embedding(20, 8)\nself.head = nn.Linear(8, 2)", "return self.head(self.ids(x).mean(1))"
)


def test_fractions_next_to_ids_are_not_cut_off(start_model: StartProcess, tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    numbers = random.random((600, 2))
    features = np.column_stack([random.integers(0, 4, 600), numbers]).astype(np.float32)
    labels = (numbers[:, 0] > 0.5).astype(np.int64)
    trained = train(start_model, TABULAR, features, labels, tmp_path, max_epochs=30)
    assert trained.result["history"]["accuracy"][-1] > 0.9
    assert trained.result["preparation"]["dtype"] == "float32"


def test_fractions_for_a_model_of_ids_are_refused(start_model: StartProcess, tmp_path: Path) -> None:
    assert train(start_model, EMBEDDING, IDS.astype(np.float32), CLASSES, tmp_path).result["preparation"]["dtype"] == (
        "int64"
    )
    with pytest.raises(DecodeError, match=r"whole numbers only.* fractions such as \d+\.5") as caught:
        train(start_model, EMBEDDING, IDS + np.float32(0.5), CLASSES, tmp_path)
    assert "x[:, 0].long()" in caught.value.hint


def test_large_ids_stay_exact(start_model: StartProcess, tmp_path: Path) -> None:
    # Odd numbers above 2**24 differ from their neighbours by less than float32 can hold.
    features = (1 << 26) + np.arange(97)[:, None]
    labels = np.arange(97) % 2
    code = network("self.ids = nn.Embedding(97, 2)", f"return self.ids(x[:, 0].long() - {1 << 26})").replace(
        "lr=0.01", "lr=0.5"
    )
    trained = train(start_model, code, features, labels, tmp_path, max_epochs=20)
    assert trained.result["history"]["accuracy"][-1] == 1.0
    rounded = network("self.layer = nn.Linear(1, 2)", "return self.layer(x / 1e8)")
    (warning,) = train(start_model, rounded.replace("x / 1e8", "x"), features, labels, tmp_path).result["warnings"][:1]
    assert "above 16,777,216 are rounded" in warning


@pytest.mark.parametrize(
    ("forward", "labels"),
    [
        ("return self.layer(x)", NUMBERS[:, 0]),
        ("return self.layer(x).squeeze()", NUMBERS[:, :1]),
    ],
)
@pytest.mark.parametrize("loss", ["nn.MSELoss()", "lambda prediction, target: ((prediction - target) ** 2).mean()"])
def test_labels_are_never_broadcast_against_outputs(
    start_model: StartProcess, tmp_path: Path, forward: str, labels: Any, loss: str
) -> None:
    methods = METHODS.replace("nn.CrossEntropyLoss()", loss).replace("Accuracy", "MeanAbsoluteError")
    code = network("self.layer = nn.Linear(6, 1)", forward, methods=methods).replace("lr=0.01", "lr=0.1")
    trained = train(start_model, code, NUMBERS, labels, tmp_path, max_epochs=40)
    # If every sample were compared with every other, the loss would stay at the labels' variance of one.
    assert trained.result["history"]["loss"][-1] < 0.05


def test_labels_that_the_loss_would_cut_off_are_refused(start_model: StartProcess, tmp_path: Path) -> None:
    code = network("self.layer = nn.Linear(6, 2)", "return self.layer(x)")
    with pytest.raises(DecodeError, match=r"labels have fractions such as .*CrossEntropyLoss"):
        train(start_model, code, NUMBERS, NUMBERS[:, 0], tmp_path)
    code = code.replace("nn.CrossEntropyLoss()", "nn.MSELoss()")
    with pytest.raises(DecodeError, match=r"labels of shape \(3,\) do not fit the model's output of \(2,\)"):
        train(start_model, code, NUMBERS, NUMBERS[:, :3], tmp_path)


GREY = RANDOM.integers(0, 256, (40, 8, 9)).astype(np.uint8)
COLOUR = RANDOM.integers(0, 256, (40, 8, 9, 3)).astype(np.uint8)
SERIES = GREY[:, 0].astype(np.float32)
CONVOLUTION = "self.layers = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2))"
SHOWN = "print('seen', x.dtype, *x.shape[1:], float(x.max()) > 1)\nreturn self.layers(x)"


@pytest.mark.parametrize(
    ("init", "forward", "features", "seen", "arguments"),
    [
        (CONVOLUTION, SHOWN, GREY, "torch.float32 1 8 9 False", {}),
        (CONVOLUTION, SHOWN, COLOUR, "torch.float32 3 8 9 False", {}),
        (CONVOLUTION, SHOWN, COLOUR.transpose(0, 3, 1, 2), "torch.float32 3 8 9 False", {}),
        (CONVOLUTION, SHOWN, GREY[:, None], "torch.float32 1 8 9 True", {"to_tensor": False}),
        # Code that scales bytes to 0..1 or arranges the axes itself gets the input that it expects.
        (CONVOLUTION, SHOWN.replace("layers(x)", "layers(x / 255)"), GREY, "torch.float32 1 8 9 True", {}),
        (
            CONVOLUTION.replace("LazyConv2d(4", "Conv2d(1, 4"),
            SHOWN.replace("layers(x)", "layers(x.unsqueeze(1))"),
            GREY,
            "torch.float32 8 9 False",
            {},
        ),
        (
            CONVOLUTION.replace("LazyConv2d(4", "Conv2d(3, 4"),
            SHOWN.replace("layers(x)", "layers(x.permute(0, 3, 1, 2))"),
            COLOUR,
            "torch.float32 8 9 3 False",
            {},
        ),
        (CONVOLUTION.replace("LazyConv2d(4", "Conv2d(3, 4"), SHOWN, COLOUR / np.float32(99), "3 8 9 True", {}),
        (CONVOLUTION.replace("LazyConv2d(4", "Conv1d(1, 4"), SHOWN, SERIES, "torch.float32 1 9 True", {}),
        (
            CONVOLUTION.replace("LazyConv2d(4", "Conv1d(1, 4"),
            SHOWN.replace("layers(x)", "layers(x.unsqueeze(1))"),
            SERIES,
            "torch.float32 9 True",
            {},
        ),
    ],
    ids=[
        "grey",
        "colour",
        "channels first",
        "off",
        "divides",
        "unsqueezes",
        "permutes",
        "floats",
        "series",
        "unsqueezed",
    ],
)
def test_images_are_given_as_to_tensor_gives_them(
    start_model: StartProcess,
    tmp_path: Path,
    init: str,
    forward: str,
    features: Any,
    seen: str,
    arguments: dict[str, Any],
) -> None:
    features = np.ascontiguousarray(features)
    code = network(init, forward)
    trained = train(start_model, code, features, CLASSES[:40], tmp_path, **arguments)
    assert trained.model.process.output.strip().splitlines()[-1].endswith(seen)
    assert trained.result["preparation"]["sample"] == list(features.shape[1:])
    server = served(start_model, trained, code, features)
    np.testing.assert_allclose(predictions(server, features), answers(trained, features), atol=1e-6)
    assert server.process.output.strip().splitlines()[-1].endswith(seen)


@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("flat", [False, True])
def test_what_is_done_to_features_is_done_to_them_as_targets(
    start_model: StartProcess, images: Any, flat: bool
) -> None:
    forward = (
        "print('answers', *x.shape[1:], float(x.max()) > 1)\nreturn (x"
        + (".flatten(1)" if flat else "")
        + ") * self.one"
    )
    methods = METHODS.replace("CrossEntropyLoss", "MSELoss").replace("Accuracy", "MeanAbsoluteError")
    model = start_model(Framework.PYTORCH)
    code = network("self.one = nn.Parameter(torch.ones(1))", forward, methods=methods)
    model.call("build", {"code": code, "imports": "", "seed": 3})
    targets = images.reshape(len(images), -1) if flat else images
    parameters = {"batch_size": 8, "targets_are_features": True}
    arrays = {"train_features": images, "train_labels": targets}
    history = model.call("fit", {**parameters, "arguments": {"max_epochs": 1}}, **arrays)["history"]
    # The model is the identity. With scaled bytes or swapped axes the loss would be far from 0.
    assert history["loss"][0] < 1e-6
    metrics = model.call("evaluate", {**parameters, "arguments": {}}, features=images, labels=targets)["metrics"]
    assert metrics["loss"] < 1e-6


def test_results_from_before_preparations_are_served_as_they_were_trained(
    start_model: StartProcess, tmp_path: Path
) -> None:
    code = network("self.layers = nn.Sequential(nn.Flatten(), nn.Linear(72, 2))", SHOWN)
    trained = train(start_model, code, GREY, CLASSES[:40], tmp_path)
    trained.result["preparation"] = {}
    server = served(start_model, trained, code, GREY)
    assert server.process.output.strip().splitlines()[-1].endswith("torch.float32 8 9 False")
    assert np.isfinite(predictions(server, GREY)).all()


def test_samples_of_another_form_are_refused_when_served(start_model: StartProcess, tmp_path: Path) -> None:
    code = network(CONVOLUTION, "return self.layers(x)")
    trained = train(start_model, code, COLOUR, CLASSES[:40], tmp_path)
    with pytest.raises(DecodeError, match=r"samples of shape \(3, 8, 9\) do not fit.*\(8, 9, 3\)"):
        served(start_model, trained, code, COLOUR.transpose(0, 3, 1, 2))
    flat = COLOUR.reshape(40, -1)
    np.testing.assert_allclose(
        predictions(served(start_model, trained, code, flat), flat), answers(trained, COLOUR), atol=1e-6
    )


def test_dark_images_are_warned_of(start_model: StartProcess, tmp_path: Path, digits: Any) -> None:
    code = sources.PYTORCH_DIGITS.replace("x * (255 / 16)", "x")
    (warning,) = train(start_model, code, digits[0][:64], digits[1][:64], tmp_path).result["warnings"]
    assert "largest value of the samples is 16" in warning
    assert "to_tensor=False" in warning


def test_several_outputs_are_answered_in_the_order_of_forward(start_model: StartProcess, tmp_path: Path) -> None:
    methods = """
    def loss_fn(self):
        return lambda answer, label: F.cross_entropy(answer["z_class"], label) + answer["a_size"].square().mean()
    def optimizer(self):
        return optim.SGD(self.parameters(), lr=0.01)
    def metrics(self):
        return {"accuracy": Accuracy(output_transform=lambda out: (out[0]["z_class"], out[1]))}
"""
    code = network(
        "self.first, self.second = nn.Linear(6, 3), nn.Linear(6, 1)",
        "return {'z_class': self.first(x), 'a_size': self.second(x)}",
        methods=methods,
    )
    model = start_model(Framework.PYTORCH)
    report = model.call("check", {"code": code, "imports": ""})
    assert [(output["name"], output["shape"]) for output in report["outputs"]] == [
        ("z_class", [None, 3]),
        ("a_size", [None, 1]),
    ]
    trained = train(start_model, code, NUMBERS, CLASSES, tmp_path)
    params = {"code": code, "imports": "", "preparation": trained.result["preparation"]}
    described = loaded(
        start_model(Framework.PYTORCH),
        "model.safetensors",
        trained.artifacts["model.safetensors"],
        (6,),
        "<f4",
        **params,
    )
    assert [output["shape"] for output in described["outputs"]] == [[3], [1]]


LAYER = "self.layer = nn.Linear(6, 3)\n"
LOSS = "    def loss_fn(self): return nn.CrossEntropyLoss()\n"
OPTIMIZER = "    def optimizer(self): return optim.SGD(self.parameters(), lr=0.1)\n"
METRICS = "    def metrics(self): return {'accuracy': Accuracy()}\n"


@pytest.mark.parametrize(
    ("attributes", "methods"),
    [
        (
            (
                "self.loss_fn = nn.CrossEntropyLoss()\nself.metrics = {'accuracy': Accuracy()}\n"
                "self.optimizer = optim.Adam(self.parameters())"
            ),
            "",
        ),
        ("self.loss_fn = F.cross_entropy", OPTIMIZER + METRICS),
        ("self.loss_fn = nn.CrossEntropyLoss", OPTIMIZER + METRICS),
        ("pass", OPTIMIZER + METRICS + "    def loss_fn(self, p, t): return F.cross_entropy(p, t)\n"),
        ("pass", OPTIMIZER + METRICS + "    @property\n    def loss_fn(self): return nn.CrossEntropyLoss()\n"),
    ],
    ids=["attributes", "function", "class", "computes", "property"],
)
def test_definitions_are_taken_however_they_are_written(
    start_model: StartProcess, tmp_path: Path, attributes: str, methods: str
) -> None:
    code = network(LAYER + attributes, "return self.layer(x)", methods=methods)
    result = train(start_model, code, NUMBERS, CLASSES, tmp_path, max_epochs=20).result
    history = result["history"]
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize(
    ("attributes", "methods", "message", "hint"),
    [
        ("self.loss_fn = 'mse'", OPTIMIZER + METRICS, "loss_fn is an attribute of the model, a str", "def loss_fn"),
        ("self.optimizer = optim.Adam", LOSS + METRICS, "optimizer is an attribute", "def optimizer"),
        (
            "self.metrics = [Accuracy()]",
            LOSS + OPTIMIZER,
            "metrics is an attribute of the model, a list",
            "def metrics",
        ),
        ("self.criterion = nn.MSELoss()", OPTIMIZER + METRICS, "no method loss_fn", "it has criterion"),
    ],
)
def test_definitions_of_no_use_are_refused_with_what_to_write(
    start_model: StartProcess, attributes: str, methods: str, message: str, hint: str
) -> None:
    code = network(LAYER + attributes, "return self.layer(x)", methods=methods)
    with pytest.raises(UserCodeError, match=message) as caught:
        start_model(Framework.PYTORCH).call("check", {"code": code, "imports": ""})
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("self, x, *, lengths", ""),
        ("self", "takes no input"),
        ("self, x, mask=None, *more, flag=True, **rest", ""),
        ("self, *inputs", ""),
    ],
)
def test_a_forward_takes_at_least_one_array(start_model: StartProcess, parameters: str, message: str) -> None:
    code = network(LAYER, "return self.layer(inputs[0] if 'inputs' in locals() else x)").replace("self, x", parameters)
    model = start_model(Framework.PYTORCH)
    if not message:
        model.call("check", {"code": code, "imports": ""})
        return
    with pytest.raises(UserCodeError, match=message) as caught:
        model.call("check", {"code": code, "imports": ""})
    assert "def forward" in code.splitlines()[(caught.value.line or 0) - 1]


@pytest.mark.parametrize(
    ("before", "model"),
    [
        ("", "Net().cuda()"),
        ("device = torch.device('cuda')", "Net().to(device)"),
        ("torch.set_default_device('cuda')", "Net().to('cuda:0')"),
        ("torch.set_default_tensor_type('torch.cuda.FloatTensor')", "Net()"),
    ],
)
def test_code_for_a_gpu_runs_where_there_is_none(
    start_model: StartProcess, tmp_path: Path, before: str, model: str
) -> None:
    forward = "noise = torch.zeros(x.shape[0], 6, device='cuda')\nreturn self.layer(x.to('cuda') + noise.cuda())"
    code = before + "\n" + network(LAYER, forward, model=model)
    assert train(start_model, code, NUMBERS, CLASSES, tmp_path).warnings == []


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("from torchvision import models", "not installed"),
        ("import pytorch_lightning as pl", "not needed"),
        ("from torchsummary import summary", "not needed"),
        ("from transformers import AutoModel", "no network"),
        ("torch.load('weights.pt')", "leave torch.load"),
        ("torch.hub.load('pytorch/vision', 'resnet18')", "without network"),
        ("torch.cuda.get_device_name(0)", "on the GPU where there is one"),
        ("transforms.ToTensor()", "without an import"),
        ("torch.distributed.init_process_group('nccl')", "one process"),
    ],
)
def test_what_is_not_here_is_reported_in_one_line(start_model: StartProcess, code: str, hint: str) -> None:
    with pytest.raises(UserCodeError) as caught:
        start_model(Framework.PYTORCH).call("check", {"code": code, "imports": ""})
    assert hint in caught.value.hint


def test_a_metric_on_raw_scores_gets_the_transform(start_model: StartProcess, tmp_path: Path) -> None:
    methods = METHODS.replace("nn.CrossEntropyLoss()", "nn.BCEWithLogitsLoss()")
    code = network("self.layer = nn.Linear(6, 1)", "return self.layer(x)", methods=methods)
    with pytest.raises(UserCodeError, match="0's and 1's") as caught:
        train(start_model, code, NUMBERS, CLASSES, tmp_path)
    assert "output_transform" in caught.value.hint


@pytest.mark.parametrize(
    ("init", "forward", "inputs", "outputs"),
    [
        (
            "self.up = nn.Linear(784, 64)\nself.exit = nn.Linear(64, 10)",
            "up = torch.relu(self.up(x.flatten(1)))\nreturn up, self.exit(up)",
            [None, 784],
            [[None, 64], [None, 10]],
        ),
        # The exit takes only 13 x 13, which determines the size of what goes up.
        (
            "self.up = nn.Conv2d(1, 4, 3)\nself.exit = nn.Linear(4 * 13 * 13, 10)",
            "up = nn.functional.max_pool2d(self.up(x), 2)\nreturn up, self.exit(up.flatten(1))",
            [None, 1, None, None],
            [[None, 4, 13, 13], [None, 10]],
        ),
        # The code does not determine the size of images.
        (
            "self.up = nn.Conv2d(1, 4, 3)\nself.exit = nn.Linear(4, 10)",
            "up = self.up(x)\nreturn up, self.exit(up.mean((2, 3)))",
            [None, 1, None, None],
            [[None, 4, None, None], [None, 10]],
        ),
    ],
    ids=["linear", "of one size", "of any size"],
)
def test_a_sub_model_needs_neither_loss_nor_optimizer_and_tells_what_goes_up(
    init: str, forward: str, inputs: list[int], outputs: list[list[int]], start_model: StartProcess
) -> None:
    code = network(init, forward, methods="")
    report = start_model(Framework.PYTORCH).call("check", {"code": code, "imports": "", "distributed": True})
    assert report["inputs"][0]["shape"] == inputs
    assert [output["shape"] for output in report["outputs"]] == outputs
    assert (report["metrics"], report["labels"]) == ([], "")
    assert "loss_fn, optimizer and metrics are not asked for: they come from the deployment" in report["notes"]


@pytest.mark.parametrize(
    ("forward", "proven"),
    [
        ("return self.layer(x)", True),
        # The first layer does not determine the size of samples.
        ("return self.layer(x[:, :self.layer.in_features])", False),
        ("return self.layer(nn.functional.pad(x, (0, self.layer.in_features - x.shape[1])))", False),
    ],
)
def test_the_length_of_samples_is_reported_where_no_other_is_taken(
    start_model: StartProcess, forward: str, proven: bool
) -> None:
    code = network(LAYER, forward)
    assert start_model(Framework.PYTORCH).call("check", {"code": code, "imports": ""})["proven"] is proven


def test_layers_have_shapes_and_those_that_do_not_fit_each_other_are_a_warning(start_model: StartProcess) -> None:
    model = start_model(Framework.PYTORCH)
    fits = model.call("check", {"code": network("self.net = nn.Linear(6, 32)", "return self.net(x)"), "imports": ""})
    assert "(None, 32)" in fits["summary"]
    assert fits["warnings"] == []
    broken = network("self.a = nn.Linear(6, 32)\nself.b = nn.Linear(16, 3)", "return self.b(self.a(x))")
    report = model.call("check", {"code": broken, "imports": ""})
    (warning,) = report["warnings"]
    assert "samples of 6 numbers" in warning
    assert "line 7: RuntimeError: " in warning
    assert "[2, 32] X [16, 3]" in warning
