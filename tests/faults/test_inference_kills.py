"""The broker is killed under replicas, also with output on another cluster: nothing is lost, none answered twice.

Kills of replicas within one cluster are in ``test_window_kills``.
"""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path

import pytest

from kafkaml.wire.choices import DeliveryGuarantee
from tests.conftest import TestBroker
from tests.faults.inference_fleet import (
    Fleet,
    assert_nothing_lost_and_nothing_twice,
    feeder,
    inference,
    until_all_killed,
)
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
    """Return all fail-points in turn; each replica passes its own a different number of times before the kill."""
    return [f"{point}:kill:{2 + index % 5}" for index, point in enumerate(islice(cycle(POINTS), kills))]


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

        with feeder(broker.bootstrap_servers, under_test.input_topic, per_second=1000) as feed:
            until_all_killed(feed, fleet, timeout_seconds=400)
            feed.stop()
        eventually(lambda: fleet.answered() == feed.sent, 200, interval_seconds=0.2)
        fleet.stop()

        assert set(fleet.kills) == set(POINTS)
        assert_nothing_lost_and_nothing_twice(under_test, feed.sent)
