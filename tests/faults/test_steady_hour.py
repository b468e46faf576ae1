"""A replica answers for an hour through swaps, rebalances and restarts of the broker: its memory stays what it was."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil
import pytest

from tests.conftest import TestBroker
from tests.faults.inference_fleet import Fleet, feeder, inference
from tests.faults.test_inference_swaps import swap_to
from tests.model_inference.replicas import InferenceUnderTest
from tests.soak_record import SoakRecord
from tests.support import eventually, has_ended, soaking

pytestmark = [
    pytest.mark.faults,
    pytest.mark.integration,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(not soaking(), reason="takes an hour: make soak"),
]

# The first restart of the broker leaves a backlog, and the allocator keeps what it takes to fetch that.
MINUTES, SETTLING_MINUTES = 60, 10
# How many minutes of the beginning, and of the end, are compared: all kinds of events happen in as many.
COMPARED_MINUTES = 10
MOST_GROWTH = 0.05
PER_SECOND = 2000


class Usage(NamedTuple):
    """What the replica and its models hold; ``memory_bytes`` is shared with no other process."""

    memory_bytes: int
    descriptors: int


def usage(under_test: InferenceUnderTest) -> Usage:
    """Measure the replica that was started first, and its model processes."""
    lines = under_test.log_path(1).read_text(errors="replace").splitlines()
    models = {json.loads(line)["pid"] for line in lines if '"model is ready"' in line}
    pids = [under_test.replicas[0].pid, *(pid for pid in models if not has_ended(pid))]
    processes = [psutil.Process(pid) for pid in pids]
    return Usage(
        sum(process.memory_full_info().uss for process in processes),
        sum(process.num_fds() for process in processes),
    )


def serves(under_test: InferenceUnderTest, revision: int) -> bool:
    """Whether the first replica reported last that it serves this revision."""
    last = next(stats for stats in reversed(under_test.backend.stats) if stats["replica"] == 0)
    return (last["serving"] or {}).get("revision") == revision


def test_an_hour_at_speed(own_broker: TestBroker, state_dir: Path, soak: SoakRecord) -> None:
    soak.begin("R14")
    own_broker.start()
    with inference(state_dir, own_broker) as under_test:
        fleet = Fleet(under_test, size=1)
        with feeder(own_broker.bootstrap_servers, under_test.input_topic, per_second=PER_SECOND) as feed:
            eventually(lambda: fleet.answered() > 1000, 150, interval_seconds=0.2)
            began, found = time.monotonic(), list[Usage]()
            for minute in range(1, MINUTES + 1):
                revision = swap_to(under_test, 1 + minute % 2)
                eventually(lambda revision=revision: fleet.keep_running() or serves(under_test, revision), 120)
                if minute % 10 == 0:
                    own_broker.stop()
                    own_broker.start()
                elif minute % 5 == 0:
                    fleet.join()
                    fleet.leave(newest=True)
                due = began + 60 * minute
                eventually(lambda due=due: fleet.keep_running() or time.monotonic() >= due, 120)
                feed.check()
                found.append(usage(under_test))
            feed.stop()
        with soak.recovery():
            eventually(lambda: fleet.answered() >= feed.sent, 300, interval_seconds=0.2)
        fleet.stop()

        assert fleet.exits == {}
    first = found[SETTLING_MINUTES : SETTLING_MINUTES + COMPARED_MINUTES]
    last = found[-COMPARED_MINUTES:]
    growth = median(seen.memory_bytes for seen in last) / median(seen.memory_bytes for seen in first) - 1
    most = [max(seen.descriptors for seen in part) for part in (first, last)]
    soak.did(
        f"{MINUTES} swaps, {MINUTES // 10} restarts of the broker, {feed.sent:,} records: memory {growth:+.1%}, "
        f"{most[0]} descriptors, then {most[1]}"
    )
    assert growth <= MOST_GROWTH, found
    assert most[1] <= most[0], found
