"""A replica's metrics for Prometheus are the counts of its loop."""

from __future__ import annotations

from datetime import UTC, datetime

from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.replica import Serving, Swap, SwapFailure
from model_inference.prometheus import ReplicaMetrics
from model_inference.stats import LoopStats
from model_inference.swap_news import SwapNews


def acknowledge(metrics: ReplicaMetrics) -> dict[str, float]:
    """Return samples by name and distinguishing labels."""
    found = {}
    for family in metrics.collect():
        for sample in family.samples:
            labels = dict(sample.labels)
            assert (labels.pop("inference"), labels.pop("replica")) == ("3", "1")
            found["/".join([sample.name, *labels.values()])] = sample.value
    return found


def test_counts_sizes_and_latencies_are_reported() -> None:
    stats = LoopStats(clock=lambda: 0.0, wall_clock=lambda: 1000.0)
    # 100 records from before the replica started, measured from their arrival. 34 of them are sampled, and all are
    # counted.
    stats.committed(
        predicted=90,
        dead_lettered=7,
        warming_up=3,
        sent_up=20,
        timestamps_ms=range(100),
        arrived_seconds=0.02,
        lag=12,
        batches=[64, 36],
    )
    stats.committed(predicted=1, dead_lettered=0, timestamps_ms=[1_000_000], arrived_seconds=9, lag=0, batches=[1])
    found = acknowledge(ReplicaMetrics(stats, SwapNews(), inference=3, replica=1))
    assert found["kafkaml_replica_records_total/predicted"] == 91
    assert found["kafkaml_replica_records_total/dead_lettered"] == 7
    assert found["kafkaml_replica_records_total/warming_up"] == 3
    assert found["kafkaml_replica_sent_up_records_total"] == 20
    assert found["kafkaml_replica_commits_total"] == 2
    assert found["kafkaml_replica_lag_records"] == 0
    assert found["kafkaml_replica_latency_seconds_count"] == 101
    assert found["kafkaml_replica_latency_seconds_bucket/0.001"] == 1
    assert found["kafkaml_replica_latency_seconds_bucket/0.01"] == 1
    assert found["kafkaml_replica_latency_seconds_bucket/0.025"] == 101
    assert round(found["kafkaml_replica_latency_seconds_sum"], 6) == 2.0
    assert found["kafkaml_replica_batch_records_sum"] == 101
    assert found["kafkaml_replica_batch_records_bucket/64.0"] == 3
    assert found["kafkaml_replica_batch_records_bucket/16.0"] == 1
    # The replica answers nothing yet, so it reports no version.
    assert "kafkaml_replica_model_version" not in found


def test_a_commit_without_answers_measures_nothing() -> None:
    stats = LoopStats()
    stats.committed(predicted=0, dead_lettered=5, timestamps_ms=[], arrived_seconds=1, lag=0, batches=[5])
    found = acknowledge(ReplicaMetrics(stats, SwapNews(), inference=3, replica=1))
    assert (found["kafkaml_replica_latency_seconds_count"], found["kafkaml_replica_batch_records_count"]) == (0, 1)


def test_swaps_are_counted_also_after_they_were_reported() -> None:
    news = SwapNews()
    metrics = ReplicaMetrics(LoopStats(), news, inference=3, replica=1)
    news.serves(Serving(revision=1, version=1))
    swap = Swap(revision=2, from_version=1, version=2, at=datetime.now(tz=UTC), gap_seconds=0.1)
    news.serves(Serving(revision=2, version=2), swap=swap)
    news.acknowledge([swap])
    failure = Failure(category=FailureCategory.USER_CODE, cause="no model")
    news.failed(SwapFailure(revision=3, version=3, failure=failure))
    found = acknowledge(metrics)
    assert (found["kafkaml_replica_swaps_total/done"], found["kafkaml_replica_swaps_total/failed"]) == (1, 1)
    assert found["kafkaml_replica_model_version"] == 2
