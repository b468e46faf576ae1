from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kafkaml.errors import ApiError
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.replica import Confidence, Counts, Exits, ProcessCounts, Serving, Swap
from model_inference import stats as stats_module
from model_inference.stats import CountsFile, LoopStats, StatsReporter
from model_inference.swap_news import SwapNews
from tests.support import eventually


def committed(
    stats: LoopStats, *timestamps_ms: int, dead: int = 0, arrived: float = 0.0, lag: int = 0, sent_up: int = 0
) -> None:
    stats.committed(
        predicted=len(timestamps_ms) - dead,
        dead_lettered=dead,
        timestamps_ms=timestamps_ms,
        arrived_seconds=arrived,
        lag=lag,
        sent_up=sent_up,
    )


def test_rate_and_latency_cover_the_time_since_the_last_summary() -> None:
    now = [0.0]
    stats = LoopStats(clock=lambda: now[0], wall_clock=lambda: 1000 + now[0])
    # Without a measurement there is no value, which is neither 0 ms nor a lag of 0.
    assert (stats.summary().p50_ms, stats.summary().lag) == (None, None)
    now[0] = 2.0
    committed(stats, *[1_001_900] * 100, dead=10, lag=7)

    summary = stats.summary()

    assert (summary.predicted, summary.dead_lettered, summary.lag) == (90, 10, 7)
    # Dead letters count as read, but not as answered.
    assert (summary.rate, summary.read_rate) == (45.0, 50.0)
    assert (summary.p50_ms, summary.p99_ms) == (100.0, 100.0)
    now[0] = 4.0
    assert (stats.summary().rate, stats.summary().p50_ms) == (0.0, 100.0)
    # A replica that gave its partitions away has no lag.
    stats.waiting(None)
    now[0] = 4.5
    idle = stats.summary()
    assert (idle.lag, idle.p50_ms, idle.p99_ms) == (None, None, None)
    committed(stats, 1_004_400, lag=0)
    now[0] = 5.0
    assert stats.summary().p50_ms == 100.0
    # The last measurement stays valid for a minute.
    now[0] = 66.0
    assert (stats.summary().lag, stats.summary().p50_ms) == (0, None)


def test_a_backlog_counts_from_its_arrival() -> None:
    stats = LoopStats(clock=lambda: 0.0, wall_clock=lambda: 1000)
    committed(stats, 5, 6, 7, arrived=0.02)

    assert stats.summary().p99_ms == 20.0


class RecordingSink:
    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.error: ApiError | None = None
        self.revision = 0

    def post(self, action: str, body: dict[str, Any], *, deadline_seconds: float | None = None) -> dict[str, Any]:
        assert action == "stats"
        if self.error is not None:
            raise self.error
        self.bodies.append(body)
        return {"revision": self.revision}


def test_a_change_of_state_is_reported_at_once() -> None:
    sink = RecordingSink()
    with StatsReporter(sink, LoopStats(), replica=2, news=SwapNews(), interval_seconds=60) as reporter:
        eventually(lambda: sink.bodies)
        reporter.running()
        eventually(lambda: len(sink.bodies) == 2)

    assert [(body["replica"], body["state"]) for body in sink.bodies[:2]] == [(2, "starting"), (2, "running")]


def test_a_failure_is_reported_with_its_cause() -> None:
    sink = RecordingSink()
    failure = Failure(category=FailureCategory.USER_CODE, cause="no model")
    with StatsReporter(sink, LoopStats(), replica=0, news=SwapNews(), interval_seconds=60) as reporter:
        assert reporter.failed(failure, deadline_seconds=1)

    assert sink.bodies[-1]["state"] == "failed"
    assert sink.bodies[-1]["error"]["cause"] == "no model"


def test_a_backend_that_is_unreachable_is_not_an_error_but_one_that_refuses_ends_the_replica() -> None:
    sink, ended = RecordingSink(), threading.Event()
    sink.error = ApiError("away")
    with StatsReporter(
        sink, LoopStats(), replica=0, news=SwapNews(), interval_seconds=0.01, on_final=lambda _: ended.set()
    ) as reporter:
        reporter.running()
        assert not ended.wait(0.1)
        sink.error = ApiError("a newer attempt exists", status=409)
        assert ended.wait(60)


def test_counts_of_a_killed_process_are_reported_by_the_next_one(tmp_path: Path) -> None:
    path, sink = tmp_path / "counts" / "group.0", RecordingSink()
    first = CountsFile(path, "a" * 32)
    assert first.previous is None
    stats = LoopStats()
    stats.keep = first.write
    committed(stats, 1, 2, 3, dead=1)

    second = CountsFile(path, "b" * 32)
    with StatsReporter(sink, LoopStats(), replica=0, news=SwapNews(), interval_seconds=60) as reporter:
        reporter.previous, reporter.on_last_heard = second.previous, first.remove
        eventually(lambda: sink.bodies)
        reporter.running()
        eventually(lambda: sink.bodies[-1]["state"] == "running")
    assert not path.exists()
    second = CountsFile(path, "b" * 32)
    assert any(
        body.get("previous") == Counts(predicted=2, dead_lettered=1).to_json() | {"run": "a" * 32}
        for body in sink.bodies
    )
    assert "previous" not in sink.bodies[-1]
    # A predecessor that still runs does not write into the file of its successor.
    first.write(Counts(predicted=100))
    second.write(Counts(predicted=7))
    assert CountsFile(path, "c" * 32).previous == ProcessCounts(run="b" * 32, predicted=7)


def test_a_folder_that_cannot_be_written_keeps_no_counts(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    counts = CountsFile(tmp_path / "file" / "counts", "a")
    counts.write(Counts(predicted=1))
    assert counts.previous is None


def test_the_answer_says_which_revision_is_wanted_and_that_swaps_were_heard() -> None:
    sink, news = RecordingSink(), SwapNews()
    sink.revision = 3
    news.serves(Serving(revision=2, version=5), swap=a_swap(2))
    with StatsReporter(sink, LoopStats(), replica=0, news=news, interval_seconds=60):
        eventually(lambda: news.wanted == 3)
        news.serves(Serving(revision=3, version=6), swap=a_swap(3))
        eventually(lambda: len(sink.bodies) == 2)

    assert [body["serving"] for body in sink.bodies] == [
        {"revision": 2, "version": 5, "challenger": None, "limit": None},
        {"revision": 3, "version": 6, "challenger": None, "limit": None},
    ]
    assert [[swap["revision"] for swap in body["swaps"]] for body in sink.bodies] == [[2], [3]]


def a_swap(revision: int) -> Swap:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Swap(revision=revision, from_version=1, version=2, at=at, gap_seconds=0.1)


def test_exits_are_counted_from_when_a_limit_decides() -> None:
    stats = LoopStats()
    committed(stats, 1)
    assert stats.exits() is None
    stats.decides_by(0.5)
    assert (stats.exits(), Exits(limit=0.5).share) == (Exits(limit=0.5), None)
    committed(stats, 1, 2, 3, 4, sent_up=1)
    assert stats.exits() == Exits(limit=0.5, predicted=4, sent_up=1)
    stats.decides_by(0.9)
    committed(stats, 1, 2, sent_up=2)
    found, counts = stats.exits(), stats.summary()
    assert found is not None
    assert (found.limit, found.share, counts.predicted, counts.sent_up) == (0.9, 0.0, 7, 3)


def test_confidence_adds_up_and_is_reported_once_an_answer_has_one() -> None:
    sink, stats = RecordingSink(), LoopStats()
    reporter = StatsReporter(sink, stats, replica=0, news=SwapNews(), interval_seconds=60)
    committed(stats, 1, 2)
    reporter.failed(Failure(category=FailureCategory.USER_CODE, cause="none"), deadline_seconds=0)
    for answers, total in ((2, 1.5), (1, 0.9)):
        stats.committed(
            predicted=answers,
            dead_lettered=0,
            timestamps_ms=[1] * answers,
            arrived_seconds=0,
            lag=0,
            confidence=Confidence(answers=answers, total=total),
        )
    reporter.failed(Failure(category=FailureCategory.USER_CODE, cause="none"), deadline_seconds=0)
    assert [body["confidence"] for body in sink.bodies] == [None, {"answers": 3, "total": 2.4}]


def test_freed_memory_is_returned_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    returned = threading.Event()
    monkeypatch.setattr(stats_module, "release_memory", returned.set)
    monkeypatch.setattr(stats_module, "_RELEASE_SECONDS", 0.0)
    with StatsReporter(RecordingSink(), LoopStats(), replica=0, news=SwapNews(), interval_seconds=0.01):
        assert returned.wait(10)
