"""What a consumer group has committed, asked until Kafka answers. Used by the loop client and the admin."""

from __future__ import annotations

import time
from collections.abc import Sequence

from confluent_kafka import Consumer, TopicPartition

from kafkaml.confluent.errors import ClientLog, kafka_errors, to_error
from kafkaml.errors import BrokerError

__all__ = ["committed_positions"]

_RETRY_SECONDS = 0.1


def committed_positions(
    consumer: Consumer,
    places: Sequence[TopicPartition],
    log: ClientLog,
    *,
    request_timeout_seconds: float,
    recovery_timeout_seconds: float,
) -> list[TopicPartition]:
    """Return ``places`` with the offsets that the consumer's group committed; negative where there is none.

    A broker that starts refuses in many ways for a while: BrokerError only after ``recovery_timeout_seconds``.
    """
    deadline = time.monotonic() + recovery_timeout_seconds
    while places:
        try:
            with kafka_errors("asking for the committed positions", log):
                answers: list[TopicPartition] = consumer.committed(list(places), timeout=request_timeout_seconds)
            # Taken for "nothing committed", the error of one partition would read its records twice.
            if error := next((each.error for each in answers if each.error), None):
                raise to_error(error, "asking for the committed positions", reason=log.last)
            return answers
        except BrokerError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
    return []
