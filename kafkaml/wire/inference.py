"""InferencePlan: what one inference does. The control plane makes it, ``model_inference`` fetches it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from kafkaml.dead_letters import dead_letter_topic
from kafkaml.wire.choices import DeliveryGuarantee, OutputTimestamps
from kafkaml.wire.distributed import Cascade
from kafkaml.wire.framework import Framework
from kafkaml.wire.limits import ResourceLimits
from kafkaml.wire.message import Count, Message, Name
from kafkaml.wire.replica import LiveComparison

__all__ = [
    "MAX_INCLUDED",
    "MAX_INCLUDED_BYTES",
    "ChallengeEnd",
    "ChallengeKind",
    "ChallengeRule",
    "Challenger",
    "InferencePlan",
    "RuleMetric",
    "ServedModel",
    "Wanted",
    "changelog_topic",
]

# Limit for what answers carry in addition to their values: an id or a time, not a copy of the record.
MAX_INCLUDED = 20
MAX_INCLUDED_BYTES = 8 << 10


def changelog_topic(group: str) -> str:
    """Return the topic where the replicas of a consumer group keep their state per key."""
    return f"{group}-changelog"


class ServedModel(Message):
    """One version of a trained model, with all that is needed to load it.

    ``artifacts`` maps names of files, such as ``model.weights.h5`` or ``model.onnx``, to their SHA-256. A replica picks
    the fastest file that it can load. For a file of weights it runs ``code`` with the training's ``seed`` first.
    ``preparation`` is what training did to features before the model saw them. ``classes`` is the number of classes, 0
    for a regression, and null if training did not report it.
    """

    result_id: int
    version: Count
    name: str
    framework: Framework
    code: str
    imports: str
    artifacts: Mapping[str, str]
    preparation: Mapping[str, Any] = {}
    seed: int = 0
    classes: Count | None = None

    @property
    def key(self) -> tuple[int, int]:
        """The identity of this version: its result and number."""
        return self.result_id, self.version


class ChallengeKind(StrEnum):
    """What happens to the answers of a challenger.

    * ``canary``: They are the answers for the challenger's share of the keys. The champion answers where the challenger
      cannot.
    * ``shadow``: They go to the topic of a separate inference, and are compared with the champion's answers. Consumers
      of the served inference do not see them.
    """

    CANARY = "canary"
    SHADOW = "shadow"


class Challenger(Message):
    """A version that is compared with the served one. It answers ``share`` of the keys, chosen by their hash.

    ``labelled`` is true if the keys of records are their correct labels, so that accuracy can be computed.
    """

    model: ServedModel
    kind: ChallengeKind
    share: Annotated[float, Field(gt=0, le=1)]
    labelled: bool = False


class RuleMetric(StrEnum):
    """What a rule compares.

    * ``agreement``: The share of records to which both versions give the same answer.
    * ``accuracy``: The accuracy of the challenger minus that of the champion. Keys of records must be labels.
    """

    AGREEMENT = "agreement"
    ACCURACY = "accuracy"


class ChallengeRule(Message):
    """Decides about a challenger automatically, once both versions have answered ``records``.

    The challenger is promoted if the metric is ``at_least`` this value, and dropped otherwise. For ``agreement`` the
    value is a share from 0 to 1. For ``accuracy`` it is the required lead over the champion, from -1 to 1, and only
    records with labels count.
    """

    metric: RuleMetric
    at_least: Annotated[float, Field(ge=-1, le=1)]
    records: Annotated[int, Field(ge=1, le=10**9)]


class ChallengeEnd(Message):
    """How the last challenger ended. It was promoted, or ``champion`` continued without it, or another version replaced
    it.

    ``by`` is the user, or what decided. ``why`` is the reason, empty if a user gave none. ``found`` is the comparison
    at that time.
    """

    version: Count
    champion: Count
    kind: ChallengeKind
    promoted: bool
    why: str = ""
    by: str
    at: datetime
    found: LiveComparison


class InferencePlan(Message):
    """All that a replica needs to serve an inference. It comes from ``GET /api/jobs/inference/{id}/``.

    ``revision`` increases with each change of a model, of the limit or of the included fields. Everything else stays
    the same during an attempt. ``tier`` is the name of a sub-model of a distributed model, and empty for other models.
    With ``cascade``, the tier sends what it is not sure of to the next tier. ``challenger`` is null if no version is
    compared with the served one. ``group`` is the consumer group and the prefix of the transactional ids. No other
    inference uses it. ``include`` are the columns and fields of a record that its answer carries.
    """

    inference_id: int
    revision: Count = 0
    model: ServedModel
    challenger: Challenger | None = None
    input_format: str
    input_config: Mapping[str, Any]
    input_topic: str
    output_topic: str
    group: str
    guarantee: DeliveryGuarantee
    output_timestamps: OutputTimestamps = OutputTimestamps.SOURCE
    output_bootstrap_servers: str = ""
    tier: str = ""
    cascade: Cascade | None = None
    include: Annotated[tuple[Name, ...], Field(max_length=MAX_INCLUDED)] = ()
    limits: ResourceLimits = ResourceLimits()
    gpu: int = 0

    @property
    def dead_letter_topic(self) -> str:
        """Where records go that cannot be decoded or predicted."""
        return dead_letter_topic(self.output_topic)

    @property
    def changelog_topic(self) -> str:
        """Where replicas keep the last records of each key, if samples are made from several."""
        return changelog_topic(self.group)


class Wanted(Message):
    """The answer to a replica's report: the revision of the plan that it is to serve. A replica that serves another
    revision fetches the plan again.
    """

    revision: Count
