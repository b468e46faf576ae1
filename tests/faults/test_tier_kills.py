"""Tiers of a chain are killed with SIGKILL while records pass through them, and so is an upper cluster.

Every record leaves at one tier, once, and each tier keeps the order of a key.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from kafkaml.records import SOURCE_HEADER, Record, parse_source
from kafkaml.wire.choices import DeliveryGuarantee
from kafkaml.wire.distributed import Cascade
from tests.conftest import TestBroker
from tests.faults.inference_fleet import Fleet, until_all_killed
from tests.feeder import Feeder, assert_answered_once
from tests.integration.test_tiers import EDGE, FOG, FOG_LIMIT, LIMIT, SAMPLES
from tests.model_inference.onnx_models import sub_model
from tests.model_inference.replicas import InferenceUnderTest, read_topic, sources
from tests.support import eventually, soaking

pytestmark = [
    pytest.mark.faults,
    pytest.mark.integration,
    pytest.mark.soak,
    pytest.mark.timeout(3600 if soaking() else 900),
]

PARTITIONS, KEYS, POISON_EVERY = 3, 12, 50
POINTS = (
    "inference.polled",
    "inference.predicted",
    "inference.produced",
    "transaction.before_offsets",
    "transaction.before_commit",
    "transaction.committed",
    "inference.committed",
)
# The number of kills in each tier.
KILLS = 20 if soaking() else 4
AWAY_SECONDS = 60 if soaking() else 0


def fail_points(first: int) -> Iterator[str]:
    """Return all fail-points in turn; passes differ by replica, and each tier starts at another point."""
    return (f"{point}:kill:{2 + index % 5}" for index, point in enumerate(islice(cycle(POINTS), first, first + KILLS)))


def feeder(tier: InferenceUnderTest) -> Feeder:
    def value(number: int) -> bytes:
        return b"poison" if number % POISON_EVERY == 0 else SAMPLES[number % len(SAMPLES)].tobytes()

    return Feeder(tier.bootstrap_servers, tier.input_topic, per_second=200, value=value, keys=KEYS)


@contextmanager
def chain(state_dir: Path, models: Sequence[bytes], plans: Sequence[dict[str, Any]]) -> Iterator[list[Fleet]]:
    """Run one replica of each tier, the lowest first, and kill all in turn; ``plans`` say where they read and write."""
    with ExitStack() as stack:
        fleets = []
        for place, (model, plan) in enumerate(zip(models, plans, strict=True)):
            folder = state_dir / f"tier-{place}"
            (folder / "run").mkdir(parents=True)
            (folder / "run" / "fork-onnx.sock").symlink_to((state_dir / "run" / "fork-onnx.sock").resolve())
            fields = {"tier": f"tier {place}", "group": f"kml-{place}-{plan['output_topic']}"} | plan
            broker, topic, output = (fields.pop(name) for name in ("broker", "input_topic", "output_broker"))
            if place:
                shape = {"data_type": "float32", "label_type": "uint8", "data_reshape": "64", "label_reshape": ""}
                fields["input_config"] = shape
            under_test = InferenceUnderTest(
                folder,
                broker.bootstrap_servers,
                topic,
                {"model.onnx": model},
                fields,
                output_bootstrap_servers=output,
                env={"KML_INFERENCE_TRANSACTION_TIMEOUT_SECONDS": "5"},
            )
            stack.enter_context(under_test)
            fleets.append(Fleet(under_test, size=1, fail_points=fail_points(KILLS * place)))
        yield fleets


def left(fleets: Sequence[Fleet]) -> int:
    """Count the records that left the chain, and keep the replicas running meanwhile."""
    for fleet in fleets:
        fleet.keep_running()
    lowest = fleets[0].inference
    return len(lowest.outputs()) + len(lowest.dead_letters())


def first_source(record: Record) -> tuple[str, int, int]:
    """Return the position in the chain's input that an answer of any tier goes back to."""
    found = parse_source(next(value for name, value in record.headers if name == SOURCE_HEADER))
    assert found is not None
    return found


def of_tier(records: Sequence[Record], topic: str) -> list[Record]:
    """Return the records written by the tier that reads ``topic``."""
    return [record for record, source in zip(records, sources(records), strict=True) if source[0] == topic]


def assert_each_left_once(fleets: Sequence[Fleet], sent: int) -> None:
    lowest = fleets[0].inference
    outputs, letters = lowest.outputs(), lowest.dead_letters()
    for fleet in fleets:
        tier = fleet.inference
        inputs = read_topic(tier.bootstrap_servers, tier.input_topic)
        answers = of_tier(outputs, tier.input_topic)
        went_up = [] if tier.plan.cascade is None else tier.passed_on()
        assert_answered_once(inputs, answers, went_up, of_tier(letters, tier.input_topic))
        assert len(answers) > len(inputs) / 10
        for records in (answers, went_up):
            by_key: dict[bytes | None, list[int]] = defaultdict(list)
            for record in records:
                by_key[record.key].append(first_source(record)[2])
            assert len(by_key) == KEYS
            assert all(offsets == sorted(offsets) for offsets in by_key.values()), "the order of a key is kept"
            if not went_up:
                break
    places = Counter(map(first_source, [*outputs, *letters]))
    fed = read_topic(lowest.bootstrap_servers, lowest.input_topic)
    assert places == Counter((record.topic, record.partition, record.offset) for record in fed)
    assert (len(fed), len(letters)) == (sent, (sent + POISON_EVERY - 1) // POISON_EVERY)


def test_each_tier_killed_in_mid_batch(broker: TestBroker, state_dir: Path) -> None:
    topics = [broker.topic(PARTITIONS) for _ in range(4)]
    limits = [Cascade(upper_topic=topics[1], limit=LIMIT), Cascade(upper_topic=topics[2], limit=FOG_LIMIT), None]
    plans = [
        {"broker": broker, "input_topic": topic, "output_topic": topics[3], "output_broker": "", "cascade": limit}
        for topic, limit in zip(topics, limits, strict=False)
    ]
    with chain(state_dir, (EDGE, FOG, sub_model(64, seed=3)), plans) as fleets:
        with feeder(fleets[0].inference) as feed:
            until_all_killed(feed, *fleets, timeout_seconds=3000 if soaking() else 500)
            feed.stop()
        eventually(lambda: left(fleets) >= feed.sent, 200, interval_seconds=1)
        for fleet in fleets:
            fleet.stop()
            assert sum(fleet.kills.values()) == KILLS
        assert set().union(*(fleet.kills for fleet in fleets)) == set(POINTS)
        assert_each_left_once(fleets, feed.sent)


def test_two_clusters_of_which_one_is_unreachable_for_a_while(
    broker: TestBroker, own_broker: TestBroker, state_dir: Path
) -> None:
    own_broker.start()
    source, output, upper = broker.topic(PARTITIONS), broker.topic(PARTITIONS), own_broker.topic(PARTITIONS)
    above, below = own_broker.bootstrap_servers, broker.bootstrap_servers
    common = {"output_topic": output, "guarantee": DeliveryGuarantee.AT_LEAST_ONCE}
    limit = Cascade(upper_topic=upper, limit=LIMIT, upper_bootstrap_servers=above)
    plans = [
        {**common, "broker": broker, "input_topic": source, "output_broker": "", "cascade": limit},
        {**common, "broker": own_broker, "input_topic": upper, "output_broker": below},
    ]
    with chain(state_dir, (EDGE, FOG), plans) as fleets:
        lower = fleets[0].inference
        with feeder(lower) as feed:
            until_all_killed(feed, *fleets, timeout_seconds=400)
            # The replicas that were started last answer.
            before = feed.sent
            eventually(lambda: left(fleets) > before, 120, interval_seconds=1)
            started = [len(fleet.inference.replicas) for fleet in fleets]
            own_broker.kill()
            eventually(lambda: lower.backend.stats[-1]["warnings"], 120, interval_seconds=0.1)
            (warning,) = lower.backend.stats[-1]["warnings"]
            assert "records are not acknowledged by Kafka at " + above in warning
            time.sleep(AWAY_SECONDS)
            own_broker.start()
            before = feed.sent
            eventually(lambda: left(fleets) > before, 240, interval_seconds=1, ignoring=(Exception,))
            feed.stop()
        eventually(lambda: left(fleets) >= feed.sent, 200, interval_seconds=1)
        eventually(lambda: lower.backend.stats[-1]["warnings"] == [], 60)
        # Both tiers waited, and resumed without a restart.
        assert [len(fleet.inference.replicas) for fleet in fleets] == started
        for fleet in fleets:
            fleet.stop()
            assert sum(fleet.kills.values()) == KILLS
        assert set().union(*(fleet.kills for fleet in fleets)) == set(POINTS)
        assert_each_left_once(fleets, feed.sent)
