"""The broker fails under replicas, and replicas with output on another cluster are killed: none lost, none twice.

Kills of replicas within one cluster are in ``test_window_kills``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
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
from tests.soak_record import SoakRecord
from tests.support import eventually, soaking

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(3600 if soaking() else 900)]

# Longer than any time limit of the replicas.
PAUSE_SECONDS = 30
# A soak lasts minutes, and its records must fit into memory for the proof.
PER_SECOND = 500 if soaking() else 2000
# Kills of replicas whose output is on another cluster.
KILLS = 200 if soaking() else 7

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


def kill(broker: TestBroker) -> None:
    broker.kill()
    broker.start()


def pause(broker: TestBroker) -> None:
    broker.pause()
    time.sleep(PAUSE_SECONDS)
    broker.resume()


def restart(broker: TestBroker) -> None:
    broker.stop()
    broker.start()


# What is done to the broker, and how often.
FAULTS = [(kill, 20), (pause, 10), (restart, 10)] if soaking() else [(kill, 1)]
ROWS = {kill: "R3 killed", pause: "R3 paused", restart: "R3 restarted"}


@pytest.mark.parametrize(("fault", "times"), FAULTS)
def test_faults_of_the_broker_while_replicas_work(
    own_broker: TestBroker,
    state_dir: Path,
    soak: SoakRecord,
    fault: Callable[[TestBroker], None],
    times: int,
) -> None:
    soak.begin(ROWS[fault])
    own_broker.start()
    with inference(state_dir, own_broker) as under_test:
        fleet = Fleet(under_test, size=2)

        with feeder(own_broker.bootstrap_servers, under_test.input_topic, per_second=PER_SECOND) as feed:
            eventually(lambda: fleet.answered() >= 2000, 150, interval_seconds=0.2)
            for _ in range(times):
                fault(own_broker)
                with soak.recovery():
                    before = eventually(fleet.answered, 240, ignoring=(Exception,))
                    eventually(lambda before=before: fleet.answered() > before, 240, ignoring=(Exception,))
                # The next fault comes when the replicas have caught up.
                before = feed.sent
                eventually(
                    lambda before=before: fleet.answered() >= before + 2000,
                    240,
                    interval_seconds=0.5,
                    ignoring=(Exception,),
                )
            feed.stop()
        eventually(lambda: fleet.answered() >= feed.sent, 300, interval_seconds=0.2)
        restarted = f", {fleet.exits.total()} replicas restarted" if fleet.exits else ""
        soak.did(f"{times} times, {feed.sent:,} records{restarted}")
        fleet.stop()

        assert_nothing_lost_and_nothing_twice(under_test, feed.sent, soak=soak)


def test_two_clusters_resume_from_the_output(
    broker: TestBroker, own_broker: TestBroker, state_dir: Path, soak: SoakRecord
) -> None:
    soak.begin("R2")
    own_broker.start()
    with inference(
        state_dir,
        broker,
        plan_fields={"guarantee": DeliveryGuarantee.AT_LEAST_ONCE},
        output_bootstrap_servers=own_broker.bootstrap_servers,
    ) as under_test:
        fleet = Fleet(under_test, size=2, fail_points=fail_points(KILLS))

        with feeder(broker.bootstrap_servers, under_test.input_topic, per_second=1000) as feed:
            until_all_killed(feed, fleet, timeout_seconds=3000 if soaking() else 400)
            feed.stop()
        eventually(lambda: fleet.answered() == feed.sent, 200, interval_seconds=0.2)
        soak.did(f"{fleet.kills.total()} kills, {feed.sent:,} records")
        fleet.stop()

        assert set(fleet.kills) == set(POINTS)
        assert_nothing_lost_and_nothing_twice(under_test, feed.sent, soak=soak)
