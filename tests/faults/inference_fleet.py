"""Replicas that are killed while they work, kept running as a launcher would; and the proof that nothing was harmed."""

from __future__ import annotations

import signal
from collections import Counter, deque
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import TestBroker
from tests.feeder import Feeder, assert_answered_once
from tests.model_inference.onnx_models import sum_model
from tests.model_inference.replicas import InferenceUnderTest, read_topic, sources
from tests.support import eventually

__all__ = ["PARTITIONS", "POISON_EVERY", "Fleet", "assert_nothing_lost_and_nothing_twice", "feeder", "inference"]

# One record in so many does not decode, so that dead letters are part of every transaction too.
POISON_EVERY = 50
PARTITIONS = 6


def feeder(bootstrap_servers: str, topic: str, *, per_second: int) -> Feeder:
    """A feeder of numbers, every so often one that does not decode."""

    def value(number: int) -> bytes:
        return b"poison" if number % POISON_EVERY == 0 else np.array([number, 0, 0, 0], "<f4").tobytes()

    return Feeder(bootstrap_servers, topic, per_second=per_second, value=value)


def inference(folder: Path, broker: TestBroker, **others: Any) -> InferenceUnderTest:
    """An inference of ``PARTITIONS`` partitions whose version 1 sums up."""
    topic = broker.topic(partitions=PARTITIONS)
    # What a killed replica left open holds the others up for so long at most. One that is fenced for being slow is
    # started again, as any other.
    env = {"KML_INFERENCE_TRANSACTION_TIMEOUT_SECONDS": "5"}
    return InferenceUnderTest(folder, broker.bootstrap_servers, topic, {"model.onnx": sum_model(4)}, env=env, **others)


class Fleet:
    """Keeps ``size`` replicas of an inference running; each new one gets the next of ``fail_points``.

    ``kills`` counts, by fail-point, the replicas that killed themselves there.
    """

    def __init__(self, inference: InferenceUnderTest, *, size: int, fail_points: Iterable[str] = ()) -> None:
        self.inference = inference
        self._fail_points = deque(fail_points)
        self._running = [self._start(replica) for replica in range(size)]
        self.kills: Counter[str] = Counter()
        self.exits: Counter[int] = Counter()

    def _start(self, replica: int):  # type: ignore[no-untyped-def]
        fail_point = self._fail_points.popleft() if self._fail_points else ""
        env = {"KML_FAILPOINT": fail_point} if fail_point else {}
        return self.inference.start(replica=replica, env=env), fail_point

    def keep_running(self) -> None:
        """Restart what ended; called again and again by whoever waits."""
        for replica, (process, fail_point) in enumerate(self._running):
            code = process.poll()
            if code is None:
                continue
            if code == -signal.SIGKILL:
                assert fail_point, self.inference.logs[-5000:]
                self.kills[fail_point.partition(":")[0]] += 1
            else:
                # It never came to its kill, which is therefore still to come.
                self.exits[code] += 1
                if fail_point:
                    self._fail_points.appendleft(fail_point)
            self._running[replica] = self._start(replica)

    def answered(self) -> int:
        """Count committed answers, and keep the replicas running meanwhile."""
        self.keep_running()
        return self.inference.answered()

    def has_gone_over(self, revision: int) -> bool:
        """Whether every replica says that it serves the revision; keeps them running meanwhile."""
        self.keep_running()
        serving = {
            each["replica"]: (each["serving"] or {}).get("revision", -1) for each in self.inference.backend.stats
        }
        return len(serving) == len(self._running) and set(serving.values()) == {revision}

    @property
    def armed(self) -> int:
        """How many kills are still to come."""
        return len(self._fail_points) + sum(1 for _, fail_point in self._running if fail_point)

    def stop(self) -> None:
        """Ask all to end and wait for it; each must end in order."""
        for process, _ in self._running:
            # One that was started just now may still be importing: until it handles the signal, it ends by it.
            eventually(partial(_handles, process.pid, signal.SIGTERM), 120)
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(120) for process, _ in self._running]
        assert set(codes) == {0}, f"exit statuses {codes}\n{self.inference.logs[-9000:]}"


def _handles(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def assert_nothing_lost_and_nothing_twice(inference: InferenceUnderTest, sent: int) -> None:
    """Compare what was read with what was sent, by source position, and look at the order.

    Version n of a model multiplies by n: so every answer is the one of the version that its headers name.
    """
    outputs, letters = inference.outputs(), inference.dead_letters()
    inputs = read_topic(inference.bootstrap_servers, inference.input_topic)
    assert len(inputs) == sent
    assert_answered_once(inputs, outputs, letters)
    by_source = dict(zip(sources(outputs), outputs, strict=True))
    for record in inputs:
        number = int(record.key or b"")
        place = (record.topic, record.partition, record.offset)
        assert (place not in by_source) == (number % POISON_EVERY == 0)
        if place in by_source:
            assert by_source[place].key == record.key
            version = int(dict(by_source[place].headers)["kml-version"] or b"")
            assert by_source[place].value == b'{"values":[%.1f]}' % (number * version)
