"""Exchange: records sent to an inference, and the answers to them. Used by the backend's try-it and the SDK's predict.

An answer or a dead letter names its record (``SOURCE_HEADER``), so it can be matched whatever else is in the topics.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

from kafkaml.records import SOURCE_HEADER, Headers, Place, Position, Record, parse_source

__all__ = ["Answer", "Exchange", "answers_to"]


class Exchange(Protocol):
    """Kafka between one inference and one client. For one thread.

    Its creation fixes "now" in the topics of answers. ``kafkaml.confluent.exchange`` is the real one.
    """

    def send(self, values: Sequence[bytes], *, headers: Headers = ()) -> list[Position]:
        """Write records to the input topic, spread over its partitions; return their places in order.

        Returns when all are acknowledged; raises BrokerError when one is not.
        """
        ...

    def arrivals(self, *, timeout_seconds: float) -> Iterator[Record]:
        """Iterate over committed records of the topics of answers as they come, until the time is over."""
        ...


class Answer(NamedTuple):
    """An answer or a dead letter, and the moment (``time.monotonic``) of its arrival.

    ``way`` are the intermediates that tiers handed up on the way to it, the lowest first.
    """

    record: Record
    arrived_at: float
    way: tuple[Record, ...] = ()


def answers_to(
    positions: Sequence[Position],
    exchange: Exchange,
    *,
    timeout_seconds: float,
    handed_up_in: Collection[str] = (),
) -> list[Answer | None]:
    """Return the answer to, or the dead letter of, the record at each position; None where neither came in time.

    A record in one of the topics ``handed_up_in`` is the input of a tier above. The answer of that tier then counts.
    ``exchange`` must read these topics, and the topics of that tier's answers.
    """
    waiting: dict[Place, tuple[int, tuple[Record, ...]]] = {
        (position.topic, position.partition, position.offset): (index, ()) for index, position in enumerate(positions)
    }
    answers: list[Answer | None] = [None] * len(positions)
    if not waiting:
        return answers
    # Topics are read in no particular order, so the answer of a tier above may be seen before its intermediate.
    early: dict[Place, Record] = {}
    for arrived in exchange.arrivals(timeout_seconds=timeout_seconds):
        record: Record | None = arrived
        while record is not None and (source := _source_of(record)) is not None:
            if source not in waiting:
                if source[0] in handed_up_in:
                    early[source] = record
                break
            index, way = waiting.pop(source)
            if record.topic not in handed_up_in:
                answers[index] = Answer(record, time.monotonic(), way)
                break
            place = (record.topic, record.partition, record.offset)
            waiting[place] = (index, (*way, record))
            record = early.pop(place, None)
        if not waiting:
            break
    return answers


def _source_of(answer: Record) -> tuple[str, int, int] | None:
    """Return the input position that a record answers: the last one said, in a chain of inferences the newest."""
    return next((parse_source(value) for name, value in reversed(answer.headers) if name == SOURCE_HEADER), None)
