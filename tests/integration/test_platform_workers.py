"""An external worker as its user runs it: by the command with a token, killed, started again, and alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from datasources import RawSink
from kafka_ml_cli.exits import ExitCode
from kafkaml.sdk.types import Inference, ReplicaRecord, RunState
from tests.conftest import TestBroker
from tests.integration.test_tiers import consume, texts
from tests.integration.training_support import blobs
from tests.platform import Platform, frozen
from tests.support import eventually, ordered_producer

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(900)]

CODE = """
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
    def forward(self, x):
        return self.layer(x)
    def loss_fn(self):
        return nn.CrossEntropyLoss()
    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)
    def metrics(self):
        return {"loss": Loss(self.loss_fn())}
model = Network()
"""
INPUT, OUTPUT = "far-in", "far-out"
PARTITIONS, KEYS, RECORDS = 2, 7, 3000


@dataclass
class Worker:
    """A worker's process and its output."""

    process: subprocess.Popen[str]

    def ended(self) -> tuple[int, str]:
        """Wait for the process to end; returns exit code and output."""
        output, _ = self.process.communicate(timeout=120)
        return self.process.returncode, output


@contextmanager
def worker(platform: Platform, folder: Path, inference: int, token: str, name: str = "gate") -> Iterator[Worker]:
    """Run a worker without this process's environment, in small batches, so that tests catch it at work."""
    command = [sys.executable, "-m", "kafka_ml_cli.main", "worker", "run", "--url", platform.status.url]
    process = subprocess.Popen(
        [*command, "--inference", str(inference), "--name", name, "--state-dir", str(folder / name)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "KML_WORKER_TOKEN": token,
            "KML_INFERENCE_MAX_BATCH": "4",
            "KML_INFERENCE_COMMIT_SECONDS": "0.01",
        },
    )
    try:
        yield Worker(process)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def inference(platform: Platform) -> Inference:
    """A small trained network that the platform itself does not serve."""
    client = platform.client
    model = client.models.create(name="far", framework="pytorch", code=CODE)
    configuration = client.configurations.create(name="far", models=[model.id])
    made = client.deployments.create(configuration=configuration.id, pytorch_fit_arguments="max_epochs=1")
    features, labels = blobs(60)
    with RawSink(
        bootstrap_servers=platform.bootstrap_servers, topic="far-training", deployment_id=made.id, group_id="far"
    ) as sink:
        for sample, label in zip(features, labels, strict=True):
            sink.send(sample, label)
    (result,) = made.results
    client.results.wait_for(result.id, RunState.FINISHED, timeout_seconds=240)
    admin = AdminClient({"bootstrap.servers": platform.bootstrap_servers})
    for made_topic in admin.create_topics(
        [NewTopic(topic_name, PARTITIONS, 1) for topic_name in (INPUT, OUTPUT)]
    ).values():
        made_topic.result(60)
    return client.inferences.create(result=result.id, input_topic=INPUT, output_topic=OUTPUT, replicas=0)


def produce(platform: Platform, numbers: range) -> None:
    features, _ = blobs(60)
    producer = ordered_producer(platform.bootstrap_servers)
    for number in numbers:
        sample = features[number % len(features)]
        producer.produce(INPUT, sample.tobytes(), b"%d" % (number % KEYS), headers=[("mine", b"%d" % number)])
    assert producer.flush(60) == 0


def answered(platform: Platform) -> Callable[[], int]:
    """Return a function that returns at once how many offsets of the output are written."""
    consumer = Consumer({"bootstrap.servers": platform.bootstrap_servers, "group.id": "far-ends"})

    def count() -> int:
        ends = (consumer.get_watermark_offsets(TopicPartition(OUTPUT, number), 30) for number in range(PARTITIONS))
        return sum(high for _, high in ends)

    return count


def check_answers(platform: Platform, count: int) -> None:
    """Check that each record is answered once, and those of a key in order."""
    messages = consume(cast(TestBroker, platform), OUTPUT)
    numbers = [int(texts(answer)["mine"]) for answer in messages]
    assert sorted(numbers) == list(range(count))
    by_key: dict[bytes | None, list[int]] = defaultdict(list)
    for message, number in zip(messages, numbers, strict=True):
        by_key[message.key()].append(number)
    assert all(offsets == sorted(offsets) for offsets in by_key.values())


def row(platform: Platform, inference: Inference, name: str = "gate") -> ReplicaRecord | None:
    said = platform.client.inferences.get(inference.id).replica_stats
    return next((replica for replica in said if replica.worker == name), None)


def test_it_serves_alone_whichever_process_is_killed_and_ends_with_its_inference(
    platform: Platform, inference: Inference, tmp_path: Path
) -> None:
    client = platform.client
    token = client.inferences.create_worker_token(inference.id, name="gate").token
    produce(platform, range(RECORDS))
    written = answered(platform)
    with worker(platform, tmp_path, inference.id, token) as first:
        eventually(lambda: written() > 200, 120, what="some records to be answered")
        maps = [Path(f"/proc/{child.pid}/maps") for child in psutil.Process(first.process.pid).children(recursive=True)]
        text = "".join(path.read_text() for path in maps)
        assert "onnxruntime" in text
        assert not any(name in text for name in ("libtorch", "tensorflow"))
        first.process.kill()
    assert len(consume(cast(TestBroker, platform), OUTPUT)) < RECORDS, "it was killed in the middle"
    with worker(platform, tmp_path, inference.id, token) as second:
        eventually(lambda: len(consume(cast(TestBroker, platform), OUTPUT)) == RECORDS, 120, interval_seconds=1)
        check_answers(platform, RECORDS)
        # Records are answered even while the platform does not respond.
        backend = psutil.Process(platform.pid_of("web"))
        with frozen(backend, *backend.children(recursive=True)):
            before = written()
            produce(platform, range(RECORDS, RECORDS + 50))
            eventually(lambda: written() >= before + 50, 60, what="answers without a platform")
        eventually(
            lambda: client.inferences.get(inference.id).stats.predicted == RECORDS + 50,
            60,
            what="all to be counted once, also what the killed process had answered",
        )
        found = row(platform, inference)
        assert found is not None
        assert (found.state, found.replica) == ("running", 1000)
        assert '"event":"serving"' in client.inferences.logs(inference.id, replica=1000).text
        client.inferences.stop(inference.id)
        code, output = second.ended()
    assert (code, f"inference {inference.id} is stopped" in output) == (0, True), output
    assert token not in output
    check_answers(platform, RECORDS + 50)


def test_two_share_the_work_until_one_is_asked_to_end(platform: Platform, inference: Inference, tmp_path: Path) -> None:
    client = platform.client
    client.inferences.restart(inference.id)
    made = client.inferences.create_worker_token(inference.id, name="both")
    with (
        worker(platform, tmp_path, inference.id, made.token) as one,
        worker(platform, tmp_path, inference.id, made.token, name="door") as two,
    ):

        def states() -> list[str]:
            found = (row(platform, inference, name) for name in ("gate", "door"))
            return [replica.state if replica else "" for replica in found]

        eventually(lambda: states() == ["running", "running"], 120, what="both to serve")
        two.process.send_signal(signal.SIGTERM)
        assert two.ended()[0] == 0
        eventually(lambda: states() == ["running", "stopped"], 30)
        client.inferences.revoke_worker_token(inference.id, made.id)
        code, output = one.ended()
    assert (code, "make another one" in output) == (ExitCode.NOT_ALLOWED, True), output
    client.inferences.stop(inference.id)
    client.inferences.wait_for(inference.id, RunState.STOPPED, timeout_seconds=60)
