"""Deployments, results and their versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kafkaml.sdk.types.base import Answer, FailureReport
from kafkaml.sdk.types.data import DatasetOfDeployment
from kafkaml.wire.card import ModelCard
from kafkaml.wire.distributed import ChainTraining, ExitCurves
from kafkaml.wire.evaluation import Evaluation
from kafkaml.wire.hint import Hint
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.outcome import ConfusionMatrix, Outcome
from kafkaml.wire.progress import EpochMetrics, Progress
from kafkaml.wire.scores import Score
from kafkaml.wire.semi_supervised import SemiSupervised
from kafkaml.wire.state import RunState
from kafkaml.wire.version import Artifact as StoredFile
from kafkaml.wire.version import Version

__all__ = [
    "Artifact",
    "Card",
    "ChainSettings",
    "ConfusionReport",
    "Deployment",
    "EpochRecord",
    "EvaluationReport",
    "ExitCurvesReport",
    "IncrementalSettings",
    "LastCheckpoint",
    "OutcomeReport",
    "ProgressReport",
    "SemiSupervisedSettings",
    "TrainingResult",
    "VersionRecord",
]


class ProgressReport(Progress, Answer):
    """Where a training is. Epoch 0 is the reading of the stream; ``batch`` of ``batches`` then counts records."""


class EpochRecord(EpochMetrics, Answer):
    """Metrics after one epoch (1-based)."""


class IncrementalSettings(Incremental, Answer):
    """How an online stream is learnt, in the mode ``incremental``."""


class SemiSupervisedSettings(SemiSupervised, Answer):
    """How a stream's unlabelled data is learnt."""


class ChainSettings(ChainTraining, Answer):
    """What the sub-models of distributed models are trained with."""


class ExitCurvesReport(ExitCurves, Answer):
    """Where samples would leave a chain under its limits, and what other limits would do."""


class LastCheckpoint(Answer):
    """The place where another attempt would continue: after ``step`` epochs or windows, and ``records`` records of the
    stream.
    """

    attempt: int
    step: int
    records: int = 0
    positions: Mapping[str, Mapping[str, int]] = {}
    size: int = 0
    created_at: datetime | None = None


class OutcomeReport(Outcome, Answer):
    """The end of a successful training, with what is needed to repeat it."""


class ConfusionReport(ConfusionMatrix, Answer):
    """``matrix[i][j]`` counts test samples of class i that were predicted as class j, over ``labels``."""


class EvaluationReport(Evaluation, Answer):
    """The answers to the samples that tested: ``curves`` of two classes, ``residuals`` of a regression."""


class Artifact(StoredFile, Answer):
    """A file of a trained model; ``size`` in bytes."""


class VersionRecord(Version, Answer):
    """One version of a result: what was trained, on what, and why it was made."""

    # The reason is a text, because a newer platform may give one that is not in the enumeration.
    reason: str  # type: ignore[assignment]


class Card(ModelCard, Answer):
    """All that is known of one version, in one document."""


class TrainingResult(Answer):
    """One model of a deployment: its state, its metrics and its outcome.

    ``metrics`` are those of the last epoch; lists of results leave ``epochs``, ``confusion_matrix`` and ``evaluation``
    out. ``outcome`` and ``artifacts`` belong to the current version, which exists once the training has finished.

    Sub-models of a distributed model are trained in one run, which belongs to the result of the top tier. The other
    results name that result as their ``leader``. ``tier`` counts from the lowest (0). Both are None in ordinary
    results.
    """

    id: int
    # The field is None in the answer for a deployment, which is the one that holds the result.
    deployment: int | None = None
    model: int
    model_name: str = ""
    framework: str = ""
    leader: int | None = None
    tier: int | None = None
    state: RunState
    attempt: int = 0
    failure: FailureReport | None = None
    progress: ProgressReport | None = None
    metrics: EpochRecord | None = None
    epochs: Sequence[EpochRecord] = ()
    checkpoint: LastCheckpoint | None = None
    outcome: OutcomeReport | None = None
    confusion_matrix: ConfusionReport | None = None
    evaluation: EvaluationReport | None = None
    artifacts: Sequence[Artifact] = ()
    current_version: int | None = None
    version_count: int = 0
    stream: int | None = None
    hints: Sequence[Hint] = ()
    name: str = ""
    notes: str = ""
    tags: Sequence[str] = ()
    favourite: bool = False
    configuration_name: str = ""
    stream_topic: str | None = None
    stream_same_as: int | None = None
    stream_dataset: DatasetOfDeployment | None = None
    download_stem: str = ""
    parameters: Mapping[str, Any] = {}

    @property
    def test_metrics(self) -> Mapping[str, float]:
        """Metrics on the test part of the stream; empty until finished, and without a test part."""
        return self.outcome.test_metrics if self.outcome else {}

    @property
    def scores(self) -> Mapping[Score, float]:
        """What the platform computed on the test part, by one rule for all frameworks: an accuracy, or errors."""
        return self.outcome.scores if self.outcome else {}

    @property
    def warnings(self) -> Sequence[str]:
        """Warnings about a successful training; empty until finished."""
        return self.outcome.warnings if self.outcome else ()


class Deployment(Answer):
    """A configuration put to work: its models wait for a stream that is addressed to ``id``.

    ``arguments`` are texts by framework and purpose: ``{"pytorch": {"fit": "max_epochs=5", "evaluation": ""}}``.
    ``split`` is ``content``, ``time`` or None (by content; by time where the fit arguments say ``shuffle=False``),
    ``targets`` are ``labels`` or ``features``.
    """

    id: int
    configuration: int
    configuration_name: str = ""
    batch_size: int
    arguments: Mapping[str, Mapping[str, str]] = {}
    confusion_matrix: bool = False
    split: str | None = None
    targets: str = "labels"
    seed: int = 0
    gpu: int = 0
    mode: str = "classic"
    incremental: IncrementalSettings | None = None
    semi_supervised: SemiSupervisedSettings | None = None
    chain: ChainSettings | None = None
    dataset: DatasetOfDeployment | None = None
    # The reason why the deployment still waits although a stream came.
    note: str = ""
    state: RunState
    results: Sequence[TrainingResult] = ()
    created_at: datetime | None = None
