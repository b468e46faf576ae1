"""The picture, as the API answers it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from kafkaml.wire.message import Message
from kafkaml.wire.progress import Progress

__all__ = ["Pipeline", "PipelineEdge", "PipelineFacts", "PipelineNode", "PipelineTotals", "Score"]


class PipelineFacts(Message):
    """What has happened at least once: the id of the newest ``model``, ``configuration``, ``deployment`` and
    ``stream``, null if there is none. ``result`` is the newest one that finished, null if none did.
    """

    model: int | None
    configuration: int | None
    deployment: int | None
    stream: int | None
    result: int | None
    inference: int | None = Field(description="The newest one that has run.")
    predicted: int = Field(description="Number of predictions of all inferences since they were created.")


class PipelineTotals(Message):
    """How many ``models``, ``configurations``, ``deployments``, ``streams`` and ``inferences`` there are, including
    those that are not shown.

    ``runs`` are training runs. ``waiting_runs`` of them wait for data or to be tried again. ``active_inferences`` have
    not ended.
    """

    models: int
    configurations: int
    deployments: int
    streams: int
    runs: int
    active_runs: int = Field(description="Runs that have not ended, including those that wait.")
    waiting_runs: int
    inferences: int
    active_inferences: int


class Score(Message):
    """How good a run is: the ``value`` of the score ``name``. ``part`` says which samples it is from: test, validation
    or training.
    """

    name: str
    value: float
    part: str
    useless: bool = Field(False, description="True if the score is not better than that of a constant answer.")


class PipelineNode(Message):
    """A box of the picture. ``id`` is null for a topic, which has a name alone.

    ``at`` is when it last changed. ``rate`` is in records per second, ``records`` is the number of records that a topic
    or a stream holds, and ``lag`` is the number of records that wait to be read. ``progress`` and ``score`` are those
    of a run. Each of these is null where a box has no such thing, or where it is not known.
    """

    key: str
    kind: Literal["stream", "topic", "configuration", "deployment", "run", "inference", "output"] = Field(
        description="What the box stands for.\n\n* `stream` - An announced stream.\n* `topic` - An input topic.\n"
        "* `configuration` - A configuration.\n* `deployment` - A deployment.\n* `run` - A training run.\n"
        "* `inference` - An inference.\n* `output` - An output topic."
    )
    id: int | None
    name: str
    state: str = Field("", description="State of the object, empty for topics.")
    detail: str = ""
    at: datetime | None = None
    tier: str = Field("", description="The tier of a distributed model: edge, fog or cloud. Otherwise empty.")
    progress: Progress | None = None
    score: Score | None = None
    rate: float | None = None
    lag: int | None = None
    records: int | None = None
    times: int = Field(1, description="Number of streams in this topic. The box shows the newest.")


class PipelineEdge(Message):
    """A line of the picture, from the box with the key ``source`` to the one with the key ``target``. ``rate``
    (per second), ``lag`` and ``records`` are those of the records that pass there, and ``score`` is that of a run. Each
    is null where a line has no such thing, or where it is not known.
    """

    source: str
    target: str
    kind: Literal["trains", "holds", "serves", "reads", "writes", "upper"] = Field(
        description="What the line means.\n\n* `trains` - The deployment trains on the stream.\n"
        "* `holds` - The deployment has the run.\n* `serves` - The inference serves the run's result.\n"
        "* `reads` - The inference reads the topic.\n* `writes` - The inference writes to the topic.\n"
        "* `upper` - The tier sends what it is not sure of to the next tier."
    )
    state: str = ""
    rate: float | None = None
    lag: int | None = None
    records: int | None = None
    score: Score | None = None


class Pipeline(Message):
    """All that the home page shows."""

    facts: PipelineFacts
    totals: PipelineTotals
    most: int = Field(description="Largest number of boxes of a kind. If there are this many, there may be more.")
    nodes: list[PipelineNode]
    edges: list[PipelineEdge]
