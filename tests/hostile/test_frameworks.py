"""Hostile programs pasted as models under the real frameworks are contained, and the next model is checked as usual."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kafkaml.errors import ModelProcessDied, UserCodeError
from kafkaml.wire.framework import Framework
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.process import LimitReason, ModelProcess
from mlcode_executor.runtimes import Runtime
from tests.fork_servers import RunningForkServer, running_fork_server

pytestmark = pytest.mark.hostile

LIMITS = ResourceLimits(memory_bytes=1 << 30, cpu_seconds=20, file_bytes=64 << 20, wall_seconds=150)
CHECK_SECONDS = 150.0

KERAS_MODEL = """
model = tf.keras.Sequential([tf.keras.layers.Input((4,)), tf.keras.layers.Dense(2, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""
TORCH_MODEL = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)
    def forward(self, x):
        return self.layer(x)
    def loss_fn(self):
        return nn.CrossEntropyLoss()
    def optimizer(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
    def metrics(self):
        from ignite.metrics import Accuracy, Loss
        return {"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}
model = Net()
"""
GOOD_MODELS = {Framework.TENSORFLOW: KERAS_MODEL, Framework.PYTORCH: TORCH_MODEL}

ESCAPES = """
import os, socket, subprocess
def attempt(name, action):
    try:
        action()
    except OSError:
        return
    raise RuntimeError("escaped: " + name)
attempt("read", lambda: open("{secret}").read())
attempt("list", lambda: os.listdir("/home"))
attempt("write", lambda: open("/usr/escaped", "w"))
attempt("network", lambda: socket.create_connection(("127.0.0.1", 9), 1))
attempt("program", lambda: subprocess.run(["true"]))
attempt("kill", lambda: os.kill(-1, 9))
attempt("fork", os.fork)
raise LookupError("contained")
"""
TENSOR_BOMB = {
    Framework.TENSORFLOW: "tensors = []\nwhile True:\n    tensors.append(tf.ones((64, 1024, 1024)))",
    Framework.PYTORCH: "tensors = []\nwhile True:\n    tensors.append(torch.ones((64, 1024, 1024)))",
}
# Endless work inside the framework's own threads and C++ code, where Python cannot be interrupted.
ENDLESS_OPERATION = {
    Framework.TENSORFLOW: "x = tf.random.normal((2000, 2000))\nwhile True:\n    x = tf.matmul(x, x)",
    Framework.PYTORCH: "x = torch.rand((2000, 2000))\nwhile True:\n    x = x @ x",
}


@pytest.fixture(scope="module", params=[Framework.TENSORFLOW, Framework.PYTORCH], ids=str)
def runtime(request: pytest.FixtureRequest) -> Runtime:
    return Framework(request.param)


@pytest.fixture(scope="module", params=["namespaces", "landlock"])
def server(request: pytest.FixtureRequest, runtime: Runtime) -> Iterator[RunningForkServer]:
    with running_fork_server(runtime, request.param) as running:
        yield running


@pytest.fixture
def process(server: RunningForkServer) -> Iterator[ModelProcess]:
    with ModelProcess.start(server.runtime, LIMITS, fork_server=server.socket) as running:
        yield running
    server.await_idle()
    with ModelProcess.start(server.runtime, LIMITS, fork_server=server.socket) as following:
        report = check(following, GOOD_MODELS[server.runtime])
        assert report["parameters"] == 10


def check(process: ModelProcess, code: str) -> dict[str, object]:
    imports = "import torch\nimport torch.nn as nn" if "torch" in code or "nn." in code else "import tensorflow as tf"
    return process.call("check", {"code": code, "imports": imports}, timeout_seconds=CHECK_SECONDS)


def test_no_way_out(process: ModelProcess, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    with pytest.raises(UserCodeError, match="contained"):
        check(process, ESCAPES.replace("{secret}", str(secret)))


def test_tensors_without_end(process: ModelProcess, runtime: Runtime) -> None:
    with pytest.raises(ModelProcessDied) as caught:
        check(process, TENSOR_BOMB[runtime])
    assert caught.value.reason == LimitReason.MEMORY


def test_operations_without_end(server: RunningForkServer, runtime: Runtime) -> None:
    limits = ResourceLimits(memory_bytes=1 << 30, cpu_seconds=3, wall_seconds=150)
    with (
        ModelProcess.start(runtime, limits, fork_server=server.socket) as process,
        pytest.raises(ModelProcessDied) as caught,
    ):
        check(process, ENDLESS_OPERATION[runtime])
    assert caught.value.reason == LimitReason.CPU_TIME
    server.await_idle()


def test_a_crash_in_the_middle(process: ModelProcess) -> None:
    with pytest.raises(ModelProcessDied) as caught:
        check(process, "import ctypes\nctypes.string_at(0)")
    assert caught.value.reason == LimitReason.CRASHED


def test_no_credential_of_the_runner_is_seen(process: ModelProcess) -> None:
    os.environ["HOSTILE_TOKEN"] = "canary-of-the-environment"
    with pytest.raises(UserCodeError, match="LookupError: clean"):
        check(
            process,
            "import os\nseen = open('/proc/self/environ').read() + repr(dict(os.environ))\n"
            "raise LookupError('canary' if 'canary' in seen or 'KML_' in seen else 'clean')",
        )
