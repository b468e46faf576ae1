"""Incremental: how a stream without end is learned. Fields have the names of Kafka-ML's first version."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kafkaml.wire.choices import Direction
from kafkaml.wire.message import Message, Name

__all__ = ["Incremental"]

_Milliseconds = Annotated[int, Field(ge=1, le=30 * 24 * 3_600_000)]


class Incremental(Message):
    """How an incremental training takes its stream.

    A window ends with ``window_records`` records, or ``message_poll_timeout`` (ms) after its first one. A time-limited
    training ends ``stream_timeout`` (ms) after the last record; an ``indefinite`` one when it is stopped.
    ``validation_rate`` is the share of each window that validates; None: the share that the stream was announced with.
    The model is promoted when its ``monitoring_metric`` on held-out samples is better by ``improvement`` (absolute;
    equal promotes) than that of the version before; without a metric only the end makes a version.
    """

    indefinite: bool = False
    stream_timeout: _Milliseconds = 60_000
    message_poll_timeout: _Milliseconds = 60_000
    window_records: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    validation_rate: Annotated[float, Field(ge=0, lt=1)] | None = None
    monitoring_metric: Name = ""
    change: Direction | None = None
    improvement: Annotated[float, Field(ge=0)] = 0.05
