"""Every metric of the platform: name, kind, meaning, labels. Names follow Prometheus' conventions.

These are base units, ``_total`` for counters, and ``kafkaml_`` in front (https://prometheus.io/docs/practices/naming/).
Each sample also carries ``process``, the process that exposes it: see ``exposition``. Labels are numbers and words of
ours, never texts of users, so the number of series follows the number of runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import prometheus_client
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from kafkaml.prometheus.distribution import Distribution

__all__ = ["CounterOf", "Definition", "GaugeOf", "HistogramOf", "every_definition"]

# Disable the extra ``_created`` series per counter, because ``process_start_time_seconds`` gives the time once.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Definition:
    """One metric. ``made`` is for a process that counts continuously, ``family`` for one that collects on
    each scrape.
    """

    name: str
    meaning: str
    labels: tuple[str, ...] = ()


class CounterOf(Definition):
    """A value that only grows, until its process restarts."""

    def made(self) -> Counter:
        """Return a counter to be increased."""
        return Counter(self.name, self.meaning, self.labels, registry=None)

    def family(self) -> CounterMetricFamily:
        """Return a family to be filled."""
        return CounterMetricFamily(self.name, self.meaning, labels=self.labels)


class GaugeOf(Definition):
    """A value that goes up and down."""

    def made(self) -> Gauge:
        """Return a gauge to be set."""
        return Gauge(self.name, self.meaning, self.labels, registry=None)

    def family(self) -> GaugeMetricFamily:
        """Return a family to be filled."""
        return GaugeMetricFamily(self.name, self.meaning, labels=self.labels)


@dataclass(frozen=True)
class HistogramOf(Definition):
    """A distribution of observations; ``buckets`` are upper bounds."""

    buckets: tuple[float, ...] = ()

    def made(self) -> Histogram:
        """Return a histogram to observe with."""
        return Histogram(self.name, self.meaning, self.labels, buckets=self.buckets, registry=None)

    def distribution(self) -> Distribution:
        """Return a distribution, which takes many observations per call."""
        return Distribution(self.buckets)

    def family(
        self, labels: Sequence[str], buckets: Sequence[tuple[str, float]], total: float
    ) -> HistogramMetricFamily:
        """Return the family of one distribution, from ``Distribution.cumulative``."""
        family = HistogramMetricFamily(self.name, self.meaning, labels=self.labels)
        family.add_metric(labels, buckets, total)
        return family


_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_BATCHES = tuple(float(1 << power) for power in range(0, 17, 2))
_REPLICA = ("inference", "replica")
_OF_INFERENCE = ("inference",)
_OF_TRAINING = ("result", "attempt")

# --- individual replicas of inferences -----------------------------------------------------------------------------
REPLICA_RECORDS = CounterOf(
    "kafkaml_replica_records_total",
    "Records that are done with, by what became of them: predicted, dead_lettered, or warming_up, which have no answer "
    "of their own.",
    (*_REPLICA, "outcome"),
)
REPLICA_SENT_UP = CounterOf(
    "kafkaml_replica_sent_up_records_total", "Of the predicted records, those that went on to the next tier.", _REPLICA
)
REPLICA_COMMITS = CounterOf("kafkaml_replica_commits_total", "Commits of answers and input positions.", _REPLICA)
REPLICA_LAG = GaugeOf(
    "kafkaml_replica_lag_records", "Records of the replica's partitions that it has not read yet.", _REPLICA
)
REPLICA_LATENCY = HistogramOf(
    "kafkaml_replica_latency_seconds",
    "From a record's timestamp to the commit of its answer, or from its arrival where it is older than the replica. "
    "At most 32 evenly chosen records of a commit are measured; each stands for its share.",
    _REPLICA,
    _QUICK,
)
REPLICA_BATCH = HistogramOf(
    "kafkaml_replica_batch_records", "Records that were taken from the input together.", _REPLICA, _BATCHES
)
REPLICA_SWAPS = CounterOf(
    "kafkaml_replica_swaps_total",
    "Changes to another version, challenger or limit: done, or failed.",
    (*_REPLICA, "outcome"),
)
REPLICA_VERSION = GaugeOf("kafkaml_replica_model_version", "The version of the model that answers.", _REPLICA)

# --- inferences as a whole, of all their lives ---------------------------------------------------------------------
INFERENCE_RECORDS = CounterOf(
    "kafkaml_inference_records_total",
    "Records that an inference is done with since it was made, over restarts and also by workers elsewhere.",
    (*_OF_INFERENCE, "outcome"),
)
INFERENCE_LAG = GaugeOf(
    "kafkaml_inference_lag_records", "Records that are not read yet, of all replicas; absent while none tells.",
    _OF_INFERENCE,
)  # fmt: skip
INFERENCE_LATENCY = GaugeOf(
    "kafkaml_inference_slowest_latency_seconds",
    "Latency of the slowest replica when it last reported: at quantile 0.5 and 0.99.",
    (*_OF_INFERENCE, "quantile"),
)
INFERENCE_REPLICAS = GaugeOf(
    "kafkaml_inference_replicas", "Replicas that are wanted, and that are ready.", (*_OF_INFERENCE, "state")
)
INFERENCE_FAILING = GaugeOf(
    "kafkaml_inference_failing",
    "1 while an inference that is to run does not do what it is for, by why: dead_letters, restarts or lag.",
    (*_OF_INFERENCE, "kind"),
)
INFERENCE_SWAPS = CounterOf(
    "kafkaml_inference_swaps_total", "Swaps of replicas: done, or failed.", (*_OF_INFERENCE, "outcome")
)

# --- trainings -----------------------------------------------------------------------------------------------------
TRAINING_EPOCH = GaugeOf(
    "kafkaml_training_epoch", "The epoch that is being learnt, from 1; 0 while the stream is read.", _OF_TRAINING
)
TRAINING_EPOCHS = GaugeOf(
    "kafkaml_training_epochs", "Epochs in all; 0 without an end, and while the stream is read.", _OF_TRAINING
)
TRAINING_BATCH = GaugeOf(
    "kafkaml_training_batch", "The batch within the epoch; records while the stream is read.", _OF_TRAINING
)
TRAINING_BATCHES = GaugeOf(
    "kafkaml_training_batches", "Batches of an epoch; records of the stream while it is read.", _OF_TRAINING
)
TRAINING_REMAINING = GaugeOf(
    "kafkaml_training_remaining_seconds",
    "How long the epochs will still take; absent where nobody knows.",
    _OF_TRAINING,
)
TRAINING_EPOCHS_DONE = CounterOf(
    "kafkaml_training_finished_epochs_total", "Epochs, or windows, that were learnt.", _OF_TRAINING
)
TRAINING_EPOCH_SECONDS = CounterOf(
    "kafkaml_training_epoch_duration_seconds_total", "Time that finished epochs, or windows, took.", _OF_TRAINING
)
TRAINING_LAG = GaugeOf(
    "kafkaml_training_lag_records", "Of a stream without end: records that are there and not read yet.", _OF_TRAINING
)
TRAINING_WINDOW_RECORDS = CounterOf(
    "kafkaml_training_window_records_total", "Of a stream without end: records of the windows learnt.", _OF_TRAINING
)

# --- controller and what it knows of the whole ---------------------------------------------------------------------
RUNS = GaugeOf("kafkaml_runs", "Trainings and inferences, by kind and state.", ("kind", "state"))
CONTROLLER_ROUND = HistogramOf(
    "kafkaml_controller_round_duration_seconds",
    "Time of one round of the controller: look, decide, act.",
    ("outcome",),
    _QUICK,
)
CONTROLLER_LAST = GaugeOf(
    "kafkaml_controller_last_round_timestamp_seconds", "When a round last ended well, in seconds since 1970."
)
CONTROLLER_LEADS = GaugeOf("kafkaml_controller_leads", "1 for the controller that leads, 0 for one that waits.")
OUTBOX = GaugeOf("kafkaml_outbox_pending_records", "Records that the platform has yet to write to Kafka.")
WEBHOOKS = GaugeOf("kafkaml_webhook_pending_deliveries", "Events that webhooks have yet to receive.")

# --- API -----------------------------------------------------------------------------------------------------------
API_REQUEST = HistogramOf(
    "kafkaml_api_request_duration_seconds",
    "Time until a request was answered, or until the answer began where it is a stream.",
    ("method", "route", "status"),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)

# --- control logger ------------------------------------------------------------------------------------------------
ANNOUNCEMENTS = CounterOf(
    "kafkaml_control_announcements_total",
    "Records of the control topics: registered, known already, dead_lettered, or a try that failed and is repeated.",
    ("outcome",),
)
CONTROL_LAST = GaugeOf(
    "kafkaml_control_last_poll_timestamp_seconds", "When the control logger last asked Kafka, in seconds since 1970."
)

# --- executors -----------------------------------------------------------------------------------------------------
EXECUTOR_CHECK = HistogramOf(
    "kafkaml_executor_check_duration_seconds",
    "Time of one check of a model, waiting included, by what came of it: valid, invalid, refused or broken.",
    ("framework", "outcome"),
    (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0),
)
EXECUTOR_PENDING = GaugeOf(
    "kafkaml_executor_pending_checks", "Checks that are worked on or wait for their turn.", ("framework",)
)
EXECUTOR_SPARES = GaugeOf("kafkaml_executor_spare_processes", "Model processes that wait for a check.", ("framework",))

# --- GPUs of the machine that the platform runs on -----------------------------------------------------------------
GPU_MEMORY = GaugeOf("kafkaml_gpu_memory_bytes", "Memory of a GPU.", ("gpu", "name"))
GPU_MEMORY_USED = GaugeOf("kafkaml_gpu_memory_used_bytes", "Memory of a GPU that is taken.", ("gpu", "name"))
GPU_USE = GaugeOf("kafkaml_gpu_utilization_ratio", "Share of time in which a GPU computed, 0 to 1.", ("gpu", "name"))
GPU_TEMPERATURE = GaugeOf("kafkaml_gpu_temperature_celsius", "Temperature of a GPU.", ("gpu", "name"))


def every_definition() -> list[Definition]:
    """Return all metrics in the order of this module."""
    return [value for value in globals().values() if isinstance(value, Definition)]
