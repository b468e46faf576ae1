"""The controller's metrics for Prometheus: of its own rounds, and, while it leads, of the whole platform."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import close_old_connections
from django.db.models import Count, Q
from prometheus_client.core import Metric

from backend.deployments.models import TrainingResult
from backend.inferences.models import Inference, SwapRecord
from backend.inferences.selectors import inferences
from backend.streams.models import OutboxMessage
from backend.system.documents import Gpu
from backend.webhooks.models import Delivery
from kafkaml.prometheus import Collector, definitions
from kafkaml.wire.replica import FailingKind
from kafkaml.wire.state import RunState

__all__ = ["OnConnection", "PlatformMetrics", "RoundMetrics"]

_OUTCOMES = ("predicted", "dead_lettered", "warming_up")


class RoundMetrics:
    """The controller's loop sets these metrics. ``leads``: whether this controller is the one that acts."""

    def __init__(self) -> None:
        self.leads = False
        self._seconds = definitions.CONTROLLER_ROUND.made()
        self._last = definitions.CONTROLLER_LAST.made()
        for outcome in ("done", "failed"):
            self._seconds.labels(outcome)

    @contextmanager
    def round(self) -> Iterator[None]:
        """Measure one round; a round that raises counts as failed."""
        began, outcome = time.perf_counter(), "failed"
        try:
            yield
            outcome = "done"
            self._last.set_to_current_time()
        finally:
            self._seconds.labels(outcome).observe(time.perf_counter() - began)

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families of the controller's rounds."""
        yield from self._seconds.collect()
        yield from self._last.collect()
        leads = definitions.CONTROLLER_LEADS.family()
        leads.add_metric([], self.leads)
        yield leads


class PlatformMetrics:
    """Reads the database on each scrape: the number of runs, the state of inferences, pending deliveries.

    Only the controller that ``leads`` exposes them, so that each number appears once. ``gpus`` reads those of this
    machine.
    """

    def __init__(self, *, leads: Callable[[], bool], gpus: Callable[[], list[Gpu]]) -> None:
        self._leads = leads
        self._gpus = gpus
        # Two scrapes at the same time must not read twice.
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families of the platform; none while another controller leads."""
        if not self._leads():
            return
        with self._lock:
            families = [*_runs(), *_inferences(), *_queues(), *_graphics(self._gpus())]
        yield from families


class OnConnection:
    """Lets a collector use the database from any thread, outside Django's requests."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families of the collector; closes broken or old connections before and after."""
        close_old_connections()
        try:
            yield from list(self._collector.collect())
        finally:
            close_old_connections()


def _runs() -> Iterator[Metric]:
    runs = definitions.RUNS.family()
    for kind, model in (("training", TrainingResult), ("inference", Inference)):
        found = dict(model.objects.order_by().values_list("state").annotate(number=Count("pk")))
        for state in RunState:
            runs.add_metric([kind, state.value], found.get(state.value, 0))
    yield runs


def _inferences() -> Iterator[Metric]:
    records, lag = definitions.INFERENCE_RECORDS.family(), definitions.INFERENCE_LAG.family()
    latency, replicas = definitions.INFERENCE_LATENCY.family(), definitions.INFERENCE_REPLICAS.family()
    failing = definitions.INFERENCE_FAILING.family()
    for inference in inferences():
        labels, totals = [str(inference.pk)], inference.totals
        for outcome in _OUTCOMES:
            records.add_metric([*labels, outcome], getattr(totals, outcome))
        if inference.ended:
            continue
        replicas.add_metric([*labels, "wanted"], inference.current_replicas)
        replicas.add_metric([*labels, "ready"], inference.ready_replicas)
        kind = None if inference.failing is None else inference.failing["kind"]
        for every in FailingKind:
            failing.add_metric([*labels, every.value], kind == every.value)
        if totals.lag is not None:
            lag.add_metric(labels, totals.lag)
        for quantile, milliseconds in (("0.5", totals.p50_ms), ("0.99", totals.p99_ms)):
            if milliseconds is not None:
                latency.add_metric([*labels, quantile], milliseconds / 1000)
    yield from (records, lag, latency, replicas, failing)
    swaps = definitions.INFERENCE_SWAPS.family()
    counts = SwapRecord.objects.order_by().values_list("inference")
    for number, done, undone in counts.annotate(
        done=Count("pk", filter=Q(failure__isnull=True)), undone=Count("pk", filter=Q(failure__isnull=False))
    ):
        swaps.add_metric([str(number), "done"], done)
        swaps.add_metric([str(number), "failed"], undone)
    yield swaps


def _queues() -> Iterator[Metric]:
    for definition, pending in (
        (definitions.OUTBOX, OutboxMessage.objects.filter(published_at=None)),
        (definitions.WEBHOOKS, Delivery.objects.exclude(due_at=None)),
    ):
        family = definition.family()
        family.add_metric([], pending.count())
        yield family


def _graphics(gpus: list[Gpu]) -> Iterator[Metric]:
    memory, used = definitions.GPU_MEMORY.family(), definitions.GPU_MEMORY_USED.family()
    use, temperature = definitions.GPU_USE.family(), definitions.GPU_TEMPERATURE.family()
    for gpu in gpus:
        labels = [str(gpu.index), gpu.name]
        memory.add_metric(labels, gpu.memory_total)
        used.add_metric(labels, gpu.memory_used)
        if gpu.use is not None:
            use.add_metric(labels, gpu.use / 100)
        if gpu.temperature is not None:
            temperature.add_metric(labels, gpu.temperature)
    yield from (memory, used, use, temperature)
