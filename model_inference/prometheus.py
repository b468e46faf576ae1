"""ReplicaMetrics: one replica's metrics for Prometheus, taken from the counts of its loop. Called by ``service``."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric

from kafkaml.prometheus import definitions
from model_inference.stats import LoopStats
from model_inference.swap_news import SwapNews

__all__ = ["ReplicaMetrics"]


class ReplicaMetrics:
    """Reads the statistics when scraped, so that it costs the loop nothing."""

    def __init__(self, stats: LoopStats, news: SwapNews, *, inference: int, replica: int) -> None:
        self._stats = stats
        self._news = news
        self._labels = (str(inference), str(replica))

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        labels, measured = self._labels, self._stats.measured()
        counts = measured.counts
        records = definitions.REPLICA_RECORDS.family()
        for outcome in ("predicted", "dead_lettered", "warming_up"):
            records.add_metric([*labels, outcome], getattr(counts, outcome))
        sent_up = definitions.REPLICA_SENT_UP.family()
        sent_up.add_metric(labels, counts.sent_up)
        commits = definitions.REPLICA_COMMITS.family()
        commits.add_metric(labels, measured.commits)
        lag = definitions.REPLICA_LAG.family()
        if measured.lag is not None:
            lag.add_metric(labels, measured.lag)
        swaps = definitions.REPLICA_SWAPS.family()
        for outcome, number in self._news.counts._asdict().items():
            swaps.add_metric([*labels, outcome], number)
        yield from (records, sent_up, commits, lag, swaps)
        yield definitions.REPLICA_LATENCY.family(labels, *measured.latencies)
        yield definitions.REPLICA_BATCH.family(labels, *measured.batches)
        serving = self._news.to_tell().serving
        if serving is not None:
            version = definitions.REPLICA_VERSION.family()
            version.add_metric(labels, serving.version)
            yield version
