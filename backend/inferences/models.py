"""Inferences: trained models that read one topic and answer on another."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from backend.clusters.models import Cluster
from backend.deployments.models import ResultVersion, TrainingResult
from backend.launchers.names import RunKind
from backend.runs.models import ENDED_STATES, Run
from kafkaml.codecs.columns import contract_of
from kafkaml.input_format import InputFormat
from kafkaml.starts import MAX_START, StartPlace
from kafkaml.wire.choices import DeliveryGuarantee, OutputTimestamps
from kafkaml.wire.inference import ChallengeKind, changelog_topic
from kafkaml.wire.replica import Counts, Exits, ReplicaReport, ReplicaState, Totals
from kafkaml.wire.state import RunState

__all__ = [
    "SILENT_AFTER",
    "Inference",
    "ProcessCount",
    "ReplicaStats",
    "ServingMinute",
    "SwapRecord",
    "Worker",
    "WorkerToken",
]

# Replicas report every two seconds or so.
SILENT_AFTER = timedelta(seconds=15)

# Reports of a process never come later than this.
_LATEST_REPORT = timedelta(days=1)


def _group_suffix() -> str:
    return secrets.token_hex(4)


class Inference(Run):
    """A trained model in service. ``group_suffix`` keeps consumer groups apart where several platforms, or one whose
    database was recreated, use the same cluster.

    ``replicas`` is how many the platform runs; with ``max_replicas`` it is the least number, and the lag of the group
    chooses between the two. With 0 it runs none, and only workers elsewhere, which may join any inference, serve.
    ``scaled_to`` is the autoscaler's last choice, ``launched_max_replicas`` the last maximum given to the launcher.

    ``predicted`` and the other counts (``kafkaml.wire.replica.Counts``) cover the whole life of the inference, whatever
    processes served it. ``counts_before`` are the counts before the present attempt, null where unknown.
    """

    kind = RunKind.INFERENCE
    noun = "inference"
    events_topic = "inferences"

    # Selectors fill this field: the last reports of replicas, also of earlier attempts and of removed replicas.
    reported_stats: list[ReplicaStats]

    result = models.ForeignKey(TrainingResult, on_delete=models.PROTECT, related_name="inferences")
    input_topic = models.CharField(max_length=249)
    # Where the consumer group begins as long as it has committed nothing: see kafkaml.starts.
    start = models.CharField(max_length=MAX_START, default=StartPlace.BEGINNING.value)
    output_topic = models.CharField(max_length=249)
    input_format = models.CharField(max_length=20)
    input_config = models.JSONField(default=dict)
    # Columns and fields of a contract that answers carry.
    include = models.JSONField(default=list)
    replicas = models.PositiveSmallIntegerField(default=1, validators=[MaxValueValidator(256)])
    max_replicas = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MaxValueValidator(256)])
    launched_max_replicas = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    scaled_to = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    output_bootstrap_servers = models.CharField(max_length=1000, blank=True)
    output_timestamps = models.CharField(
        max_length=10,
        choices=[(timestamps.value, timestamps.value) for timestamps in OutputTimestamps],
        default=OutputTimestamps.SOURCE.value,
    )
    # Whether the inference changes over to its result's current version whenever that changes.
    follows = models.BooleanField(default=True, editable=False)
    # The served version; null: the current one of the result.
    pinned = models.ForeignKey(
        ResultVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="inferences", editable=False
    )
    # The version that answered before the last change, for a rollback.
    previous = models.ForeignKey(
        ResultVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    # The version that is compared with the served one, and how: see kafkaml.wire.inference.Challenger.
    challenger = models.ForeignKey(
        ResultVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    challenger_share = models.FloatField(default=1.0, editable=False)
    challenger_labelled = models.BooleanField(default=False, editable=False)
    challenger_rule = models.JSONField(
        null=True, blank=True, editable=False, help_text="kafkaml.wire.inference.ChallengeRule"
    )
    # The inference that this one is a shadow of. A shadow's challenger answers into a topic of its own. Null: not a
    # shadow.
    shadow_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="shadows", editable=False
    )
    # The outcome of the previous challenger; for a shadow, of its own.
    last_challenge = models.JSONField(
        null=True, blank=True, editable=False, help_text="kafkaml.wire.inference.ChallengeEnd"
    )
    # The revision increases with each change of what answers; replicas are notified.
    revision = models.PositiveIntegerField(default=0, editable=False)
    swap_failure = models.JSONField(null=True, blank=True, editable=False, help_text="kafkaml.wire.replica.SwapFailure")
    guarantee = models.CharField(
        max_length=20, choices=[(guarantee.value, guarantee.value) for guarantee in DeliveryGuarantee]
    )
    # Only a tier of a distributed model has a limit. Predictions below it go to the upper topic.
    upper_topic = models.CharField(max_length=249, blank=True)
    upper_bootstrap_servers = models.CharField(max_length=1000, blank=True)
    limit = models.FloatField(null=True, blank=True)
    gpu = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(64)])
    # The cluster never changes, because running work is looked up where it was started. Null: the platform's own.
    cluster = models.ForeignKey(
        Cluster, null=True, blank=True, on_delete=models.PROTECT, related_name="inferences", editable=False
    )
    visualization = models.JSONField(null=True, blank=True)
    group_suffix = models.CharField(max_length=8, default=_group_suffix, editable=False)
    warnings = models.JSONField(default=list)
    predicted = models.BigIntegerField(default=0, editable=False)
    dead_lettered = models.BigIntegerField(default=0, editable=False)
    restamped = models.BigIntegerField(default=0, editable=False)
    sent_up = models.BigIntegerField(default=0, editable=False)
    warming_up = models.BigIntegerField(default=0, editable=False)
    counts_before = models.JSONField(null=True, blank=True, editable=False, help_text="kafkaml.wire.replica.Counts")
    ready_replicas = models.PositiveSmallIntegerField(default=0)
    failing = models.JSONField(null=True, blank=True, editable=False, help_text="kafkaml.wire.replica.Failing")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta(Run.Meta):
        indexes = [
            models.Index(fields=["state"], name="inference_active", condition=~models.Q(state__in=ENDED_STATES)),
        ]

    def __str__(self) -> str:
        return f"{self.input_topic} -> {self.output_topic}"

    @property
    def group(self) -> str:
        """The consumer group and the prefix of the transactional ids."""
        return f"kml-infer-{self.pk}-{self.group_suffix}"

    @property
    def changelog_topic(self) -> str:
        """The topic in which replicas keep their state of each key; empty where records are independent."""
        stateful = self.input_format == InputFormat.COLUMNS and contract_of(self.input_config)[0].stateful
        return changelog_topic(self.group) if stateful else ""

    @property
    def served(self) -> ResultVersion:
        """The version that answers, or that replicas are to change over to."""
        version = self.pinned or self.result.current_version
        assert version is not None, "an inference is made of a result with a version, and one of them is current"
        return version

    @property
    def challenge_kind(self) -> ChallengeKind | None:
        """What happens to the challenger's answers; None without one."""
        if self.challenger_id is None:
            return None
        return ChallengeKind.CANARY if self.shadow_of_id is None else ChallengeKind.SHADOW

    @property
    def current_replicas(self) -> int:
        """How many replicas are to run now. With autoscaling this is the number that the lag asked for."""
        if self.max_replicas is None or self.scaled_to is None:
            return self.replicas
        return min(max(self.scaled_to, self.replicas), self.max_replicas)

    @property
    def present_stats(self) -> list[ReplicaStats]:
        """The last reports of the replicas that are to run now, and of all workers elsewhere.

        Replicas removed by scaling no longer count.
        """
        return [
            replica for replica in self.reported_stats if replica.elsewhere or replica.replica < self.current_replicas
        ]

    @property
    def exits(self) -> Exits | None:
        """How many records were answered and how many went up under the present limit; None without a limit."""
        if self.limit is None:
            return None
        said = [report.exits for report in self.present_reports if report.exits is not None]
        present = [exits for exits in said if exits.limit == self.limit]
        return Exits(
            limit=self.limit,
            predicted=sum(exits.predicted for exits in present),
            sent_up=sum(exits.sent_up for exits in present),
        )

    @property
    def present_reports(self) -> list[ReplicaReport]:
        """The last reports from the present attempt, of the replicas that are to run now."""
        return [replica.report for replica in self.present_stats if replica.attempt == self.attempt]

    @property
    def totals(self) -> Totals:
        """The sum of the replicas' reports, and the counts in total. A lag or latency that no replica reports is None.

        Silent replicas do not serve now, and neither do ended ones.
        """
        said = self.present_reports
        oldest = timezone.now() - SILENT_AFTER
        live = [replica for replica in said if replica.updated_at > oldest] if self.state == RunState.RUNNING else []
        lags = [replica.lag for replica in live if replica.lag is not None]
        return Totals(
            rate=sum(replica.rate for replica in live),
            # A worker elsewhere of an older version of Kafka-ML counts its dead letters among the answers.
            read_rate=sum(max(replica.read_rate, replica.rate) for replica in live),
            lag=sum(lags) if lags else None,
            p50_ms=max((replica.p50_ms for replica in said if replica.p50_ms is not None), default=None),
            p99_ms=max((replica.p99_ms for replica in said if replica.p99_ms is not None), default=None),
            **{name: getattr(self, name) for name in Counts.model_fields},
        )

    @property
    def attempt_counts(self) -> Counts | None:
        """The counts of the present attempt; None where it began before counts were kept per attempt."""
        if self.counts_before is None and self.attempt > 1:
            return None
        before = Counts.model_validate(self.counts_before or {})
        return Counts(**{name: max(0, getattr(self, name) - getattr(before, name)) for name in Counts.model_fields})

    @property
    def served_revision(self) -> int:
        """The oldest revision with which a replica answers now; the requested revision while no replica reports one."""
        said = [report.serving.revision for report in self.present_reports if report.serving is not None]
        return min(said, default=self.revision)

    @property
    def shown_state(self) -> str:
        """The state for display: ``failing`` while the inference fails without having ended, otherwise its state."""
        return self.state if self.failing is None else "failing"

    @property
    def all_warnings(self) -> list[str]:
        """All warnings: those from before the launch, and those that replicas have reported since."""
        return list(
            dict.fromkeys([*self.warnings, *(text for report in self.present_reports for text in report.warnings)])
        )

    def shown(self) -> dict[str, Any]:
        names = ("replicas", "max_replicas", "current_replicas", "ready_replicas")
        challenger = None if self.challenger is None else self.challenger.number
        versions = {"version": self.served.number, "challenger": challenger, "revision": self.revision}
        return {
            "result": self.result_id,
            **versions,
            "limit": self.limit,
            "failing": self.failing,
            **{name: getattr(self, name) for name in names},
        }

    def forget_attempt(self) -> None:
        self.halt()
        self.failing = None
        self.scaled_to = None
        self.counts_before = {name: getattr(self, name) for name in Counts.model_fields}
        if self.shadow_of_id is not None:
            self.last_challenge = None
        self.replica_stats.all().delete()
        self.process_counts.filter(updated_at__lt=timezone.now() - _LATEST_REPORT).delete()

    def halt(self) -> None:
        self.ready_replicas = 0
        if self.ended:
            self.failing = None


class WorkerToken(models.Model):
    """Lets machines elsewhere serve one inference. Only its sha256 is stored, as for ``AccessToken``."""

    inference = models.ForeignKey(Inference, on_delete=models.CASCADE, related_name="worker_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    @property
    def expired(self) -> bool:
        return self.expires_at <= timezone.now()


class Worker(models.Model):
    """A machine elsewhere that serves an inference, or did; ``number`` is that of its replica.

    ``session`` is its present process; a newer one takes over the name. ``token`` is what let it in, None once that was
    revoked. ``log_tail`` is the end of its log, of which ``log_end`` characters came in all, and ``session_log`` of the
    present session.
    """

    inference = models.ForeignKey(Inference, on_delete=models.CASCADE, related_name="workers")
    name = models.CharField(max_length=63)
    number = models.PositiveSmallIntegerField()
    session = models.CharField(max_length=32)
    token = models.ForeignKey(WorkerToken, null=True, on_delete=models.SET_NULL, related_name="workers")
    host = models.CharField(max_length=200, blank=True)
    joined_at = models.DateTimeField()
    heard_at = models.DateTimeField()
    log_tail = models.TextField(blank=True)
    log_end = models.BigIntegerField(default=0)
    session_log = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["inference", "name"], name="worker_name_once"),
            models.UniqueConstraint(fields=["inference", "number"], name="worker_number_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ReplicaStats(models.Model):
    """The last report of one replica; ``worker`` is set where it runs elsewhere."""

    inference = models.ForeignKey(Inference, on_delete=models.CASCADE, related_name="replica_stats")
    worker = models.ForeignKey(Worker, null=True, on_delete=models.CASCADE, related_name="+")
    replica = models.PositiveSmallIntegerField()
    attempt = models.PositiveIntegerField()
    document = models.JSONField(help_text="kafkaml.wire.replica.ReplicaStats")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["replica"]
        constraints = [models.UniqueConstraint(fields=["inference", "replica"], name="replica_once")]

    @property
    def elsewhere(self) -> bool:
        return self.worker_id is not None

    @cached_property
    def report(self) -> ReplicaReport:
        document = {**self.document, "updated_at": self.updated_at}
        if self.worker is not None:
            document |= {"worker": self.worker.name, "host": self.worker.host}
        lives = document.get("state") in (ReplicaState.STARTING, ReplicaState.RUNNING)
        # A process that hangs is alive for its launcher, and no launcher sees the end of a worker elsewhere.
        if lives and self.updated_at < timezone.now() - SILENT_AFTER:
            lives, document["state"] = False, ReplicaState.SILENT
        if not lives:
            # States that do not count as serving.
            document |= {"rate": 0.0, "read_rate": 0.0, "lag": None, "p50_ms": None, "p99_ms": None}
        return ReplicaReport.model_validate(document)


class SwapRecord(models.Model):
    """One change of a replica to another version or limit, or its failure.

    See ``kafkaml.wire.replica.Swap`` and ``SwapFailure``.
    """

    inference = models.ForeignKey(Inference, on_delete=models.CASCADE, related_name="swaps")
    replica = models.PositiveSmallIntegerField()
    revision = models.PositiveIntegerField()
    from_version = models.PositiveIntegerField(null=True, blank=True)
    version = models.PositiveIntegerField()
    challenger = models.PositiveIntegerField(null=True, blank=True)
    limit = models.FloatField(null=True, blank=True)
    at = models.DateTimeField()
    positions = models.JSONField(default=dict)
    gap_seconds = models.FloatField(default=0.0)
    loading_seconds = models.FloatField(default=0.0)
    failure = models.JSONField(null=True, blank=True, help_text="kafkaml.wire.failure.Failure")

    class Meta:
        ordering = ["-at", "-pk"]
        # A replica may repeat a report of its swap, which must be stored once.
        constraints = [models.UniqueConstraint(fields=["inference", "replica", "revision", "at"], name="swap_once")]


class ProcessCount(models.Model):
    """How much of an inference's totals came from one process of a replica, which reports its counts repeatedly.

    Nothing counts twice when a report is repeated or late, and nothing is lost when a process restarts at 0.
    """

    inference = models.ForeignKey(Inference, on_delete=models.CASCADE, related_name="process_counts")
    process = models.CharField(max_length=64)
    predicted = models.BigIntegerField(default=0)
    dead_lettered = models.BigIntegerField(default=0)
    restamped = models.BigIntegerField(default=0)
    sent_up = models.BigIntegerField(default=0)
    warming_up = models.BigIntegerField(default=0)
    confidence_answers = models.BigIntegerField(default=0)
    confidence_total = models.FloatField(default=0.0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["inference", "process"], name="process_counted_once")]


class ServingMinute(models.Model):
    """What one attempt did in one minute, which begins ``at``, while its replicas served one ``revision``.

    ``restarts`` counts processes of replicas that restarted without an orderly end. ``lag`` is that of all replicas at
    the last report, latencies are the slowest of the minute, in milliseconds. ``confidence_total`` is the sum of
    ``confidence_answers`` confidences (``kafkaml.wire.replica.Confidence``). Kept for a day.
    """

    inference = models.ForeignKey(Inference, on_delete=models.CASCADE, related_name="minutes")
    at = models.DateTimeField()
    attempt = models.PositiveIntegerField()
    revision = models.PositiveIntegerField()
    predicted = models.BigIntegerField(default=0)
    dead_lettered = models.BigIntegerField(default=0)
    sent_up = models.BigIntegerField(default=0)
    warming_up = models.BigIntegerField(default=0)
    confidence_answers = models.BigIntegerField(default=0)
    confidence_total = models.FloatField(default=0.0)
    restarts = models.PositiveIntegerField(default=0)
    lag = models.BigIntegerField(null=True)
    p50_ms = models.FloatField(null=True)
    p99_ms = models.FloatField(null=True)

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["inference", "at", "attempt", "revision"], name="serving_minute_once")
        ]
