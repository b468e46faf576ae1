"""RelayMetrics: the control logger's metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric

from kafkaml.prometheus import definitions

__all__ = ["RelayMetrics"]


class RelayMetrics:
    """The relay updates these metrics for each record and each poll of Kafka."""

    def __init__(self) -> None:
        self._announcements = definitions.ANNOUNCEMENTS.made()
        self._last = definitions.CONTROL_LAST.made()
        for outcome in ("registered", "known", "dead_lettered", "failed"):
            self._announcements.labels(outcome)

    def became(self, outcome: str) -> None:
        """Count the outcome of a record: registered, known, dead_lettered, or failed when it will be tried again."""
        self._announcements.labels(outcome).inc()

    def polled(self) -> None:
        """Note that Kafka was polled."""
        self._last.set_to_current_time()

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families for Prometheus."""
        yield from self._announcements.collect()
        yield from self._last.collect()
