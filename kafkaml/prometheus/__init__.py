"""Metrics for Prometheus: their meaning (``definitions``), and how a process exposes them (``exposition``).

Processes only set them. User code cannot reach them, because it runs in another process without a socket.
"""

from kafkaml.prometheus import definitions
from kafkaml.prometheus.distribution import Distribution
from kafkaml.prometheus.exposition import CONTENT_TYPE, Collector, MetricsServer, ProcessMetrics, neighbours, together

__all__ = [
    "CONTENT_TYPE",
    "Collector",
    "Distribution",
    "MetricsServer",
    "ProcessMetrics",
    "definitions",
    "neighbours",
    "together",
]
