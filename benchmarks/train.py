"""P3: wall time of a training from the stream to the last epoch: 5 epochs, batch 256, 80/20, 28x28 images.

Ours is a real run without the backend: the runner reads the topic into a fresh slice cache and trains in an isolated
model process of the warm fork server. Evaluation, artifacts and conversion come afterwards and are not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.context import Context, Row, median_and_spread
from benchmarks.train_loops import BATCH_SIZE, EPOCHS, KERAS_MODEL, TORCH_MODEL, samples
from kafkaml.confluent import KafkaRecordReader, KafkaRecordWriter
from kafkaml.control import ControlMessage
from kafkaml.garbage import collect_garbage_seldom
from kafkaml.input_format import InputFormat
from kafkaml.records import OutgoingRecord
from kafkaml.settings import KafkaSettings
from kafkaml.stream_range import StreamRange
from kafkaml.testing import RecordingReporter
from kafkaml.wire.checkpoint import Checkpoint
from kafkaml.wire.choices import TrainingMode
from kafkaml.wire.framework import Framework
from kafkaml.wire.progress import EpochMetrics
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.process import ModelProcess
from model_training.context import RunContext
from model_training.modes import Mode, classic
from model_training.training_data import TrainingData
from tests.fork_servers import running_fork_server

IDS = ("P3",)

_RECORDS = 20_000
_QUICK_RECORDS = 2_000
# A reference takes over a minute, and is so far away that its noise does not matter.
_REFERENCE_REPEATS = 2
_TIMEOUT_SECONDS = 600
_BARS = {Framework.TENSORFLOW: 5.0, Framework.PYTORCH: 3.0}
_OF_FLOOR = 0.7


class Clock(RecordingReporter):
    """A reporter that also remembers when the last epoch or window ended, and how long each checkpoint took."""

    def __init__(self) -> None:
        super().__init__()
        self.last_epoch = 0.0
        self.checkpoint_seconds: list[float] = []

    @property
    def accuracy(self) -> float:
        """The accuracy of the last validation."""
        return next(value for name, value in self.epochs[-1].validation.items() if "accuracy" in name)

    def epoch(self, metrics: EpochMetrics) -> None:
        self.last_epoch = time.perf_counter()
        super().epoch(metrics)

    def checkpoint(self, path: Path, **place: Any) -> Checkpoint:
        saved = super().checkpoint(path, **place)
        # The time since the report of the window is that of its checkpoint, because a window is reported before it is
        # kept.
        self.checkpoint_seconds.append(time.perf_counter() - self.last_epoch)
        return saved


def run(context: Context) -> Iterator[Row]:
    """Measure both frameworks."""
    count = _QUICK_RECORDS if context.quick else _RECORDS
    topic = fill(context, count)
    for framework in Framework:
        with running_fork_server(framework, "auto") as server:
            runs, floors = [], []
            # In turns, so that a busy moment of the machine hits both.
            for _ in range(context.repeats):
                runs.append(_ours(context, framework, topic, count, server.socket))
                floors.append(_loop(context, "floor", framework, topic, count)[0])
        ours, spread = median_and_spread([seconds for seconds, _, _ in runs])
        floor, floor_spread = median_and_spread(floors)
        references = [
            _loop(context, "reference", framework, topic, count)
            for _ in range(min(_REFERENCE_REPEATS, context.repeats))
        ]
        reference, _ = median_and_spread([seconds for seconds, _ in references])
        ratio, of_floor, bar = reference / ours, floor / ours, _BARS[framework]
        yield Row(
            id="P3",
            what=f"training {count} records, {framework}",
            ours=ours,
            unit="s",
            reference=reference,
            floor=floor,
            spread=spread,
            higher_is_better=False,
            bar=f">= {bar:g}x, >= {_OF_FLOOR} of fitting resident arrays",
            met=ratio >= bar and of_floor >= _OF_FLOOR,
            note=f"to the end of everything {median_and_spread([seconds for _, seconds, _ in runs])[0]:.2f} s; "
            f"validation accuracy {runs[-1][2]:.3f}, of the reference {references[-1][1]:.3f}; "
            f"floor: spread {floor_spread:.2f}",
        )


def fill(context: Context, count: int) -> str:
    """Return a topic of one partition with ``count`` images and their labels."""
    topic = context.topic(1, name="train")
    features, labels = samples(count)
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=context.bootstrap_servers))
    for image, label in zip(features, labels, strict=True):
        writer.write(OutgoingRecord(topic, image.tobytes(), label.tobytes()))
    writer.flush(60)
    writer.close()
    return topic


def _ours(
    context: Context, framework: Framework, topic: str, count: int, fork_server: str
) -> tuple[float, float, float]:
    """Return seconds to the end of the last epoch, seconds to the end of everything, and the validation accuracy."""
    started = time.perf_counter()
    clock = run_once(context, plan_for(framework, StreamRange(topic, 0, 0, count)), classic, fork_server)
    return clock.last_epoch - started, time.perf_counter() - started, clock.accuracy


def plan_for(framework: Framework, stream: StreamRange, **fields: Any) -> TrainingPlan:
    """Return the plan of a training on a topic that ``fill`` made; ``fields`` override."""
    keras = framework is Framework.TENSORFLOW
    values: dict[str, Any] = {
        "result_id": 1,
        "deployment_id": 1,
        "model_name": "mnist",
        "framework": framework,
        "mode": TrainingMode.CLASSIC,
        "code": KERAS_MODEL if keras else TORCH_MODEL,
        "imports": "",
        "batch_size": BATCH_SIZE,
        "fit_arguments": {"epochs": EPOCHS},
        "evaluation_arguments": {},
        "stream": ControlMessage(
            ranges=(stream,),
            input_format=InputFormat.RAW,
            input_config={"data_type": "uint8", "data_reshape": "28 28", "label_type": "uint8"},
            validation_rate=0.2,
            incremental=stream.end is None,
        ),
        "seed": 1,
        "confusion_matrix": False,
    }
    return TrainingPlan(**(values | fields))


def run_once(context: Context, plan: TrainingPlan, mode: Mode, fork_server: str) -> Clock:
    """Train as a worker would, with a fresh slice cache and without the backend."""
    collect_garbage_seldom()
    clock, kafka = Clock(), KafkaSettings(bootstrap_servers=context.bootstrap_servers)
    with tempfile.TemporaryDirectory(dir=context.folder) as state_dir:
        scratch = Path(state_dir) / "scratch"
        scratch.mkdir()
        run = RunContext(
            plan=plan,
            reporters={plan.model_name: clock},
            read_slice=lambda on_progress: TrainingData.read(
                plan,
                open_reader=lambda: KafkaRecordReader(kafka),
                cache_dir=Path(state_dir) / "slices",
                on_progress=on_progress,
            ),
            open_reader=lambda: KafkaRecordReader(kafka),
            start_process=lambda _plan: ModelProcess.start(plan.framework, plan.limits, fork_server=fork_server),
            scratch=scratch,
        )
        mode.run(run)
    return clock


def _loop(context: Context, loop: str, framework: Framework, topic: str, count: int) -> tuple[float, float]:
    """Run a loop once, in a new process. Returns the seconds and the validation accuracy."""
    command = [sys.executable, "-m", "benchmarks.train_loops", loop, str(framework), "--count", str(count)]
    command += ["--bootstrap-servers", context.bootstrap_servers, "--topic", topic]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    return float(answer["seconds"]), float(answer["accuracy"])
