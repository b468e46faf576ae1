"""Exchange: records sent to an inference, and the answers to them. Used by the backend's try-it and the SDK's predict.

An answer and a dead letter name the record that they are of (``SOURCE_HEADER``), so each finds its question whatever
else is in the topics.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

from kafkaml.records import SOURCE_HEADER, Headers, Place, Position, Record, parse_source

__all__ = ["Answer", "Exchange", "answers_to"]


class Exchange(Protocol):
    """Kafka between one inference and whoever asks it. One thread.

    Where "now" is in the topics of answers, is settled when it is made. ``kafkaml.confluent.exchange`` is the real one.
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
    """An answer or a dead letter, and the moment (``time.monotonic``) at which it was here.

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
    """Return the answer to, or the dead letter of, the record at each position; None where none came in time.

    What is found in one of the topics ``handed_up_in`` is the input of a tier above: its answer is waited for. The
    exchange reads these topics, and those of that tier's answers.
    """
    waiting: dict[Place, tuple[int, tuple[Record, ...]]] = {
        (each.topic, each.partition, each.offset): (index, ()) for index, each in enumerate(positions)
    }
    answers: list[Answer | None] = [None] * len(positions)
    if not waiting:
        return answers
    # Topics are read in no order: the answer of a tier above may be seen before what was handed up to it.
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
