"""An incremental training on a whole platform survives kills of its worker, the controller and the broker."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

import pytest

from backend.launchers.job_folder import JobFolder
from datasources import OnlineRawSink
from kafkaml.local.state import ComponentState
from kafkaml.sdk import types
from kafkaml.sdk.types import RunState
from tests.integration.training_support import blobs
from tests.platform import Platform
from tests.support import eventually

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(900)]

# A model that reports ten passes over each window, slow enough to be interrupted in the middle of one.
CODE = """
import time
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.register_buffer("passes", torch.zeros(()))
    def forward(self, x):
        if self.training:
            self.passes += 1
            print(f"pass {int(self.passes)}.", flush=True)
            time.sleep(0.03)
        return self.layer(x)
    def loss_fn(self):
        return nn.CrossEntropyLoss()
    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)
    def metrics(self):
        return {"loss": Loss(self.loss_fn())}
model = Network()
"""
WINDOW = 20


def deploy(platform: Platform, configuration: int, **settings: object) -> int:
    """Deploy for windows of 20 records; returns the result's id."""
    made = platform.client.deployments.create(
        configuration=configuration,
        pytorch_fit_arguments="max_epochs=10",
        seed=3,
        incremental={"window_records": WINDOW, "validation_rate": 0.2, **settings},
    )
    (result,) = made.results
    return result.id


def kill(platform: Platform, component: str) -> None:
    """Kill a component; returns when it is back."""
    killed = platform.pid_of(component)
    os.kill(killed, signal.SIGKILL)
    eventually(
        lambda: any(
            component_status.name == component
            and component_status.state == ComponentState.READY
            and component_status.pid != killed
            for component_status in platform.status.components
        ),
        180,
        what=f"{component} to be ready again",
    )


def test_what_it_learns_is_what_it_would_have_learnt_undisturbed(platform: Platform) -> None:
    client = platform.client
    model = client.models.create(name="lives on", framework="pytorch", code=CODE)
    configuration = client.configurations.create(name="lives on", models=[model.id]).id
    pk = deploy(platform, configuration, indefinite=True, monitoring_metric="loss", change="down", improvement=0.0)

    def run() -> types.TrainingResult:
        return client.results.get(pk)

    def is_learnt(windows: int) -> bool:
        return len(run().epochs) == windows

    def is_at(said: int) -> bool:
        return f"pass {said}." in client.results.logs(pk).text

    deployment = run().deployment
    assert deployment is not None
    features, labels = blobs(5 * WINDOW)
    with OnlineRawSink(
        bootstrap_servers=platform.bootstrap_servers, topic="lives-on", deployment_id=deployment, group_id="lives on"
    ) as sink:

        def send(windows: Sequence[int]) -> None:
            for window in windows:
                rows = slice(window * WINDOW, (window + 1) * WINDOW)
                for sample, label in zip(features[rows], labels[rows], strict=True):
                    sink.send(sample, label)
            sink.flush()

        send([0, 1])
        eventually(lambda: is_at(15), 180, eager=True, what="the second window to be learnt in part")
        assert is_learnt(1)
        worker = JobFolder(platform.state.root / "jobs" / f"kml-train-{pk}-a1").state(0)
        assert worker is not None
        assert worker.worker is not None
        os.kill(worker.worker.pid, signal.SIGKILL)
        eventually(lambda: is_learnt(2), 180, what="the next attempt to have learnt the second window")
        send([2])
        eventually(lambda: is_at(25), 60, eager=True, what="the third window to be learnt in part")
        kill(platform, "controller")
        kill(platform, "broker")
        send([3, 4])
        eventually(lambda: is_learnt(5), 180, what="the windows behind the kills to be learnt")
    client.results.stop(pk)
    stopped = client.results.wait_for(pk, RunState.FINISHED, timeout_seconds=120)
    assert stopped.attempt == 2
    assert stopped.outcome is not None
    assert stopped.outcome.samples == {"training": 80, "validation": 20, "test": 20}
    versions = client.results.versions(pk)
    # Each window improved. The last version is made at the stop, with the model of the fifth window.
    assert [(version.number, version.step) for version in reversed(versions)] == [(n, n) for n in range(1, 6)] + [
        (6, None)
    ]
    assert versions[0].positions == {"lives-on": {"0": 100}}

    undisturbed = deploy(platform, configuration, stream_timeout=1000)
    other = client.results.get(undisturbed).deployment
    assert other is not None
    assert stopped.stream is not None
    client.streams.send(stopped.stream, deployment=other)
    whole = client.results.wait_for(undisturbed, RunState.FINISHED, timeout_seconds=240)
    assert [_learnt(epoch) for epoch in run().epochs] == [_learnt(epoch) for epoch in whole.epochs]
    assert whole.outcome is not None
    assert whole.outcome.artifacts["model.safetensors"] == stopped.outcome.artifacts["model.safetensors"]


def _learnt(epoch: types.EpochRecord) -> tuple[object, ...]:
    return epoch.epoch, epoch.training, epoch.validation, epoch.before
