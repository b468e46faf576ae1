"""Committed positions of a consumer group, requested until Kafka answers; places as texts. Used by the loop client and
the admin.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, TopicPartition

from kafkaml.confluent.errors import ClientLog, kafka_errors, to_error
from kafkaml.errors import BrokerError
from kafkaml.records import PartitionKey

__all__ = ["committed_apart", "committed_either_way", "committed_positions", "partitions_text", "places_text"]

_RETRY_SECONDS = 0.1
# How long a member of a group may take before another consumer asks.
_MEMBER_SECONDS = 2.0


def committed_positions(
    consumer: Consumer,
    places: Sequence[TopicPartition],
    log: ClientLog,
    *,
    request_timeout_seconds: float,
    recovery_timeout_seconds: float,
) -> list[TopicPartition]:
    """Return ``places`` with the offsets that the consumer's group committed; negative where there is none.

    Raises BrokerError only after ``recovery_timeout_seconds``, because a starting broker refuses in many ways for a
    while.
    """
    deadline = time.monotonic() + recovery_timeout_seconds
    while places:
        try:
            with kafka_errors("asking for the committed positions", log):
                answers: list[TopicPartition] = consumer.committed(list(places), timeout=request_timeout_seconds)
            # If the error of one partition counted as "nothing committed", its records would be read twice.
            if error := next((answer.error for answer in answers if answer.error), None):
                raise to_error(error, "asking for the committed positions", log)
            return answers
        except BrokerError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
    return []


def committed_apart(
    config: Mapping[str, Any],
    places: Sequence[TopicPartition],
    log: ClientLog,
    *,
    request_timeout_seconds: float,
    recovery_timeout_seconds: float,
) -> list[TopicPartition]:
    """Return what ``committed_positions`` does, by a consumer of its own with ``config``, which never joins the group.

    ``AdminClient.list_consumer_group_offsets`` cannot be used instead. There librdkafka 2.16 follows a null pointer,
    which kills the process, when a coordinator that is still loading answers with an error.
    """
    consumer = Consumer(dict(config))
    try:
        return committed_positions(
            consumer,
            places,
            log,
            request_timeout_seconds=request_timeout_seconds,
            recovery_timeout_seconds=recovery_timeout_seconds,
        )
    finally:
        consumer.close()


def committed_either_way(
    member: Consumer,
    config: Mapping[str, Any],
    places: Sequence[TopicPartition],
    log: ClientLog,
    *,
    request_timeout_seconds: float,
    recovery_timeout_seconds: float,
) -> list[TopicPartition]:
    """Return what ``committed_positions`` does, by ``member`` of the group if it is answered soon, otherwise apart.

    Kafka answers the requests of a connection in turn. Those of a member may wait behind its request to join the group
    again, and that one for another member, for minutes.
    """
    with suppress(BrokerError):
        return committed_positions(
            member,
            places,
            log,
            request_timeout_seconds=min(_MEMBER_SECONDS, request_timeout_seconds),
            recovery_timeout_seconds=0.0,
        )
    return committed_apart(
        config,
        places,
        log,
        request_timeout_seconds=request_timeout_seconds,
        recovery_timeout_seconds=recovery_timeout_seconds,
    )


def places_text(places: Iterable[TopicPartition]) -> str:
    """Return places as text: ``mnist-in partition 0 from offset 12, mnist-in partition 1 from the beginning``."""
    starts = {OFFSET_BEGINNING: "the beginning", OFFSET_END: "the end"}
    return ", ".join(
        f"{place.topic} partition {place.partition} from {starts.get(place.offset, f'offset {place.offset}')}"
        for place in places
    )


def partitions_text(keys: Iterable[PartitionKey]) -> str:
    """Return partitions as text: ``mnist-in partitions 0, 1; other partitions 3``."""
    by_topic: dict[str, list[int]] = {}
    for topic, partition in sorted(keys):
        by_topic.setdefault(topic, []).append(partition)
    return "; ".join(f"{topic} partitions {', '.join(map(str, found))}" for topic, found in by_topic.items()) or "none"
