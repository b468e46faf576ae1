"""What workers send, checked field by field: they run next to user code, so nothing of theirs is taken on trust."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from backend.api.errors import FieldProblem, InvalidFields
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics, Progress

__all__ = ["EventsMessage", "FailMessage", "FinishMessage", "StatsMessage", "parse"]

_MAX_ERRORS = 20

Count = Annotated[int, Field(ge=0, le=2**53)]
Name = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=100_000)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
# None is a metric that is not a number: JSON has no NaN, and a diverged loss is worth seeing.
Metrics = Annotated[dict[Name, float | None], Field(max_length=1000)]


class _Message(BaseModel):
    # A newer worker's additional fields are no error.
    model_config = ConfigDict(extra="ignore", frozen=True)


class ProgressData(_Message):
    """See kafkaml.wire.progress.Progress."""

    epoch: Count
    epochs: Count
    batch: Count
    batches: Count
    metrics: Metrics = {}


class EpochData(_Message):
    """See kafkaml.wire.progress.EpochMetrics."""

    epoch: Annotated[int, Field(ge=0, le=2**31 - 1)]
    seconds: Annotated[float, Field(ge=0)]
    training: Metrics
    validation: Metrics = {}


class RunningEvent(_Message):
    """The attempt reads its data."""

    seq: Count
    type: Literal["running"]
    data: dict[str, Any] = {}

    def value(self) -> None:
        return None


class ProgressEvent(_Message):
    """Where the attempt is."""

    seq: Count
    type: Literal["progress"]
    data: ProgressData

    def value(self) -> Progress:
        return Progress(**self.data.model_dump())


class EpochEvent(_Message):
    """An epoch is over."""

    seq: Count
    type: Literal["epoch"]
    data: EpochData

    def value(self) -> EpochMetrics:
        return EpochMetrics(**self.data.model_dump())


class EventsMessage(_Message):
    """Events of one attempt, numbered."""

    attempt: Count
    events: Annotated[
        list[Annotated[RunningEvent | ProgressEvent | EpochEvent, Field(discriminator="type")]],
        Field(max_length=10_000),
    ]


class OutcomeData(_Message):
    """See kafkaml.wire.outcome.TrainingOutcome."""

    seconds: Annotated[float, Field(ge=0)]
    samples: dict[Name, Count]
    test_metrics: Metrics
    artifacts: Annotated[dict[Name, Sha256], Field(max_length=100)]
    versions: dict[Name, Name]
    code_sha256: Sha256
    slice_sha256: Sha256
    confusion_matrix: Annotated[list[list[Count]], Field(max_length=10_000)] | None = None
    labels: Annotated[list[Name], Field(max_length=10_000)] = []
    warnings: Annotated[list[Text], Field(max_length=1000)] = []
    onnx_max_difference: float | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0
    split: Text = ""
    isolation: Name = ""
    preparation: Annotated[dict[Name, JsonValue], Field(max_length=100)] = {}
    # Names of fields are as long as people write them; the request's size is bounded.
    learnt: dict[Literal["data_type", "data_reshape", "fields"], str | list[str | list[str]]] = {}

    def value(self) -> TrainingOutcome:
        return TrainingOutcome(**self.model_dump())


class FinishMessage(_Message):
    """The attempt ended well."""

    attempt: Count
    outcome: OutcomeData

    def value(self) -> TrainingOutcome:
        return self.outcome.value()


class FailureData(_Message):
    """See kafkaml.wire.failure.Failure."""

    category: FailureCategory
    cause: Text
    hint: Text = ""
    traceback_text: Text = ""
    line: int | None = None
    source: Name = ""

    def value(self) -> Failure:
        return Failure(**self.model_dump())


class FailMessage(_Message):
    """The attempt ended badly."""

    attempt: Count
    failure: FailureData
    # What was found before it failed, where training itself went well.
    outcome: OutcomeData | None = None


class ProcessCounts(_Message):
    """What an earlier process of a replica had answered when it ended, perhaps without telling."""

    run: Annotated[str, Field(min_length=1, max_length=64)]
    predicted: Count = 0
    dead_lettered: Count = 0
    restamped: Count = 0


class StatsMessage(_Message):
    """What one replica of an inference says of itself; ``run`` names its process."""

    attempt: Count
    run: Annotated[str, Field(max_length=64)] = ""
    previous: ProcessCounts | None = None
    replica: Annotated[int, Field(ge=0, le=10_000)]
    state: Literal["starting", "running", "failed"]
    rate: Annotated[float, Field(ge=0)] = 0
    lag: Count | None = None
    p50_ms: Annotated[float, Field(ge=0)] | None = None
    p99_ms: Annotated[float, Field(ge=0)] | None = None
    predicted: Count = 0
    dead_lettered: Count = 0
    restamped: Count = 0
    warnings: Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=20)] = []
    error: FailureData | None = None


M = TypeVar("M", bound=_Message)


def parse(kind: type[M], document: object) -> M:
    """Return ``document`` as a message; raises InvalidFields naming what is wrong."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise InvalidFields(
            [
                FieldProblem(field=".".join(map(str, each["loc"])), code=each["type"], detail=each["msg"])
                for each in error.errors(include_url=False, include_input=False)[:_MAX_ERRORS]
            ]
        ) from error
