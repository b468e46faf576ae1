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

# No report of a process is later than this.
_LATEST_REPORT = timedelta(days=1)


def _group_suffix() -> str:
    return secrets.token_hex(4)


class Inference(Run):
    """A trained model in service. ``group_suffix`` keeps consumer groups apart where several platforms, or one after
    its database was made anew, use the same cluster.

    ``replicas`` is how many the platform runs; with ``max_replicas`` it is the least number, and the lag of the group
    chooses between the two. With 0 it runs none: workers elsewhere, which may join any inference, serve alone.
    ``scaled_to`` is what was chosen last, ``launched_max_replicas`` what the launcher was last told.

    ``predicted`` and the other counts (``kafkaml.wire.replica.Counts``) are of all its life, whatever processes served
    it; ``counts_before`` are those from before the present attempt, null where nobody knows.
    """

    kind = RunKind.INFERENCE
    noun = "inference"
    events_topic = "inferences"

    # Filled by selectors: what replicas said last, also of earlier attempts and of replicas that are no more.
    reported_stats: list[ReplicaStats]

    result = models.ForeignKey(TrainingResult, on_delete=models.PROTECT, related_name="inferences")
    input_topic = models.CharField(max_length=249)
    # Where its group begins, which has committed nothing: see kafkaml.starts.
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
        choices=[(each.value, each.value) for each in OutputTimestamps],
        default=OutputTimestamps.SOURCE.value,
    )
    # Whether it goes over to its result's current version when another one becomes that.
    follows = models.BooleanField(default=True, editable=False)
    # What is served; null: the current version.
    pinned = models.ForeignKey(
        ResultVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="inferences", editable=False
    )
    # What answered before the last change, to go back to.
    previous = models.ForeignKey(
        ResultVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    # What is compared with it, and how: see kafkaml.wire.inference.Challenger.
    challenger = models.ForeignKey(
        ResultVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    challenger_share = models.FloatField(default=1.0, editable=False)
    challenger_labelled = models.BooleanField(default=False, editable=False)
    challenger_rule = models.JSONField(
        null=True, blank=True, editable=False, help_text="kafkaml.wire.inference.ChallengeRule"
    )
    # Set: it is a shadow, whose challenger answers into a topic of its own.
    shadow_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="shadows", editable=False
    )
    # What became of the challenger before; of a shadow, of the one that it has.
    last_challenge = models.JSONField(
        null=True, blank=True, editable=False, help_text="kafkaml.wire.inference.ChallengeEnd"
    )
    # Rises with each change of what answers; replicas hear of it.
    revision = models.PositiveIntegerField(default=0, editable=False)
    swap_failure = models.JSONField(null=True, blank=True, editable=False, help_text="kafkaml.wire.replica.SwapFailure")
    guarantee = models.CharField(max_length=20, choices=[(each.value, each.value) for each in DeliveryGuarantee])
    # Of a tier of a distributed model: what is below the limit leaves for the upper topic.
    upper_topic = models.CharField(max_length=249, blank=True)
    upper_bootstrap_servers = models.CharField(max_length=1000, blank=True)
    limit = models.FloatField(null=True, blank=True)
    gpu = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(64)])
    # Never changed: work that runs is looked for where it was started. Null: the platform's own.
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
        """Where replicas keep what they know of each key; empty where each record stands alone."""
        stateful = self.input_format == InputFormat.COLUMNS and contract_of(self.input_config)[0].stateful
        return changelog_topic(self.group) if stateful else ""

    @property
    def served(self) -> ResultVersion:
        """The version that answers, or is to."""
        version = self.pinned or self.result.current_version
        assert version is not None, "an inference is made of a result with a version, and one of them is current"
        return version

    @property
    def challenge_kind(self) -> ChallengeKind | None:
        """What becomes of the challenger's answers; None without one."""
        if self.challenger_id is None:
            return None
        return ChallengeKind.CANARY if self.shadow_of_id is None else ChallengeKind.SHADOW

    @property
    def current_replicas(self) -> int:
        """How many replicas are to run now: as many as the lag asked for, where it chooses."""
        if self.max_replicas is None or self.scaled_to is None:
            return self.replicas
        return min(max(self.scaled_to, self.replicas), self.max_replicas)

    @property
    def present_stats(self) -> list[ReplicaStats]:
        """What the replicas that are to run now said last, and all workers elsewhere.

        Replicas that the scale left behind say nothing any more.
        """
        return [each for each in self.reported_stats if each.elsewhere or each.replica < self.current_replicas]

    @property
    def exits(self) -> Exits | None:
        """What left and what went up since the replicas decide by the present limit; None without one."""
        if self.limit is None:
            return None
        said = [each.exits for each in self.present_reports if each.exits is not None]
        present = [each for each in said if each.limit == self.limit]
        return Exits(
            limit=self.limit,
            predicted=sum(each.predicted for each in present),
            sent_up=sum(each.sent_up for each in present),
        )

    @property
    def present_reports(self) -> list[ReplicaReport]:
        """What the replicas of the present attempt said last, those that are to run now."""
        return [each.report for each in self.present_stats if each.attempt == self.attempt]

    @property
    def totals(self) -> Totals:
        """What the replicas say summed up, None where none says it, and what was answered in all.

        Replicas that have gone silent serve nothing now, and what has ended neither.
        """
        said = self.present_reports
        oldest = timezone.now() - SILENT_AFTER
        live = [each for each in said if each.updated_at > oldest] if self.state == RunState.RUNNING else []
        lags = [each.lag for each in live if each.lag is not None]
        return Totals(
            rate=sum(each.rate for each in live),
            # A worker elsewhere that is older than this counts its dead letters among the answers.
            read_rate=sum(max(each.read_rate, each.rate) for each in live),
            lag=sum(lags) if lags else None,
            p50_ms=max((each.p50_ms for each in said if each.p50_ms is not None), default=None),
            p99_ms=max((each.p99_ms for each in said if each.p99_ms is not None), default=None),
            **{name: getattr(self, name) for name in Counts.model_fields},
        )

    @property
    def attempt_counts(self) -> Counts | None:
        """What was answered in the present attempt; None where it began before such a thing was noted."""
        if self.counts_before is None and self.attempt > 1:
            return None
        before = Counts.model_validate(self.counts_before or {})
        return Counts(**{name: max(0, getattr(self, name) - getattr(before, name)) for name in Counts.model_fields})

    @property
    def served_revision(self) -> int:
        """The oldest revision that a replica answers with now; the one asked for while none says."""
        said = [each.serving.revision for each in self.present_reports if each.serving is not None]
        return min(said, default=self.revision)

    @property
    def shown_state(self) -> str:
        """The word that people see: ``failing`` while it fails without having ended, else the state."""
        return self.state if self.failing is None else "failing"

    @property
    def all_warnings(self) -> list[str]:
        """What there is to know of it: from before it was launched, and what its replicas found since."""
        return list(dict.fromkeys([*self.warnings, *(text for each in self.present_reports for text in each.warnings)]))

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
    """Lets machines elsewhere serve one inference. Only its sha256 is stored, as of ``AccessToken``."""

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

    ``session`` is its process of now: a newer one takes the name over. ``token`` is what let it in, None once that was
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
    """The latest that one replica said of itself; ``worker`` is who it is, where somebody runs it elsewhere."""

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
            # No launcher sees it end: whether it lives, only its reports tell.
            if lives and self.updated_at < timezone.now() - SILENT_AFTER:
                lives, document["state"] = False, ReplicaState.SILENT
            if not lives:
                # Of what serves now these are no part.
                document |= {"rate": 0.0, "lag": None, "p50_ms": None, "p99_ms": None}
        return ReplicaReport.model_validate(document)


class SwapRecord(models.Model):
    """A replica went over to another version or limit, or could not.

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
        # A report may be repeated.
        constraints = [models.UniqueConstraint(fields=["inference", "replica", "revision", "at"], name="swap_once")]


class ProcessCount(models.Model):
    """How much of an inference's totals came from one process of a replica, which tells its own counts again and again.

    So nothing counts twice when a report is repeated or late, nor is lost when a process begins anew at 0.
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

    ``restarts`` counts processes of replicas that began anew without having ended in order. ``lag`` is that of all
    replicas when one spoke last, latencies are the slowest of the minute, in milliseconds. ``confidence_total`` is the
    sum of ``confidence_answers`` confidences (``kafkaml.wire.replica.Confidence``). Kept for a day.
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
