"""Shared by the training tests: data, streams in every format, models, and the worker as a real process."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
import numpy as np

from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.stream_range import StreamRange
from kafkaml.wire.choices import TrainingMode
from kafkaml.wire.failure import Failure
from kafkaml.wire.framework import Framework
from kafkaml.wire.job import TrainingJob
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.training import TrainingPlan
from tests.conftest import TestBroker
from tests.fake_backend import FakeBackend
from tests.support import ordered_producer
from tests.warm_workers import WarmWorker

Array = np.ndarray[Any, Any]

KERAS_MODEL = """
model = keras.Sequential([
    keras.Input(shape=SHAPE),
    keras.layers.Flatten(),
    keras.layers.Dense(32, activation="relu"),
    keras.layers.Dense(CLASSES, activation="softmax"),
])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""

TORCH_MODEL = """
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(SIZE, 32), nn.ReLU(), nn.Linear(32, CLASSES))
    def forward(self, x):
        return self.layers(x)
    def loss_fn(self):
        return nn.CrossEntropyLoss()
    def optimizer(self):
        return torch.optim.Adam(model.parameters(), lr=0.01)
    def metrics(self):
        return {"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}
model = Network()
"""


def model_code(framework: Framework, *, shape: tuple[int, ...], classes: int) -> str:
    """Return the code of a small classifier."""
    code = KERAS_MODEL if framework is Framework.TENSORFLOW else TORCH_MODEL
    names = {"SHAPE": str(shape), "SIZE": str(int(np.prod(shape))), "CLASSES": str(classes)}
    for name, value in names.items():
        code = code.replace(name, value)
    return code


def epochs(framework: Framework, count: int) -> dict[str, int]:
    return {"epochs" if framework is Framework.TENSORFLOW else "max_epochs": count}


def digits() -> tuple[Array, Array]:
    """scikit-learn's handwritten digits: (1797, 8, 8) uint8 in 0..255, (1797,) uint8."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return (bunch.images * (255 / 16)).astype(np.uint8), bunch.target.astype(np.uint8)


def blobs(count: int = 300, *, seed: int = 0) -> tuple[Array, Array]:
    """Three well separated classes: (count, 4) float32, (count,) uint8."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count).astype(np.uint8)
    centres = np.array([[0, 0, 0, 4], [0, 4, 4, 0], [4, 4, 0, 0]], np.float32)
    return (centres[labels] + random.normal(0, 0.5, (count, 4))).astype(np.float32), labels


def _avro_record(name: str, fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": field, "type": kind} for field, kind in fields]}


_NAMES = "abcdefghijklmnop"
_LABEL_SCHEME = _avro_record("label", [("kind", "int")])


def _avro(schema: dict[str, Any], values: Sequence[Any]) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), dict(zip(_NAMES, values, strict=False)))
    return buffer.getvalue()


def _avro_label(label: int) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(_LABEL_SCHEME), {"kind": label})
    return buffer.getvalue()


@dataclass(frozen=True)
class Encoding:
    """How a format writes a sample and its label, and the part of the control message that describes it."""

    value: Callable[[Array], bytes]
    key: Callable[[Any], bytes]
    config: Mapping[str, Any]


def raw_encoding(features: Array, labels: Array) -> Encoding:
    shape = " ".join(str(size) for size in features.shape[1:])
    config = {"data_type": features.dtype.name, "data_reshape": shape, "label_type": labels.dtype.name}
    return Encoding(lambda x: x.tobytes(), lambda y: y.tobytes(), config)


def encodings(numbers: int) -> Mapping[InputFormat, Encoding]:
    """Return how each format writes samples of ``size`` numbers."""
    scheme = _avro_record("sample", [(name, "float") for name in _NAMES[:numbers]])
    return {
        InputFormat.RAW: raw_encoding(np.zeros((1, numbers), np.float32), np.zeros(1, np.uint8)),
        InputFormat.AVRO: Encoding(
            lambda x: _avro(scheme, x.tolist()),
            lambda y: _avro_label(int(y)),
            {"data_scheme": json.dumps(scheme), "label_scheme": json.dumps(_LABEL_SCHEME)},
        ),
        InputFormat.JSON: Encoding(lambda x: json.dumps(x.tolist()).encode(), lambda y: str(int(y)).encode(), {}),
        InputFormat.TELEGRAF_STR_JSON: Encoding(
            lambda x: json.dumps({"fields": {"value": json.dumps(x.tolist())}}).encode(),
            lambda y: str(int(y)).encode(),
            {},
        ),
    }


# The encodings for samples of four numbers.
ENCODINGS = encodings(4)


def send(
    broker: TestBroker,
    features: Array,
    labels: Array,
    *,
    input_format: InputFormat = InputFormat.RAW,
    encoding: Encoding | None = None,
    partitions: int = 2,
    **fields: Any,
) -> ControlMessage:
    """Send samples as sinks do, with the label as key, and return the announcement."""
    encoding = encoding or (
        raw_encoding(features, labels) if input_format == InputFormat.RAW else ENCODINGS[input_format]
    )
    topic = broker.topic(partitions)
    producer = ordered_producer(broker.bootstrap_servers, linger_ms=5)
    counts = [0] * partitions
    for sample, label in zip(features, labels, strict=True):
        partition = int(label) % partitions
        producer.produce(topic, encoding.value(sample), encoding.key(label), partition=partition)
        counts[partition] += 1
        producer.poll(0)
    assert producer.flush(150) == 0
    return ControlMessage(
        ranges=tuple(StreamRange(topic, partition, 0, count) for partition, count in enumerate(counts)),
        input_format=input_format,
        input_config=encoding.config,
        total_msg=len(features),
        **{"validation_rate": 0.1, "test_rate": 0.2, **fields},
    )


# The time of the first record of tests' streams, recent enough for the broker to keep it.
SINCE_MS = int(time.time() * 1000) - 3_600_000


def send_online(
    broker: TestBroker,
    topic: str,
    features: Array,
    labels: Array,
    since_ms: int = SINCE_MS,
    input_format: InputFormat = InputFormat.RAW,
    *,
    partitions: int = 1,
) -> ControlMessage:
    """Send samples one millisecond apart to a topic without end, and return the announcement.

    Partitions take turns. Keyed by label, all records of a class would be in one partition. When a busy broker hands
    out that partition last, windows hold this class alone, and the model forgets the others.
    """
    encoding = raw_encoding(features, labels) if input_format == InputFormat.RAW else ENCODINGS[input_format]
    producer = ordered_producer(broker.bootstrap_servers, linger_ms=5)
    for row, (sample, label) in enumerate(zip(features, labels, strict=True)):
        place = {"partition": row % partitions, "timestamp": since_ms + row}
        producer.produce(topic, encoding.value(sample), encoding.key(label), **place)
        producer.poll(0)
    assert producer.flush(150) == 0
    return ControlMessage(
        ranges=(StreamRange(topic),),
        input_format=input_format,
        input_config=encoding.config,
        validation_rate=0.2,
        incremental=True,
    )


def send_readings(broker: TestBroker, topic: str, features: Array, labels: Array) -> ControlMessage:
    """Send samples as JSON records of five machines, and return the announcement of a data set without end.

    Its samples are windows of two records of a machine, as the inputs ``left`` and ``right`` of two columns each. All
    records are in one partition, so that two readings cut the stream into equal windows.
    """
    producer = ordered_producer(broker.bootstrap_servers, linger_ms=5)
    names = ["a", "b", "c", "d"]
    for row, (sample, label) in enumerate(zip(features.tolist(), labels.tolist(), strict=True)):
        value = {**dict(zip(names, sample, strict=True)), "state": f"state {label}"}
        key = f"m{row % 5}".encode()
        producer.produce(topic, json.dumps(value).encode(), key, partition=0, timestamp=SINCE_MS + row)
        producer.poll(0)
    assert producer.flush(150) == 0
    contract = {
        "format": "JSON",
        "fields": [*({"path": [name], "kind": "number"} for name in names), {"path": ["state"], "kind": "text"}],
        "columns": [
            {"name": name, "expression": name, "scaling": "standard", "input": side}
            for name, side in zip(names, ("left", "left", "right", "right"), strict=True)
        ],
        "labels": [{"name": "state", "expression": "state", "kind": "class"}],
        "window": {"length": 2},
        "split": "key",
    }
    return ControlMessage(
        ranges=(StreamRange(topic),),
        input_format=InputFormat.COLUMNS,
        input_config={"contract": contract, "fit_records": 50},
        validation_rate=0.4,
        incremental=True,
    )


def online_plan(framework: Framework, stream: ControlMessage, *, code: str = "", **fields: Any) -> TrainingPlan:
    """Return the plan of an incremental training of ``blobs``; ``fields`` override its values."""
    values: dict[str, Any] = {"mode": TrainingMode.INCREMENTAL, "fit_arguments": epochs(framework, 10)}
    values["fit_arguments"] = epochs(framework, 1) if code else values["fit_arguments"]
    return plan_of(framework, stream, code or model_code(framework, shape=(4,), classes=3), **(values | fields))


def plan_of(framework: Framework, stream: ControlMessage, code: str, **fields: Any) -> TrainingPlan:
    """Return a plan with the usual values; ``fields`` override them."""
    values: dict[str, Any] = {
        "result_id": 7,
        "deployment_id": 3,
        "model_name": "small",
        "framework": framework,
        "mode": TrainingMode.CLASSIC,
        "code": code,
        "imports": "",
        "batch_size": 32,
        "fit_arguments": epochs(framework, 15),
        "evaluation_arguments": {},
        "stream": stream,
        "seed": 5,
        "confusion_matrix": True,
    }
    return TrainingPlan(**(values | fields))


@dataclass(frozen=True)
class Worker:
    """``python -m model_training`` as a launcher starts it, against a fake backend and the real broker.

    Workers are forked from a warm process as by launchers, or start cold when their memory is limited.
    """

    backend: FakeBackend
    broker: TestBroker
    folder: Path
    fork_servers: Mapping[Framework, str]

    def start(
        self, plan: TrainingPlan, *, attempt: int = 1, data_bytes: int = -1, **env: str
    ) -> subprocess.Popen[str] | WarmWorker:
        """Start an attempt at ``plan``; the runner may use at most ``data_bytes`` of memory of its own."""
        self.backend.plan = plan.to_json()
        self.backend.attempt = attempt
        job = TrainingJob(
            **{
                **vars(self.backend.training_job(self.folder, attempt=attempt, framework=plan.framework)),
                "fork_server": self.fork_servers[plan.framework],
            }
        )
        environment = {
            "PATH": os.environ["PATH"],
            "KML_KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "KML_LOG_FORMAT": "json",
            **job.to_env(),
            **env,
        }
        if data_bytes == -1:
            return WarmWorker("model_training", env=environment)
        return subprocess.Popen(
            [sys.executable, "-m", "model_training"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (data_bytes, data_bytes)),
        )

    def run(
        self, plan: TrainingPlan, *, attempt: int = 1, timeout_seconds: float = 240, data_bytes: int = -1, **env: str
    ) -> tuple[int, str]:
        """Run an attempt to its end; returns exit code and log."""
        process = self.start(plan, attempt=attempt, data_bytes=data_bytes, **env)
        try:
            log, _ = process.communicate(timeout=timeout_seconds)
        finally:
            process.kill()
        return process.returncode, log

    def train(self, plan: TrainingPlan, *, attempt: int = 1, data_bytes: int = -1, **env: str) -> TrainingOutcome:
        """Run an attempt that must finish; returns the outcome that the backend received."""
        code, log = self.run(plan, attempt=attempt, data_bytes=data_bytes, **env)
        assert code == 0, log
        return TrainingOutcome.model_validate(self.backend.outcomes[-1])

    def fail(self, plan: TrainingPlan, **env: str) -> Failure:
        """Run an attempt that must report a failure; returns the failure."""
        code, log = self.run(plan, **env)
        assert code == 10, log
        assert not self.backend.outcomes
        (failure,) = self.backend.failures
        return Failure.model_validate(failure)
