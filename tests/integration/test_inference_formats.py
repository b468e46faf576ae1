"""One inference per framework and format on the real broker, with models that were really trained."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
import pytest

from kafkaml.input_format import InputFormat
from kafkaml.wire.framework import Framework
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.process import ModelProcess
from mlcode_executor.runtimes import OwnRuntime, Runtime
from mlcode_executor.shared_array import SharedArray
from tests.conftest import TestBroker
from tests.integration.training_support import ENCODINGS, blobs, epochs, model_code, send
from tests.model_inference.replicas import InferenceUnderTest, sources
from tests.support import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class TrainedModel:
    """A classifier of ``blobs``, its artifacts, and a warm fork server for its framework."""

    framework: Framework
    code: str
    artifacts: Mapping[str, bytes]
    fork_servers: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module", params=list(Framework), ids=str)
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, fork_server_of: Callable[[Runtime], str]
) -> TrainedModel:
    framework: Framework = request.param
    code = model_code(framework, shape=(4,), classes=3)
    folder = tmp_path_factory.mktemp(framework.value)
    fork_servers = {runtime: fork_server_of(runtime) for runtime in (framework, OwnRuntime.ONNX)}
    with ModelProcess.start(framework, ResourceLimits(), fork_server=fork_servers[framework]) as process:
        artifacts = _train(process, framework, code, folder)
    return TrainedModel(framework, code, artifacts, fork_servers)


def _train(process: ModelProcess, framework: Framework, code: str, folder: Path) -> dict[str, bytes]:
    features, labels = blobs(300, seed=1)
    process.call("build", {"code": code, "imports": "", "seed": 5}, timeout_seconds=180)
    with shared(features) as shared_features, shared(labels) as shared_labels:
        arrays = {"train_features": shared_features, "train_labels": shared_labels}
        arguments = {"batch_size": 16, "arguments": epochs(framework, 15)}
        process.call("fit", arguments, arrays=arrays, timeout_seconds=240)
    names = process.call("artifact_names", timeout_seconds=120)["names"]
    artifacts = _files(process, "save", names, folder)
    with shared(features[:32]) as sample:
        artifacts |= _files(process, "export_onnx", ["model.onnx"], folder, features=sample)
    return artifacts


def shared(array: np.ndarray) -> SharedArray:
    made = SharedArray.allocate(array.shape, array.dtype)
    made.array[:] = array
    return made


def _files(
    process: ModelProcess, method: str, names: list[str], folder: Path, **arrays: SharedArray
) -> dict[str, bytes]:
    files = {name: os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600) for name in names}
    try:
        process.call(method, arrays=arrays, files=files, timeout_seconds=240)
    finally:
        for descriptor in files.values():
            os.close(descriptor)
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.parametrize(
    ("input_format", "converted"),
    [*((encoding, True) for encoding in ENCODINGS), (InputFormat.RAW, False), (InputFormat.JSON, False)],
    ids=lambda value: {True: "onnx", False: "framework"}.get(value, str(value)),
)
def test_predictions_of_a_trained_model(
    trained: TrainedModel, broker: TestBroker, tmp_path: Path, input_format: InputFormat, converted: bool
) -> None:
    features, labels = blobs(200, seed=2)
    stream = send(broker, features, labels, input_format=input_format, partitions=2)
    artifacts = {name: content for name, content in trained.artifacts.items() if (name == "model.onnx") == converted}
    for runtime, path in trained.fork_servers.items():
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / f"fork-{runtime}.sock").symlink_to(path)
    under_test = InferenceUnderTest(
        tmp_path,
        broker.bootstrap_servers,
        stream.ranges[0].topic,
        artifacts,
        {
            "input_format": input_format,
            "input_config": dict(ENCODINGS[input_format].config),
        },
        framework=trained.framework,
        code=trained.code,
    )
    with under_test:
        under_test.start()
        eventually(lambda: under_test.answered() == 200, 180, interval_seconds=0.1)
        outputs = under_test.outputs()
        assert under_test.dead_letters() == []

    assert len(set(sources(outputs))) == 200
    scores = np.array([orjson.loads(record.value or b"")["values"] for record in outputs])
    keys = [ENCODINGS[input_format].key(np.uint8(label)) for label in range(3)]
    right = [keys[best] == record.key for best, record in zip(scores.argmax(axis=1), outputs, strict=True)]
    assert scores.shape == (200, 3)
    assert np.mean(right) > 0.95
