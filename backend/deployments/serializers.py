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
]

_SPLITS = [(split.value, split.value) for split in Split]
TARGETS = [(targets.value, targets.value) for targets in Targets]
_SPLIT_HELP = "Which samples test. Null is by content, or by time if the fit arguments say shuffle=False."
TARGETS_HELP = "What the model learns to predict."
_INCREMENTAL_HELP = "How an incremental training reads its stream. Null for the defaults."
_CHAIN_HELP = "How the sub-models of distributed models are trained together. Null for the defaults."
_OLD_CHAIN_HELP = "Deprecated: the same field of ``chain``"
_SEMI_SUPERVISED_HELP = "How unlabelled samples are learnt. Null if labelled samples alone are learnt."


class LastCheckpointSerializer(serializers.ModelSerializer[Checkpoint]):
    """The last checkpoint of a training. ``step`` counts epochs or windows. ``records`` is the number of records
    that were read for it. ``size`` is in bytes.
    """

    attempt = serializers.IntegerField(source="artifact.attempt")
    size = serializers.IntegerField(source="artifact.size")
    positions = serializers.DictField(
        child=serializers.DictField(child=serializers.IntegerField()),
        help_text="The next offset, by topic and partition.",
    )

    class Meta:
        model = Checkpoint
        fields = ["attempt", "step", "records", "positions", "size", "created_at"]


class ResultOfDeploymentSerializer(serializers.ModelSerializer[TrainingResult]):
    """A result of a deployment. ``leader``, ``tier`` and ``metrics`` are as in ResultRow."""

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
    """The version of a data set that a stream is of. The data set may have been deleted since."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    version = serializers.IntegerField()


class ResultRowSerializer(serializers.ModelSerializer[TrainingResult]):
    """A result in a list. ``metrics`` are those of the last epoch, ``outcome`` and ``artifacts`` those of the current
    version.

    The sub-models of a chain are trained in one run. ``leader`` is the result of the highest one, null for that result
    itself and for an ordinary model. ``tier`` counts from 0, the lowest one, and is null for an ordinary model.
    ``metrics`` and ``history`` are null before the first epoch, and ``outcome`` before the first version.
    """

    model_name = serializers.CharField(source="model.name", read_only=True)
    framework = serializers.ChoiceField(source="model.framework", choices=FRAMEWORK_CHOICES, read_only=True)
    configuration_name = serializers.CharField(source="deployment.configuration.name", read_only=True)
    stream_topic = serializers.SerializerMethodField(
        help_text="The topic that it is trained on, or the first of several."
    )
    stream_same_as = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="The first stream of the same records. Null if it is the stream of the result.",
    )
    stream_dataset = StreamDatasetSerializer(
        read_only=True, allow_null=True, help_text="The data set that the stream is of. Null if a sink sent the stream."
    )
    parameters = serializers.DictField(
        read_only=True, help_text="Arguments of the training, by names that all frameworks share."
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
    """A result with its epochs and its source code. ``confusion_matrix`` is null unless the deployment asked for it.
    ``evaluation`` is null without test samples, or if the model predicts neither two classes nor numbers and its
    samples have no named columns.
    """

    epochs = serializers.SerializerMethodField(
        help_text="Metrics of epochs. If there are many, a selection that shows the curve. All are in ``epochs/``."
    )
    checkpoint = serializers.SerializerMethodField(
        help_text="The checkpoint from which another attempt would continue."
    )
    confusion_matrix = MessageField(ConfusionMatrix)
    evaluation = MessageField(Evaluation)
    hints = serializers.SerializerMethodField(help_text="Advice from the curves of a finished training.")
    download_stem = serializers.SerializerMethodField(help_text="Beginning of the names of downloaded files.")
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
    """A user's annotations of a result. Fields that are left out stay as they are."""

    name = TextField(max_length=100, allow_blank=True)
    notes = serializers.CharField(max_length=10_000, allow_blank=True)
    tags = serializers.ListField(
        child=serializers.RegexField(
            r"^[\w.:/-]{1,50}$",
            error_messages={"invalid": "a tag has letters, digits, and . : / - _ alone, at most 50"},
        ),
        max_length=20,
        help_text="Words to find the result by.",
    )
    favourite = serializers.BooleanField()

    def validate_tags(self, tags: list[str]) -> list[str]:
        return list(dict.fromkeys(tags))


class EpochsSerializer(serializers.Serializer[Any]):
    """Metrics of epochs: a selection of all ``total`` epochs that shows the curve, with its extremes and both ends."""

    total = serializers.IntegerField()
    epochs = serializers.ListField(child=MessageField(EpochMetrics, allow_null=False))


class ArgumentTextsSerializer(serializers.Serializer[Any]):
    """Arguments for one framework, as in a call of a Python function."""

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
    """The data set that a deployment was created for."""

    id = serializers.IntegerField(source="dataset_id")
    name = serializers.CharField(source="dataset.name")
    version = serializers.IntegerField(source="number")


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    """A deployment. ``state`` is derived from the states of its results. ``dataset`` is null if it was not made for
    one.
    """

    dataset = DatasetOfDeploymentSerializer(read_only=True, allow_null=True)
    configuration_name = serializers.CharField(source="configuration.name", read_only=True)
    state = serializers.SerializerMethodField()
    results = ResultOfDeploymentSerializer(source="result_rows", many=True, read_only=True)
    arguments = ArgumentTextsField()
    split = serializers.ChoiceField(choices=_SPLITS, allow_null=True, help_text=_SPLIT_HELP)
    targets = serializers.ChoiceField(choices=TARGETS, help_text=TARGETS_HELP)
    incremental = MessageField(Incremental)
    semi_supervised = MessageField(SemiSupervised)
    chain = MessageField(ChainTraining)
    note = serializers.SerializerMethodField(help_text="Why it waits although a stream was announced. Empty otherwise.")

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


class DeploymentWriteSerializer(serializers.Serializer[Any]):
    """A deployment to create. Arguments are written as in a call of a Python function: ``epochs=5, shuffle=True``."""

    configuration = serializers.PrimaryKeyRelatedField(queryset=Configuration.objects.all())
    batch_size = serializers.IntegerField(min_value=1, max_value=1 << 20, default=32)
    arguments = ArgumentTextsField(default=dict)
    confusion_matrix = serializers.BooleanField(default=False)
    split = serializers.ChoiceField(choices=_SPLITS, allow_null=True, default=None, help_text=_SPLIT_HELP)
    targets = serializers.ChoiceField(choices=TARGETS, default=Targets.LABELS.value, help_text=TARGETS_HELP)
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
        queryset=Dataset.objects.all(),
        allow_null=True,
        default=None,
        help_text="A data set to train on at once. Null for none.",
    )
    dataset_version = serializers.IntegerField(
        allow_null=True,
        default=None,
        min_value=1,
        max_value=2**31 - 1,
        help_text="Version of the data set. Null for the newest.",
    )
    optimizer = TextField(max_length=100, required=False, help_text=_OLD_CHAIN_HELP)
    learning_rate = serializers.FloatField(required=False, help_text=_OLD_CHAIN_HELP)
    loss = TextField(max_length=100, required=False, help_text=_OLD_CHAIN_HELP)
    metrics = TextField(max_length=1000, required=False, help_text=f"{_OLD_CHAIN_HELP}, separated by commas")

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
    """A deployment that a user may create, and the stream that would be announced to it."""

    stream = serializers.PrimaryKeyRelatedField(
        queryset=Announcement.objects.all(),
        allow_null=True,
        default=None,
        help_text="The stream that would be announced to it. Null if that is not known.",
    )


class FieldErrorSerializer(serializers.Serializer[Any]):
    """What is wrong with one field."""

    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)


class DeploymentCheckSerializer(serializers.Serializer[Any]):
    """Whether a deployment could be created, and what is wrong otherwise."""

    valid = serializers.BooleanField()
    errors = FieldErrorSerializer(many=True)  # type: ignore[assignment]  # a declared field, not Serializer.errors


class DeploymentOptionsSerializer(serializers.Serializer[Any]):
    """What can be chosen for a deployment."""

    modes = serializers.ListField(child=serializers.CharField(), help_text="Values of the field ``mode``.")


class RestartSerializer(serializers.Serializer[Any]):
    """How to train again: with ``resume`` from the last checkpoint, otherwise from the start. ``stream`` is null for
    the same stream.
    """

    resume = serializers.BooleanField(default=False)

    stream = serializers.PrimaryKeyRelatedField(
        queryset=Announcement.objects.all(), required=False, allow_null=True, default=None
    )


class CellSampleSerializer(serializers.Serializer[Any]):
    """A sample of a cell of the confusion matrix. ``probability`` is what its class got, or null."""

    sample = SampleSerializer()
    probability = serializers.FloatField(allow_null=True)


class CellSamplesSerializer(serializers.Serializer[Any]):
    """Samples that training kept for a cell of the confusion matrix, which counts ``total``. ``actual`` and
    ``predicted`` are the numbers of its classes, from 0.

    Training keeps at most ``per_cell`` samples for each cell, and fewer if samples are large.
    """

    actual = serializers.IntegerField()
    predicted = serializers.IntegerField()
    total = serializers.IntegerField()
    per_cell = serializers.IntegerField()
    columns = serializers.ListField(child=serializers.CharField(), help_text=COLUMNS_HELP)
    samples = CellSampleSerializer(many=True)
