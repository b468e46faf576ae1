"""The cost and benefit of a limit, judged by how confident and how right the exits of a chain were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kafkaml.errors import RefusedError
from kafkaml.exit_samples import Cost, ExitSamples, TierSamples, curve, leaving, proposed

COSTS = [Cost(256, 0.001, 10), Cost(64, 0.002, 10), Cost(0, 0.01, 10)]


def tier(confidence: list[float], right: list[int]) -> TierSamples:
    return TierSamples("x", np.array(confidence), np.array(right, dtype=bool))


# Four samples: the edge is right on the two of which it is most certain, the fog on three, the cloud on all.
EDGE = tier([0.99, 0.9, 0.6, 0.5], [1, 1, 0, 0])
FOG = tier([0.9, 0.9, 0.95, 0.7], [1, 1, 1, 0])
CLOUD = tier([0.9, 0.9, 0.9, 0.9], [1, 1, 1, 1])
TIERS = [EDGE, FOG, CLOUD]


def test_samples_leave_at_the_first_tier_that_is_sure_enough() -> None:
    found = leaving(TIERS, [0.8, 0.9], COSTS)
    assert found.arriving == (1.0, 0.5, 0.25)
    assert found.sent_up == (0.5, 0.5, 0.0)
    assert found.accuracy == 1.0
    assert found.bytes_per_sample == (2 * 256 + 64) / 4
    assert found.seconds_per_sample == pytest.approx((4 * 0.001 + 2 * 0.002 + 0.01) / 4)
    # A confidence equal to the limit stays. Nothing goes up at 0; at 1 all but certain samples do.
    assert leaving(TIERS, [0.5, 0.7], COSTS).arriving == (1.0, 0.0, 0.0)
    assert leaving(TIERS, [0, 0], COSTS).accuracy == 0.5
    assert leaving(TIERS, [1, 1], COSTS).arriving == (1.0, 1.0, 1.0)
    assert leaving([CLOUD], [], COSTS[2:]).accuracy == 1.0


def test_a_curve_is_of_what_arrives_and_of_the_chain_as_a_whole() -> None:
    points = {point.limit: point for point in curve(TIERS, [0.8, 0.9], COSTS, 0)}
    assert sorted(points) == [0.5, 0.6, 0.9, 0.99, 1.0]
    assert [points[point].sent_up for point in sorted(points)] == [0, 0.25, 0.5, 0.75, 1.0]
    assert [points[point].accuracy for point in sorted(points)] == [0.5, 0.75, 1.0, 1.0, 1.0]
    # Half of the samples reach the fog.
    upper = {point.limit: point for point in curve(TIERS, [0.8, 0.9], COSTS, 1)}
    assert {limit: point.sent_up for limit, point in upper.items()} == {0.7: 0.0, 0.95: 0.5, 1.0: 1.0}
    assert upper[0.7].accuracy == 0.75
    assert curve(TIERS, [0.0, 0.9], COSTS, 1) == ()


def test_a_limit_is_above_chance() -> None:
    unsure = tier([0.05, 0.1, 0.2, 0.3], [0, 0, 0, 1])
    assert [point.limit for point in curve([unsure, CLOUD], [0.5], COSTS[1:], 0)] == [0.2, 0.3, 1.0]
    one_unit = [Cost(4, 0, 1), Cost()]
    assert min(point.limit for point in curve([EDGE, CLOUD], [0.5], one_unit, 0)) == 0.6


def test_the_limit_that_is_proposed_sends_up_no_more_than_accuracy_needs() -> None:
    assert proposed(TIERS, COSTS) == (0.9, 0.9)
    # A fog that keeps everything does not help a wrong edge.
    assert proposed(TIERS, COSTS, [None, 0.0])[0] == 0.9
    assert proposed([CLOUD, CLOUD], COSTS[:2]) == (0.9,)
    assert proposed([CLOUD], COSTS[:1]) == ()


def test_the_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "exits.json"
    rough = tier([0.99996, float("nan"), 1.0, 0.12345], [1, 0, 1, 0])
    path.write_bytes(ExitSamples("test", (rough, CLOUD)).to_bytes())
    found = ExitSamples.read(path)
    assert (found.of, [tier_samples.model for tier_samples in found.tiers]) == ("test", ["x", "x"])
    # Confidences are cut rather than rounded, so that a value below a limit of four digits stays below it.
    assert found.tiers[0].confidence.tolist() == [0.9999, 0.0, 1.0, 0.1234]
    assert found.tiers[0].right.tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"of": "test", "samples": 1, "tiers": []}',
        b'{"of": "test", "samples": 2, "tiers": [{"model": "x", "confidence": [1], "right": [1]}]}',
        b'{"of": "test", "samples": 1, "tiers": [{"model": "x", "confidence": [1], "right": [2]}]}',
        b'{"of": "test", "samples": 1, "tiers": [{"model": "x", "confidence": ["y"], "right": [1]}]}',
        b'{"of": "test", "samples": 0, "tiers": [{"model": "x", "confidence": [], "right": []}]}',
    ],
)
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "exits.json"
    path.write_bytes(content)
    with pytest.raises(RefusedError, match=r"exits\.json is damaged"):
        ExitSamples.read(path)
