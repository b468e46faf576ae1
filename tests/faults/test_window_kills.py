"""Replicas are killed with SIGKILL at every point of their loop: no record is lost, none is answered twice.

Answers to windows are those of an undisturbed replay.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from kafkaml.confluent import KafkaAdmin
from kafkaml.input_format import InputFormat
from kafkaml.records import Record
from kafkaml.settings import KafkaSettings
from tests.conftest import TestBroker
from tests.fake_backend import WORKER_TOKEN
from tests.faults.inference_fleet import (
    PARTITIONS,
    Fleet,
    assert_nothing_lost_and_nothing_twice,
    feeder,
    inference,
    until_all_killed,
)
from tests.faults.test_inference_kills import POINTS, fail_points
from tests.feeder import Feeder, assert_answered_once
from tests.model_inference.onnx_models import window_sum
from tests.model_inference.replicas import InferenceUnderTest, read_topic, sources
from tests.soak_record import SoakRecord
from tests.support import eventually, soaking

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(3600 if soaking() else 600)]

LENGTH, KEYS, POISON_EVERY = 4, 60, 50
# The number of kills, which take about three seconds of a processor each. Replicas without windows are killed once per
# fail-point.
KILLS = 200 if soaking() else 20
# How often the group changes in a storm: by turns a replica joins, and one leaves.
CHANGES = 10
# A soak changes it for so long, and measures how much of the steady speed is left. The model is slow then, because
# replicas with a quick one would answer tens of millions of records.
STORM_SECONDS, CHANGE_SECONDS, STEADY_SECONDS = 600, 2, 30
SLOWNESS = 40 if soaking() else 0
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
    # A missing value is replaced by the last one of the same key.
    return orjson.dumps({"x": number, "y": None if number // KEYS % 3 == 1 else number % 7})


def undisturbed(inputs: list[Record]) -> tuple[dict[tuple[str, int, int], float], int]:
    """Return a loop's answers by the places of the records, and how many have none because their window is not full."""
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


@contextmanager
def serving(state_dir: Path, broker: TestBroker, *, slowness: int = 0) -> Iterator[tuple[InferenceUnderTest, Feeder]]:
    """An inference of windows, and a feeder that starts with the block."""
    under_test = InferenceUnderTest(
        state_dir,
        broker.bootstrap_servers,
        broker.topic(partitions=PARTITIONS),
        {"model.onnx": window_sum(LENGTH, 2, slowness=slowness)},
        {"input_format": InputFormat.COLUMNS, "input_config": {"contract": CONTRACT, "learnt": LEARNT}},
        env={"KML_INFERENCE_TRANSACTION_TIMEOUT_SECONDS": "5"},
    )
    feed = Feeder(broker.bootstrap_servers, under_test.input_topic, per_second=500, value=value, keys=KEYS)
    with under_test, feed:
        yield under_test, feed


def start_elsewhere(under_test: InferenceUnderTest) -> tuple[subprocess.Popen[bytes], Path]:
    """Start an external worker by the command that users run; returns it and its log."""
    place, log = under_test.folder / "elsewhere", under_test.folder / "elsewhere.log"
    command = [sys.executable, "-m", "kafka_ml_cli.main", "worker", "run", "--url", under_test.backend.url]
    options = {
        "--inference": under_test.plan.inference_id,
        "--name": "gate",
        "--bootstrap-servers": under_test.bootstrap_servers,
        "--state-dir": place,
    }
    worker = subprocess.Popen(
        [*command, *(str(word) for option in options.items() for word in option)],
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "KML_WORKER_TOKEN": WORKER_TOKEN},
    )
    under_test.replicas.append(worker)
    return worker, log


def pause(feed: Feeder, fleet: Fleet, records: int) -> None:
    """Wait until the feeder has sent this many more records, and keep the replicas running meanwhile."""
    due = feed.sent + records
    eventually(lambda: fleet.keep_running() or feed.sent >= due, 60)
    feed.check()


def moments_of_change(feed: Feeder, fleet: Fleet, where: random.Random) -> Iterator[None]:
    """Yield whenever the group is to change: after a few records, or in a soak every ``CHANGE_SECONDS``."""
    if not soaking():
        for _ in range(CHANGES):
            yield
            pause(feed, fleet, where.randint(0, 400))
        return
    began = due = time.monotonic()
    while due < began + STORM_SECONDS:
        yield
        # A change that takes longer is followed by the next at once.
        due = max(due + CHANGE_SECONDS, time.monotonic())
        eventually(lambda due=due: fleet.keep_running() or time.monotonic() >= due, 60)
        feed.check()


def steady_speed(feed: Feeder, fleet: Fleet) -> float:
    """Measure how many records a second the replicas answer with more than enough of them, then feed as many."""
    feed.per_second = 2000
    eventually(lambda: feed.sent - fleet.answered() > 5000, 120)
    before, began = fleet.answered(), time.monotonic()
    eventually(lambda: fleet.keep_running() or time.monotonic() > began + STEADY_SECONDS, 2 * STEADY_SECONDS)
    speed = (fleet.answered() - before) / (time.monotonic() - began)
    feed.per_second = round(speed)
    return speed


def assert_answered_as_undisturbed(under_test: InferenceUnderTest, sent: int, soak: SoakRecord) -> None:
    inputs = read_topic(under_test.bootstrap_servers, under_test.input_topic)
    expected, waiting = undisturbed(inputs)
    outputs = under_test.outputs()
    found = [orjson.loads(record.value or b"")["values"][0] for record in outputs]
    assert_answered_once([model_input for model_input in inputs if model_input[:3] in expected], outputs, soak=soak)
    assert dict(zip(sources(outputs), found, strict=True)) == expected
    assert len(inputs) == sent == len(outputs) + len(under_test.dead_letters()) + waiting


def test_twenty_replicas_with_windows_and_without_killed_in_mid_batch(
    broker: TestBroker, state_dir: Path, soak: SoakRecord
) -> None:
    soak.begin("R1")
    with serving(state_dir / "windows", broker) as (under_test, feed), inference(state_dir / "plain", broker) as plain:
        fleet = Fleet(under_test, size=3, fail_points=fail_points(KILLS))
        # Replicas without windows do a part of what the others do, so one kill at each fail-point is enough.
        plain_fleet = Fleet(plain, size=2, fail_points=fail_points(len(POINTS)))
        with feeder(broker.bootstrap_servers, plain.input_topic, per_second=500) as plain_feed:
            # Many records are sent among and after the kills, however fast the machine is.
            until_all_killed(feed, fleet, plain_fleet, timeout_seconds=3000 if soaking() else 500, sent=5000)
            plain_feed.stop()
        # One replica leaves for good, and the other takes over its partitions.
        fleet.leave()
        before = feed.sent
        eventually(lambda: plain_fleet.keep_running() or fleet.answered() > before, 120, interval_seconds=0.2)
        feed.stop()
        eventually(lambda: plain_fleet.keep_running() or fleet.answered() == feed.sent, 200, interval_seconds=0.2)
        eventually(lambda: plain_fleet.answered() == plain_feed.sent, 200, interval_seconds=0.2)
        fleet.stop()
        plain_fleet.stop()

        for replicas, kills in ((fleet, KILLS), (plain_fleet, len(POINTS))):
            assert sum(replicas.kills.values()) == kills
            assert set(replicas.kills) == set(POINTS)
        soak.did(f"{KILLS + len(POINTS)} kills, {feed.sent + plain_feed.sent:,} records")
        assert_nothing_lost_and_nothing_twice(plain, plain_feed.sent, soak=soak)
        assert_answered_as_undisturbed(under_test, feed.sent, soak)
        admin, changelog = (
            KafkaAdmin(KafkaSettings(bootstrap_servers=broker.bootstrap_servers)),
            under_test.plan.changelog_topic,
        )
        assert admin.partition_count(changelog) == PARTITIONS
        assert admin.topic_configs([changelog])[changelog]["cleanup.policy"] == "compact"


def test_windows_in_a_storm_of_rebalances(broker: TestBroker, state_dir: Path, soak: SoakRecord) -> None:
    soak.begin("R6")
    where = random.Random(2)
    with serving(state_dir, broker, slowness=SLOWNESS) as (under_test, feed):
        fleet = Fleet(under_test, size=2)
        worker, log = start_elsewhere(under_test)
        eventually(lambda: fleet.answered() > 500, 120, interval_seconds=0.1)
        steady = steady_speed(feed, fleet) if soaking() else None
        began, before, changes = time.monotonic(), fleet.answered(), 0
        for _ in moments_of_change(feed, fleet, where):
            changes += 1
            if changes % 2:
                fleet.join()
            else:
                # With this probability the newest replica leaves while it still reads its state back.
                fleet.leave(newest=where.random() < 0.4)
        speed = (fleet.answered() - before) / (time.monotonic() - began)
        eventually(lambda: fleet.keep_running() or "state read back" in log.read_text(), 120)
        feed.stop()
        eventually(lambda: fleet.answered() == feed.sent, 1500 if soaking() else 200, interval_seconds=0.2)
        worker.terminate()
        fleet.stop()
        assert worker.wait(120) == 0, log.read_text()[-5000:]

        left = "" if steady is None else f", {speed / steady:.0%} of the steady speed of {steady:,.0f}/s"
        soak.did(f"{changes} joins and leaves, {feed.sent:,} records{left}")
        assert_answered_as_undisturbed(under_test, feed.sent, soak)
        # State is read back by the first two replicas, and at least once for most that join. On a busy machine some
        # moves become one rebalance.
        assert under_test.logs.count("state read back") >= 2 + changes // 4
        assert steady is None or speed >= 0.3 * steady
