"""What a replica tells about itself: counted by the loop, told to the backend every two seconds by a thread.

A backend that is away changes nothing: the replica goes on predicting and tells the newest numbers when it is back.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, Self

from kafkaml.errors import ApiError
from kafkaml.logs import get_logger
from kafkaml.results import Failure
from kafkaml.retry import is_transient

__all__ = ["LoopStats", "ReplicaState", "StatsReporter", "StatsSink", "Summary"]

logger = get_logger(__name__)

_REPORT_SECONDS = 2.0
# Latencies kept for the percentiles, newest last: enough for a p99, little to sort.
_MAX_LATENCIES = 4096
# Of one transaction at most so many count, evenly chosen: else sorting them would cost as much as the work itself.
_SAMPLES_PER_COMMIT = 32


class ReplicaState(StrEnum):
    """How a replica is; ``running`` means assigned to its share of the partitions and polling."""

    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Counters since start, and how it went since the last summary: records per second, latencies in milliseconds.

    A latency runs from the record's timestamp to the commit of its answer, or from its arrival here for records that
    are older than this replica (a backlog says nothing about speed). ``lag`` counts records not read yet,
    ``restamped`` what was written with another time than its record's, because its topic bears no other.
    """

    predicted: int
    dead_lettered: int
    restamped: int
    rate: float
    lag: int
    p50_ms: float
    p99_ms: float


class LoopStats:
    """Written by the loop, summed up by the reporter. Thread-safe."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, wall_clock: Callable[[], float] = time.time):
        self._clock = clock
        self._wall_clock = wall_clock
        self._lock = threading.Lock()
        self._started_ms = wall_clock() * 1000
        self._predicted = 0
        self._dead_lettered = 0
        self._restamped = 0
        self._lag = 0
        self._latencies: deque[float] = deque(maxlen=_MAX_LATENCIES)
        self._percentiles = (0.0, 0.0)
        self._last = (clock(), 0)

    def committed(
        self,
        *,
        predicted: int,
        dead_lettered: int,
        timestamps_ms: Sequence[int],
        arrived_seconds: float,
        lag: int,
        restamped: int = 0,
    ) -> None:
        """Count answers that are committed now. ``arrived_seconds``: how long ago the oldest of them was polled."""
        now_ms = self._wall_clock() * 1000
        step = max(1, len(timestamps_ms) // _SAMPLES_PER_COMMIT)
        latencies = [
            max(0.0, now_ms - stamp) if stamp >= self._started_ms else arrived_seconds * 1000
            for stamp in timestamps_ms[::step]
        ]
        with self._lock:
            self._predicted += predicted
            self._dead_lettered += dead_lettered
            self._restamped += restamped
            self._lag = lag
            self._latencies.extend(latencies)

    def summary(self) -> Summary:
        """Return the numbers; rate and latencies cover the time since the last call."""
        with self._lock:
            now, total = self._clock(), self._predicted + self._dead_lettered
            (since, before), self._last = self._last, (now, total)
            latencies = sorted(self._latencies)
            self._latencies.clear()
            # Nothing since the last time: the last latencies are still the best that is known.
            if latencies:
                self._percentiles = (latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100])
            return Summary(
                predicted=self._predicted,
                dead_lettered=self._dead_lettered,
                restamped=self._restamped,
                rate=round((total - before) / (now - since), 2) if now > since else 0.0,
                lag=self._lag,
                p50_ms=round(self._percentiles[0], 3),
                p99_ms=round(self._percentiles[1], 3),
            )


class StatsSink(Protocol):
    """What the reporter needs of ``kafkaml.job_client.JobClient``."""

    def post(self, action: str, body: dict[str, Any], *, deadline_seconds: float | None = -1.0) -> dict[str, Any]: ...


class StatsReporter:
    """Tells the backend about one replica, every two seconds and at once when the state changes. A context manager.

    ``on_final`` is called, from the reporter's thread, when the backend refuses for good; ``warnings``, which may be
    set later, returns what to tell besides.
    """

    def __init__(
        self,
        sink: StatsSink,
        stats: LoopStats,
        *,
        replica: int,
        interval_seconds: float = _REPORT_SECONDS,
        on_final: Callable[[ApiError], None] = lambda _error: None,
        warnings: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        # Tells this process's counts from those of the replica's earlier processes.
        self._run_id = uuid.uuid4().hex
        self.warnings = warnings
        self._sink = sink
        self._stats = stats
        self._replica = replica
        self._interval_seconds = interval_seconds
        self._on_final = on_final
        self._state = ReplicaState.STARTING
        self._failure: Failure | None = None
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stats", daemon=True)

    def running(self) -> None:
        """Say that the replica has its share of the partitions and polls."""
        if self._state is ReplicaState.STARTING:
            self._state = ReplicaState.RUNNING
            self._changed.set()

    def failed(self, failure: Failure, *, deadline_seconds: float) -> bool:
        """Say why the replica ends, trying for ``deadline_seconds``; whether the backend heard it."""
        self._state, self._failure = ReplicaState.FAILED, failure
        return self._report(deadline_seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._changed.set()
        self._thread.join(timeout=5)
        if self._state is ReplicaState.RUNNING:
            # The last numbers, else what was answered while stopping is never counted.
            self._report(0)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._changed.clear()
            self._report(0)
            self._changed.wait(self._interval_seconds)

    def _report(self, deadline_seconds: float) -> bool:
        summary = self._stats.summary()
        body: dict[str, Any] = {"replica": self._replica, "run": self._run_id, "state": self._state.value}
        body["warnings"] = list(self.warnings())
        body |= {name: getattr(summary, name) for name in summary.__dataclass_fields__}
        if self._failure is not None:
            body["error"] = self._failure.to_json()
        try:
            self._sink.post("stats", body, deadline_seconds=deadline_seconds)
        except ApiError as error:
            logger.info("statistics not delivered", error=error.message)
            if not is_transient(error):
                self._on_final(error)
            return False
        return True
