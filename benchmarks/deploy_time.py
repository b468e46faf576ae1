"""P8: from launching an inference to its first prediction that a committed reader sees, on a laptop.

The launcher forks the replica from its warm server and the replica forks the model process from the warm fork server,
as on a running platform. The reference is the old worker: a fresh Python that imports the framework, loads the model,
and predicts.
"""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from backend.launchers.base import RestartPolicy, WorkSpec
from backend.launchers.factory import PRELOADED
from backend.launchers.names import RunKind, work_name
from backend.launchers.process import ProcessLauncher
from benchmarks.context import Context, Row, median_and_spread
from benchmarks.inference_loops import SAMPLE_SHAPE, fill
from kafkaml.wire.framework import Framework
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.process import ModelProcess
from mlcode_executor.runtimes import OwnRuntime, Runtime
from tests.fork_servers import running_fork_server
from tests.integration.training_support import model_code
from tests.model_inference.onnx_models import mlp
from tests.model_inference.replicas import InferenceUnderTest
from tests.support import eventually

IDS = ("P8",)

_TIMEOUT_SECONDS = 60.0
_BARS = {Framework.TENSORFLOW: 0.5, Framework.PYTORCH: 0.1, OwnRuntime.ONNX: 0.1}

_OLD_WORKERS = {
    Framework.TENSORFLOW: (
        "import sys, numpy, keras\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "model.predict(numpy.zeros((1, 28, 28), 'float32'), verbose=0)\n"
    ),
    Framework.PYTORCH: (
        "import sys, numpy, torch\n"
        "from torch import nn\n"
        "model = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))\n"
        "model(torch.from_numpy(numpy.zeros((1, 28, 28), 'float32')))\n"
    ),
}


# Numbers for the inferences, which are deployed one after the other.
_numbers = itertools.count(1)


def run(context: Context) -> Iterator[Row]:
    """Measure each engine: converted models by ONNX Runtime, and the frameworks' own."""
    topic = fill(context, 8, partitions=1)
    for runtime in (OwnRuntime.ONNX, Framework.PYTORCH, Framework.TENSORFLOW):
        folder = context.folder / f"deploy-{runtime.value}"
        (folder / "run").mkdir(parents=True)
        seconds, reference = _engine(context, topic, runtime, folder)
        ours, spread = median_and_spread(seconds)
        yield Row(
            id="P8",
            what=f"launch to first prediction, {runtime.value}",
            unit="s",
            ours=round(ours, 3),
            reference=reference and round(reference, 3),
            spread=spread,
            bar=f"<= {_BARS[runtime]} s",
            met=ours <= _BARS[runtime],
            higher_is_better=False,
            note="warm launcher and fork server; Kafka's rebalance included",
        )


def _engine(context: Context, topic: str, runtime: Runtime, folder: Path) -> tuple[list[float], float | None]:
    """Return the seconds of each launch, and the seconds of the old worker where there is one."""
    framework = Framework.PYTORCH if runtime is Framework.PYTORCH else Framework.TENSORFLOW
    code = model_code(framework, shape=SAMPLE_SHAPE, classes=10)
    launcher = ProcessLauncher(
        folder / "jobs",
        base_env={"KML_KAFKA_BOOTSTRAP_SERVERS": context.bootstrap_servers},
        preload=PRELOADED,
    )
    with contextlib.closing(launcher), running_fork_server(runtime, "auto") as server:
        (folder / "run" / f"fork-{runtime.value}.sock").symlink_to(server.socket)
        artifacts = _artifacts(runtime, code, server.socket, folder)
        _await_warm(launcher)
        seconds = [
            _first_prediction(context, launcher, folder, topic, framework, code, artifacts)
            for _ in range(context.repeats + 1)
        ]
    # The first launch does not count, because it pays for what the broker does lazily.
    return seconds[1:], _old_worker(runtime, folder) if isinstance(runtime, Framework) else None


def _await_warm(launcher: ProcessLauncher) -> None:
    server = launcher._server
    assert server is not None
    eventually(server.is_ready, 60)


def _artifacts(runtime: Runtime, code: str, fork_server: str, folder: Path) -> dict[str, bytes]:
    if runtime is OwnRuntime.ONNX:
        return {"model.onnx": mlp()}
    with ModelProcess.start(runtime, ResourceLimits(), fork_server=fork_server) as process:
        process.call("build", {"code": code, "imports": "", "seed": 1}, timeout_seconds=60)
        names = process.call("artifact_names", timeout_seconds=30)["names"]
        paths = {name: folder / name for name in names}
        files = {name: path.open("w+b") for name, path in paths.items()}
        process.call("save", files={name: file.fileno() for name, file in files.items()}, timeout_seconds=60)
        for file in files.values():
            file.close()
    return {name: path.read_bytes() for name, path in paths.items()}


def _first_prediction(
    context: Context,
    launcher: ProcessLauncher,
    folder: Path,
    topic: str,
    framework: Framework,
    code: str,
    artifacts: dict[str, bytes],
) -> float:
    """Launch one replica for a topic that already holds records; returns the seconds to its first answer."""
    output = context.topic(name="answers")
    fields = {
        "group": f"bench-{uuid.uuid4().hex[:8]}",
        "output_topic": output,
        "input_config": {"data_type": "uint8", "data_reshape": "28 28"},
    }
    inference = InferenceUnderTest(
        folder, context.bootstrap_servers, topic, artifacts, fields, framework=framework, code=code
    )
    name = work_name(RunKind.INFERENCE, next(_numbers), 1)
    with inference:
        job = inference.backend.inference_job(folder)
        job = job.model_copy(update={"name": name})
        reader = _reader(context, output)
        spec = WorkSpec(
            name=name,
            module="model_inference",
            env=job.to_env(),
            token=next(iter(inference.backend.tokens)),
            restart=RestartPolicy.ALWAYS,
        )
        began = time.perf_counter()
        launcher.launch(spec)
        message = reader.poll(_TIMEOUT_SECONDS)
        seconds = time.perf_counter() - began
        log, _ = launcher.logs(name)
        launcher.stop(name)
        reader.close()
        if message is None or message.error():
            raise RuntimeError(f"no prediction within {_TIMEOUT_SECONDS:g} s:\n{log[-3000:].decode()}")
        eventually(lambda: launcher.observe()[name].phase.ended, 30)
        launcher.forget(name)
        return seconds


def _reader(context: Context, topic: str) -> Consumer:
    reader = Consumer(
        {"bootstrap.servers": context.bootstrap_servers, "group.id": "reader", "isolation.level": "read_committed"}
    )
    reader.assign([TopicPartition(topic, 0, 0)])
    reader.poll(0.5)
    return reader


def _old_worker(framework: Framework, folder: Path) -> float:
    began = time.perf_counter()
    command = [sys.executable, "-c", _OLD_WORKERS[framework], str(folder / "model.keras")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return time.perf_counter() - began
