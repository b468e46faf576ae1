"""ExecutorMetrics: an executor service's metrics for Prometheus. Model processes know nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import Metric

from kafkaml.prometheus import definitions

__all__ = ["ExecutorMetrics"]


class ExecutorMetrics:
    """``pending`` and ``spares`` are called on each scrape."""

    def __init__(self, framework: str) -> None:
        self.pending: Callable[[], int] = lambda: 0
        self.spares: Callable[[], int] = lambda: 0
        self._framework = framework
        self._seconds = definitions.EXECUTOR_CHECK.made()

    def checked(self, outcome: str, *, seconds: float) -> None:
        """Count a check by its ``outcome``: valid, invalid, refused or broken."""
        self._seconds.labels(self._framework, outcome).observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield from self._seconds.collect()
        for definition, asked in (
            (definitions.EXECUTOR_PENDING, self.pending),
            (definitions.EXECUTOR_SPARES, self.spares),
        ):
            family = definition.family()
            family.add_metric([self._framework], asked())
            yield family
