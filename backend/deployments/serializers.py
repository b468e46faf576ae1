"""Deployments and results as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.api.documents import HistoryField
from backend.api.fields import TextField
from backend.api.samples import SampleSerializer
from backend.api.wire import MessageField
from backend.configurations.models import Configuration
from backend.datasets.models import Dataset
from backend.datasets.selectors import version_of
from backend.deployments.models import Checkpoint, Deployment, TrainingResult
from backend.deployments.selectors import SHOWN_EPOCHS, aggregate_state, result_epochs, result_hints
from backend.deployments.version_archive import file_stem
from backend.deployments.version_documents import artifact_documents
from backend.ml_models.serializers import FRAMEWORK_CHOICES
from backend.runs.models import STATE_CHOICES
from backend.streams.addressees import unfit_reason
from backend.streams.models import Announcement
from backend.streams.serializers import COLUMNS_HELP
from kafkaml.arguments import MAX_TEXT_LENGTH
from kafkaml.frameworks import Purpose
from kafkaml.input_format import InputFormat
from kafkaml.wire.choices import Split, Targets, TrainingMode
from kafkaml.wire.distributed import ChainTraining
from kafkaml.wire.evaluation import Evaluation
from kafkaml.wire.failure import Failure
from kafkaml.wire.framework import Framework
from kafkaml.wire.hint import Hint
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.outcome import ConfusionMatrix, Outcome
from kafkaml.wire.progress import EpochMetrics, Progress
from kafkaml.wire.semi_supervised import SemiSupervised
from kafkaml.wire.version import Artifact

__all__ = [
    "CellSamplesSerializer",
    "DeploymentCheckSerializer",
    "DeploymentOptionsSerializer",
    "DeploymentSerializer",
    "DeploymentWriteSerializer",
    "EpochsSerializer",
    "RestartSerializer",
    "ResultRowSerializer",
    "ResultSerializer",
    "RunAnnotationSerializer",
    "StreamFitSerializer",
]

_SPLITS = [(split.value, split.value) for split in Split]
_TARGETS = [(targets.value, targets.value) for targets in Targets]
_SPLIT_HELP = (
    "which samples test: at random by their content, or the newest (time); null: by content, or by time where the fit "
    "arguments say shuffle=False"
)
_TARGETS_HELP = "what the model learns to answer: each sample's label, or the sample itself (autoencoders)"
_INCREMENTAL_HELP = "how the stream is learnt, where the mode is incremental; null: by the defaults"

_CHAIN_HELP = "what sub-models of distributed models are trained with, each exit; null: the defaults"
_OLD_CHAIN_HELP = "the same as in chain"
_SEMI_SUPERVISED_HELP = "how the stream's unlabelled data is learnt; null: labelled data alone"


class LastCheckpointSerializer(serializers.ModelSerializer[Checkpoint]):
    """A place in a training: after ``step`` epochs or windows, ``records`` of its stream, up to ``positions``."""

    attempt = serializers.IntegerField(source="artifact.attempt")
    size = serializers.IntegerField(source="artifact.size")
    positions = serializers.DictField(
        child=serializers.DictField(child=serializers.IntegerField()),
        help_text="of each topic the next offset of each partition",
    )

    class Meta:
        model = Checkpoint
        fields = ["attempt", "step", "records", "positions", "size", "created_at"]


class ResultOfDeploymentSerializer(serializers.ModelSerializer[TrainingResult]):
    """A result as its deployment shows it; ``leader``, ``tier`` and ``metrics`` as in ResultRow."""

    model_name = serializers.CharField(source="model.name", read_only=True)
    framework = serializers.ChoiceField(source="model.framework", choices=FRAMEWORK_CHOICES, read_only=True)
    failure = MessageField(Failure)
    progress = MessageField(Progress)
    metrics = MessageField(EpochMetrics)

    class Meta:
        model = TrainingResult
        fields = [
            "id",
            "model",
            "model_name",
            "framework",
            "leader",
            "tier",
            "desired",
            "state",
            "attempt",
            "failure",
            "progress",
            "metrics",
            "stream",
            "ended_at",
        ]


class StreamDatasetSerializer(serializers.Serializer[Any]):
    """The version of a data set that a stream is of; it may be deleted since."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    version = serializers.IntegerField()


class ResultRowSerializer(serializers.ModelSerializer[TrainingResult]):
    """A result in a list; ``metrics`` are of the last epoch, ``outcome`` and ``artifacts`` of the current version.

    Sub-models of a chain are trained in one run: ``leader`` is the result of the top, null in that and in ordinary
    ones; ``tier`` counts from below, 0, and is null in ordinary ones.
    """

    model_name = serializers.CharField(source="model.name", read_only=True)
    framework = serializers.ChoiceField(source="model.framework", choices=FRAMEWORK_CHOICES, read_only=True)
    configuration_name = serializers.CharField(source="deployment.configuration.name", read_only=True)
    stream_topic = serializers.SerializerMethodField(help_text="the topic that it is trained on, the first of several")
    stream_same_as = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="the stream that announced the same records first; null: this one"
    )
    stream_dataset = StreamDatasetSerializer(read_only=True, allow_null=True, help_text="null: a sink sent the stream")
    parameters = serializers.DictField(
        read_only=True, help_text="what it is trained with, by the names that all frameworks know"
    )
    tags = serializers.ListField(child=serializers.CharField(), read_only=True)
    failure = MessageField(Failure)
    progress = MessageField(Progress)
    metrics = MessageField(EpochMetrics)
    history = HistoryField(read_only=True, allow_null=True)
    outcome = MessageField(Outcome)
    artifacts = serializers.SerializerMethodField()
    current_version = serializers.IntegerField(source="current_version.number", allow_null=True, default=None)
    version_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = TrainingResult
        fields = [
            "id",
            "deployment",
            "model",
            "model_name",
            "framework",
            "name",
            "notes",
            "tags",
            "favourite",
            "configuration_name",
            "parameters",
            "leader",
            "tier",
            "desired",
            "state",
            "attempt",
            "stream",
            "stream_topic",
            "stream_same_as",
            "stream_dataset",
            "failure",
            "progress",
            "metrics",
            "history",
            "outcome",
            "artifacts",
            "current_version",
            "version_count",
            "created_at",
            "updated_at",
            "launched_at",
            "started_at",
            "ended_at",
            "next_retry_at",
        ]

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_stream_topic(self, result: TrainingResult) -> str | None:
        # The ranges as they are announced: topic:partition:start:end,...
        return result.stream_ranges.partition(":")[0] if result.stream_ranges else None

    @extend_schema_field(serializers.ListField(child=MessageField(Artifact, allow_null=False)))
    def get_artifacts(self, result: TrainingResult) -> list[dict[str, Any]]:
        return artifact_documents(result.artifacts_shown)


class ResultSerializer(ResultRowSerializer):
    """A result with its epochs, its source, its confusion matrix (``{matrix, labels}``) and its evaluation."""

    epochs = serializers.SerializerMethodField(help_text="the most telling of many; all: epochs/?points=")
    checkpoint = serializers.SerializerMethodField(help_text="where another attempt would go on")
    confusion_matrix = MessageField(ConfusionMatrix)
    evaluation = MessageField(Evaluation)
    hints = serializers.SerializerMethodField(help_text="what the curves of a training that finished say")
    download_stem = serializers.SerializerMethodField(help_text="what the names of its downloaded files begin with")
    _read: tuple[TrainingResult, Sequence[Mapping[str, Any]]] | None = None

    class Meta(ResultRowSerializer.Meta):
        fields = [
            *ResultRowSerializer.Meta.fields,
            "epochs",
            "checkpoint",
            "confusion_matrix",
            "evaluation",
            "hints",
            "download_stem",
            "code",
            "imports",
        ]

    @extend_schema_field(serializers.CharField())
    def get_download_stem(self, result: TrainingResult) -> str:
        return file_stem(result, result.current_version)

    @extend_schema_field(LastCheckpointSerializer(allow_null=True))
    def get_checkpoint(self, result: TrainingResult) -> Any:
        checkpoint = result.checkpoints.select_related("artifact").last()
        return None if checkpoint is None else LastCheckpointSerializer(checkpoint).data

    @extend_schema_field(serializers.ListField(child=MessageField(EpochMetrics, allow_null=False)))
    def get_epochs(self, result: TrainingResult) -> Any:
        return self._shown_epochs(result)

    @extend_schema_field(serializers.ListField(child=MessageField(Hint, allow_null=False)))
    def get_hints(self, result: TrainingResult) -> list[dict[str, Any]]:
        return [hint.to_json() for hint in result_hints(result, self._shown_epochs(result))]

    def _shown_epochs(self, result: TrainingResult) -> Sequence[Mapping[str, Any]]:
        # Two fields need the epochs, so the epochs are read from the database once and kept.
        if self._read is None or self._read[0] is not result:
            self._read = (result, result_epochs(result, SHOWN_EPOCHS)[1])
        return self._read[1]


class RunAnnotationSerializer(serializers.Serializer[Any]):
    """A user's annotations of a run; omitted fields stay unchanged."""

    name = TextField(max_length=100, allow_blank=True)
    notes = serializers.CharField(max_length=10_000, allow_blank=True)
    tags = serializers.ListField(
        child=serializers.RegexField(
            r"^[\w.:/-]{1,50}$",
            error_messages={"invalid": "a tag has letters, digits, and . : / - _ alone, at most 50"},
        ),
        max_length=20,
        help_text="words to find it by",
    )
    favourite = serializers.BooleanField()

    def validate_tags(self, tags: list[str]) -> list[str]:
        return list(dict.fromkeys(tags))


class EpochsSerializer(serializers.Serializer[Any]):
    """``epochs`` are the most telling of ``total``: the first, the last, extremes, and those that show the curve."""

    total = serializers.IntegerField()
    epochs = serializers.ListField(child=MessageField(EpochMetrics, allow_null=False))


class ArgumentTextsSerializer(serializers.Serializer[Any]):
    """Arguments for one framework, written as in a call."""

    fit = TextField(max_length=MAX_TEXT_LENGTH, default="")
    evaluation = TextField(max_length=MAX_TEXT_LENGTH, default="")

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := [name for name in data if name not in self.fields]):
            raise serializers.ValidationError({str(name): "expected fit or evaluation" for name in unknown})
        return super().to_internal_value(data)


class ArgumentTextsField(serializers.DictField):
    """Arguments by framework, as texts: ``{"tensorflow": {"fit": "epochs=5, shuffle=True"}}``."""

    child = ArgumentTextsSerializer()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := [name for name in data if name not in set(Framework)]):
            expected = f"there is no such framework: expected one of {', '.join(Framework)}"
            raise serializers.ValidationError({str(name): expected for name in unknown})
        return super().to_internal_value(data)

    def to_representation(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {
            framework: {purpose: given.get(purpose, {}).get("text", "") for purpose in Purpose}
            for framework, given in value.items()
        }


class DatasetOfDeploymentSerializer(serializers.Serializer[Any]):
    """The data set that a deployment was made for."""

    id = serializers.IntegerField(source="dataset_id")
    name = serializers.CharField(source="dataset.name")
    version = serializers.IntegerField(source="number")


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    """A deployment; ``state`` sums its results up."""

    dataset = DatasetOfDeploymentSerializer(read_only=True, allow_null=True)

    configuration_name = serializers.CharField(source="configuration.name", read_only=True)
    state = serializers.SerializerMethodField()
    results = ResultOfDeploymentSerializer(source="result_rows", many=True, read_only=True)
    arguments = ArgumentTextsField()
    split = serializers.ChoiceField(choices=_SPLITS, allow_null=True, help_text=_SPLIT_HELP)
    targets = serializers.ChoiceField(choices=_TARGETS, help_text=_TARGETS_HELP)
    incremental = MessageField(Incremental)
    semi_supervised = MessageField(SemiSupervised)
    chain = MessageField(ChainTraining)
    note = serializers.SerializerMethodField(help_text="why it waits although a stream came; empty: nothing to say")

    class Meta:
        model = Deployment
        fields = [
            "id",
            "configuration",
            "configuration_name",
            "batch_size",
            "arguments",
            "confusion_matrix",
            "split",
            "targets",
            "seed",
            "gpu",
            "mode",
            "incremental",
            "semi_supervised",
            "chain",
            "dataset",
            "state",
            "note",
            "results",
            "created_at",
        ]

    def get_note(self, deployment: Deployment) -> str:
        waits = any(result_row.stream_id is None and not result_row.ended for result_row in deployment.result_rows)
        if not waits or deployment.last_stream is None:
            return ""
        reason = unfit_reason(
            deployment.pk,
            deployment.mode,
            semi_supervised=deployment.semi_supervised is not None,
            online=bool(deployment.last_stream_online),
            unlabelled=bool(deployment.last_stream_unlabelled),
            several_inputs=deployment.several_inputs,
            by_contract=deployment.last_stream_format == InputFormat.COLUMNS,
        )
        return reason and f"stream {deployment.last_stream} was announced to it: {reason}"

    @extend_schema_field(serializers.ChoiceField(choices=STATE_CHOICES))
    def get_state(self, deployment: Deployment) -> str:
        return str(aggregate_state(result.state for result in deployment.result_rows))


class StreamFitSerializer(serializers.Serializer[Any]):
    """A stream, and why a deployment cannot learn it: ``reason`` is empty where nothing is known to keep it."""

    stream = serializers.IntegerField()
    topics = serializers.ListField(child=serializers.CharField())
    reason = serializers.CharField(allow_blank=True)


class DatasetFitsQuerySerializer(serializers.Serializer[Any]):
    """Whose models data sets are held against."""

    configuration = serializers.PrimaryKeyRelatedField(queryset=Configuration.objects.all())
    targets = serializers.ChoiceField(choices=_TARGETS, default=Targets.LABELS.value, help_text=_TARGETS_HELP)
    limit = serializers.IntegerField(min_value=1, max_value=200, default=200, help_text="how many of the newest")


class DatasetFitSerializer(serializers.Serializer[Any]):
    """A version of a data set, and why models cannot learn it: ``reason`` is empty where nothing is known to."""

    dataset = serializers.IntegerField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    reason = serializers.CharField(allow_blank=True)


class DeploymentWriteSerializer(serializers.Serializer[Any]):
    """A deployment to make; arguments are written as in a call: ``epochs=5, shuffle=True``."""

    configuration = serializers.PrimaryKeyRelatedField(queryset=Configuration.objects.all())
    batch_size = serializers.IntegerField(min_value=1, max_value=1 << 20, default=32)
    arguments = ArgumentTextsField(default=dict)
    confusion_matrix = serializers.BooleanField(default=False)
    split = serializers.ChoiceField(choices=_SPLITS, allow_null=True, default=None, help_text=_SPLIT_HELP)
    targets = serializers.ChoiceField(choices=_TARGETS, default=Targets.LABELS.value, help_text=_TARGETS_HELP)
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)
    gpu = serializers.IntegerField(min_value=0, max_value=64, default=0)
    mode = serializers.ChoiceField(
        choices=[(mode.value, mode.value) for mode in TrainingMode],
        default=TrainingMode.CLASSIC.value,
        error_messages={
            "invalid_choice": f"this version does not train in the mode {{input}}: expected {' or '.join(TrainingMode)}"
        },
    )
    incremental = MessageField(Incremental, read_only=False, default=None, help_text=_INCREMENTAL_HELP)
    semi_supervised = MessageField(SemiSupervised, read_only=False, default=None, help_text=_SEMI_SUPERVISED_HELP)
    chain = MessageField(ChainTraining, read_only=False, default=None, help_text=_CHAIN_HELP)
    dataset = serializers.PrimaryKeyRelatedField(
        queryset=Dataset.objects.all(), allow_null=True, default=None, help_text="it is trained on at once; null: none"
    )
    dataset_version = serializers.IntegerField(
        allow_null=True, default=None, min_value=1, max_value=2**31 - 1, help_text="null: the newest"
    )
    optimizer = TextField(max_length=100, required=False, help_text=_OLD_CHAIN_HELP)
    learning_rate = serializers.FloatField(required=False, help_text=_OLD_CHAIN_HELP)
    loss = TextField(max_length=100, required=False, help_text=_OLD_CHAIN_HELP)
    metrics = TextField(max_length=1000, required=False, help_text=f"{_OLD_CHAIN_HELP}; separated by commas")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if TrainingMode(attrs["mode"]).online and attrs["split"] is not None:
            raise serializers.ValidationError({"split": "of an online stream nothing is set aside for a test"})
        number, dataset = attrs.pop("dataset_version"), attrs["dataset"]
        if dataset is not None and attrs["split"] is not None:
            raise serializers.ValidationError({"split": "the contract of the data set says how it is split"})
        if dataset is not None:
            attrs["dataset"] = version_of(dataset, number, field="dataset_version")
        elif number is not None:
            raise serializers.ValidationError({"dataset_version": "expected the data set that it is a version of"})
        return attrs


class DeploymentCheckRequestSerializer(DeploymentWriteSerializer):
    """A deployment that may be made, and the stream that would be sent to it."""

    stream = serializers.PrimaryKeyRelatedField(
        queryset=Announcement.objects.all(), allow_null=True, default=None, help_text="null: one that is sent later"
    )


class FieldErrorSerializer(serializers.Serializer[Any]):
    """What is wrong with one field."""

    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)


class DeploymentCheckSerializer(serializers.Serializer[Any]):
    """Whether a deployment could be made; nothing was made."""

    valid = serializers.BooleanField()
    errors = FieldErrorSerializer(many=True)  # type: ignore[assignment]  # a declared field, not Serializer.errors


class DeploymentOptionsSerializer(serializers.Serializer[Any]):
    """What can be chosen when making a deployment."""

    modes = serializers.ListField(
        child=serializers.CharField(), help_text="values of the field mode that this version trains in"
    )


class RestartSerializer(serializers.Serializer[Any]):
    """How to train again: from the start, on the same stream or on another one; or, to ``resume``, from the last
    checkpoint.
    """

    resume = serializers.BooleanField(default=False)

    stream = serializers.PrimaryKeyRelatedField(
        queryset=Announcement.objects.all(), required=False, allow_null=True, default=None
    )


class CellSampleSerializer(serializers.Serializer[Any]):
    """A sample of a cell; ``probability`` is that of the predicted class, as the model gave it."""

    sample = SampleSerializer()
    probability = serializers.FloatField(allow_null=True)


class CellSamplesSerializer(serializers.Serializer[Any]):
    """Samples that training kept of a cell of ``total``; at most ``per_cell`` of each, fewer where they are large."""

    actual = serializers.IntegerField()
    predicted = serializers.IntegerField()
    total = serializers.IntegerField()
    per_cell = serializers.IntegerField()
    columns = serializers.ListField(child=serializers.CharField(), help_text=COLUMNS_HELP)
    samples = CellSampleSerializer(many=True)
