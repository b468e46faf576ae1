"""Announces existing records of a topic: data that was sent without an announcement, or with a lost one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from backend.accounts.audit import record
from backend.api.actors import Actor
from backend.api.errors import InvalidField
from backend.config.environment import environment
from backend.records.browsing import open_browser
from backend.records.decoding import decoded_samples
from backend.streams.addressees import addressees
from backend.streams.models import Announcement, OutboxMessage
from backend.streams.slices import slice_ranges
from kafkaml.codecs import StreamCodec, codec_for
from kafkaml.codecs.base import ALONE
from kafkaml.confluent import PageStart, TopicBrowser
from kafkaml.control import ControlMessage, deployment_id_to_key
from kafkaml.errors import DecodeError
from kafkaml.stream_range import StreamRange, format_ranges
from kafkaml.wire.choices import TrainingMode

__all__ = ["Offer", "announce_topic", "check_decodes", "offer"]

_LOOKED_AT_RECORDS = 20
_LOOK_BYTES = 4 << 20
_LOOK_SECONDS = 8.0
_LOOK_HINT = "look at them: kafka-ml topics records"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Records as a stream; ``ranges`` are those of the announcement.

    ``message`` is the outbox's record on its way to the control topic, ``stream`` the announcement that is there
    already when the same was announced before.
    """

    ranges: str
    message: int | None
    stream: int | None


def announce_topic(
    *,
    actor: Actor,
    deployment: int,
    topic: str,
    unlabelled_topic: str,
    partition: int | None,
    start: int | None,
    end: int | None,
    input_format: str,
    input_config: Mapping[str, Any],
    description: str,
    validation_rate: float,
    test_rate: float,
    since_ms: int | None,
) -> Offer:
    """Announce records of ``topic`` to a deployment: one ``partition`` from ``start`` up to ``end``, by default all.

    A deployment that learns online gets the records since ``since_ms`` (by default now) and all to come. All records of
    ``unlabelled_topic``, if given, are also announced, as samples without labels. A repeated call announces nothing
    more.

    Raises InvalidField when the range holds no record or its records do not fit the format, StreamUnavailable when
    there is no such topic.
    """
    online = addressees().filter(pk=deployment, mode__in=[mode for mode in TrainingMode if mode.online]).exists()
    browser = open_browser()
    partitions = browser.partitions(topic)
    ranges = [StreamRange(topic)] if online else slice_ranges(partitions, topic, partition, start, end)
    unlabelled: list[StreamRange] = []
    if unlabelled_topic:
        found = browser.partitions(unlabelled_topic)
        unlabelled = (
            [StreamRange(unlabelled_topic)]
            if online
            else slice_ranges(found, unlabelled_topic, field="unlabelled_topic")
        )
    message = ControlMessage(
        ranges=tuple(ranges),
        unsupervised_ranges=tuple(unlabelled),
        input_format=input_format,
        input_config=input_config,
        description=description or topic,
        validation_rate=validation_rate,
        test_rate=test_rate,
        total_msg=None if online else sum((stream_range.end or 0) - stream_range.start for stream_range in ranges),
        incremental=online,
        since_ms=since_ms,
    )
    check_decodes(browser, message)
    return offer(message, actor=actor, deployment=deployment)


def offer(message: ControlMessage, *, actor: Actor, deployment: int) -> Offer:
    """Let the controller announce a stream to a deployment, unless the same was announced to it before."""
    ranges = format_ranges(message.ranges)
    key, value = deployment_id_to_key(deployment), message.to_bytes()
    with transaction.atomic():
        # Lock the row, so that of two concurrent requests only one announces.
        addressee = addressees().select_for_update().get(pk=deployment)
        known = Announcement.objects.filter(
            deployment_number=deployment,
            message__topic=ranges,
            message__input_format=str(message.input_format),
        )
        same = next((pending for pending in known if pending.control_message() == message), None)
        if same is not None:
            return Offer(ranges=ranges, message=None, stream=same.pk)
        waiting = OutboxMessage.objects.filter(published_at=None, key=key, value=value).first()
        if waiting is None:
            waiting = OutboxMessage.objects.create(topic=environment().control_topics[0], key=key, value=value)
            record(actor, "announce", addressee, detail=f"{ranges[:200]} to deployment {deployment}")
    return Offer(ranges=ranges, message=waiting.pk, stream=None)


def check_decodes(browser: TopicBrowser, message: ControlMessage, *, field: str = "input_config") -> None:
    """Refuse a format that does not fit any of the first records, or of the newest of those that still come."""
    try:
        codec = codec_for(message.input_format, message.input_config)
    except DecodeError as error:
        raise InvalidField(field, error.message, hint=error.hint) from error
    if problem := _misfit(browser, message, message.ranges, codec):
        raise InvalidField(
            field,
            f"the records do not fit {message.input_format}: {problem.message}",
            hint=problem.hint or _LOOK_HINT,
        )
    if problem := _misfit(browser, message, message.unsupervised_ranges, replace(codec, labels=None)):
        raise InvalidField(
            "unlabelled_topic",
            f"the records without labels do not fit {message.input_format} as the labelled ones do: {problem.message}",
            hint=problem.hint or _LOOK_HINT,
        )


def _misfit(
    browser: TopicBrowser, message: ControlMessage, ranges: Sequence[StreamRange], codec: StreamCodec
) -> DecodeError | None:
    """Return why the first record does not fit ``codec``. None: one of the first records fits, or there is none."""
    problem: DecodeError | None = None
    for part in ranges:
        online = part.end is None
        page = browser.page(
            part.topic,
            partition=None if online else part.partition,
            start=PageStart.NEWEST if online else part.start,
            timestamp_ms=message.since_ms,
            limit=_LOOKED_AT_RECORDS,
            max_bytes=_LOOK_BYTES,
            timeout_seconds=_LOOK_SECONDS,
        )
        for found in page.records:
            try:
                decoded_samples(codec, found.key, found.value)
            except DecodeError as error:
                # The record fits a contract with windows, although a window takes several records.
                if error.gap == ALONE:
                    return None
                problem = problem or error
            else:
                return None
    return problem
