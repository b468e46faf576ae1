"""Inferences as JSON."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.api.fields import BootstrapServersField, FormatConfigField, FormatField, NameField, StartField, TopicField
from backend.api.wire import MessageField
from backend.clusters.models import Cluster
from backend.config.environment import environment
from backend.deployments.models import TrainingResult
from backend.inferences.comparisons import total
from backend.inferences.models import Inference, SwapRecord
from backend.inferences.tiers import tier_of
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

_MAX_LABELS = 1000


class VisualizationLabelSerializer(serializers.Serializer[Any]):
    """One class or one output as the live view shows it."""

    id = serializers.IntegerField(min_value=0, max_value=1_000_000)
    label = NameField()  # type: ignore[assignment]  # a declared field, not Field.label
    color = serializers.RegexField(r"^#[0-9a-fA-F]{6}\Z", required=False)


class VisualizationMapSerializer(serializers.Serializer[Any]):
    """Where latitude and longitude are: positions among the outputs, or among the input's values in wire order."""

    source = serializers.ChoiceField(choices=["output", "input"], default="output")  # type: ignore[assignment]
    latitude = serializers.IntegerField(min_value=0, max_value=65_535)
    longitude = serializers.IntegerField(min_value=0, max_value=65_535)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["latitude"] == attrs["longitude"]:
            raise serializers.ValidationError({"longitude": "latitude and longitude are at the same position"})
        return attrs


class VisualizationSerializer(serializers.Serializer[Any]):
    """How predictions are shown live. ``average_window`` in milliseconds.

    ``average_updated``: the current class is the one with the highest average over the window, not the last one.
    ``map`` shows predictions on a map of the world.
    """

    type = serializers.ChoiceField(choices=["classification", "regression"])
    labels = VisualizationLabelSerializer(many=True)
    average_updated = serializers.BooleanField(default=False)
    average_window = serializers.IntegerField(min_value=1, max_value=86_400_000, default=5_000)
    map = VisualizationMapSerializer(required=False, allow_null=True)

    def validate_labels(self, labels: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(labels) > _MAX_LABELS:
            raise serializers.ValidationError(f"{len(labels)} labels: expected at most {_MAX_LABELS}")
        if len({label["id"] for label in labels}) < len(labels):
            raise serializers.ValidationError("two labels have the same id")
        return labels

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            raise serializers.ValidationError({str(name): "there is no such field" for name in unknown[:20]})
        # Stored as JSON, so plain types only.
        value: dict[str, Any] = super().to_internal_value(data)
        place = value.pop("map", None)
        # The map is left out where there is none, so that older configurations stay unchanged.
        return {
            **value,
            "labels": [dict(label) for label in value["labels"]],
            **({"map": dict(place)} if place else {}),
        }


class InferenceChallengerSerializer(serializers.Serializer[Any]):
    """A version that runs next to the served one. It answers ``share`` of the keys, or all into a topic of its own."""

    version = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=[(kind.value, kind.value) for kind in ChallengeKind])
    share = serializers.FloatField()
    labelled = serializers.BooleanField()
    rule = MessageField(ChallengeRule)


class RuleWriteSerializer(serializers.Serializer[Any]):
    """When a challenger is promoted or dropped automatically: see ``kafkaml.wire.inference.ChallengeRule``."""

    metric = serializers.ChoiceField(choices=[(metric.value, metric.value) for metric in RuleMetric])
    at_least = serializers.FloatField(
        min_value=-1, max_value=1, help_text="the agreement, or by how much the challenger's accuracy is the higher one"
    )
    records = serializers.IntegerField(
        min_value=1, max_value=10**9, help_text="decide when this number of records was compared"
    )

    def validate(self, attrs: dict[str, Any]) -> Any:
        return ChallengeRule.model_validate(attrs)


class ShadowWriteSerializer(serializers.Serializer[Any]):
    """A version to answer the same input into a topic of its own."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    output_topic = TopicField(
        required=False, help_text="the inference's own with .shadow-1, -2, ... behind when left out"
    )
    start = StartField(
        default=StartPlace.BEGINNING.value,
        help_text="where it begins to read, as of an inference: beginning (all records that are there), now, an offset "
        "or a time",
    )
    labelled = serializers.BooleanField(default=False, help_text="keys are the right answers: accuracy is reported")
    rule = RuleWriteSerializer(allow_null=True, default=None)

    def validate_output_topic(self, topic: str) -> str:
        if topic in environment().control_topics:
            raise serializers.ValidationError(f"{topic} is a control topic of the platform's own")
        if len(topic) > 245:
            raise serializers.ValidationError("at most 245 characters, so that .dlq can follow")
        return topic


class CanaryWriteSerializer(serializers.Serializer[Any]):
    """A version to answer a share of the keys."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    share = serializers.FloatField(min_value=0.001, max_value=1, default=0.1, help_text="of the keys, by their hash")
    labelled = serializers.BooleanField(default=False, help_text="keys are the right answers: accuracy is reported")
    keyed = serializers.BooleanField(
        default=False, help_text="each key is to be answered by one version only: refused for an input without keys"
    )
    rule = RuleWriteSerializer(allow_null=True, default=None)


class InferenceSerializer(serializers.ModelSerializer[Inference]):
    """An inference; ``stats`` sums its replicas up."""

    model_name = serializers.CharField(source="result.model.name", read_only=True)
    framework = serializers.ChoiceField(source="result.model.framework", choices=FRAMEWORK_CHOICES, read_only=True)
    group = serializers.CharField(read_only=True, help_text="consumer group")
    changelog_topic = serializers.CharField(
        read_only=True,
        help_text="where replicas keep what they know of each key, for windows and last values; empty: nothing. "
        "It stays when the inference is deleted, and nothing reads it then",
    )
    cluster = serializers.IntegerField(source="cluster_id", read_only=True, allow_null=True, help_text="null: our own")
    cluster_name = serializers.CharField(source="cluster.name", read_only=True, default="", help_text="empty: our own")
    input_format = FormatField()
    start = serializers.CharField(read_only=True, help_text="where its consumer group began to read the input")
    tier = serializers.SerializerMethodField(help_text="name of the sub-model of a distributed model; otherwise empty")
    upper_topic = serializers.CharField(read_only=True, help_text="what is below the limit goes there; empty: nothing")
    limit = serializers.FloatField(read_only=True, allow_null=True, help_text="null: it answers everything itself")
    exits = serializers.SerializerMethodField(help_text="since replicas decide by the limit; null without one")
    version = serializers.IntegerField(source="served.number", read_only=True, help_text="that answers, or is to")
    follows = serializers.BooleanField(
        read_only=True, help_text="whether it goes over to the result's current version when another one becomes that"
    )
    current_version = serializers.IntegerField(
        source="result.current_version.number", read_only=True, help_text="of its result"
    )
    previous_version = serializers.IntegerField(
        source="previous.number", read_only=True, default=None, allow_null=True, help_text="to go back to"
    )
    revision = serializers.IntegerField(
        read_only=True, help_text="replicas whose serving has another one are still going over"
    )
    swap_failure = MessageField(SwapFailure)
    challenger = serializers.SerializerMethodField(help_text="what is compared with the version; null: nothing")
    comparison = serializers.SerializerMethodField(help_text="of both, since replicas began; null without challenger")
    last_challenge = MessageField(ChallengeEnd)
    shadow_of = serializers.IntegerField(
        source="shadow_of_id", read_only=True, allow_null=True, help_text="the inference that it shadows; null: none"
    )
    failure = MessageField(Failure)
    failing = MessageField(Failing)
    warnings = serializers.ListField(child=serializers.CharField(), source="all_warnings", read_only=True)
    input_config = serializers.DictField(read_only=True)
    include = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="columns and fields of each record, in its answer"
    )
    visualization = serializers.SerializerMethodField(help_text="null: not set")
    stats = serializers.SerializerMethodField()
    attempt_counts = serializers.SerializerMethodField(
        help_text="what was answered since it was started last; null where that was before this was noted"
    )
    replica_stats = serializers.SerializerMethodField()
    replicas = serializers.IntegerField(read_only=True, help_text="how many run; with max_replicas the least number")
    max_replicas = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="the lag chooses between replicas and this; null: nothing chooses"
    )
    current_replicas = serializers.IntegerField(read_only=True, help_text="how many are to run now")

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
    """The version to serve from now on."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class SwapRecordSerializer(serializers.ModelSerializer[SwapRecord]):
    """A replica went over to another version or limit, between two transactions; with ``failure`` it could not.

    ``positions`` are the first offsets that the new version answered, by topic and partition, of the partitions that
    the replica had. ``gap_seconds`` is how long it read nothing, ``loading_seconds`` how long the new version took to
    be ready while the old one answered.
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
    """What can be changed while it runs."""

    replicas = serializers.IntegerField(
        min_value=0,
        max_value=256,
        required=False,
        help_text="that the platform runs; 0: none, workers elsewhere serve alone",
    )
    max_replicas = serializers.IntegerField(
        min_value=1,
        max_value=256,
        required=False,
        allow_null=True,
        help_text="scale between replicas and this on the consumer group's lag; null: do not",
    )
    visualization = VisualizationSerializer(required=False, allow_null=True)
    limit = serializers.FloatField(
        required=False,
        help_text="of a tier that hands up: what has less confidence leaves for the upper topic; taken while it runs",
    )
    include = serializers.ListField(
        child=serializers.CharField(max_length=200),
        max_length=MAX_INCLUDED,
        required=False,
        help_text="of a data set: columns and fields of each record that its answer carries, as they are there, "
        "also fields that its contract does not declare: machine, reading.unit, _key, _timestamp, _partition, _offset, "
        "_headers.NAME; taken while it runs",
    )


class InferenceWriteSerializer(InferenceUpdateSerializer):
    """An inference to make; format and its settings come from the stream that trained the model when left out."""

    result = serializers.PrimaryKeyRelatedField(queryset=TrainingResult.objects.all())
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, allow_null=True, help_text="null: whichever is current"
    )
    input_topic = TopicField()
    start = StartField(
        default=StartPlace.BEGINNING.value,
        help_text="where it begins to read: beginning, now (behind all records that are there when it is launched), an "
        "offset of every partition, or a time (the first record of that time or later). Only a consumer group without "
        "a position begins there: started again, it goes on where it stopped",
    )
    output_topic = TopicField()
    input_format = FormatField(required=False)
    input_config = FormatConfigField(required=False)
    output_bootstrap_servers = BootstrapServersField(
        allow_blank=True, default="", help_text="empty: the platform's own cluster"
    )
    output_timestamps = serializers.ChoiceField(
        choices=[(timestamps.value, timestamps.value) for timestamps in OutputTimestamps],
        default=OutputTimestamps.SOURCE.value,
        help_text="source: answers carry their record's time, where the output topic keeps and takes it; written: that "
        "of their writing",
    )
    upper_topic = TopicField(
        allow_blank=True,
        default="",
        help_text="of a tier: the input of the next one, for what is below the limit; empty: it answers everything",
    )
    upper_bootstrap_servers = BootstrapServersField(
        allow_blank=True, default="", help_text="of the upper topic; empty: the platform's own cluster"
    )
    limit = serializers.FloatField(
        allow_null=True, default=None, help_text="above 1/classes, at most 1: a confidence that is equal stays"
    )
    gpu = serializers.IntegerField(min_value=0, max_value=64, default=0)
    cluster = serializers.PrimaryKeyRelatedField(
        queryset=Cluster.objects.all(), required=False, allow_null=True, default=None, help_text="null: our own"
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
