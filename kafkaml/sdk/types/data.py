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


class DatasetOfDeployment(Answer):
    """The data set that a deployment was made for."""

    id: int
    name: str
    version: int


class Stream(Answer):
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
    # Whether a result was or is being trained from it.
    used: bool = True
    # What may be wrong with it, such as a deployment that does not exist.
    note: str = ""
    # The first stream that was announced of the same records; None: this one.
    same_as: int | None = None


class StreamPreview(Answer):
    """Samples of a stream with their labels, or the ``error`` of a record that has none; ``next`` goes on from there.

    ``doubts``: questions about the labels. ``total`` are the offsets of all its ranges. ``columns``: what the numbers
    of a sample are called, in their order; empty for pictures and other samples that are not rows of a table.
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
    """A stream, and why a deployment cannot learn it: ``reason`` is empty where nothing is known to keep it."""

    stream: int
    topics: Sequence[str] = ()
    reason: str = ""


class DatasetFit(Answer):
    """A version of a data set, and why models cannot learn it: ``reason`` is empty where nothing is known to."""

    dataset: int
    name: str
    version: int
    reason: str = ""


class Topic(Answer):
    """A topic; ``partitions`` is their number in lists, and tells of each where one topic is asked for."""

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
    """Consumer groups of others that read a topic; not ``complete`` where the cluster has too many to ask."""

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
