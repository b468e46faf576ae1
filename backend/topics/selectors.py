"""Reading topics: lists, states, pages of records. Everything is bounded by records, bytes and seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from backend.api.errors import InvalidField, NotFound
from backend.config.environment import environment
from backend.inferences.models import Inference
from backend.records.browsing import REQUEST_SECONDS, open_browser
from backend.records.decoding import Decoder, record_document
from backend.records.matching import RecordFilter
from backend.records.serializers import cursor_of
from backend.topics.uses import topic_uses
from kafkaml.confluent import KafkaAdmin, PageStart, PartitionState, RecordPage, TopicBrowser
from kafkaml.errors import BrokerError, DecodeError, StreamUnavailable
from kafkaml.records import Record

__all__ = [
    "PageQuery",
    "consumer_groups",
    "other_groups",
    "records",
    "topic_list",
    "topic_settings",
    "topic_state",
]

_PAGE_SECONDS = 8.0
# What a page of records may hold; as JSON it is a few times more.
PAGE_BYTES = 1 << 20
# How many records and bytes are searched for a text, and for how long, before the page is shown as it is.
_MAX_SCANNED = 20_000
_SCAN_SECONDS = 5.0
_SCAN_BYTES = 8 << 20
_MAX_GROUPS = 50
# Few groups are asked, because each takes a connection for a moment.
_MAX_OTHER_GROUPS = 100
_LIMITS = {
    "retention_ms": "retention.ms",
    "retention_bytes": "retention.bytes",
    "max_message_bytes": "max.message.bytes",
    "min_insync_replicas": "min.insync.replicas",
}
_MAX_SHOWN_USES = 20


@dataclass(frozen=True, kw_only=True)
class PageQuery:
    """Which records of a topic are asked for; see ``TopicBrowser.page``."""

    partition: int | None = None
    start: PageStart | int = PageStart.NEWEST
    timestamp_ms: int | None = None
    before: Mapping[int, int] | None = None
    after: Mapping[int, int] | None = None
    limit: int = 50
    filter: RecordFilter = field(default_factory=RecordFilter)

    @property
    def newest_first(self) -> bool:
        """The order of the records."""
        if self.before is not None:
            return True
        return self.after is None and self.timestamp_ms is None and self.start == PageStart.NEWEST


def topic_list(*, internal: bool = False, search: str = "") -> list[dict[str, Any]]:
    """Return all topics with who uses them, by name."""
    uses = topic_uses()
    browser = open_browser()
    topics = browser.topics(internal=internal)
    return [
        {
            "name": topic.name,
            "partitions": topic.partitions,
            "records": topic.records,
            "internal": topic.internal,
            "uses": uses.get(topic.name, [])[:_MAX_SHOWN_USES],
            "use_count": len(uses.get(topic.name, [])),
        }
        for topic in topics
        if search.lower() in topic.name.lower()
    ]


def topic_state(name: str) -> dict[str, Any]:
    """Return a topic with its partitions, its users and their consumer groups."""
    uses = topic_uses().get(name, [])
    browser = open_browser()
    partitions = _partitions(browser, name)
    counts = [
        partition.high - partition.low
        for partition in partitions
        if partition.high is not None and partition.low is not None
    ]
    return {
        "name": name,
        "internal": name.startswith("__"),
        "records": sum(counts) if len(counts) == len(partitions) else None,
        "partitions": [
            {
                "partition": partition.partition,
                "low": partition.low,
                "high": partition.high,
                "leader": partition.leader if partition.leader >= 0 else None,
                "replicas": partition.replicas,
                "in_sync": partition.in_sync,
            }
            for partition in partitions
        ],
        "uses": uses[:_MAX_GROUPS],
        "groups": consumer_groups(
            name, {partition.partition: (partition.low, partition.high) for partition in partitions}
        ),
    }


def consumer_groups(name: str, watermarks: Mapping[int, tuple[int | None, int | None]]) -> list[dict[str, Any]]:
    """Return how far the inferences that read ``name`` are, by partition; None where Kafka did not say."""
    readers = Inference.objects.filter(input_topic=name).order_by("-id")[:_MAX_GROUPS]
    groups = [(reader.pk, reader.group, reader.shown_state) for reader in readers]
    if not groups:
        return []
    admin = KafkaAdmin(environment().kafka, timeout_seconds=REQUEST_SECONDS)
    answers = _committed(admin, [group for _, group, _ in groups], name, len(watermarks))
    return [
        {"inference": pk, "group": group, "state": state, **_lag(positions, watermarks)}
        for (pk, group, state), positions in zip(groups, answers, strict=True)
    ]


def other_groups(name: str) -> dict[str, Any]:
    """Return the positions of consumer groups that read ``name`` and do not belong to an inference.

    At most ``_MAX_OTHER_GROUPS`` of the cluster are asked: ``complete`` says whether these were all.
    """
    browser = open_browser()
    watermarks = {partition.partition: (partition.low, partition.high) for partition in _partitions(browser, name)}
    admin = KafkaAdmin(environment().kafka, timeout_seconds=REQUEST_SECONDS)
    ours = {inference.group for inference in Inference.objects.filter(input_topic=name).only("id", "group_suffix")}
    others = {group: state for group, state in sorted(admin.groups().items()) if group not in ours}
    asked = list(others)[:_MAX_OTHER_GROUPS]
    answers = _committed(admin, asked, name, len(watermarks))
    return {
        "complete": len(asked) == len(others),
        "groups": [
            {"inference": None, "group": group, "state": others[group], **_lag(positions, watermarks)}
            for group, positions in zip(asked, answers, strict=True)
            # A group that committed nothing here does not read the topic, or has not begun.
            if positions is None or positions
        ],
    }


def topic_settings(name: str) -> dict[str, Any]:
    """Return Kafka's settings of a topic, as ``TopicSettingsSerializer`` describes them."""
    _partitions(open_browser(), name)
    config = KafkaAdmin(environment().kafka, timeout_seconds=REQUEST_SECONDS).topic_configs([name])[name]
    # Kafka writes "without limit" as -1.
    limits = {field: int(config[key]) for field, key in _LIMITS.items() if key in config}
    return {
        "cleanup_policy": config.get("cleanup.policy", ""),
        "compression": config.get("compression.type", ""),
        "timestamps": config.get("message.timestamp.type", ""),
        **{field: limits[field] if limits.get(field, -1) >= 0 else None for field in _LIMITS},
    }


def _partitions(browser: TopicBrowser, name: str) -> Sequence[PartitionState]:
    try:
        return browser.partitions(name)
    except StreamUnavailable as error:
        raise NotFound(error.message, hint="kafka-ml topics list") from error


def _committed(admin: KafkaAdmin, groups: Sequence[str], topic: str, partitions: int) -> list[dict[int, int] | None]:
    """Return what each of ``groups`` committed by partition; None where Kafka did not say."""

    def committed(group: str) -> dict[int, int] | None:
        try:
            found = admin.committed(group, topic, partitions=partitions)
        except BrokerError:
            return None
        return {partition: offset for (_, partition), offset in found.items()}

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(committed, groups))


def _lag(
    positions: Mapping[int, int] | None, watermarks: Mapping[int, tuple[int | None, int | None]]
) -> dict[str, Any]:
    if positions is None:
        return {"lag": None, "positions": []}
    rows = [
        {
            "partition": partition,
            "committed": positions.get(partition),
            "lag": max(0, high - max(low, positions.get(partition, low))),
        }
        for partition, (low, high) in sorted(watermarks.items())
        if low is not None and high is not None
    ]
    return {"lag": sum(int(row["lag"] or 0) for row in rows), "positions": rows}


def records(name: str, query: PageQuery, decoder: Decoder) -> dict[str, Any]:
    """Return a page of records as ``RecordPageSerializer`` describes it."""
    try:
        codec, problem = decoder.codec_or_problem()
    except DecodeError as error:
        raise InvalidField("decoder", error.message, hint=error.hint) from error
    browser = open_browser()
    found = _found(browser, name, query)
    if codec is not None:
        codec = codec.settled([record.value for record in found.records], [record.key for record in found.records])
    return {
        "records": [record_document(record, decoder, codec, problem) for record in found.records],
        "newest_first": query.newest_first,
        "before": None if found.page.at_oldest else cursor_of(found.page.starts),
        "after": cursor_of(found.page.ends),
        "at_newest": found.page.at_newest,
        "scanned": found.scanned,
        "timed_out": found.page.timed_out,
        "decoder": decoder.to_json(),
    }


@dataclass(frozen=True)
class _Found:
    records: Sequence[Record]
    page: RecordPage
    scanned: int


def _found(browser: TopicBrowser, name: str, query: PageQuery) -> _Found:
    """Read pages until ``limit`` records fit the filter, or enough was looked at."""
    deadline = time.monotonic() + _SCAN_SECONDS
    before, after, timestamp_ms = query.before, query.after, query.timestamp_ms
    filtered = bool(query.filter)
    kept: list[Record] = []
    scanned, kept_bytes = 0, 0
    starts: Mapping[int, int] = {}
    ends: Mapping[int, int] = {}
    while True:
        try:
            page = browser.page(
                name,
                partition=query.partition,
                start=query.start,
                timestamp_ms=timestamp_ms,
                before=before,
                after=after,
                limit=500 if filtered else query.limit,
                max_bytes=_SCAN_BYTES if filtered else PAGE_BYTES,
                timeout_seconds=_PAGE_SECONDS if not filtered else max(1.0, deadline - time.monotonic()),
            )
        except StreamUnavailable as error:
            raise NotFound(error.message, hint=error.hint) from error
        taken = 0
        for record, fits in zip(page.records, query.filter.fits(page.records), strict=False):
            if len(kept) >= query.limit or kept_bytes > PAGE_BYTES:
                break
            # The first record is always taken, so that a reader who continues gets further.
            if filtered and taken and time.monotonic() > deadline:
                break
            taken += 1
            if fits:
                kept.append(record)
                kept_bytes += len(record.value or b"")
        scanned += taken
        page = _cut(page, taken, newest_first=query.newest_first)
        # The result covers the offsets of all pages together.
        starts = page.starts if query.newest_first else starts or page.starts
        ends = page.ends if not query.newest_first else ends or page.ends
        whole = RecordPage(kept, starts, ends, page.watermarks, timed_out=page.timed_out)
        at_end = page.at_oldest if query.newest_first else page.at_newest
        if not filtered or at_end or taken < len(page.records) or len(kept) >= query.limit or page.timed_out:
            return _Found(kept, whole, scanned)
        if scanned >= _MAX_SCANNED or time.monotonic() > deadline:
            return _Found(kept, whole, scanned)
        before, after, timestamp_ms = (starts, None, None) if query.newest_first else (None, ends, None)


def _cut(page: RecordPage, taken: int, *, newest_first: bool) -> RecordPage:
    """Return the page as if it had ended with its first ``taken`` records."""
    if taken == len(page.records):
        return page
    edge = dict(page.ends if newest_first else page.starts)
    for record in page.records[:taken]:
        edge[record.partition] = record.offset if newest_first else record.offset + 1
    starts, ends = (edge, page.ends) if newest_first else (page.starts, edge)
    return RecordPage(page.records[:taken], starts, ends, page.watermarks, timed_out=page.timed_out)
