"""Replicas that keep windows, killed with SIGKILL at every point: the answers are those of an undisturbed replay."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import orjson
import pytest

from kafkaml.confluent import KafkaAdmin
from kafkaml.input_format import InputFormat
from kafkaml.records import Record
from kafkaml.settings import KafkaSettings
from tests.conftest import TestBroker
from tests.faults.inference_fleet import PARTITIONS, Fleet
from tests.faults.test_inference_kills import POINTS
from tests.feeder import Feeder, assert_answered_once
from tests.model_inference.onnx_models import window_sum
from tests.model_inference.replicas import InferenceUnderTest, read_topic, sources
from tests.support import eventually, soaking

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(3600 if soaking() else 600)]

LENGTH, KEYS, POISON_EVERY = 4, 60, 50
KILLS = 20 if soaking() else 3
CONTRACT: Any = {
    "format": "JSON",
    "fields": [{"path": ["x"], "kind": "number"}, {"path": ["y"], "kind": "number"}],
    "columns": [{"name": "x", "expression": "x"}, {"name": "y", "expression": "y", "missing": "last"}],
    "window": {"length": LENGTH},
    "split": "time",
}
LEARNT: Any = {"columns": {"x": {}, "y": {}}}


def value(number: int) -> bytes:
    if number % POISON_EVERY == 0:
        return b"poison"
    # What is missing is the last of the same key.
    return orjson.dumps({"x": number, "y": None if number // KEYS % 3 == 1 else number % 7})


def undisturbed(inputs: list[Record]) -> tuple[dict[tuple[str, int, int], float], int]:
    """The answers of a loop over the records, by their places, and how many have none as their window is not full."""
    windows: dict[tuple[int, bytes | None], list[tuple[float, float]]] = defaultdict(list)
    answers, waiting = {}, 0
    for record in inputs:
        if record.value == b"poison":
            continue
        sample, window = orjson.loads(record.value or b""), windows[record.partition, record.key]
        y = sample["y"] if sample["y"] is not None else window[-1][1] if window else None
        if y is None:
            continue
        window[:] = [*window, (sample["x"], y)][-LENGTH:]
        waiting += len(window) < LENGTH
        if len(window) == LENGTH:
            answers[record.topic, record.partition, record.offset] = float(sum(map(sum, window)))
    return answers, waiting


def test_windows_of_replicas_that_are_killed_and_moved(broker: TestBroker, state_dir: Path) -> None:
    topic = broker.topic(partitions=PARTITIONS)
    where = random.Random(1)
    points = [f"{point}:kill:{where.randint(2, 6)}" for point in islice(cycle(POINTS[::-2] + POINTS[-2::-2]), KILLS)]
    with InferenceUnderTest(
        state_dir,
        broker.bootstrap_servers,
        topic,
        {"model.onnx": window_sum(LENGTH, 2)},
        {"input_format": InputFormat.COLUMNS, "input_config": {"contract": CONTRACT, "learnt": LEARNT}},
        env={"KML_INFERENCE_TRANSACTION_TIMEOUT_SECONDS": "5"},
    ) as under_test:
        fleet = Fleet(under_test, size=2, fail_points=points)

        def all_killed() -> bool:
            fleet.keep_running()
            return fleet.armed == 0

        with Feeder(broker.bootstrap_servers, topic, per_second=500, value=value, keys=KEYS) as feed:
            eventually(lambda: all_killed() and feed.sent > 3000, 3000 if soaking() else 400, interval_seconds=0.05)
            # One goes for good: the other takes its partitions over.
            process, _ = fleet._running.pop()
            process.terminate()
            before = feed.sent
            eventually(lambda: fleet.answered() > before, 120, interval_seconds=0.2)
            feed.stop()
        eventually(lambda: fleet.answered() == feed.sent, 200, interval_seconds=0.2)
        fleet.stop()
        assert sum(fleet.kills.values()) == KILLS

        inputs = read_topic(broker.bootstrap_servers, topic)
        expected, waiting = undisturbed(inputs)
        outputs = under_test.outputs()
        found = [orjson.loads(record.value or b"")["values"][0] for record in outputs]
        assert dict(zip(sources(outputs), found, strict=True)) == expected
        assert_answered_once([each for each in inputs if each[:3] in expected], outputs)
        assert len(inputs) == feed.sent == len(outputs) + len(under_test.dead_letters()) + waiting
        admin = KafkaAdmin(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
        assert admin.partition_count(under_test.plan.changelog_topic) == PARTITIONS
        assert (
            admin.topic_configs([under_test.plan.changelog_topic])[under_test.plan.changelog_topic]["cleanup.policy"]
            == "compact"
        )
