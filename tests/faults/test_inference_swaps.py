"""Versions are switched under load while replicas are killed: nothing lost, nothing twice, each answer attributable."""

from __future__ import annotations

from collections import defaultdict
from itertools import cycle, islice
from pathlib import Path

import pytest

from kafkaml.wire.inference import ChallengeKind
from model_inference.answering import is_challenged
from tests.conftest import TestBroker
from tests.faults.inference_fleet import (
    PARTITIONS,
    Fleet,
    assert_nothing_lost_and_nothing_twice,
    feeder,
    inference,
    until_all_killed,
)
from tests.model_inference.onnx_models import sum_model
from tests.model_inference.replicas import InferenceUnderTest
from tests.support import eventually, soaking

pytestmark = [
    pytest.mark.faults,
    pytest.mark.integration,
    pytest.mark.soak,
    pytest.mark.timeout(3600 if soaking() else 900),
]

# The versions to switch to in turn: one must be loaded, the next is still warm.
VERSIONS = (2, 1, 3, 1)
SWAPS = 50 if soaking() else 6
KILLED_SWAPS = 50 if soaking() else 6
POINTS = ("swap.loaded", "swap.committed", "swap.switched", "transaction.before_commit", "inference.produced")


def swap_to(under_test: InferenceUnderTest, number: int) -> int:
    """Version n multiplies by n."""
    return under_test.swap(under_test.version(number, {"model.onnx": sum_model(4, number)}))


def versions_by_partition(under_test: InferenceUnderTest) -> dict[int, list[int]]:
    """Return the versions that answered in each partition, in order, each stretch once."""
    found: dict[int, list[int]] = defaultdict(list)
    for record in under_test.outputs():
        version = int(dict(record.headers)["kml-version"] or b"")
        if found[record.partition][-1:] != [version]:
            found[record.partition].append(version)
    return found


def all_answer(fleet: Fleet, under_test: InferenceUnderTest) -> bool:
    """Whether each partition has an answer. A replica that has just joined may not have read its own yet."""
    return fleet.has_gone_over(0) and fleet.answered() > 100 and len(versions_by_partition(under_test)) == PARTITIONS


def test_swaps_under_load(broker: TestBroker, state_dir: Path) -> None:
    with inference(state_dir, broker) as under_test:
        fleet = Fleet(under_test, size=2)
        with feeder(broker.bootstrap_servers, under_test.input_topic, per_second=1000) as feed:
            eventually(lambda: all_answer(fleet, under_test), 150, interval_seconds=0.1)
            for number in islice(cycle(VERSIONS), SWAPS):
                revision, before = swap_to(under_test, number), fleet.answered()
                eventually(lambda revision=revision: fleet.has_gone_over(revision), 120, interval_seconds=0.05)
                eventually(lambda before=before: fleet.answered() > before, 120, interval_seconds=0.05)
            feed.stop()
        eventually(lambda: fleet.answered() == feed.sent, 200, interval_seconds=0.2)
        fleet.stop()

        assert fleet.exits == {}
        assert_nothing_lost_and_nothing_twice(under_test, feed.sent)
        expected = [1, *islice(cycle(VERSIONS), SWAPS)]
        assert list(versions_by_partition(under_test).values()) == [expected] * PARTITIONS
        swaps = [swap for stats in under_test.backend.stats for swap in stats["swaps"]]
        assert len(swaps) == 2 * SWAPS
        assert {swap["loading_seconds"] > 0 for swap in swaps if swap["version"] != 1} == {True}
        assert {swap["loading_seconds"] for swap in swaps if swap["version"] == 1} == {0.0}


def test_replicas_killed_while_versions_are_swapped(broker: TestBroker, state_dir: Path) -> None:
    points = [f"{point}:kill:1" if point.startswith("swap") else f"{point}:kill:20" for point in POINTS]
    with inference(state_dir, broker) as under_test:
        fleet = Fleet(under_test, size=3, fail_points=islice(cycle(points), KILLED_SWAPS))
        numbers = cycle(VERSIONS)
        revision = 0

        def go_over() -> None:
            nonlocal revision
            if fleet.has_gone_over(revision):
                revision = swap_to(under_test, next(numbers))

        with feeder(broker.bootstrap_servers, under_test.input_topic, per_second=1000) as feed:
            limit = 3000 if soaking() else 500
            until_all_killed(feed, fleet, timeout_seconds=limit, sent=5_000, meanwhile=go_over)
            feed.stop()
        eventually(lambda: fleet.answered() == feed.sent, 200, interval_seconds=0.2)
        fleet.stop()

        assert sum(fleet.kills.values()) == KILLED_SWAPS
        assert set(fleet.kills) == set(POINTS)
        assert_nothing_lost_and_nothing_twice(under_test, feed.sent)


def test_a_canary_has_its_keys_on_all_replicas_and_after_restarts(broker: TestBroker, state_dir: Path) -> None:
    with inference(state_dir, broker) as under_test:
        fleet = Fleet(under_test, size=2, fail_points=["inference.produced:kill:60"])
        with feeder(broker.bootstrap_servers, under_test.input_topic, per_second=1000) as feed:
            eventually(lambda: all_answer(fleet, under_test), 150, interval_seconds=0.1)
            challenger = under_test.version(2, {"model.onnx": sum_model(4, 2)})
            revision = under_test.challenge(challenger, ChallengeKind.CANARY, share=0.1)
            eventually(lambda: fleet.has_gone_over(revision), 120, interval_seconds=0.05)
            before = feed.sent
            eventually(lambda: fleet.answered() > before + 8000 and fleet.armed == 0, 200, interval_seconds=0.1)
            revision = swap_to(under_test, 2)
            eventually(lambda: fleet.has_gone_over(revision), 120, interval_seconds=0.05)
            feed.stop()
        eventually(lambda: fleet.answered() == feed.sent, 200, interval_seconds=0.2)
        fleet.stop()

        assert fleet.kills == {"inference.produced": 1}
        assert_nothing_lost_and_nothing_twice(under_test, feed.sent)
        for stretch in answers_by_partition(under_test).values():
            # First the version answers alone, then with its challenger, then the challenger alone.
            first = next(place for place, (_, version) in enumerate(stretch) if version == 2)
            last = max(place for place, (_, version) in enumerate(stretch) if version == 1)
            canary = stretch[first : last + 1]
            assert [version for _, version in canary] == [
                2 if is_challenged(b"%d" % key, 0.1, place=("", 0, 0)) else 1 for key, _ in canary
            ]
            assert len(canary) > 1000
        # The promotion loaded nothing, because each replica had the version already.
        swaps = [swap for stats in under_test.backend.stats for swap in stats["swaps"]]
        assert {swap["loading_seconds"] for swap in swaps if swap["version"] == 2} == {0.0}


def answers_by_partition(under_test: InferenceUnderTest) -> dict[int, list[tuple[int, int]]]:
    """Return key and version of each answer, in the order of each partition."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for record in under_test.outputs():
        found[record.partition].append((int(record.key or b""), int(dict(record.headers)["kml-version"] or b"")))
    return found
