"""The picture, as the API answers it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from kafkaml.wire.message import Message
from kafkaml.wire.progress import Progress

__all__ = ["Pipeline", "PipelineEdge", "PipelineFacts", "PipelineNode", "PipelineTotals", "Score"]


class PipelineFacts(Message):
    """What has happened at least once: the newest of each, null for none yet. ``result`` is a finished one."""

    model: int | None
    configuration: int | None
    deployment: int | None
    stream: int | None
    result: int | None
    inference: int | None = Field(description="null until one has run")
    predicted: int = Field(description="predictions of all inferences, of all their lives")


class PipelineTotals(Message):
    """How many there are, shown or not."""

    models: int
    configurations: int
    deployments: int
    streams: int
    runs: int
    active_runs: int = Field(description="not ended, those that wait among them")
    waiting_runs: int
    inferences: int
    active_inferences: int


class Score(Message):
    """How good a run is; ``part`` of the stream: test, validation or training."""

    name: str
    value: float
    part: str
    useless: bool = Field(False, description="no better than the same answer always")


class PipelineNode(Message):
    """A box. ``id`` is null for topics, which go by ``name``; ``rate`` in messages a second."""

    key: str
    kind: Literal["stream", "topic", "configuration", "deployment", "run", "inference", "output"]
    id: int | None
    name: str
    state: str = Field("", description="empty where it has none")
    detail: str = ""
    at: datetime | None = None
    tier: str = Field("", description="edge, fog or cloud of a distributed model; otherwise empty")
    progress: Progress | None = None
    score: Score | None = None
    rate: float | None = None
    lag: int | None = None
    records: int | None = None
    times: int = Field(1, description="of how many streams of its topic this is the newest")


class PipelineEdge(Message):
    """A line from one box's ``key`` to another's, with the numbers of the hand-over."""

    source: str
    target: str
    kind: Literal["trains", "holds", "serves", "reads", "writes", "upper"]
    state: str = ""
    rate: float | None = None
    lag: int | None = None
    records: int | None = None
    score: Score | None = None


class Pipeline(Message):
    """Everything that the home page shows."""

    facts: PipelineFacts
    totals: PipelineTotals
    most: int = Field(description="boxes of a kind that are shown; where there are as many, there may be more")
    nodes: list[PipelineNode]
    edges: list[PipelineEdge]
