"""Inferences as JSON."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.api.fields import BootstrapServersField, FormatConfigField, FormatField, StartField, TopicField
from backend.api.wire import MessageField
from backend.clusters.models import Cluster
from backend.config.environment import environment
from backend.deployments.models import TrainingResult
from backend.inferences.comparisons import total
from backend.inferences.models import Inference, SwapRecord
from backend.inferences.tiers import tier_of
from backend.inferences.visualization_serializers import VisualizationSerializer
from backend.ml_models.serializers import FRAMEWORK_CHOICES
from kafkaml.dead_letters import dead_letter_topic
from kafkaml.starts import StartPlace
from kafkaml.wire.choices import OutputTimestamps
from kafkaml.wire.failure import Failure
from kafkaml.wire.inference import MAX_INCLUDED, ChallengeEnd, ChallengeKind, ChallengeRule, RuleMetric
from kafkaml.wire.replica import (
    Counts,
    Exits,
    Failing,
    LiveComparison,
    ReplicaReport,
    ReplicaState,
    SwapFailure,
    Totals,
)

__all__ = [
    "CanaryWriteSerializer",
    "InferenceSerializer",
    "InferenceUpdateSerializer",
    "InferenceWriteSerializer",
    "ShadowWriteSerializer",
    "SwapRecordSerializer",
    "SwapWriteSerializer",
    "VisualizationSerializer",
]


class InferenceChallengerSerializer(serializers.Serializer[Any]):
    """The version that is compared with the served one. A canary answers ``share`` of the keys. A shadow answers all
    records, in a topic of its own.
    """

    version = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=[(kind.value, kind.value) for kind in ChallengeKind])
    share = serializers.FloatField()
    labelled = serializers.BooleanField()
    rule = MessageField(ChallengeRule)


class RuleWriteSerializer(serializers.Serializer[Any]):
    """When a challenger is promoted or dropped automatically."""

    metric = serializers.ChoiceField(choices=[(metric.value, metric.value) for metric in RuleMetric])
    at_least = serializers.FloatField(
        min_value=-1,
        max_value=1,
        help_text="The agreement, or the lead of the challenger's accuracy, from which the challenger is promoted.",
    )
    records = serializers.IntegerField(
        min_value=1, max_value=10**9, help_text="Number of compared records after which the rule decides."
    )

    def validate(self, attrs: dict[str, Any]) -> Any:
        return ChallengeRule.model_validate(attrs)


class ShadowWriteSerializer(serializers.Serializer[Any]):
    """A version that is to answer the same input into a topic of its own."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    output_topic = TopicField(
        required=False,
        help_text="Output topic of the shadow. By default that of the inference with .shadow-1, .shadow-2, ... added.",
    )
    start = StartField(
        default=StartPlace.BEGINNING.value,
        help_text="Where the shadow begins to read: beginning, now, an offset of every partition, or a time.",
    )
    labelled = serializers.BooleanField(
        default=False, help_text="Whether keys are the correct labels. Accuracy is then reported."
    )
    rule = RuleWriteSerializer(allow_null=True, default=None)

    def validate_output_topic(self, topic: str) -> str:
        if topic in environment().control_topics:
            raise serializers.ValidationError(f"{topic} is a control topic of the platform's own")
        if len(topic) > 245:
            raise serializers.ValidationError("at most 245 characters, so that .dlq can follow")
        return topic


class CanaryWriteSerializer(serializers.Serializer[Any]):
    """A version that is to answer a share of the keys."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    share = serializers.FloatField(
        min_value=0.001,
        max_value=1,
        default=0.1,
        help_text="Share of the keys that the version answers. A hash of the key decides.",
    )
    labelled = serializers.BooleanField(
        default=False, help_text="Whether keys are the correct labels. Accuracy is then reported."
    )
    keyed = serializers.BooleanField(
        default=False,
        help_text="Refuses an input without keys, so that all records of a key are answered by one version.",
    )
    rule = RuleWriteSerializer(allow_null=True, default=None)


class InferenceSerializer(serializers.ModelSerializer[Inference]):
    """An inference. ``stats`` are the totals of its replicas.

    ``ready_replicas`` counts those that serve. ``failing`` is null unless it runs without doing its work.
    ``swap_failure`` is null unless replicas could not change to the newest revision. ``last_challenge`` is null before
    the first challenger has ended.
    """

    model_name = serializers.CharField(source="result.model.name", read_only=True)
    framework = serializers.ChoiceField(source="result.model.framework", choices=FRAMEWORK_CHOICES, read_only=True)
    group = serializers.CharField(read_only=True, help_text="Consumer group of the replicas.")
    changelog_topic = serializers.CharField(
        read_only=True,
        help_text="Topic in which replicas keep the last records of each key, for windows and last values. Empty if "
        "they keep none. It stays when the inference is deleted, and nothing reads it then.",
    )
    cluster = serializers.IntegerField(
        source="cluster_id",
        read_only=True,
        allow_null=True,
        help_text="The cluster that it runs in. Null for the platform's own.",
    )
    cluster_name = serializers.CharField(
        source="cluster.name",
        read_only=True,
        default="",
        help_text="Name of the cluster. Empty for the platform's own.",
    )
    input_format = FormatField()
    start = serializers.CharField(read_only=True, help_text="Where its consumer group began to read the input topic.")
    tier = serializers.SerializerMethodField(help_text="Name of the sub-model of a distributed model. Otherwise empty.")
    upper_topic = serializers.CharField(
        read_only=True, help_text="Topic for intermediates of samples below the limit. Empty without a limit."
    )
    limit = serializers.FloatField(
        read_only=True,
        allow_null=True,
        help_text="Confidence below which samples go to the next tier. Null if it answers everything itself.",
    )
    exits = serializers.SerializerMethodField(help_text="What the present limit has done so far. Null without a limit.")
    version = serializers.IntegerField(
        source="served.number", read_only=True, help_text="Version that is served, or will be."
    )
    follows = serializers.BooleanField(
        read_only=True,
        help_text="Whether it changes to the result's current version as soon as another one becomes current.",
    )
    current_version = serializers.IntegerField(
        source="result.current_version.number", read_only=True, help_text="Current version of its result."
    )
    previous_version = serializers.IntegerField(
        source="previous.number",
        read_only=True,
        default=None,
        allow_null=True,
        help_text="Version that a rollback would serve. Null if there is none.",
    )
    revision = serializers.IntegerField(
        read_only=True, help_text="Revision of the plan. Replicas that serve another revision are still changing."
    )
    swap_failure = MessageField(SwapFailure)
    challenger = serializers.SerializerMethodField(
        help_text="Version that is compared with the served one. Null if there is none."
    )
    comparison = serializers.SerializerMethodField(
        help_text="Comparison of both versions so far. Null without a challenger."
    )
    last_challenge = MessageField(ChallengeEnd)
    shadow_of = serializers.IntegerField(
        source="shadow_of_id",
        read_only=True,
        allow_null=True,
        help_text="The inference that it shadows. Null if it is not a shadow.",
    )
    failure = MessageField(Failure)
    failing = MessageField(Failing)
    warnings = serializers.ListField(child=serializers.CharField(), source="all_warnings", read_only=True)
    input_config = serializers.DictField(read_only=True)
    include = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="Columns and fields of a record that its answer carries.",
    )
    visualization = serializers.SerializerMethodField(
        help_text="How predictions are shown live. Null if it was not set."
    )
    stats = serializers.SerializerMethodField()
    attempt_counts = serializers.SerializerMethodField(
        help_text="Counts since it was last started. Null if it was started before the platform recorded them."
    )
    replica_stats = serializers.SerializerMethodField()
    replicas = serializers.IntegerField(
        read_only=True, help_text="Number of replicas. With max_replicas, the smallest number."
    )
    max_replicas = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Largest number of replicas if the lag decides. Null if it does not."
    )
    current_replicas = serializers.IntegerField(read_only=True, help_text="Number of replicas that are to run now.")

    class Meta:
        model = Inference
        fields = [
            "id",
            "result",
            "model_name",
            "framework",
            "version",
            "follows",
            "current_version",
            "previous_version",
            "revision",
            "swap_failure",
            "challenger",
            "comparison",
            "last_challenge",
            "shadow_of",
            "input_topic",
            "start",
            "output_topic",
            "input_format",
            "input_config",
            "include",
            "replicas",
            "max_replicas",
            "current_replicas",
            "ready_replicas",
            "guarantee",
            "output_timestamps",
            "output_bootstrap_servers",
            "tier",
            "upper_topic",
            "upper_bootstrap_servers",
            "limit",
            "exits",
            "gpu",
            "cluster",
            "cluster_name",
            "visualization",
            "group",
            "changelog_topic",
            "desired",
            "state",
            "attempt",
            "failure",
            "failing",
            "warnings",
            "stats",
            "attempt_counts",
            "replica_stats",
            "created_at",
            "updated_at",
            "launched_at",
            "started_at",
            "ended_at",
            "next_retry_at",
        ]

    def get_tier(self, inference: Inference) -> str:
        return tier_of(inference.result)

    @extend_schema_field(MessageField(Exits))
    def get_exits(self, inference: Inference) -> dict[str, Any] | None:
        return None if inference.exits is None else inference.exits.to_json()

    @extend_schema_field(InferenceChallengerSerializer(allow_null=True))
    def get_challenger(self, inference: Inference) -> Any:
        if inference.challenger is None:
            return None
        return {
            "version": inference.challenger.number,
            "kind": inference.challenge_kind,
            "share": inference.challenger_share,
            "labelled": inference.challenger_labelled,
            "rule": inference.challenger_rule,
        }

    @extend_schema_field(MessageField(LiveComparison))
    def get_comparison(self, inference: Inference) -> dict[str, Any] | None:
        if inference.challenger is None:
            return None
        numbers = {"champion": inference.served.number, "challenger": inference.challenger.number}
        return total((report.comparison for report in inference.present_reports), **numbers).to_json()

    @extend_schema_field(VisualizationSerializer(allow_null=True))
    def get_visualization(self, inference: Inference) -> Any:
        return inference.visualization

    @extend_schema_field(MessageField(Totals, allow_null=False))
    def get_stats(self, inference: Inference) -> dict[str, Any]:
        return inference.totals.to_json()

    @extend_schema_field(MessageField(Counts))
    def get_attempt_counts(self, inference: Inference) -> dict[str, Any] | None:
        counts = inference.attempt_counts
        return None if counts is None else counts.to_json()

    @extend_schema_field(serializers.ListField(child=MessageField(ReplicaReport, allow_null=False)))
    def get_replica_stats(self, inference: Inference) -> list[dict[str, Any]]:
        reports = [replica.report for replica in inference.present_stats]
        if inference.ended:
            # A killed replica could not report its end, and a worker's last report is refused by then.
            lives = (ReplicaState.STARTING, ReplicaState.RUNNING, ReplicaState.SILENT)
            over = {"state": ReplicaState.STOPPED, "rate": 0.0}
            reports = [report.model_copy(update=over) if report.state in lives else report for report in reports]
        return [report.to_json() for report in reports]


class SwapWriteSerializer(serializers.Serializer[Any]):
    """The version to serve."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class SwapRecordSerializer(serializers.ModelSerializer[SwapRecord]):
    """A replica's change to another version, challenger or limit. With ``failure``, the change failed.

    ``from_version`` is what the replica served before, null if it is not known. ``challenger`` and ``limit`` are null
    if there is none after the change.

    ``positions`` are the first offsets that were answered after the change, by topic and partition. ``gap_seconds`` is
    how long no record was read. ``loading_seconds`` is how long the new version took to load, while the old one still
    answered.
    """

    positions = serializers.DictField(child=serializers.DictField(child=serializers.IntegerField()), read_only=True)
    failure = MessageField(Failure)

    class Meta:
        model = SwapRecord
        fields = [
            "id",
            "replica",
            "revision",
            "from_version",
            "version",
            "challenger",
            "limit",
            "at",
            "positions",
            "gap_seconds",
            "loading_seconds",
            "failure",
        ]
        read_only_fields = fields


class InferenceUpdateSerializer(serializers.Serializer[Any]):
    """The fields of an inference that can be changed while it runs."""

    replicas = serializers.IntegerField(
        min_value=0,
        max_value=256,
        required=False,
        help_text="Number of replicas that the platform runs. With 0, external workers serve alone.",
    )
    max_replicas = serializers.IntegerField(
        min_value=1,
        max_value=256,
        required=False,
        allow_null=True,
        help_text="Largest number of replicas if the lag decides. Null if it does not.",
    )
    visualization = VisualizationSerializer(required=False, allow_null=True)
    limit = serializers.FloatField(
        required=False,
        help_text="For a tier: samples with a lower confidence go to the upper topic.",
    )
    include = serializers.ListField(
        child=serializers.CharField(max_length=200),
        max_length=MAX_INCLUDED,
        required=False,
        help_text="For a model of a data set: columns and fields of a record that its answer carries unchanged. The "
        "contract need not declare them. Examples are machine, reading.unit, _key, _timestamp, _partition, _offset and "
        "_headers.NAME.",
    )


class InferenceWriteSerializer(InferenceUpdateSerializer):
    """An inference to create. ``input_format`` and ``input_config`` are by default those of the stream that trained the
    model.
    """

    result = serializers.PrimaryKeyRelatedField(queryset=TrainingResult.objects.all())
    version = serializers.IntegerField(
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        allow_null=True,
        help_text="Version to serve. Null for the current version, whichever it is.",
    )
    input_topic = TopicField()
    start = StartField(
        default=StartPlace.BEGINNING.value,
        help_text="Where the inference begins to read: beginning, now, an offset of every partition, or a time. It "
        "has no effect on a restart, which continues at the committed offsets.",
    )
    output_topic = TopicField()
    input_format = FormatField(required=False)
    input_config = FormatConfigField(required=False)
    output_bootstrap_servers = BootstrapServersField(
        allow_blank=True, default="", help_text="Kafka with the output topic. By default the platform's own."
    )
    output_timestamps = serializers.ChoiceField(
        choices=[(timestamps.value, timestamps.value) for timestamps in OutputTimestamps],
        default=OutputTimestamps.SOURCE.value,
        help_text="Timestamp of predictions in Kafka.",
    )
    upper_topic = TopicField(
        allow_blank=True,
        default="",
        help_text="For a tier: input topic of the next tier, for samples below the limit. Empty if it answers "
        "everything.",
    )
    upper_bootstrap_servers = BootstrapServersField(
        allow_blank=True, default="", help_text="Kafka with the upper topic. By default the platform's own."
    )
    limit = serializers.FloatField(
        allow_null=True,
        default=None,
        help_text="For a tier: confidence below which samples go to the next tier. It is above 1/classes and at most "
        "1.",
    )
    gpu = serializers.IntegerField(min_value=0, max_value=64, default=0)
    cluster = serializers.PrimaryKeyRelatedField(
        queryset=Cluster.objects.all(),
        required=False,
        allow_null=True,
        default=None,
        help_text="The cluster that it runs in. Null for the platform's own.",
    )

    def validate_output_bootstrap_servers(self, servers: str) -> str:
        return self._allowed(servers)

    def validate_upper_bootstrap_servers(self, servers: str) -> str:
        return self._allowed(servers)

    @staticmethod
    def _allowed(servers: str) -> str:
        settings = environment()
        # An address chosen by users could point at anything the platform can reach.
        allowed = {*settings.allowed_output_brokers.split(","), *settings.kafka.bootstrap_servers.split(",")}
        refused = [] if "*" in allowed else [part for part in servers.split(",") if part and part not in allowed]
        if refused:
            raise serializers.ValidationError(
                f"{', '.join(refused)} is not allowed: an administrator can add it to KML_ALLOWED_OUTPUT_BROKERS"
            )
        return servers

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        topics = [attrs["input_topic"], attrs["output_topic"], dead_letter_topic(attrs["output_topic"])]
        same_cluster = not attrs["output_bootstrap_servers"]
        if same_cluster and len(set(topics)) < len(topics):
            raise serializers.ValidationError({"output_topic": "input, output and dead letters must differ"})
        # Topics are compared by name alone, whatever their cluster, because a replica writes to only one place per
        # name.
        if attrs["upper_topic"] in topics[1:]:
            raise serializers.ValidationError({"upper_topic": "output, dead letters and upper topic must differ"})
        if attrs["upper_topic"] == attrs["input_topic"] and not attrs["upper_bootstrap_servers"]:
            raise serializers.ValidationError(
                {"upper_topic": "is the input: what goes up would come back forever; expected the next tier's input"}
            )
        control = environment().control_topics
        for name in ("input_topic", "output_topic", "upper_topic"):
            if attrs[name] in control:
                raise serializers.ValidationError({name: f"{attrs[name]} is a control topic of the platform's own"})
        if len(attrs["output_topic"]) > 245:
            raise serializers.ValidationError({"output_topic": "at most 245 characters, so that .dlq can follow"})
        return attrs
