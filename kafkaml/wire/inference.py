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
    """One version of a trained model, with all that it takes to load it.

    ``artifacts`` maps names (``model.weights.h5``, ``model.onnx``, ...) to their sha256; a replica picks the fastest
    that its engine loads, and runs the code with the training's ``seed`` where that is needed. ``preparation`` is how
    the training prepared features for the model. ``classes``: the number of classes to choose from, 0 for a regression,
    None where the training did not report it.
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
    """What happens to a challenger's answers.

    ``canary``: they are the answers for the challenger's share of the keys; where it has no answer, the champion's is
    used. ``shadow``: they go to the topic of a separate inference, which nobody downstream reads, and are compared with
    the champion's.
    """

    CANARY = "canary"
    SHADOW = "shadow"


class Challenger(Message):
    """A version that is compared with the one that is served. ``share`` of the keys is its, by their hash.

    ``labelled``: keys of records are the right answers, so that accuracy can be computed.
    """

    model: ServedModel
    kind: ChallengeKind
    share: Annotated[float, Field(gt=0, le=1)]
    labelled: bool = False


class RuleMetric(StrEnum):
    """What a rule compares: the share of records on which both agree, or how much more often the challenger is right.

    Accuracy needs keys that are labels.
    """

    AGREEMENT = "agreement"
    ACCURACY = "accuracy"


class ChallengeRule(Message):
    """Decides once both have answered ``records`` (for accuracy: with labels): promote at ``at_least``, otherwise drop.

    ``at_least`` is a share from 0 to 1 for agreement; for accuracy by how much the challenger's is the higher one.
    """

    metric: RuleMetric
    at_least: Annotated[float, Field(ge=-1, le=1)]
    records: Annotated[int, Field(ge=1, le=10**9)]


class ChallengeEnd(Message):
    """The outcome of a challenger: it was promoted, or ``champion`` went on without it, or another version came.

    ``why`` is a text, empty where ``by``, a user, gave no reason. ``found`` is the comparison by then.
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
    """What one inference does; served by ``GET /api/jobs/inference/<inference>/``.

    ``revision`` increases with each change of the models, the limit, or the included fields; everything else stays for
    the life of an attempt. ``tier`` is the name of the sub-model of a distributed model, empty for others; with
    ``cascade`` it hands up what it is not sure of. ``group`` is the consumer group and the prefix of the transactional
    ids: one per inference, never shared. ``include``: columns and fields of each record that its answer carries.
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
    """The answer to a replica's statistics: the revision of the plan that it is to serve.

    A replica that serves another one fetches the plan.
    """

    revision: Count
