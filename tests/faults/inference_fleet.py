"""Replicas that are killed at work and restarted as by a launcher, and the proof that nothing was harmed."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import TestBroker
from tests.feeder import Feeder, assert_answered_once
from tests.model_inference.onnx_models import sum_model
from tests.model_inference.replicas import InferenceUnderTest, read_topic, sources
from tests.soak_record import SoakRecord
from tests.support import eventually
from tests.warm_workers import WarmWorker

__all__ = [
    "PARTITIONS",
    "POISON_EVERY",
    "Fleet",
    "assert_nothing_lost_and_nothing_twice",
    "feeder",
    "inference",
    "until_all_killed",
]

# One record in this many does not decode, so that dead letters are part of every transaction too.
POISON_EVERY = 50
PARTITIONS = 6
# The number of log lines shown of each replica after a failure.
_LOG_LINES = 25


def feeder(bootstrap_servers: str, topic: str, *, per_second: int) -> Feeder:
    """A feeder of numbers, with one in ``POISON_EVERY`` that does not decode."""

    def value(number: int) -> bytes:
        return b"poison" if number % POISON_EVERY == 0 else np.array([number, 0, 0, 0], "<f4").tobytes()

    return Feeder(bootstrap_servers, topic, per_second=per_second, value=value)


def inference(
    folder: Path, broker: TestBroker, *, env: Mapping[str, str] | None = None, **others: Any
) -> InferenceUnderTest:
    """An inference with ``PARTITIONS`` partitions whose version 1 sums up."""
    topic = broker.topic(partitions=PARTITIONS)
    # The open transaction of a killed replica holds up the others for at most this long. A replica that is fenced for
    # being slow is restarted like any other.
    env = {"KML_INFERENCE_TRANSACTION_TIMEOUT_SECONDS": "5", **(env or {})}
    return InferenceUnderTest(folder, broker.bootstrap_servers, topic, {"model.onnx": sum_model(4)}, env=env, **others)


@dataclass
class _Replica:
    number: int
    process: subprocess.Popen[bytes] | WarmWorker
    fail_point: str
    log: Path
    started: float

    def describe(self) -> str:
        """Return since when the replica has run, or how it ended, with its last log lines."""
        code, seconds = self.process.poll(), time.monotonic() - self.started
        state = f"runs since {seconds:.0f} s" if code is None else f"ended with {code}"
        armed = f", is to die at {self.fail_point}" if self.fail_point else ""
        last = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return "\n  ".join([f"replica {self.number} (pid {self.process.pid}) {state}{armed}; {self.log.name}:", *last])


class Fleet:
    """Keeps ``size`` replicas of an inference running; each new one gets the next of ``fail_points``.

    ``kills`` counts, by fail-point, the replicas that killed themselves there; ``exits`` counts the others by exit
    status.
    """

    def __init__(self, inference: InferenceUnderTest, *, size: int, fail_points: Iterable[str] = ()) -> None:
        self.inference = inference
        self._fail_points = deque(fail_points)
        self._running = [self._start(replica) for replica in range(size)]
        self._leaving: list[_Replica] = []
        self._numbers = size
        self.kills: Counter[str] = Counter()
        self.exits: Counter[int] = Counter()

    def _start(self, number: int) -> _Replica:
        fail_point = self._fail_points.popleft() if self._fail_points else ""
        env = {"KML_FAILPOINT": fail_point} if fail_point else {}
        process = self.inference.start(replica=number, env=env)
        return _Replica(number, process, fail_point, self.inference.newest_log, time.monotonic())

    def __len__(self) -> int:
        """The number of replicas to keep running."""
        return len(self._running)

    def join(self) -> None:
        """Start one more replica with a new number; returns once the group has given it partitions."""
        joining = self._start(self._numbers)
        self._numbers += 1
        self._running.append(joining)
        eventually(lambda: self.keep_running() or "assigned" in self._running[-1].log.read_text(), 120)

    def leave(self, *, newest: bool = False) -> None:
        """Ask the oldest or the newest replica to end, in the middle of its work; ``stop`` waits for it."""
        leaving = self._running.pop(-1 if newest else 0)
        _ask_to_end(leaving)
        self._leaving.append(leaving)

    def keep_running(self) -> None:
        """Restart replicas that ended; called repeatedly by waiting tests."""
        for place, replica in enumerate(self._running):
            code = replica.process.poll()
            if code is None:
                continue
            if code == -signal.SIGKILL:
                assert replica.fail_point, f"killed by nobody of us: {replica.describe()}"
                self.kills[replica.fail_point.partition(":")[0]] += 1
            else:
                # The replica ended without reaching its fail-point, so that kill is still due.
                self.exits[code] += 1
                if replica.fail_point:
                    self._fail_points.appendleft(replica.fail_point)
            self._running[place] = self._start(replica.number)

    def answered(self) -> int:
        """Count committed answers, and keep the replicas running meanwhile."""
        self.keep_running()
        return self.inference.answered()

    def has_gone_over(self, revision: int) -> bool:
        """Whether every replica reports the revision; keeps them running meanwhile."""
        self.keep_running()
        serving = {
            stats["replica"]: (stats["serving"] or {}).get("revision", -1) for stats in self.inference.backend.stats
        }
        return len(serving) == len(self) and set(serving.values()) == {revision}

    @property
    def armed(self) -> int:
        """How many kills are still due."""
        return len(self._fail_points) + sum(1 for replica in self._running if replica.fail_point)

    def describe(self) -> str:
        """Describe what happened so far, and the state of each replica."""
        happened = f"{self.armed} kills to come, {dict(self.kills)} killed, {dict(self.exits)} ended on their own"
        return "\n".join([happened, *(replica.describe() for replica in [*self._running, *self._leaving])])

    def stop(self) -> None:
        """Ask all replicas to end and wait; each must end in order."""
        for replica in self._running:
            _ask_to_end(replica)
        codes = [replica.process.wait(120) for replica in [*self._running, *self._leaving]]
        assert set(codes) == {0}, f"exit statuses {codes}\n{self.describe()}"


def until_all_killed(
    feed: Feeder,
    *fleets: Fleet,
    timeout_seconds: float,
    sent: int = 0,
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Keep replicas running until no kill is due and more than ``sent`` records were sent.

    AssertionError after the time limit describes each replica; the feeder's own error is raised at once.
    """

    def done() -> bool:
        for fleet in fleets:
            fleet.keep_running()
        feed.check()
        meanwhile()
        return not any(fleet.armed for fleet in fleets) and feed.sent > sent

    try:
        eventually(done, timeout_seconds, interval_seconds=0.05)
    except AssertionError as error:
        states = "\n".join(fleet.describe() for fleet in fleets)
        raise AssertionError(f"not all killed in {timeout_seconds:g} s, {feed.sent} records sent: {states}") from error


def _ask_to_end(replica: _Replica) -> None:
    # A replica that has just started may still be importing, and would die of the signal before it handles it.
    eventually(partial(_handles, replica.process.pid, signal.SIGTERM), 120)
    replica.process.send_signal(signal.SIGTERM)


def _handles(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def assert_nothing_lost_and_nothing_twice(
    inference: InferenceUnderTest, sent: int, *, soak: SoakRecord | None = None
) -> None:
    """Compare the read answers with the sent records, by source position, and check the order.

    Version n of a model multiplies by n, so each answer shows whether its headers name the right version.
    """
    outputs, letters = inference.outputs(), inference.dead_letters()
    inputs = read_topic(inference.bootstrap_servers, inference.input_topic)
    assert len(inputs) == sent
    assert_answered_once(inputs, outputs, letters, soak=soak)
    by_source = dict(zip(sources(outputs), outputs, strict=True))
    for record in inputs:
        number = int(record.key or b"")
        place = (record.topic, record.partition, record.offset)
        assert (place not in by_source) == (number % POISON_EVERY == 0)
        if place in by_source:
            assert by_source[place].key == record.key
            version = int(dict(by_source[place].headers)["kml-version"] or b"")
            assert by_source[place].value == b'{"values":[%.1f]}' % (number * version)
