"""What the API answers with, as objects. Fields that a newer platform adds are kept and shown, never refused.

What workers tell the platform is answered as they told it: those classes are ``kafkaml.wire``'s. Metrics that are not
finite are NaN in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from kafkaml.wire.card import ModelCard
from kafkaml.wire.chain import ChainProposal
from kafkaml.wire.contract import Contract
from kafkaml.wire.distributed import ChainTraining, ExitCurves
from kafkaml.wire.evaluation import Evaluation
from kafkaml.wire.failure import Failure
from kafkaml.wire.hint import Hint
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.inference import ChallengeEnd
from kafkaml.wire.outcome import ConfusionMatrix, Outcome
from kafkaml.wire.progress import EpochMetrics, Progress
from kafkaml.wire.replica import Counts, Exits, Failing, LiveComparison, ReplicaReport, SwapFailure, Totals
from kafkaml.wire.scores import Score
from kafkaml.wire.semi_supervised import SemiSupervised
from kafkaml.wire.state import RunState
from kafkaml.wire.version import Artifact as StoredFile
from kafkaml.wire.version import Version

__all__ = [
    "Artifact",
    "AuditEntry",
    "Card",
    "ChainReport",
    "ChainSettings",
    "ChallengerReport",
    "Cluster",
    "ClusterCheck",
    "ClusterName",
    "ComparisonReport",
    "Configuration",
    "ConfusionReport",
    "CountsReport",
    "Dataset",
    "DatasetOfDeployment",
    "DatasetVersion",
    "DeadLetters",
    "Deployment",
    "EpochRecord",
    "EvaluationReport",
    "ExitCurvesReport",
    "ExitsReport",
    "FailingReport",
    "FailureReport",
    "Framework",
    "FrameworkArguments",
    "HistoryStep",
    "IncrementalSettings",
    "Inference",
    "LastCheckpoint",
    "LetterGroup",
    "LetterGroups",
    "LogPart",
    "Model",
    "OutcomeReport",
    "ProgressReport",
    "RecordPage",
    "ReplicaRecord",
    "RunState",
    "SemiSupervisedSettings",
    "ServingHistory",
    "Stream",
    "SwapFailureReport",
    "SwapReport",
    "TokenRecord",
    "Topic",
    "TotalsReport",
    "TrainingResult",
    "Trial",
    "User",
    "Validation",
    "VersionRecord",
    "Webhook",
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow", protected_namespaces=())


class Model(_Answer):
    """The source of a model; ``report`` holds its summary, inputs, outputs and parameter count.

    A sub-model of a distributed model (``distributed``) sends what it is not sure of to ``upper_model``, None at the
    top, and gets what ``lower_model`` sends.
    """

    id: int
    name: str
    description: str = ""
    framework: str
    imports: str = ""
    code: str = ""
    distributed: bool = False
    upper_model: int | None = None
    lower_model: int | None = None
    report: Mapping[str, Any] = Field(default_factory=dict)
    created_at: datetime | None = None


class Validation(_Answer):
    """The verdict on a model's source: ``report`` when valid, ``error`` (message, line, hint, ...) otherwise."""

    valid: bool
    report: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    output: str = ""


class Configuration(_Answer):
    """Models that train together on one stream."""

    id: int
    name: str
    description: str = ""
    models: Sequence[int] = ()
    deployments: int = 0
    # Sub-models that were added by the call, as their chains are whole.
    note: str = ""
    created_at: datetime | None = None


class FailureReport(Failure, _Answer):
    """Why something failed and what to do; ``category`` may be one that only a newer platform knows."""

    category: str  # type: ignore[assignment]


class ProgressReport(Progress, _Answer):
    """Where a training is. Epoch 0 is the reading of the stream; ``batch`` of ``batches`` then counts records."""


class EpochRecord(EpochMetrics, _Answer):
    """Metrics after one epoch (1-based)."""


class IncrementalSettings(Incremental, _Answer):
    """How an online stream is learnt, in the mode ``incremental``."""


class SemiSupervisedSettings(SemiSupervised, _Answer):
    """How a stream's unlabelled data is learnt."""


class ChainSettings(ChainTraining, _Answer):
    """What the sub-models of distributed models are trained with."""


class ExitCurvesReport(ExitCurves, _Answer):
    """Where samples would leave a chain under its limits, and what other limits would do."""


class LastCheckpoint(_Answer):
    """Where another attempt would go on: after ``step`` epochs or windows, ``records`` of the stream."""

    attempt: int
    step: int
    records: int = 0
    positions: Mapping[str, Mapping[str, int]] = {}
    size: int = 0
    created_at: datetime | None = None


class OutcomeReport(Outcome, _Answer):
    """The end of a successful training, with what is needed to repeat it."""


class ConfusionReport(ConfusionMatrix, _Answer):
    """``matrix[i][j]`` counts test samples of class i that were predicted as class j, over ``labels``."""


class EvaluationReport(Evaluation, _Answer):
    """The answers to the samples that tested: ``curves`` of two classes, ``residuals`` of a regression."""


class Artifact(StoredFile, _Answer):
    """A file of a trained model; ``size`` in bytes."""


class VersionRecord(Version, _Answer):
    """One version of a result: what was trained, on what, and what decided for it."""

    # One that only a newer platform knows.
    reason: str  # type: ignore[assignment]


class Card(ModelCard, _Answer):
    """All that is known of one version, in one document."""


class TrainingResult(_Answer):
    """One model of a deployment: its state, its metrics and what came of it.

    ``metrics`` are those of the last epoch; lists of results leave ``epochs``, ``confusion_matrix``
    and ``evaluation`` out.
    ``outcome`` and ``artifacts`` are of the current version, which is there once it has finished.

    Sub-models of a distributed model are trained in one run, that of the result of the top: the others name it as their
    ``leader``, and ``tier`` counts from below (0). Both are None in ordinary results.
    """

    id: int
    # None inside a deployment, which is the one.
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
        """What a person should know of a training that went well all the same; empty until finished."""
        return self.outcome.warnings if self.outcome else ()


class DatasetVersion(_Answer):
    """A version of a data set: which records, and the contract by which they become samples.

    ``ranges`` are ``topic:partition:start:end``, comma-separated; ``records`` is how many they hold at most. One
    without end (``online``) is the topic from ``since`` on, and learns scales and the like of a training's
    first window, of ``fit_records`` at least.
    """

    number: int
    ranges: str
    records: int | None = 0
    online: bool = False
    since: datetime | None = None
    fit_records: int | None = None
    validation_rate: float = 0.0
    test_rate: float = 0.0
    contract: Contract
    created_at: datetime | None = None


class Dataset(_Answer):
    """A data set: a name for versions, newest first."""

    id: int
    name: str
    description: str = ""
    versions: Sequence[DatasetVersion] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None


class CatalogRow(_Answer):
    """A data set in the list of all: ``kind`` is ``dataset``, or ``stream`` where a sink announced it.

    ``id`` is that of ``client.datasets`` or ``client.streams``. ``columns`` and ``labels`` are names, of a stream type
    and shape of its arrays as far as it says them. ``records`` None: without end.
    """

    kind: str
    id: int
    name: str
    description: str = ""
    ranges: str = ""
    records: int | None = None
    format: str = ""
    columns: Sequence[str] = ()
    labels: Sequence[str] = ()
    split: str = ""
    validation_rate: float = 0.0
    test_rate: float = 0.0
    versions: int = 1
    changed_at: datetime | None = None


class DatasetOfDeployment(_Answer):
    """The data set that a deployment was made for."""

    id: int
    name: str
    version: int


class Deployment(_Answer):
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
    # Why it waits although a stream came.
    note: str = ""
    state: RunState
    results: Sequence[TrainingResult] = ()
    created_at: datetime | None = None


class Stream(_Answer):
    """A data stream that was announced; ``topic`` holds its ranges in the wire form, ``unsupervised_topic`` those of
    its samples without labels.
    """

    id: int
    deployment: int | None = None
    topic: str = ""
    unsupervised_topic: str | None = None
    input_format: str = ""
    input_config: Mapping[str, Any] = Field(default_factory=dict)
    validation_rate: float = 0.0
    test_rate: float = 0.0
    total_msg: int | None = None
    description: str = ""
    registered_at: datetime | None = None
    # Whether something was trained from it, or is.
    used: bool = True
    # What may be wrong with it, such as a deployment that does not exist.
    note: str = ""


class StreamPreview(_Answer):
    """Samples of a stream with their labels, or the ``error`` of a record that has none; ``next`` goes on from there.

    ``doubts``: what the labels let one ask. ``total`` are the offsets of all its ranges. ``columns``: what the numbers
    of a sample are called, in their order; empty of pictures and others that are no rows of a table.
    """

    samples: Sequence[Mapping[str, Any]]
    next: int | None = None
    total: int = 0
    doubts: Sequence[str] = ()
    columns: Sequence[str] = ()


class UsedBy(_Answer):
    """Something that needs what was to be deleted; ``name`` as it is known among its kind."""

    type: str
    id: int
    name: str


class Obstacle(_Answer):
    """Why something cannot be deleted now, and what to do."""

    detail: str
    hint: str = ""
    users: Sequence[UsedBy] = ()


class Deletion(_Answer):
    """What deleting an object would do: what goes with it, or the ``obstacle``. ``careful``: hard to make again."""

    id: int
    name: str
    losses: Sequence[str] = ()
    careful: bool = False
    obstacle: Obstacle | None = None


class RefusedAnnouncement(_Answer):
    """An announcement that could not be taken, with the reason; ``value`` is the beginning of its record."""

    id: int
    deployment: int | None = None
    reason: str = ""
    hint: str = ""
    value: str = ""
    control_topic: str = ""
    partition: int = 0
    offset: int = 0
    refused_at: datetime | None = None


class FailingReport(Failing, _Answer):
    """Why an inference fails without having ended, since when, and what to do; ``kind`` may be a newer platform's."""

    kind: str  # type: ignore[assignment]


class TotalsReport(Totals, _Answer):
    """How an inference serves: records a second, records not read yet, milliseconds, and counts of all its life."""


class CountsReport(Counts, _Answer):
    """What an inference answered since it was started last."""


class ReplicaRecord(ReplicaReport, _Answer):
    """What one replica said last; ``state`` may be one that only a newer platform knows."""

    state: str  # type: ignore[assignment]
    error: FailureReport | None = None


class ChallengerReport(_Answer):
    """A version beside the one that is served; ``kind``: a ``canary`` answers ``share`` of the keys, a ``shadow`` all.

    A shadow's answers are in a topic of their own. ``rule`` promotes or drops it by itself.
    """

    version: int
    kind: str
    share: float = 1.0
    labelled: bool = False
    rule: Mapping[str, Any] | None = None


class ComparisonReport(LiveComparison, _Answer):
    """Champion and challenger side by side, on the records that both answered since the replicas began."""


class ChallengeEndReport(ChallengeEnd, _Answer):
    """What became of the challenger before: ``promoted`` or not, ``by`` whom, and what had been ``found`` by then."""

    kind: str  # type: ignore[assignment]
    found: ComparisonReport


class SwapFailureReport(SwapFailure, _Answer):
    """A version that could not be served, and why; the one before goes on."""

    failure: FailureReport


class ExitsReport(Exits, _Answer):
    """What a tier predicted since its replicas decide by ``limit``, and what of it was ``sent_up``; ``share`` left."""


class ChainReport(ChainProposal, _Answer):
    """How a trained chain could be served: ``tiers`` from below, with free topics and limits of the curves."""


class Inference(_Answer):
    """A trained model that answers on a topic.

    ``stats`` sums rate, lag and latencies of its replicas up and counts what was answered in all its life, of that
    ``attempt_counts`` since it was started last (None: not known);
    ``replica_stats`` has the replicas one by one, with counts since each process started. ``output_timestamps``:
    answers carry the time of their record (``source``) or of their writing (``written``). With
    ``max_replicas`` the lag chooses between ``replicas`` and that number. ``cluster`` None: the platform's own.

    ``failing`` says why it fails without having ended: its records become dead letters, its replicas end again and
    again, or it falls behind; it goes by itself when that is over, and ``state`` says nothing of it.

    ``version`` answers, or is to: ``swapped`` says whether all replicas have gone over. ``follows``: it goes over to
    ``current_version`` when another one becomes that. ``swap_failure`` is why the last version asked for was given up.
    ``challenger`` is what it is compared with, and ``comparison`` how; ``last_challenge`` is what became of the one
    before. A shadow is ``shadow_of`` another inference.

    ``tier`` is the name of the sub-model of a distributed model. With ``limit`` it hands what it is less sure of to
    ``upper_topic``, at ``upper_bootstrap_servers`` ("": the platform's own); ``exits`` counts since it has that limit.
    """

    id: int
    result: int
    version: int | None = None
    follows: bool = True
    current_version: int | None = None
    previous_version: int | None = None
    revision: int = 0
    swap_failure: SwapFailureReport | None = None
    challenger: ChallengerReport | None = None
    comparison: ComparisonReport | None = None
    last_challenge: ChallengeEndReport | None = None
    shadow_of: int | None = None
    model_name: str = ""
    input_topic: str
    start: str = "beginning"
    output_topic: str
    input_format: str = ""
    input_config: Mapping[str, Any] = Field(default_factory=dict)
    include: Sequence[str] = ()
    changelog_topic: str = ""
    replicas: int = 1
    max_replicas: int | None = None
    guarantee: str = ""
    output_timestamps: str = "source"
    cluster: int | None = None
    cluster_name: str = ""
    state: RunState
    failure: FailureReport | None = None
    failing: FailingReport | None = None
    warnings: Sequence[str] = ()
    ready_replicas: int = 0
    stats: TotalsReport = TotalsReport()
    attempt_counts: CountsReport | None = None
    replica_stats: Sequence[ReplicaRecord] = ()
    tier: str = ""
    limit: float | None = None
    upper_topic: str = ""
    upper_bootstrap_servers: str = ""
    exits: ExitsReport | None = None
    output_bootstrap_servers: str = ""
    visualization: Mapping[str, Any] | None = None
    created_at: datetime | None = None

    @property
    def shown_state(self) -> str:
        """The word for people: ``failing`` where it fails without having ended, else the state."""
        return str(self.state) if self.failing is None else "failing"

    @property
    def swapped(self) -> bool:
        """Whether every replica that speaks answers with ``version``; false while none does."""
        said = [each.serving for each in self.replica_stats if each.state not in ("silent", "stopped")]
        return bool(said) and all(each is not None and each.revision == self.revision for each in said)


class SwapReport(_Answer):
    """A replica went over to another version; with ``failure`` it could not. See ``kafkaml.wire.replica.Swap``."""

    replica: int
    revision: int
    from_version: int | None = None
    version: int
    challenger: int | None = None
    limit: float | None = None
    at: datetime
    positions: Mapping[str, Mapping[str, int]] = Field(default_factory=dict)
    gap_seconds: float = 0.0
    loading_seconds: float = 0.0
    failure: FailureReport | None = None


class FrameworkArguments(_Answer):
    """Arguments of one purpose: ``accepted`` by name, the usual ones first, each with meaning, expected and default."""

    about: str
    example: str = ""
    accepted: Mapping[str, Mapping[str, str]]


class Framework(_Answer):
    """What models can be written in; ``arguments`` by purpose (fit, evaluation)."""

    name: str
    title: str
    library: str = ""
    arguments: Mapping[str, FrameworkArguments]
    artifacts: Sequence[str] = ()
    packages: Sequence[str] = ()


class ClusterName(_Answer):
    """Another cluster to choose for an inference; ``keda``: the lag may choose the replicas there."""

    id: int
    name: str
    keda: bool = False


class Cluster(ClusterName):
    """Another Kubernetes cluster, as administrators see it; its token cannot be read. Empty: as the platform has it."""

    host: str
    namespace: str
    ca: str = ""
    kafka_bootstrap_servers: str = ""
    backend_url: str = ""
    image: str = ""
    gpu_resource: str = ""
    has_token: bool = False
    inferences: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ClusterCheck(_Answer):
    """What works in another cluster. ``steps``: name, ok, needed, detail and hint of each thing that was tried."""

    ok: bool
    version: str = ""
    seconds: float = 0.0
    steps: Sequence[Mapping[str, Any]] = ()


class Webhook(_Answer):
    """An address that is told of ``events``, as administrators see it. ``waiting`` are to be sent, or sent again.

    ``error`` is why the last try failed, empty once one went well. ``secret`` is there only where it was made just now.
    """

    id: int
    url: str
    events: Sequence[str]
    enabled: bool = True
    waiting: int = 0
    delivered_at: datetime | None = None
    error: str = ""
    error_at: datetime | None = None
    created_at: datetime | None = None
    secret: str = ""


class Trial(_Answer):
    """What became of a sample that was tried: ``outcome`` is answered, passed_on, dead_lettered or no_answer.

    ``input`` and ``output`` are topic, partition and offset of the record and its answer; ``reason`` says why it became
    a dead letter. ``values_count`` is how many numbers the answer has, also where ``values`` are only its first.
    ``include`` is what the answer carries of its record.
    ``tier`` answered; ``way`` has the tiers that handed the sample up before, the lowest first.
    """

    outcome: str
    seconds: float
    values: Any = None
    values_count: int | None = None
    outputs: Any = None
    include: Mapping[str, Any] | None = None
    labels: Sequence[str] | None = None
    reason: Mapping[str, str] | None = None
    input: Mapping[str, Any] = Field(default_factory=dict)
    output: Mapping[str, Any] | None = None
    version: str | None = None
    tier: str = ""
    way: Sequence[Mapping[str, Any]] = ()
    waiting_before: int | None = None


class StreamFit(_Answer):
    """A stream, and why a deployment cannot learn it: ``reason`` is empty where nothing is known to keep it."""

    stream: int
    topics: Sequence[str] = ()
    reason: str = ""


class DatasetFit(_Answer):
    """A version of a data set, and why models cannot learn it: ``reason`` is empty where nothing is known to."""

    dataset: int
    name: str
    version: int
    reason: str = ""


class InputMisfit(_Answer):
    """Why a record would become a dead letter: ``stage`` is decode or predict."""

    stage: str
    error: str = ""
    message: str
    hint: str = ""


class InputCheck(_Answer):
    """Whether a model could answer the newest ``record`` of a topic, read by ``input_format`` and ``input_config``.

    ``verdict``: ``readable``; ``waits`` (it is read, and counts for a later sample of its key); ``unreadable``, for the
    ``reason``; ``empty`` or ``no_topic`` where there is no record yet.
    """

    topic: str
    verdict: str
    input_format: str
    input_config: Mapping[str, Any] = {}
    record: Mapping[str, Any] | None = None
    reason: InputMisfit | None = None


class DeadLetters(_Answer):
    """Records that could not be answered, newest first; ``before`` is the cursor to older ones."""

    topic: str
    count: int
    letters: Sequence[Mapping[str, Any]] = ()
    before: str | None = None


class LetterGroup(_Answer):
    """Dead letters of one ``reason`` (stage, error, message of the newest), which is the ``sample``.

    Messages that differ only in values that they quote are one reason. Times are those of the records.
    """

    reason: Mapping[str, str]
    count: int
    first_at: datetime | None = None
    last_at: datetime | None = None
    sample: Mapping[str, Any]


class HistoryStep(_Answer):
    """What an inference did in the step that begins ``at``: ``rate`` in records a second, latencies in milliseconds.

    ``lag`` is the last that was told in it, latencies are the slowest; None: nothing was told. ``confidence`` is the
    mean over its answers of the highest probability, 0 to 1; None: no answer was a choice between classes. ``revision``
    rises with each change of version or limit.
    """

    at: datetime
    attempt: int
    revision: int
    rate: float
    predicted: int
    dead_lettered: int
    sent_up: int = 0
    warming_up: int = 0
    restarts: int = 0
    lag: int | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    confidence: float | None = None


class ServingHistory(_Answer):
    """The last 24 hours of an inference, oldest first, without the steps in which no replica told anything."""

    since: datetime
    step_minutes: int
    steps: Sequence[HistoryStep] = ()


class LetterGroups(_Answer):
    """The newest dead letters by reason, the most frequent first; ``complete``: those ``letters`` are all.

    ``rest`` are of reasons that are not listed.
    """

    topic: str
    letters: int
    complete: bool
    groups: Sequence[LetterGroup] = ()
    rest: int = 0


class User(_Answer):
    """A person with a role: viewer, editor or admin."""

    id: int
    username: str
    role: str = ""
    is_active: bool = True


class TokenRecord(_Answer):
    """A token of ours; ``token`` itself is only in the answer that created it."""

    id: int
    name: str = ""
    role: str = ""
    created_at: datetime | None = None
    expires_at: datetime | None = None
    token: str = ""


class WorkerCommands(_Answer):
    """What to type on a machine so that it serves an inference, by Python or by Docker.

    ``install`` and ``build`` once, in a checkout of Kafka-ML. ``runtime`` is what serves the model there; ``notes`` say
    what stands in the way of machines elsewhere.
    """

    runtime: str = ""
    install: str = ""
    python: str = ""
    build: str = ""
    docker: str = ""
    notes: Sequence[str] = ()


class WorkerTokenRecord(_Answer):
    """Lets machines serve one inference; ``token`` and ``commands`` are only in the answer that created it."""

    id: int
    name: str = ""
    created_by: str = ""
    created_at: datetime
    expires_at: datetime
    expired: bool = False
    workers: int = 0
    token: str = ""
    commands: WorkerCommands | None = None


class AuditEntry(_Answer):
    """Who did what to which object, when, and whether it was allowed."""

    id: int
    at: datetime
    actor: str = ""
    action: str = ""
    object_type: str = ""
    object_id: str = ""
    result: str = ""
    detail: str = ""


class LogPart(BaseModel):
    """A part of a log and the byte offset to go on from. ``stored``: only the end of it was kept."""

    text: str
    offset: int = 0
    next_offset: int
    stored: bool = False


class Topic(_Answer):
    """A topic; ``partitions`` is their number in lists, and tells of each where one topic is asked for."""

    name: str
    partitions: int | Sequence[Mapping[str, Any]]
    records: int | None = None
    internal: bool = False
    uses: Sequence[Mapping[str, Any]] = ()
    groups: Sequence[Mapping[str, Any]] = ()


class TopicSettings(_Answer):
    """What Kafka is told of a topic; None: without limit, or not told. ``retention_bytes`` are of each partition."""

    cleanup_policy: str
    compression: str = ""
    timestamps: str = ""
    retention_ms: int | None = None
    retention_bytes: int | None = None
    max_message_bytes: int | None = None
    min_insync_replicas: int | None = None


class OtherGroups(_Answer):
    """Consumer groups of others that read a topic; not ``complete`` where the cluster has too many to ask."""

    complete: bool
    groups: Sequence[Mapping[str, Any]] = ()


class RecordPlace(_Answer):
    """Where a record is."""

    topic: str
    partition: int
    offset: int


class RecordPage(_Answer):
    """Records of a topic; ``before`` and ``after`` are cursors to older (None: there are none) and newer ones."""

    records: Sequence[Mapping[str, Any]]
    newest_first: bool
    before: str | None = None
    after: str
    at_newest: bool
