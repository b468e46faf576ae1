"""Metrics for Prometheus: what each is and means (``definitions``), and how a process tells them (``exposition``).

Processes only set them. Nothing here is for user code: the process that runs it is another one, without a socket.
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
