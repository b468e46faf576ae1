"""A replica's statistics: counted by the loop, reported to the backend every two seconds by a thread.

An unavailable backend changes nothing. The replica continues to predict and reports the newest numbers when the backend
is back.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from kafkaml.errors import ApiError
from kafkaml.garbage import release_memory
from kafkaml.log_copy import LogCopy
from kafkaml.logs import get_logger
from kafkaml.prometheus import definitions
from kafkaml.retry import is_transient
from kafkaml.wire.failure import Failure
from kafkaml.wire.inference import Wanted
from kafkaml.wire.replica import Confidence, Counts, Exits, ProcessCounts, ReplicaState, ReplicaStats, Totals
from model_inference.swap_news import SwapNews

__all__ = ["CountsFile", "LoopStats", "Measured", "StatsReporter", "StatsSink"]

logger = get_logger(__name__)

_REPORT_SECONDS = 2.0
# How often freed memory is returned to the system. The loop needs some pages again, which takes about a millisecond.
_RELEASE_SECONDS = 15.0
# Latencies kept for the percentiles, newest last: enough for a p99, little to sort.
_MAX_LATENCIES = 4096
# How long the last latencies stay reported where nothing is answered.
_LATENCIES_SAY_SECONDS = 60.0
# The layout of the file: the name of a process, then its counts of records predicted, given up, restamped, sent up, and
# deferred to later samples.
_COUNTS = struct.Struct("<64sQQQQQ")
# At most this many latencies per transaction are kept, evenly spaced, because sorting all of them would cost as much as
# the work itself.
_SAMPLES_PER_COMMIT = 32
# Longest reason that is reported, in characters; the dead letter itself holds more.
_MAX_REFUSAL = 300
_NO_CONFIDENCE = Confidence()


class CountsFile:
    """Keeps the counts of this process in a file, so that the replica's next process can report them after a kill.

    ``previous`` holds the counts found there, those of the process before, perhaps not fully reported. Nothing is kept
    where the file cannot be written.
    """

    def __init__(self, path: Path, run: str) -> None:
        self._path = path
        self.previous = _read_counts(path)
        self._run = run.encode()
        self._memory: mmap.mmap | None = None
        # Replace the file, so that a predecessor that is still running does not write into ours.
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(bytes(_COUNTS.size))
            with fresh.open("r+b") as file:
                self._memory = mmap.mmap(file.fileno(), _COUNTS.size)
            self.write()
            fresh.replace(path)
        except OSError as error:
            logger.info("counts are not kept across a kill", reason=str(error))

    def remove(self) -> None:
        """Delete the counts after they were reported completely."""
        self._path.unlink(missing_ok=True)

    def write(self, counts: Counts | None = None) -> None:
        """Write the counts to mapped memory, which the kernel keeps after this process dies."""
        if self._memory is not None:
            _COUNTS.pack_into(self._memory, 0, self._run, *dict(counts or Counts()).values())


def _read_counts(path: Path) -> ProcessCounts | None:
    try:
        run, *counts = _COUNTS.unpack(path.read_bytes())
        name = run.rstrip(b"\0").decode("ascii")
    except (OSError, struct.error, UnicodeDecodeError):
        return None
    if not name or not any(counts):
        return None
    return ProcessCounts(run=name, **dict(zip(Counts.model_fields, counts, strict=True)))


class Measured(NamedTuple):
    """Distributions measured since the process began: latencies in seconds and batch sizes in records."""

    counts: Counts
    commits: int
    lag: int | None
    latencies: tuple[list[tuple[str, float]], float]
    batches: tuple[list[tuple[str, float]], float]


class LoopStats:
    """Written by the loop, summed up by the reporter. Thread-safe. ``keep`` is called with each change of
    the counts. It has over 12 fields because totals, rates and percentiles change together, under one lock.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, wall_clock: Callable[[], float] = time.time):
        self.keep: Callable[[Counts], None] = lambda _counts: None
        self._clock = clock
        self._wall_clock = wall_clock
        self._lock = threading.Lock()
        self._started_ms = wall_clock() * 1000
        self._counts = Counts()
        # The present limit of a tier, and the counts predicted and sent up before it was set.
        self._limit: float | None = None
        self._before_limit = (0, 0)
        self._confidence = _NO_CONFIDENCE
        # None while this replica holds no partition. Other replicas then know the lag.
        self._lag: int | None = None
        self._commits = 0
        self._latencies: deque[float] = deque(maxlen=_MAX_LATENCIES)
        self._all_latencies = definitions.REPLICA_LATENCY.distribution()
        self._batches = definitions.REPLICA_BATCH.distribution()
        # The percentiles are None until something was measured, because 0 ms would be a claim. ``_measured_at`` is a
        # reading of ``clock``.
        self._percentiles: tuple[float | None, float | None] = (None, None)
        self._measured_at = 0.0
        self._last_refusal = ""
        self._last = (clock(), Counts())

    def committed(
        self,
        *,
        predicted: int,
        dead_lettered: int,
        timestamps_ms: Sequence[int],
        arrived_seconds: float,
        lag: int | None,
        restamped: int = 0,
        sent_up: int = 0,
        warming_up: int = 0,
        refusal: str = "",
        confidence: Confidence = _NO_CONFIDENCE,
        batches: Sequence[int] = (),
    ) -> None:
        """Count newly committed answers. ``arrived_seconds``: how long ago the oldest of them was polled.

        ``refusal``: why the newest dead letter became one. ``confidence``: how sure the model was of the answers.
        ``batches``: how many records each batch had.
        """
        now_ms = self._wall_clock() * 1000
        step = max(1, len(timestamps_ms) // _SAMPLES_PER_COMMIT)
        latencies = [
            max(0.0, now_ms - stamp) if stamp >= self._started_ms else arrived_seconds * 1000
            for stamp in timestamps_ms[::step]
        ]
        with self._lock:
            before = self._counts
            self._counts = Counts(
                predicted=before.predicted + predicted,
                dead_lettered=before.dead_lettered + dead_lettered,
                restamped=before.restamped + restamped,
                sent_up=before.sent_up + sent_up,
                warming_up=before.warming_up + warming_up,
            )
            self.keep(self._counts)
            self._confidence = Confidence(
                answers=self._confidence.answers + confidence.answers, total=self._confidence.total + confidence.total
            )
            self._lag = lag
            self._last_refusal = refusal[:_MAX_REFUSAL] or self._last_refusal
            self._latencies.extend(latencies)
            self._commits += 1
            self._batches.observe(batches)
            # Each kept latency stands for those up to the next kept one.
            self._all_latencies.observe([milliseconds / 1000 for milliseconds in latencies[:-1]], stands_for=step)
            rest = len(timestamps_ms) - step * (len(latencies) - 1)
            self._all_latencies.observe([milliseconds / 1000 for milliseconds in latencies[-1:]], stands_for=rest)

    def waiting(self, lag: int | None) -> None:
        """Note the lag while nothing is answered; None where no partitions are held, and so nothing has a latency."""
        with self._lock:
            self._lag = lag
            if lag is None:
                self._latencies.clear()
                self._percentiles = (None, None)

    def decides_by(self, limit: float) -> None:
        """Restart the count of exits, because the tier decides by this limit from now on."""
        with self._lock:
            self._limit, self._before_limit = limit, (self._counts.predicted, self._counts.sent_up)

    def exits(self) -> Exits | None:
        """Return how many samples left and how many went up under the present limit; None without a limit."""
        with self._lock:
            if self._limit is None:
                return None
            predicted, sent_up = self._before_limit
            counts = self._counts
            return Exits(limit=self._limit, predicted=counts.predicted - predicted, sent_up=counts.sent_up - sent_up)

    @property
    def confidence(self) -> Confidence | None:
        """How sure the model was of all its answers; None where no answer has a confidence."""
        with self._lock:
            return self._confidence if self._confidence.answers else None

    @property
    def last_refusal(self) -> str:
        """Why the newest dead letter became one, cut; "" before the first."""
        with self._lock:
            return self._last_refusal

    def measured(self) -> Measured:
        """Return what was measured since the start."""
        with self._lock:
            return Measured(
                self._counts, self._commits, self._lag, self._all_latencies.cumulative(), self._batches.cumulative()
            )

    def summary(self) -> Totals:
        """Return the numbers; rates and latencies cover the time since the last call."""
        with self._lock:
            now, counts = self._clock(), self._counts
            (since, before), self._last = self._last, (now, counts)
            seconds = now - since
            latencies = sorted(self._latencies)
            self._latencies.clear()
            # Without new answers the last latencies are still the best known, for a while.
            if latencies:
                self._percentiles = (latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100])
                self._measured_at = now
            elif now - self._measured_at > _LATENCIES_SAY_SECONDS:
                self._percentiles = (None, None)
            return Totals(
                **dict(self._counts),
                rate=round((counts.predicted - before.predicted) / seconds, 2) if seconds > 0 else 0.0,
                read_rate=round((counts.records - before.records) / seconds, 2) if seconds > 0 else 0.0,
                lag=self._lag,
                p50_ms=_rounded(self._percentiles[0]),
                p99_ms=_rounded(self._percentiles[1]),
            )


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 3)


class StatsSink(Protocol):
    """The part of ``kafkaml.job_client.JobClient`` that the reporter uses."""

    def post(self, action: str, body: dict[str, Any], *, deadline_seconds: float | None = None) -> dict[str, Any]: ...


class StatsReporter:
    """Reports one replica to the backend, every two seconds and immediately when the state changes. A context manager.

    The backend's answer names the wanted revision of the plan, which goes to ``news``. ``on_final`` is called, from the
    reporter's thread, when the backend refuses for good. ``run`` names this process; ``previous`` (the predecessor's
    counts from ``CountsFile``, reported until acknowledged), ``warnings`` and ``on_last_heard`` may be set. ``log`` is
    sent along where no launcher collects it. It has over 12 fields because a report tells what several threads have
    set.
    """

    def __init__(
        self,
        sink: StatsSink,
        stats: LoopStats,
        *,
        replica: int,
        news: SwapNews,
        interval_seconds: float = _REPORT_SECONDS,
        on_final: Callable[[ApiError], None] = lambda _error: None,
        log: LogCopy | None = None,
    ) -> None:
        # An id that distinguishes this process's counts from those of the replica's earlier processes.
        self.run = uuid.uuid4().hex
        self.previous: ProcessCounts | None = None
        self.warnings: Callable[[], Sequence[str]] = tuple
        self.on_last_heard: Callable[[], None] = lambda: None
        self._sink = sink
        self._stats = stats
        self._replica = replica
        self._news = news
        self._interval_seconds = interval_seconds
        self._on_final = on_final
        self._log = log
        self._state = ReplicaState.STARTING
        self._failure: Failure | None = None
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stats", daemon=True)
        news.on_change = self._changed.set

    def running(self) -> None:
        """Report that the replica has its share of the partitions and polls."""
        if self._state is ReplicaState.STARTING:
            self._state = ReplicaState.RUNNING
            self._changed.set()

    def failed(self, failure: Failure, *, deadline_seconds: float) -> bool:
        """Report why the replica ends, trying for ``deadline_seconds``; returns whether the backend got it."""
        self._state, self._failure = ReplicaState.FAILED, failure
        return self._report(deadline_seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._changed.set()
        self._thread.join(timeout=5)
        # Report the last numbers now. Otherwise what was answered while stopping is not counted before the next process
        # starts.
        if self._state is ReplicaState.RUNNING:
            self._state = ReplicaState.STOPPED
            if self._report(0):
                self.on_last_heard()

    def _run(self) -> None:
        released = time.monotonic()
        while not self._stop.is_set():
            self._changed.clear()
            self._report(0)
            if time.monotonic() - released > _RELEASE_SECONDS:
                released = time.monotonic()
                release_memory()
            self._changed.wait(self._interval_seconds)

    def _report(self, deadline_seconds: float) -> bool:
        news = self._news.to_tell()
        stats = ReplicaStats(
            **dict(self._stats.summary()),
            replica=self._replica,
            state=self._state,
            serving=news.serving,
            swaps=news.swaps,
            swap_failure=news.failure,
            comparison=news.comparison,
            exits=self._stats.exits(),
            confidence=self._stats.confidence,
            last_refusal=self._stats.last_refusal,
            warnings=list(self.warnings()),
            error=self._failure,
        )
        body: dict[str, Any] = {**stats.to_json(), "run": self.run}
        previous = self.previous
        if previous is not None:
            body["previous"] = previous.to_json()
        piece = None if self._log is None else self._log.piece()
        if piece is not None:
            body["log"] = piece.to_json()
        try:
            answer = self._sink.post("stats", body, deadline_seconds=deadline_seconds)
        except ApiError as error:
            logger.info("statistics not delivered", error=error.message)
            if not is_transient(error):
                self._on_final(error)
            return False
        if self.previous is previous:
            self.previous = None
        if self._log is not None and piece is not None:
            self._log.acknowledge(piece)
        self._news.acknowledge(news.swaps)
        self._news.want(Wanted.model_validate(answer).revision)
        return True
