"""Inferences, their replicas, their history and their dead letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from kafkaml.sdk.types.base import Answer, FailureReport
from kafkaml.wire.chain import ChainProposal
from kafkaml.wire.inference import ChallengeEnd
from kafkaml.wire.replica import Counts, Exits, Failing, LiveComparison, ReplicaReport, SwapFailure, Totals
from kafkaml.wire.state import RunState

__all__ = [
    "ChainReport",
    "ChallengeEndReport",
    "ChallengerReport",
    "ComparisonReport",
    "CountsReport",
    "DeadLetters",
    "ExitsReport",
    "FailingReport",
    "HistoryStep",
    "Inference",
    "InputCheck",
    "InputMisfit",
    "LetterGroup",
    "LetterGroups",
    "ReplicaRecord",
    "ServingHistory",
    "SwapFailureReport",
    "SwapReport",
    "TotalsReport",
    "Trial",
    "WorkerCommands",
    "WorkerTokenRecord",
]


class FailingReport(Failing, Answer):
    """Why an inference fails without having ended, since when, and what to do; ``kind`` may be a newer platform's."""

    kind: str  # type: ignore[assignment]


class TotalsReport(Totals, Answer):
    """How an inference serves: rates in records a second, lag in records not read yet, latencies in milliseconds, and
    counts since it was created.
    """


class CountsReport(Counts, Answer):
    """What an inference answered since it was started last."""


class ReplicaRecord(ReplicaReport, Answer):
    """The last report of one replica; ``state`` may be one that only a newer platform knows."""

    state: str  # type: ignore[assignment]
    error: FailureReport | None = None


class ChallengerReport(Answer):
    """A version that runs next to the served one; ``kind``: a ``canary`` answers ``share`` of the keys, a ``shadow``
    all.

    A shadow's answers are in a topic of their own. ``rule`` promotes or drops it automatically.
    """

    version: int
    kind: str
    share: float = 1.0
    labelled: bool = False
    rule: Mapping[str, Any] | None = None


class ComparisonReport(LiveComparison, Answer):
    """Champion and challenger side by side, on the records that both answered since the replicas began."""


class ChallengeEndReport(ChallengeEnd, Answer):
    """The outcome of the previous challenger: ``promoted`` or not, ``by`` whom, and the comparison
    ``found`` by then.
    """

    kind: str  # type: ignore[assignment]
    found: ComparisonReport


class SwapFailureReport(SwapFailure, Answer):
    """A version that could not be served, and why; the previous one continues."""

    failure: FailureReport


class ExitsReport(Exits, Answer):
    """What a tier has predicted since its replicas began to decide by ``limit``, and how much of it was ``sent_up``.
    ``share`` was answered by the tier itself.
    """


class ChainReport(ChainProposal, Answer):
    """How a trained chain could be served: ``tiers`` from below, with free topics and limits of the curves."""


class Inference(Answer):
    """A trained model that answers on a topic.

    ``stats`` combines rate, lag and latencies of all replicas, and counts what was answered since the inference was
    created. ``attempt_counts`` counts answers since the last start (None: not known). ``replica_stats`` has the
    replicas one by one, with counts since each process started. ``output_timestamps`` says whether answers carry the
    time of their record (``source``) or of their writing (``written``). With ``max_replicas`` the lag chooses between
    ``replicas`` and that number. ``cluster`` is None for the platform's own.

    ``failing`` says why it fails without having ended: its records become dead letters, its replicas end repeatedly, or
    it falls behind. It disappears automatically when that is over, and does not affect ``state``.

    ``version`` is the one that is to answer, and ``swapped`` says whether all replicas have changed over to it. With
    ``follows`` it changes over to ``current_version`` whenever that changes. ``swap_failure`` is the reason why the
    last requested version was given up. ``challenger`` is the version that it is compared with, and ``comparison`` the
    result so far. ``last_challenge`` is the outcome of the challenger before. A shadow is ``shadow_of`` another
    inference.

    ``tier`` is the name of the sub-model of a distributed model. With ``limit`` it hands samples of which it is less
    sure to ``upper_topic``, at ``upper_bootstrap_servers`` ("": the platform's own). ``exits`` counts since it got that
    limit.
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
        """The state for display: ``failing`` where it fails without having ended, otherwise the state."""
        return str(self.state) if self.failing is None else "failing"

    @property
    def swapped(self) -> bool:
        """Whether every reporting replica answers with ``version``; False while there is none."""
        said = [replica.serving for replica in self.replica_stats if replica.state not in ("silent", "stopped")]
        return bool(said) and all(replica is not None and replica.revision == self.revision for replica in said)


class SwapReport(Answer):
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


class Trial(Answer):
    """The outcome of a sample that was tried: ``outcome`` is answered, passed_on, dead_lettered or no_answer.

    ``input`` and ``output`` are topic, partition and offset of the record and its answer; ``reason`` says why the
    record became a dead letter. ``values_count`` is how many numbers the answer has, also where ``values`` are only its
    first. ``include`` has the values of the record that the answer carries. ``tier`` answered; ``way`` has the tiers
    that handed the sample up before, the lowest first.
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


class InputMisfit(Answer):
    """Why a record would become a dead letter: ``stage`` is decode or predict."""

    stage: str
    error: str = ""
    message: str
    hint: str = ""


class InputCheck(Answer):
    """Whether a model could answer the newest ``record`` of a topic, read by ``input_format`` and ``input_config``.

    ``verdict`` is ``readable``; ``waits`` (the record can be read, and counts for a later sample of its key);
    ``unreadable``, for the ``reason``; or ``empty`` or ``no_topic`` where there is no record yet.
    """

    topic: str
    verdict: str
    input_format: str
    input_config: Mapping[str, Any] = {}
    record: Mapping[str, Any] | None = None
    reason: InputMisfit | None = None


class DeadLetters(Answer):
    """Records that could not be answered, newest first; ``before`` is the cursor to older ones."""

    topic: str
    count: int
    letters: Sequence[Mapping[str, Any]] = ()
    before: str | None = None


class LetterGroup(Answer):
    """Dead letters of one ``reason`` (stage, error, message of the newest). ``sample`` is the newest of them.

    Messages that differ only in values that they quote are one reason. Times are those of the records.
    """

    reason: Mapping[str, str]
    count: int
    first_at: datetime | None = None
    last_at: datetime | None = None
    sample: Mapping[str, Any]


class HistoryStep(Answer):
    """What an inference did in the step that begins ``at``: ``rate`` in records a second, latencies in milliseconds.

    ``lag`` is the last one that was reported in the step, latencies are the slowest; None if nothing was reported.
    ``confidence`` is the mean of the highest probability of each answer, 0 to 1; None if no answer was a choice between
    classes. ``revision`` increases with each change of version or limit.
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


class ServingHistory(Answer):
    """The last 24 hours of an inference, oldest first, without the steps in which no replica reported anything."""

    since: datetime
    step_minutes: int
    steps: Sequence[HistoryStep] = ()


class LetterGroups(Answer):
    """The newest dead letters by reason, the most frequent first. ``complete`` says that these ``letters`` are all.

    ``rest`` counts the letters whose reasons are not listed.
    """

    topic: str
    letters: int
    complete: bool
    groups: Sequence[LetterGroup] = ()
    rest: int = 0


class WorkerCommands(Answer):
    """What to type on a machine so that it serves an inference, by Python or by Docker.

    ``install`` and ``build`` are run once, in a checkout of Kafka-ML. ``runtime`` is what serves the model there;
    ``notes`` name obstacles for machines elsewhere.
    """

    runtime: str = ""
    install: str = ""
    python: str = ""
    build: str = ""
    docker: str = ""
    notes: Sequence[str] = ()


class WorkerTokenRecord(Answer):
    """A token with which machines serve one inference; ``token`` and ``commands`` are only in the answer that created
    it.
    """

    id: int
    name: str = ""
    created_by: str = ""
    created_at: datetime
    expires_at: datetime
    expired: bool = False
    workers: int = 0
    token: str = ""
    commands: WorkerCommands | None = None
