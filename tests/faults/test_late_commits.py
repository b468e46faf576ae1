"""Requests to commit arrive late, in the middle of a later transaction: Kafka refuses them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from tests.faults.inference_fleet import Fleet, assert_nothing_lost_and_nothing_twice, feeder, inference
from tests.faults.kafka_proxy import ProxiedBroker, Request
from tests.soak_record import SoakRecord
from tests.support import eventually, soaking

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(3600 if soaking() else 300)]

# Which request is late, until which request of a later transaction, and whether the client lost its connection, and
# thus sent it again at once, or got no answer. What a late end would commit is a transaction without its positions;
# what late positions would commit are those of the transaction before.
WAYS = (
    (Request.END_TRANSACTION, Request.COMMIT_OFFSETS, True),
    (Request.COMMIT_OFFSETS, Request.END_TRANSACTION, True),
    (Request.END_TRANSACTION, Request.COMMIT_OFFSETS, False),
    (Request.COMMIT_OFFSETS, Request.END_TRANSACTION, False),
)
DELAYS = 100 if soaking() else len(WAYS)


@pytest.fixture
def broker_behind(tmp_path: Path) -> Iterator[ProxiedBroker]:
    """A broker, and a proxy in front of it."""
    broker = ProxiedBroker(tmp_path / "broker")
    with broker, broker.proxy:
        yield broker


def test_commits_that_arrive_in_a_later_transaction(
    broker_behind: ProxiedBroker, state_dir: Path, soak: SoakRecord
) -> None:
    soak.begin("R4")
    proxy = broker_behind.proxy
    env = {"KML_KAFKA_BOOTSTRAP_SERVERS": proxy.address, "KML_INFERENCE_TRANSACTION_TIMEOUT_SECONDS": "3"}
    with inference(state_dir, broker_behind, env=env) as under_test:
        fleet = Fleet(under_test, size=2)
        with feeder(broker_behind.bootstrap_servers, under_test.input_topic, per_second=500) as feed:
            eventually(lambda: fleet.answered() > 500, 150, interval_seconds=0.2)
            for kind, until, cut in islice(cycle(WAYS), DELAYS):
                with soak.recovery():
                    held = proxy.hold_back(kind, until=until, cut=cut)
                    eventually(lambda held=held: fleet.keep_running() or held.answered.is_set(), 120)
                    before = fleet.answered()
                    eventually(lambda before=before: fleet.answered() > before, 120)
                # The replica has taken another epoch, which the broker tells from the late request's.
                assert held.error == KafkaError.INVALID_PRODUCER_EPOCH, (kind, until, cut)
            feed.stop()
        eventually(lambda: fleet.answered() >= feed.sent, 120, interval_seconds=0.2)
        fleet.stop()

        assert fleet.exits == {}
        assert_nothing_lost_and_nothing_twice(under_test, feed.sent, soak=soak)
    soak.did(f"{DELAYS} late requests, all refused by the broker; {feed.sent:,} records")
