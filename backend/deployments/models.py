"""Deployments and what comes of them: one training result per model, its epochs, its versions and their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from backend.configurations.models import Configuration
from backend.datasets.models import DatasetVersion
from backend.launchers.names import RunKind
from backend.ml_models.models import MLModel
from backend.runs.models import ENDED_STATES, Run
from backend.streams.models import Announcement
from kafkaml.wire.checkpoint import Checkpoint as SavedCheckpoint
from kafkaml.wire.choices import Split, Targets, TrainingMode
from kafkaml.wire.distributed import ChainTraining
from kafkaml.wire.version import VersionReason

__all__ = ["Artifact", "Checkpoint", "Deployment", "EpochRecord", "ResultVersion", "TrainingResult", "mode_choices"]


def mode_choices() -> list[tuple[str, str]]:
    """Return the modes as Django wants them; by a function, so that another one does not change the database."""
    return [(mode.value, mode.value) for mode in TrainingMode]


class Deployment(models.Model):
    """A configuration that waits for its stream, trains, or has trained. Sinks address it by its id."""

    # Selectors fill these fields: the deployment's results, and the stream that was announced to it last.
    result_rows: list[TrainingResult]
    last_stream: int | None
    last_stream_online: bool | None
    last_stream_format: str | None
    several_inputs: bool
    last_stream_unlabelled: str | None

    configuration = models.ForeignKey(Configuration, on_delete=models.PROTECT, related_name="deployments")
    batch_size = models.PositiveIntegerField(default=32, validators=[MinValueValidator(1), MaxValueValidator(1 << 20)])
    arguments = models.JSONField(default=dict, help_text="{framework: {purpose: {text, values}}}, see arguments.py")
    confusion_matrix = models.BooleanField(default=False)
    seed = models.PositiveIntegerField(default=0, validators=[MaxValueValidator(2**31 - 1)])
    gpu = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(64)])
    # Null means that the user did not choose.
    split = models.CharField(  # noqa: DJ001
        max_length=20,
        choices=[(split.value, split.value) for split in Split],
        null=True,
        blank=True,
        help_text="null: by content, or by time where the fit arguments say shuffle=False",
    )
    targets = models.CharField(
        max_length=20, choices=[(targets.value, targets.value) for targets in Targets], default=Targets.LABELS.value
    )
    mode = models.CharField(max_length=20, choices=mode_choices, default=TrainingMode.CLASSIC.value)
    incremental = models.JSONField(
        null=True, blank=True, help_text="kafkaml.wire.incremental.Incremental; null where the mode is another"
    )
    semi_supervised = models.JSONField(
        null=True, blank=True, help_text="kafkaml.wire.semi_supervised.SemiSupervised; null: labelled data alone"
    )
    chain = models.JSONField(
        null=True, blank=True, help_text="kafkaml.wire.distributed.ChainTraining; null: no distributed models"
    )
    # The data set that the deployment was made for. What it actually trained on is the stream of its results.
    dataset = models.ForeignKey(
        DatasetVersion, null=True, blank=True, on_delete=models.SET_NULL, related_name="deployments"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"deployment {self.pk}"

    @property
    def chain_training(self) -> ChainTraining:
        """The settings with which the deployment's chains are trained; None without chains."""
        return ChainTraining.model_validate(self.chain or {})


class TrainingResult(Run):
    """One model of a deployment in training. ``code`` and ``imports`` are the source at the moment when its stream
    came.

    The outcome of training is in its versions; the result shows the current one, which inferences serve.

    The sub-models of a chain are trained in one run, that of the top's result, which leads those of the others.
    ``tier`` counts from below (0); null: an ordinary model.
    """

    kind = RunKind.TRAINING
    noun = "result"
    events_topic = "results"

    # Fields that all results of a run share; they are changed in the leader.
    _SHARED = (
        "stream_id",
        "first_attempt",
        "desired",
        "state",
        "attempt",
        "tries",
        "failure",
        "updated_at",
        "launched_at",
        "started_at",
        "ended_at",
        "next_retry_at",
    )

    # Selectors fill these fields: the files of the current version and those without a version, and what the stream
    # announced.
    stored_artifacts: list[Artifact]
    stream_ranges: str | None
    stream_same_as: int | None
    stream_dataset: Mapping[str, Any] | None

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="results")
    leader = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="followers")
    tier = models.PositiveSmallIntegerField(null=True, blank=True)
    # The weight of this tier's exit in the loss of its chain. It is kept here because the model may be renamed.
    loss_weight = models.FloatField(default=1.0)
    model = models.ForeignKey(MLModel, on_delete=models.PROTECT, related_name="results")
    code = models.TextField()
    imports = models.TextField(blank=True)
    stream = models.ForeignKey(Announcement, null=True, blank=True, on_delete=models.PROTECT, related_name="results")
    progress = models.JSONField(null=True, blank=True)
    metrics = models.JSONField(null=True, blank=True, help_text="of the last epoch: {epoch, training, validation}")
    # A short summary of all epochs: see history.py.
    history = models.JSONField(null=True, blank=True)
    current_version = models.ForeignKey(
        "ResultVersion", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # The highest number that a version had, so that numbers of deleted versions are not reused.
    last_version = models.PositiveIntegerField(default=0)
    # The first attempt of the training that was requested last.
    first_attempt = models.PositiveIntegerField(default=1)
    # A failed training may have measured something; it is kept here, because no version is made of it.
    failed_outcome = models.JSONField(null=True, blank=True, help_text="kafkaml.wire.outcome.Outcome")
    failed_confusion_matrix = models.JSONField(null=True, blank=True)
    window_end = models.JSONField(
        null=True, blank=True, help_text="kafkaml.wire.checkpoint.WindowEnd of the window that was begun last"
    )
    # The present attempt's report of a follower's version, which is made together with the leader's.
    pending = models.JSONField(null=True, blank=True, help_text="kafkaml.wire.report.NewVersion or Finish")
    # The parameters of the training, by the names that all frameworks know: see run_table.py.
    parameters = models.JSONField(default=dict, blank=True)
    # Annotations by users.
    name = models.CharField(max_length=100, blank=True)
    notes = models.TextField(blank=True)
    tag_lines = models.TextField(blank=True, help_text="each tag in a line, with a line break before the first")
    favourite = models.BooleanField(default=False)
    # Number of the last event taken from the attempt; events of this number and below were seen.
    last_event_seq = models.BigIntegerField(default=-1)

    class Meta(Run.Meta):
        constraints = [models.UniqueConstraint(fields=["deployment", "model"], name="result_once_per_model")]
        indexes = [
            # An index for the controller, independent of how many results have ended.
            models.Index(fields=["state"], name="result_active", condition=~models.Q(state__in=ENDED_STATES)),
        ]

    def __str__(self) -> str:
        return f"of deployment {self.deployment_id}"

    @property
    def tags(self) -> list[str]:
        """The tags by which users find the run."""
        return self.tag_lines.split()

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self.tag_lines = "".join(f"\n{tag}" for tag in tags) + "\n" if tags else ""

    @property
    def ready(self) -> bool:
        """Whether the training's stream has come."""
        return self.stream_id is not None

    @property
    def outcome(self) -> dict[str, Any] | None:
        """``kafkaml.wire.outcome.Outcome`` of the current version; without one, what a failed training measured."""
        return self.current_version.outcome if self.current_version else self.failed_outcome

    @property
    def confusion_matrix(self) -> dict[str, Any] | None:
        """The confusion matrix, ``{matrix, labels}``, that belongs to ``outcome``."""
        return self.current_version.confusion_matrix if self.current_version else self.failed_confusion_matrix

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """``kafkaml.wire.evaluation.Evaluation`` of the current version."""
        return self.current_version.evaluation if self.current_version else None

    @property
    def artifacts_shown(self) -> list[Artifact]:
        """The files of the current version; without one, those that the outcome of a failed training names."""
        if self.current_version_id is not None:
            return [artifact for artifact in self.stored_artifacts if artifact.version_id == self.current_version_id]
        named = (self.failed_outcome or {}).get("artifacts", {})
        return [
            artifact
            for artifact in self.stored_artifacts
            if artifact.attempt == self.attempt and artifact.name in named
        ]

    @property
    def run(self) -> TrainingResult:
        """The result whose run trains this one: its leader, or the result itself."""
        return self.leader or self

    @property
    def head(self) -> int:
        return self.leader_id or self.pk

    def parts(self) -> list[TrainingResult]:
        """Return the results of a chain's run, beginning with the lowest tier; the leader's own is the last."""
        return [*self.companions(), self]

    def companions(self) -> list[TrainingResult]:
        if self.tier is None or self.leader_id is not None:
            return []
        return list(self.followers.select_related("model").order_by("tier"))

    def save(self, *args: Any, **options: Any) -> None:
        super().save(*args, **options)
        if self.tier is not None and self.leader_id is None:
            self.followers.update(**{name: getattr(self, name) for name in self._SHARED})

    def shown(self) -> dict[str, Any]:
        return {"deployment": self.deployment_id, "progress": self.progress, "metrics": self.metrics}

    def forget_attempt(self) -> None:
        # Import late, because checkpoints use the store of files, which imports these models.
        from backend.deployments.checkpoints import go_back

        for part in self.parts():
            go_back(part)
            part.progress = part.pending = None
            part.last_event_seq = -1
            if part is not self:
                part.save()

    def halt(self) -> None:
        # Progress is shown for an ended training, but not for one that waits to start again.
        if not self.ended:
            self.progress = None
            self.followers.update(progress=None)


class EpochRecord(models.Model):
    """Metrics after one epoch or window. A later attempt goes on from a checkpoint of an earlier one."""

    result = models.ForeignKey(TrainingResult, on_delete=models.CASCADE, related_name="epochs")
    epoch = models.PositiveIntegerField()
    document = models.JSONField(help_text="kafkaml.wire.progress.EpochMetrics")

    class Meta:
        ordering = ["epoch"]
        constraints = [models.UniqueConstraint(fields=["result", "epoch"], name="epoch_once")]


class ResultVersion(models.Model):
    """A version of a result: what was trained, from which source, on which stream, and why it was chosen.

    ``pinned`` keeps it when the oldest are deleted; nothing else ever changes.
    """

    result = models.ForeignKey(TrainingResult, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    reason = models.CharField(max_length=20, choices=[(reason.value, reason.value) for reason in VersionReason])
    attempt = models.PositiveIntegerField()
    # The window after which the version was made while its training continued; null: the version ended its training.
    step = models.PositiveBigIntegerField(null=True, blank=True)
    code = models.TextField()
    imports = models.TextField(blank=True)
    stream = models.ForeignKey(Announcement, null=True, blank=True, on_delete=models.PROTECT, related_name="versions")
    outcome = models.JSONField(help_text="kafkaml.wire.outcome.Outcome")
    # The confusion matrix ({matrix, labels}) and the evaluation (the answers to the test samples) have their own
    # columns, because they are large and lists do not show them.
    confusion_matrix = models.JSONField(null=True, blank=True)
    evaluation = models.JSONField(null=True, blank=True, help_text="kafkaml.wire.evaluation.Evaluation")
    positions = models.JSONField(default=dict, blank=True, help_text="kafkaml.wire.checkpoint.Positions")
    comparison = models.JSONField(null=True, blank=True, help_text="kafkaml.wire.version.Comparison")
    pinned = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["result", "number"], name="version_once")]

    def __str__(self) -> str:
        return f"version {self.number} of result {self.result_id}"


class Artifact(models.Model):
    """A complete uploaded file of an attempt; the bytes are where ``storage.fetch`` says.

    Versions of one attempt may have the same file. Each has a row, and the bytes are stored once.
    """

    result = models.ForeignKey(TrainingResult, on_delete=models.CASCADE, related_name="artifacts")
    attempt = models.PositiveIntegerField()
    # Null while the file belongs to its attempt only, and not yet to a version.
    version = models.ForeignKey(
        ResultVersion, null=True, blank=True, on_delete=models.CASCADE, related_name="artifacts"
    )
    name = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["result", "attempt", "name"], condition=models.Q(version=None), name="artifact_once"
            ),
            models.UniqueConstraint(fields=["version", "name"], name="artifact_once_in_version"),
        ]


class Checkpoint(models.Model):
    """A place in a training from which the next attempt goes on. The newest are kept; see checkpoints.py."""

    result = models.ForeignKey(TrainingResult, on_delete=models.CASCADE, related_name="checkpoints")
    artifact = models.OneToOneField(Artifact, on_delete=models.CASCADE)
    step = models.PositiveBigIntegerField(help_text="epochs or windows that it holds")
    records = models.PositiveBigIntegerField(default=0)
    positions = models.JSONField(default=dict, help_text="kafkaml.wire.checkpoint.Positions")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.artifact.name} of result {self.result_id}"

    def message(self) -> SavedCheckpoint:
        """Return the checkpoint in the form that workers read."""
        return SavedCheckpoint(
            attempt=self.artifact.attempt,
            name=self.artifact.name,
            sha256=self.artifact.sha256,
            size=self.artifact.size,
            step=self.step,
            records=self.records,
            positions=self.positions,
        )
