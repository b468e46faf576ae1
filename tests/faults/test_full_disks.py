"""The disks of a platform fill up while it works, and are freed: nothing is torn, and it goes on without a hand."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from kafkaml.artifacts import sha256_of_file
from kafkaml.errors import ApiError
from kafkaml.sdk import types
from kafkaml.sdk.types import RunState
from kafkaml.wire.failure import FailureCategory
from tests.integration.training_support import blobs
from tests.platform import Platform
from tests.small_disk import SmallDisk
from tests.soak_record import SoakRecord
from tests.support import eventually, ordered_producer, soaking

pytestmark = [
    pytest.mark.faults,
    pytest.mark.integration,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not soaking(), reason="takes minutes on a platform of its own: make soak"),
]

ROUNDS = 3
EPOCHS = 6
_numbers = itertools.count()

# The files of the trained model are larger than what a filled disk is left with. Epochs are slow enough for a disk to
# be filled between them.
CODE = """
import time
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 200000), nn.ReLU(), nn.Linear(200000, 3))
    def forward(self, x):
        if self.training:
            time.sleep(0.1)
        return self.layers(x)
    def loss_fn(self):
        return nn.CrossEntropyLoss()
    def optimizer(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)
    def metrics(self):
        return {"loss": Loss(self.loss_fn())}
model = Network()
"""
LEFT_BYTES = 1 << 20
LARGE = ("model.safetensors", "model.onnx")


@dataclass(frozen=True)
class Disks:
    """A platform whose parts have a disk each."""

    platform: Platform
    database: SmallDisk
    artifacts: SmallDisk
    scratch: SmallDisk
    slices: SmallDisk
    model: int
    configuration: int

    def train(self) -> int:
        """Start a training of records in a new topic, which no earlier one has read; returns the result's id."""
        topic = f"full-{next(_numbers)}"
        producer = ordered_producer(self.platform.bootstrap_servers)
        for sample, label in zip(*blobs(), strict=True):
            producer.produce(topic, sample.tobytes(), label.tobytes())
        assert producer.flush(60) == 0
        client = self.platform.client
        made = client.deployments.create(
            configuration=self.configuration, batch_size=32, pytorch_fit_arguments=f"max_epochs={EPOCHS}", seed=3
        )
        (result,) = made.results
        config = {"data_type": "float32", "data_reshape": "4", "label_type": "uint8"}
        client.streams.announce(topic, deployment=made.id, input_format="RAW", input_config=config)
        return result.id

    def run(self, result: int) -> types.TrainingResult:
        return self.platform.client.results.get(result)

    def has_learnt(self, result: int) -> bool:
        return bool(self.run(result).epochs)

    def finished(self, result: int) -> types.TrainingResult:
        return self.platform.client.results.wait_for(result, RunState.FINISHED, timeout_seconds=300)

    def has_logged(self, result: int, text: str) -> bool:
        return text in self.platform.client.results.logs(result).text

    def assert_whole(self, run: types.TrainingResult, folder: Path) -> None:
        """Check that each file of a result is served with its hash, and that no beginning of a file is left."""
        assert run.outcome is not None
        assert "model.safetensors" in run.outcome.artifacts
        got = {path.name: path for path in self.platform.client.results.download(run.id, folder)}
        assert {name: sha256_of_file(path) for name, path in got.items()} == run.outcome.artifacts
        assert [*self.artifacts.folder.glob("*/a*/.part-*")] == []

    def forget(self, result: int) -> None:
        deployment = self.run(result).deployment
        assert deployment is not None
        self.platform.client.deployments.delete(deployment)


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disks]:
    folder = tmp_path_factory.mktemp("full")
    platform = Platform(folder, frameworks=("pytorch",))
    root = platform.state.root
    with ExitStack() as stack:
        database = stack.enter_context(SmallDisk(root, megabytes=64))
        # The broker has a disk of its own, because no broker survives a full one.
        stack.enter_context(SmallDisk(root / "kafka", megabytes=512))
        artifacts = stack.enter_context(SmallDisk(root / "artifacts", megabytes=48))
        scratch = stack.enter_context(SmallDisk(root / "scratch", megabytes=64))
        slices = stack.enter_context(SmallDisk(root / "slices", megabytes=512))
        stack.enter_context(platform)
        model = platform.client.models.create(name="full", framework="pytorch", code=CODE)
        configuration = platform.client.configurations.create(name="full", models=[model.id])
        yield Disks(platform, database, artifacts, scratch, slices, model.id, configuration.id)


def test_the_artifact_store(disks: Disks, soak: SoakRecord, tmp_path: Path) -> None:
    soak.begin("R7 artifacts")
    hashes = set[str]()
    for _ in range(ROUNDS):
        disks.artifacts.fill(leave_bytes=LEFT_BYTES)
        result = disks.train()
        eventually(partial(disks.has_logged, result, "No space left on device"), 180)
        assert disks.has_logged(result, str(disks.artifacts.folder))
        assert disks.has_logged(result, "free disk space; the upload goes on where it stopped")
        waiting = disks.run(result)
        assert waiting.state == RunState.RUNNING
        assert waiting.outcome is None
        assert [artifact.name for artifact in waiting.artifacts if artifact.name in LARGE] == []
        disks.artifacts.free()
        with soak.recovery():
            run = disks.finished(result)
        # Nothing was trained again.
        assert run.attempt == 1
        assert len(run.epochs) == EPOCHS
        disks.assert_whole(run, tmp_path)
        assert run.outcome is not None
        hashes.add(run.outcome.artifacts["model.safetensors"])
        disks.forget(result)
    assert len(hashes) == 1
    soak.did(f"filled {ROUNDS} times in an upload, {ROUNDS} trainings")


def test_the_database(disks: Disks, soak: SoakRecord, tmp_path: Path) -> None:
    soak.begin("R7 database")
    client = disks.platform.client
    kept, refusals = set[str](), 0
    for number in range(ROUNDS):
        result = disks.train()
        eventually(partial(disks.has_learnt, result), 180)
        for write in range(1000):
            disks.database.fill()
            name = f"{number} {write}"
            try:
                client.configurations.create(name=name, models=[disks.model], description="x" * 9000)
                kept.add(name)
            except ApiError as error:
                refused = error
                break
        else:
            raise AssertionError("a full disk took 1,000 rows")
        refusals += 1
        assert refused.status == 503
        assert refused.problem["type"] == "urn:kafka-ml:problem:database_full"
        assert "the disk of the database is full" in refused.message
        assert "free disk space" in refused.hint
        # Reading goes on.
        assert {row.name for row in client.configurations.list()} == {"full", *kept}
        disks.database.free()
        name = f"{number} after"
        with soak.recovery():
            eventually(
                partial(client.configurations.create, name=name, models=[disks.model]),
                60,
                ignoring=(ApiError,),
            )
        kept.add(name)
        run = disks.finished(result)
        assert run.attempt == 1
        assert [epoch.epoch for epoch in run.epochs] == [*range(1, EPOCHS + 1)]
        disks.assert_whole(run, tmp_path)
        disks.forget(result)
    assert disks.platform.status.ready
    with sqlite3.connect(disks.platform.state.database) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert {row.name for row in client.configurations.list()} == {"full", *kept}
    soak.did(f"filled {ROUNDS} times in a training, {len(kept)} rows kept, {refusals} refused")


def test_the_scratch_folder(disks: Disks, soak: SoakRecord, tmp_path: Path) -> None:
    soak.begin("R7 scratch")
    client = disks.platform.client
    for number in range(ROUNDS):
        # In turn, there is no room for the samples, and none for the trained model.
        disk, said = (
            (disks.slices, str(disks.slices.folder)),
            (disks.scratch, "the disk of the state folder is full"),
        )[number % 2]
        if disk is disks.slices:
            disk.fill()
            result = disks.train()
        else:
            result = disks.train()
            eventually(partial(disks.has_learnt, result), 180)
            disk.fill()
        run = client.results.wait_for(result, RunState.FAILED, timeout_seconds=180)
        assert run.failure is not None
        assert run.failure.category == FailureCategory.CONFIGURATION, run.failure
        assert said in run.failure.cause, run.failure
        assert "free some disk" in run.failure.hint, run.failure
        disk.free()
        with soak.recovery():
            client.results.restart(result)
            run = disks.finished(result)
        disks.assert_whole(run, tmp_path)
        assert [*disks.scratch.folder.iterdir()] == []
        disks.forget(result)
    soak.did(f"filled {ROUNDS} times, before the samples and before the model, {ROUNDS} trainings")
