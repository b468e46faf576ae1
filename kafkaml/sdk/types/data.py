"""Data sets, streams, topics and their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from kafkaml.sdk.types.base import Answer
from kafkaml.wire.contract import Contract

__all__ = [
    "CatalogRow",
    "Dataset",
    "DatasetFit",
    "DatasetOfDeployment",
    "DatasetVersion",
    "OtherGroups",
    "RecordPage",
    "RecordPlace",
    "RefusedAnnouncement",
    "Stream",
    "StreamFit",
    "StreamPreview",
    "Topic",
    "TopicSettings",
]


class DatasetVersion(Answer):
    """A version of a data set: which records, and the contract by which they become samples.

    ``ranges`` are ``topic:partition:start:end``, comma-separated; ``records`` is how many they hold at most. A version
    without end (``online``) is the topic from ``since`` on. Scales and vocabularies are then learnt from a training's
    first window, of at least ``fit_records`` records.
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


class Dataset(Answer):
    """A data set: a name for versions, newest first."""

    id: int
    name: str
    description: str = ""
    versions: Sequence[DatasetVersion] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None


class CatalogRow(Answer):
    """A data set in the list of all: ``kind`` is ``dataset``, or ``stream`` where a sink announced it.

    ``id`` is the id in ``client.datasets`` or ``client.streams``. ``columns`` and ``labels`` are names; for a stream
    they are type and shape of its arrays, as far as it declares them. ``records`` is None for a data set without end.
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


class DatasetOfDeployment(Answer):
    """The data set that a deployment was made for."""

    id: int
    name: str
    version: int


class Stream(Answer):
    """A data stream that was announced; ``topic`` holds its ranges in the wire form, ``unsupervised_topic`` the ranges
    of its samples without labels.
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
    # Whether a result was or is being trained on this stream.
    used: bool = True
    # What may be wrong with the stream, such as a deployment that does not exist.
    note: str = ""
    # The id of the first stream that was announced with the same records; None if it is this one.
    same_as: int | None = None


class StreamPreview(Answer):
    """Samples of a stream with their labels, or the ``error`` of a record that is not a sample; ``next`` is where to
    continue.

    ``doubts`` are questions about the labels. ``total`` is the number of offsets in all ranges. ``columns`` name the
    numbers of a sample, in their order; empty for pictures and other samples that are not rows of a table.
    """

    samples: Sequence[Mapping[str, Any]]
    next: int | None = None
    total: int = 0
    doubts: Sequence[str] = ()
    columns: Sequence[str] = ()


class RefusedAnnouncement(Answer):
    """An announcement that was refused, with the reason; ``value`` is the beginning of its record."""

    id: int
    deployment: int | None = None
    reason: str = ""
    hint: str = ""
    value: str = ""
    control_topic: str = ""
    partition: int = 0
    offset: int = 0
    refused_at: datetime | None = None


class StreamFit(Answer):
    """A stream, and the ``reason`` why a deployment cannot learn it; empty if no reason is known."""

    stream: int
    topics: Sequence[str] = ()
    reason: str = ""


class DatasetFit(Answer):
    """A version of a data set, and the ``reason`` why models cannot learn it; empty if no reason is known."""

    dataset: int
    name: str
    version: int
    reason: str = ""


class Topic(Answer):
    """A topic. ``partitions`` is their number in a list of topics, and a description of each when one topic is
    requested.
    """

    name: str
    partitions: int | Sequence[Mapping[str, Any]]
    records: int | None = None
    internal: bool = False
    uses: Sequence[Mapping[str, Any]] = ()
    groups: Sequence[Mapping[str, Any]] = ()


class TopicSettings(Answer):
    """Kafka's settings of a topic; None: unlimited, or not set. ``retention_bytes`` are of each partition."""

    cleanup_policy: str
    compression: str = ""
    timestamps: str = ""
    retention_ms: int | None = None
    retention_bytes: int | None = None
    max_message_bytes: int | None = None
    min_insync_replicas: int | None = None


class OtherGroups(Answer):
    """Consumer groups of others that read a topic. ``complete`` is False if there are too many groups to ask all."""

    complete: bool
    groups: Sequence[Mapping[str, Any]] = ()


class RecordPlace(Answer):
    """Where a record is."""

    topic: str
    partition: int
    offset: int


class RecordPage(Answer):
    """Records of a topic; ``before`` and ``after`` are cursors to older (None: there are none) and newer ones."""

    records: Sequence[Mapping[str, Any]]
    newest_first: bool
    before: str | None = None
    after: str
    at_newest: bool
