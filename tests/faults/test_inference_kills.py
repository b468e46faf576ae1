"""Replicas killed with SIGKILL at every point of their loop: no record is lost, none is answered twice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest

from kafkaml.wire.choices import DeliveryGuarantee
from mlcode_executor.runtimes import Runtime
from tests.conftest import TestBroker
from tests.faults.inference_fleet import Fleet, assert_nothing_lost_and_nothing_twice, feeder
from tests.fork_servers import running_fork_server
from tests.model_inference.onnx_models import sum_model
from tests.model_inference.replicas import InferenceUnderTest
from tests.support import eventually

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(900)]

POINTS = (
    "inference.polled",
    "inference.predicted",
    "inference.produced",
    "transaction.before_offsets",
    "transaction.before_commit",
    "transaction.committed",
    "inference.committed",
)


def fail_points(kills: int) -> list[str]:
    """Every point in turn, each replica at another pass."""
    return [f"{point}:kill:{2 + index % 5}" for index, point in enumerate(islice(cycle(POINTS), kills))]


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A state folder with a warm fork server in it, so that replicas are back quickly."""
    (tmp_path / "run").mkdir()
    with running_fork_server(Runtime.ONNX, "auto") as server:
        (tmp_path / "run" / "fork-onnx.sock").symlink_to(server.socket)
        yield tmp_path


def inference(folder: Path, broker: TestBroker, **others: object) -> InferenceUnderTest:
    topic = broker.topic(partitions=6)
    # What a killed replica left open holds the others up for so long at most. One that is fenced for being slow is
    # started again, as any other.
    env = {"KML_INFERENCE_TRANSACTION_TIMEOUT_SECONDS": "5"}
    return InferenceUnderTest(folder, broker.bootstrap_servers, topic, {"model.onnx": sum_model(4)}, env=env, **others)  # type: ignore[arg-type]


def test_twenty_replicas_killed_in_mid_batch(broker: TestBroker, state_dir: Path) -> None:
    with inference(state_dir, broker) as under_test:
        fleet = Fleet(under_test, size=3, fail_points=fail_points(21))

        def all_killed() -> bool:
            fleet.keep_running()
            return fleet.armed == 0

        with feeder(broker.bootstrap_servers, under_test.input_topic, per_second=1000) as feed:
            # Many records among the kills and behind them, however fast the machine is.
            eventually(lambda: all_killed() and feed.sent > 10_000, 500, interval_seconds=0.05)
            feed.stop()
        eventually(lambda: fleet.answered() == feed.sent, 200, interval_seconds=0.2)
        fleet.stop()

        assert sum(fleet.kills.values()) == 21
        assert set(fleet.kills) == set(POINTS)
        assert_nothing_lost_and_nothing_twice(under_test, feed.sent)


def test_the_broker_killed_while_replicas_work(own_broker: TestBroker, state_dir: Path) -> None:
    own_broker.start()
    with inference(state_dir, own_broker) as under_test:
        fleet = Fleet(under_test, size=2)

        with feeder(own_broker.bootstrap_servers, under_test.input_topic, per_second=2000) as feed:
            eventually(lambda: fleet.answered() >= 2000, 150, interval_seconds=0.2)
            own_broker.kill()
            own_broker.start()
            before = feed.sent
            eventually(lambda: fleet.answered() >= before + 2000, 240, interval_seconds=0.5, ignoring=(Exception,))
            feed.stop()
        eventually(lambda: fleet.answered() >= feed.sent, 300, interval_seconds=0.2)
        fleet.stop()

        assert_nothing_lost_and_nothing_twice(under_test, feed.sent)


def test_two_clusters_resume_from_the_output(broker: TestBroker, own_broker: TestBroker, state_dir: Path) -> None:
    own_broker.start()
    with inference(
        state_dir,
        broker,
        plan_fields={"guarantee": DeliveryGuarantee.AT_LEAST_ONCE},
        output_bootstrap_servers=own_broker.bootstrap_servers,
    ) as under_test:
        fleet = Fleet(under_test, size=2, fail_points=fail_points(7))

        def all_killed() -> bool:
            fleet.keep_running()
            return fleet.armed == 0

        with feeder(broker.bootstrap_servers, under_test.input_topic, per_second=1000) as feed:
            eventually(all_killed, 400, interval_seconds=0.05)
            feed.stop()
        eventually(lambda: fleet.answered() == feed.sent, 200, interval_seconds=0.2)
        fleet.stop()

        assert set(fleet.kills) == set(POINTS)
        assert_nothing_lost_and_nothing_twice(under_test, feed.sent)
